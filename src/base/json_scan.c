/* SPDX-License-Identifier: MIT */
#include "base/json_scan.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/strbuf.h"

/* A member name, decoded; the keys of all open objects lie on one stack. */
struct key {
	const char *s; /* in the text, or own */
	size_t len;
	size_t offset;
	char *own; /* had escapes */
};

struct level {
	char close; /* ']' or '}' */
	size_t first_key;
};

struct scan {
	const char *text;
	size_t len, pos;
	struct key *keys;
	size_t n, cap;
	struct level levels[JSON_DEPTH_MAX];
	unsigned depth;
	struct error *err;
};

static int bad(struct scan *s, size_t offset, const char *why)
{
	return error_set(s->err, ERROR_INVALID, "invalid JSON at byte %zu: %s", offset, why);
}

size_t json_utf8_len(const char *text, size_t n)
{
	const unsigned char *s = (const unsigned char *)text;
	unsigned char low = 0x80, high = 0xbf;
	size_t want, i;

	if (!n)
		return 0;
	if (s[0] < 0x80)
		return 1;
	if (s[0] < 0xc2 || s[0] > 0xf4)
		return 0;
	want = s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
	if (n < want)
		return 0;
	/* Unicode, table 3-7: no overlong forms, no surrogates, nothing past U+10FFFF */
	if (s[0] == 0xe0)
		low = 0xa0;
	else if (s[0] == 0xed)
		high = 0x9f;
	else if (s[0] == 0xf0)
		low = 0x90;
	else if (s[0] == 0xf4)
		high = 0x8f;
	if (s[1] < low || s[1] > high)
		return 0;
	for (i = 2; i < want; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	return want;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static char peek(const struct scan *s)
{
	return s->pos < s->len ? s->text[s->pos] : 0;
}

static void skip_blanks(struct scan *s)
{
	while (s->pos < s->len && strchr(" \t\r\n", s->text[s->pos]) && s->text[s->pos])
		s->pos++;
}

/* The four digits of a \uXXXX at pos ('\\'), or -1. */
static int hex4(const struct scan *s, size_t pos)
{
	int value = 0;
	size_t i;

	if (s->len - pos < 6 || s->text[pos] != '\\' || s->text[pos + 1] != 'u')
		return -1;
	for (i = pos + 2; i < pos + 6; i++) {
		char c = s->text[i];

		if (is_digit(c))
			value = value * 16 + (c - '0');
		else if ((c | 32) >= 'a' && (c | 32) <= 'f')
			value = value * 16 + ((c | 32) - 'a' + 10);
		else
			return -1;
	}
	return value;
}

static size_t utf8_put(uint32_t c, char *out)
{
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (char)(0xc0 | c >> 6);
		out[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		out[0] = (char)(0xe0 | c >> 12);
		out[1] = (char)(0x80 | (c >> 6 & 0x3f));
		out[2] = (char)(0x80 | (c & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | c >> 18);
	out[1] = (char)(0x80 | (c >> 12 & 0x3f));
	out[2] = (char)(0x80 | (c >> 6 & 0x3f));
	out[3] = (char)(0x80 | (c & 0x3f));
	return 4;
}

/* \uXXXX, with its second half; the character is put at out when given. */
static int scan_unicode(struct scan *s, char *out, size_t *ret_n)
{
	int c = hex4(s, s->pos), low;
	uint32_t full;

	if (c < 0)
		return bad(s, s->pos, "\\u needs four hexadecimal digits");
	if (c == 0)
		return bad(s, s->pos, "a NUL character is not allowed");
	if (c >= 0xdc00 && c <= 0xdfff)
		return bad(s, s->pos, "unpaired surrogate");
	full = (uint32_t)c;
	if (c >= 0xd800 && c <= 0xdbff) {
		low = hex4(s, s->pos + 6);
		if (low < 0xdc00 || low > 0xdfff)
			return bad(s, s->pos, "unpaired surrogate");
		full = 0x10000 + ((uint32_t)(c - 0xd800) << 10) + (uint32_t)(low - 0xdc00);
		s->pos += 6;
	}
	s->pos += 6;
	*ret_n = utf8_put(full, out);
	return 0;
}

static int scan_escape(struct scan *s, char *out, size_t *ret_n)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	char c = s->pos + 1 < s->len ? s->text[s->pos + 1] : 0;
	const char *p;

	if (c == 'u')
		return scan_unicode(s, out, ret_n);
	p = c ? strchr(from, c) : NULL;
	if (!p)
		return bad(s, s->pos, "unknown escape sequence");
	out[0] = to[p - from];
	*ret_n = 1;
	s->pos += 2;
	return 0;
}

/* The first character that needs a closer look. */
static void skip_plain(struct scan *s)
{
	while (s->pos < s->len) {
		unsigned char c = (unsigned char)s->text[s->pos];

		if (c < 0x20 || c >= 0x7f || c == '"' || c == '\\')
			break;
		s->pos++;
	}
}

/* At the opening quote. decoded, if given, gets the text when it has escapes. */
static int scan_string(struct scan *s, struct strbuf *decoded, bool *ret_escaped)
{
	size_t start = s->pos++, copied = s->pos, n = 0;
	char out[4];

	for (;;) {
		skip_plain(s);
		if (s->pos >= s->len)
			return bad(s, start, "unterminated string");
		if (s->text[s->pos] == '"')
			break;
		if (s->text[s->pos] == '\\') {
			if (decoded)
				strbuf_add(decoded, s->text + copied, s->pos - copied);
			if (scan_escape(s, out, &n) < 0)
				return -1;
			if (decoded)
				strbuf_add(decoded, out, n);
			copied = s->pos;
			*ret_escaped = true;
			continue;
		}
		if ((unsigned char)s->text[s->pos] < 0x20)
			return bad(s, s->pos, "control character in a string");
		n = json_utf8_len(s->text + s->pos, s->len - s->pos);
		if (!n)
			return bad(s, s->pos, "text is not UTF-8");
		s->pos += n;
	}
	if (decoded && *ret_escaped)
		strbuf_add(decoded, s->text + copied, s->pos - copied);
	s->pos++;
	return 0;
}

static size_t scan_digits(struct scan *s)
{
	size_t start = s->pos;

	while (is_digit(peek(s)))
		s->pos++;
	return s->pos - start;
}

/* cJSON keeps 63 characters of a number, and makes infinity of what a double cannot hold. */
static int scan_number(struct scan *s)
{
	size_t start = s->pos, whole;
	long exponent = 0;

	if (peek(s) == '-')
		s->pos++;
	whole = scan_digits(s);
	if (!whole)
		return bad(s, start, "a value is expected");
	if (whole > 1 && s->text[s->pos - whole] == '0')
		return bad(s, start, "a number must not start with 0");
	if (peek(s) == '.') {
		s->pos++;
		if (!scan_digits(s))
			return bad(s, s->pos, "a digit is expected after the decimal point");
	}
	if (peek(s) == 'e' || peek(s) == 'E') {
		bool negative = ++s->pos < s->len && s->text[s->pos] == '-';
		size_t from;

		if (peek(s) == '+' || peek(s) == '-')
			s->pos++;
		from = s->pos;
		if (!scan_digits(s))
			return bad(s, s->pos, "a digit is expected in the exponent");
		for (; from < s->pos && exponent < 100000; from++)
			exponent = exponent * 10 + (s->text[from] - '0');
		exponent = negative ? -exponent : exponent;
	}
	if (s->pos - start > 63)
		return bad(s, start, "a number of more than 63 characters");
	if (exponent + (long)whole > 308)
		return bad(s, start, "the number is too large");
	return 0;
}

static int scan_word(struct scan *s)
{
	static const char *const words[] = { "true", "false", "null" };
	size_t i, n;

	for (i = 0; i < 3; i++) {
		n = strlen(words[i]);
		if (s->len - s->pos >= n && memcmp(s->text + s->pos, words[i], n) == 0) {
			s->pos += n;
			return 0;
		}
	}
	return bad(s, s->pos, "a value is expected");
}

static int scan_key(struct scan *s)
{
	struct strbuf decoded = STRBUF_INIT;
	size_t start = s->pos;
	bool escaped = false;
	struct key *k;

	if (peek(s) != '"')
		return bad(s, s->pos, "a member name in quotes is expected");
	if (scan_string(s, &decoded, &escaped) < 0) {
		strbuf_clear(&decoded);
		return -1;
	}
	if (s->n == s->cap) {
		s->cap = s->cap ? s->cap * 2 : 64;
		s->keys = mem_realloc(s->keys, s->cap, sizeof(*s->keys));
	}
	k = &s->keys[s->n++];
	*k = (struct key){ .s = s->text + start + 1, .len = s->pos - start - 2, .offset = start };
	if (escaped) {
		k->len = decoded.len;
		k->s = k->own = strbuf_detach(&decoded);
	}
	strbuf_clear(&decoded);
	skip_blanks(s);
	if (peek(s) != ':')
		return bad(s, s->pos, "':' is expected after a member name");
	s->pos++;
	return 0;
}

static int compare_keys(const void *pa, const void *pb)
{
	const struct key *a = pa, *b = pb;
	int c = memcmp(a->s, b->s, a->len < b->len ? a->len : b->len);

	if (c)
		return c;
	return a->len < b->len ? -1 : a->len > b->len;
}

/* The end of an object: its keys leave the stack, having been told apart. */
static int close_object(struct scan *s)
{
	size_t first = s->levels[s->depth - 1].first_key, i;
	int rc = 0;

	if (s->n - first > 1)
		qsort(s->keys + first, s->n - first, sizeof(*s->keys), compare_keys);
	for (i = first + 1; i < s->n && rc == 0; i++) {
		const struct key *a = &s->keys[i - 1], *b = &s->keys[i];

		if (compare_keys(a, b) == 0)
			rc = error_set(s->err, ERROR_INVALID,
				       "invalid JSON at byte %zu: member '%.*s' is given twice",
				       a->offset > b->offset ? a->offset : b->offset,
				       a->len > 64 ? 64 : (int)a->len, a->s);
	}
	while (s->n > first)
		free(s->keys[--s->n].own);
	return rc;
}

/* What may follow '[' '{' or ','; -1, or 1 when a container was opened (its first value is next), else 0. */
static int scan_value(struct scan *s)
{
	bool escaped;
	char c;

	skip_blanks(s);
	c = peek(s);
	if (c == '"')
		return scan_string(s, NULL, &escaped);
	if (c == '-' || is_digit(c))
		return scan_number(s);
	if (c != '{' && c != '[')
		return scan_word(s);
	if (s->depth == JSON_DEPTH_MAX)
		return bad(s, s->pos, "nested too deep (more than 64 levels)");
	s->levels[s->depth++] = (struct level){ .close = c == '{' ? '}' : ']', .first_key = s->n };
	s->pos++;
	skip_blanks(s);
	if (peek(s) == s->levels[s->depth - 1].close)
		return 0;
	if (c == '{' && scan_key(s) < 0)
		return -1;
	return 1;
}

/* After a value: closes what ends here. 1: another value follows, 0: the text is complete. */
static int scan_after(struct scan *s)
{
	while (s->depth) {
		char close = s->levels[s->depth - 1].close;

		skip_blanks(s);
		if (peek(s) == ',') {
			s->pos++;
			skip_blanks(s);
			return close == '}' && scan_key(s) < 0 ? -1 : 1;
		}
		if (s->pos >= s->len)
			return bad(s, s->pos, "the text ends early");
		if (peek(s) != close)
			return bad(s, s->pos,
				   close == '}' ? "',' or '}' is expected" : "',' or ']' is expected");
		if (close == '}' && close_object(s) < 0)
			return -1;
		s->pos++;
		s->depth--;
	}
	return 0;
}

int json_scan(const char *text, size_t len, struct error *err)
{
	struct scan s = { .text = text, .len = len, .err = err };
	int rc;

	do {
		rc = scan_value(&s);
		if (rc == 0)
			rc = scan_after(&s);
	} while (rc > 0);
	if (rc == 0) {
		skip_blanks(&s);
		if (s.pos < s.len)
			rc = bad(&s, s.pos, "there is text after the value");
	}
	while (s.n)
		free(s.keys[--s.n].own);
	free(s.keys);
	return rc;
}
