/* SPDX-License-Identifier: MIT */
/*
 * filter= as LXD reads it (shared/filter): clauses "[not] FIELD eq|ne VALUE"
 * joined by and/or, worked off from left to right. A value is compared as LXD
 * does, without regard to case and as an anchored pattern; of regular
 * expressions '.', sets in brackets, '*', '+' and '?' behind one of them or a
 * character, '^' and '$' are understood, other values are taken literally. Matching is linear in pattern times text.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "api/router.h"
#include "base/json.h"
#include "base/mem.h"

#define CLAUSES_MAX 64
#define VALUE_MAX 512

struct clause {
	bool or_else; /* joined to what is before by "or" */
	bool negate;
	char *field;
	char *value;
};

struct filter {
	struct clause clauses[CLAUSES_MAX];
	size_t n;
};

static const char blanks[] = " \t\r\n";

/* The next word; NULL at the end. Caller frees. */
static char *next_word(const char **s)
{
	size_t len;
	char *word;

	*s += strspn(*s, blanks);
	len = strcspn(*s, blanks);
	if (len == 0)
		return NULL;
	word = mem_strndup(*s, len);
	*s += len;
	return word;
}

static bool word_is(const char *word, const char *what)
{
	return word && strcasecmp(word, what) == 0;
}

/* LXD answers 500 to every one of these: ERROR_TOOL. */
static int refuse(struct error *err, const char *why)
{
	return error_set(err, ERROR_TOOL, "Invalid filter: %s", why);
}

/* A value is a word, or text in double or single quotes. */
static int parse_value(const char **s, struct clause *c, struct error *err)
{
	const char *end;
	char quote;

	*s += strspn(*s, blanks);
	quote = **s;
	if (quote == '"' || quote == '\'') {
		end = strchr(*s + 1, quote);
		if (!end || (end[1] && !strchr(blanks, end[1])))
			return refuse(err, "unterminated quote");
		c->value = mem_strndup(*s + 1, (size_t)(end - *s) - 1);
		*s = end + 1;
	} else {
		c->value = next_word(s);
	}
	if (!c->value)
		return refuse(err, "clause has no value");
	if (strlen(c->value) > VALUE_MAX)
		return refuse(err, "a value is longer than 512 bytes");
	return 0;
}

static int parse_operator(const char **s, struct clause *c, struct error *err)
{
	AUTO_FREE char *word = next_word(s);

	if (!word)
		return refuse(err, "clause has no operator");
	if (!word_is(word, "eq") && !word_is(word, "ne"))
		return refuse(err, "an operator is eq or ne");
	if (word_is(word, "ne"))
		c->negate = !c->negate;
	return 0;
}

static int parse_clause(const char **s, struct clause *c, struct error *err)
{
	c->field = next_word(s);
	if (word_is(c->field, "not")) {
		free(c->field);
		c->negate = true;
		c->field = next_word(s);
		if (!c->field)
			return refuse(err, "incomplete not clause");
	}
	if (parse_operator(s, c, err) < 0)
		return -1;
	return parse_value(s, c, err);
}

/* What joins the next clause; 0 when there is none. */
static int parse_join(const char **s, bool *ret_or, struct error *err)
{
	AUTO_FREE char *word = next_word(s);

	if (!word)
		return 0;
	if (!word_is(word, "and") && !word_is(word, "or"))
		return refuse(err, "invalid clause composition");
	*ret_or = word_is(word, "or");
	*s += strspn(*s, blanks);
	if (!**s)
		return refuse(err, "unterminated compound clause");
	return 1;
}

struct filter *filter_parse(const char *text, struct error *err)
{
	struct filter *f = mem_alloc(sizeof(*f));
	const char *s = text + strspn(text, blanks);
	bool or_else = false;
	int more = *s ? 1 : 0;

	while (more > 0 && f->n < CLAUSES_MAX) {
		struct clause *c = &f->clauses[f->n++];

		c->or_else = or_else;
		more = parse_clause(&s, c, err) < 0 ? -1 : parse_join(&s, &or_else, err);
	}
	if (more > 0)
		more = refuse(err, "more than 64 clauses");
	if (more == 0)
		return f;
	filter_free(f);
	return NULL;
}

void filter_free(struct filter *f)
{
	size_t i;

	if (!f)
		return;
	for (i = 0; i < f->n; i++) {
		free(f->clauses[i].field);
		free(f->clauses[i].value);
	}
	free(f);
}

/* One item of a pattern: some of the 256 bytes, that may be repeated or missing. */
struct item {
	unsigned char takes[32]; /* a bit for each byte */
	bool star;
	bool optional;
};

static void take_byte(struct item *item, unsigned char c)
{
	const unsigned char both[] = { (unsigned char)tolower(c), (unsigned char)toupper(c) };

	for (size_t i = 0; i < sizeof(both); i++)
		item->takes[both[i] / 8] |= (unsigned char)(1u << both[i] % 8);
}

static void take_range(struct item *item, unsigned char first, unsigned char last)
{
	for (unsigned c = first; c <= last; c++)
		take_byte(item, (unsigned char)c);
}

/* "[a-f_]", "[^0-9]": s is behind the bracket. Returns what is behind the closing one; NULL: it is no set that we know. */
static const char *parse_set(const char *s, struct item *item)
{
	bool negated = *s == '^', any = false;

	for (s += negated; *s && (*s != ']' || !any); any = true) {
		unsigned char first = (unsigned char)*s++, last = first;

		if (first == '[' || first == '\\')
			return NULL;
		if (*s == '-' && s[1] && s[1] != ']') {
			last = (unsigned char)s[1];
			s += 2;
		}
		if (last < first)
			return NULL;
		take_range(item, first, last);
	}
	for (size_t i = 0; negated && i < sizeof(item->takes); i++)
		item->takes[i] = (unsigned char)~item->takes[i];
	return *s == ']' ? s + 1 : NULL;
}

/* "*", "+" or "?" behind the last item; -1: there is none, or it has one already. */
static int repeat(struct item *items, int n, char how)
{
	if (n == 0 || items[n - 1].star || items[n - 1].optional)
		return -1;
	if (how == '+') {
		items[n] = items[n - 1];
		n++;
	}
	items[n - 1].star = how != '?';
	items[n - 1].optional = how == '?';
	return n;
}

/* Fills items, one for each byte of value at most; returns their number, -1 when the value is no pattern that we know. */
static int compile(const char *value, struct item *items)
{
	int n = 0;

	for (value += *value == '^'; *value && (*value != '$' || value[1]); ) {
		char c = *value++;

		if (strchr("\\](){}|^$", c))
			return -1;
		if (strchr("*+?", c)) {
			n = repeat(items, n, c);
			if (n < 0)
				return -1;
			continue;
		}
		items[n] = (struct item){ 0 };
		if (c == '.')
			memset(items[n].takes, 0xff, sizeof(items[n].takes));
		else if (c == '[')
			value = parse_set(value, &items[n]);
		else
			take_byte(&items[n], (unsigned char)c);
		if (!value)
			return -1;
		n++;
	}
	return n;
}

static bool item_takes(const struct item *item, char c)
{
	unsigned char byte = (unsigned char)c;

	return item->takes[byte / 8] >> byte % 8 & 1;
}

/* Steps over items that may stand for nothing. */
static void close_over(bool *at, const struct item *items, int n)
{
	int i;

	for (i = 0; i < n; i++)
		if (at[i] && (items[i].star || items[i].optional))
			at[i + 1] = true;
}

/* The set of places in the pattern, moved along by each character. */
static bool pattern_matches(const struct item *items, int n, const char *text)
{
	bool at[VALUE_MAX + 1] = { true }, to[VALUE_MAX + 1];
	int i;

	close_over(at, items, n);
	for (; *text; text++) {
		memset(to, 0, sizeof(to));
		for (i = 0; i < n; i++)
			if (at[i] && item_takes(&items[i], *text))
				to[items[i].star ? i : i + 1] = true;
		close_over(to, items, n);
		memcpy(at, to, sizeof(at));
	}
	return at[n];
}

static bool text_matches(const char *value, const char *text)
{
	struct item items[VALUE_MAX];
	int n;

	if (strcasecmp(value, text) == 0)
		return true;
	n = compile(value, items);
	return n >= 0 && pattern_matches(items, n, text);
}

/* "config.user.a": the longest key that is there counts, so dots may be part of keys. */
static const cJSON *field_of(const cJSON *object, const char *field)
{
	const cJSON *found = cJSON_GetObjectItemCaseSensitive(object, field), *inner;
	const char *dot;

	for (dot = strchr(field, '.'); !found && dot; dot = strchr(dot + 1, '.')) {
		AUTO_FREE char *key = mem_strndup(field, (size_t)(dot - field));

		inner = cJSON_GetObjectItemCaseSensitive(object, key);
		if (cJSON_IsObject(inner))
			found = field_of(inner, dot + 1);
	}
	return found;
}

static bool value_matches(const cJSON *v, const char *value)
{
	char number[32];

	if (cJSON_IsString(v))
		return text_matches(value, v->valuestring);
	if (cJSON_IsBool(v))
		return strcasecmp(value, cJSON_IsTrue(v) ? "true" : "false") == 0 ||
		       strcmp(value, cJSON_IsTrue(v) ? "1" : "0") == 0;
	if (!cJSON_IsNumber(v))
		return !v && !*value; /* an unset key is as good as an empty one */
	snprintf(number, sizeof(number), "%.15g", v->valuedouble);
	return strcmp(value, number) == 0;
}

bool filter_match(const struct filter *f, const cJSON *object)
{
	bool match = true, one;
	size_t i;

	for (i = 0; i < f->n; i++) {
		const struct clause *c = &f->clauses[i];

		one = value_matches(field_of(object, c->field), c->value) != c->negate;
		match = c->or_else ? match || one : match && one;
	}
	return match;
}
