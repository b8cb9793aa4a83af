/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/pongo_private.h"

#define SPACE " \t\r\n"

struct lexer {
	const char *name, *text;
	size_t pos, len;
	unsigned line;
	struct pongo_token *tokens;
	size_t n, cap;
	bool trim; /* the tag before took the white space after it */
	struct error *err;
};

static int fail(const struct lexer *l, const char *why)
{
	return error_set(l->err, ERROR_INVALID, "%s:%u: %s", l->name, l->line, why);
}

static void add(struct lexer *l, enum pongo_kind kind, size_t start, size_t end)
{
	if (l->n == l->cap) {
		l->cap = l->cap > 0 ? l->cap * 2 : 32;
		l->tokens = mem_realloc(l->tokens, l->cap, sizeof(*l->tokens));
	}
	l->tokens[l->n++] = (struct pongo_token){ .kind = kind, .line = l->line, .at = l->text + start, .len = end - start };
}

static bool at(const struct lexer *l, const char *what)
{
	size_t n = strlen(what);

	return l->len - l->pos >= n && memcmp(l->text + l->pos, what, n) == 0;
}

static bool is_space(char c)
{
	return c != '\0' && strchr(SPACE, c) != NULL;
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Moves on, counting lines. */
static void forward(struct lexer *l, size_t to)
{
	for (; l->pos < to; l->pos++)
		l->line += l->text[l->pos] == '\n';
}

/* To the next tag or comment, or the end. */
static void lex_text(struct lexer *l)
{
	size_t start = l->pos, end = l->pos;

	while (end < l->len && !(l->text[end] == '{' && end + 1 < l->len && strchr("{%#", l->text[end + 1]) != NULL &&
				 l->text[end + 1] != '\0'))
		end++;
	if (l->trim)
		while (start < end && is_space(l->text[start]))
			start++;
	forward(l, start);
	l->trim = false;
	if (end + 2 < l->len && l->text[end + 2] == '-' && l->text[end + 1] != '#') {
		size_t last = end;

		while (last > start && is_space(l->text[last - 1]))
			last--;
		if (last > start)
			add(l, PONGO_TEXT, start, last);
	} else if (end > start) {
		add(l, PONGO_TEXT, start, end);
	}
	forward(l, end);
}

static int lex_comment(struct lexer *l)
{
	const char *end = memmem(l->text + l->pos, l->len - l->pos, "#}", 2);

	if (end == NULL)
		return fail(l, "a comment is not closed");
	forward(l, (size_t)(end - l->text) + 2);
	return 0;
}

static int lex_string(struct lexer *l)
{
	size_t end = l->pos + 1;
	char quote = l->text[l->pos];

	for (; end < l->len && l->text[end] != quote; end++) {
		if (l->text[end] == '\\')
			end++;
		if (end < l->len && l->text[end] == '\n')
			return fail(l, "a line ends within a string");
	}
	if (end >= l->len)
		return fail(l, "a string is not closed");
	add(l, PONGO_STRING, l->pos + 1, end);
	l->pos = end + 1;
	return 0;
}

static void lex_run(struct lexer *l, enum pongo_kind kind)
{
	size_t end = l->pos;

	while (end < l->len && (is_digit(l->text[end]) || (kind == PONGO_NAME && is_letter(l->text[end]))))
		end++;
	add(l, kind, l->pos, end);
	l->pos = end;
}

static int lex_symbol(struct lexer *l)
{
	static const char *const symbols[] = { "==", "!=", "<=", ">=", "&&", "||", "<>", "<", ">", "!", "=", "+", "-", "*",
					       "/",  "%",  "(",	 ")",  ",",  ".",  "|",	 ":", "^" };

	for (size_t i = 0; i < sizeof(symbols) / sizeof(symbols[0]); i++) {
		if (!at(l, symbols[i]))
			continue;
		add(l, PONGO_SYMBOL, l->pos, l->pos + strlen(symbols[i]));
		l->pos += strlen(symbols[i]);
		return 0;
	}
	return error_set(l->err, ERROR_INVALID, "%s:%u: the character 0x%02x is not known here", l->name, l->line,
			 (unsigned char)l->text[l->pos]);
}

/* What closes the tag, if it is here: true. */
static bool lex_close(struct lexer *l, enum pongo_kind kind)
{
	const char *closer = kind == PONGO_CLOSE_TAG ? "%}" : "}}";
	AUTO_FREE char *trimming = mem_printf("-%s", closer);
	bool trims = at(l, trimming);

	if (!trims && !at(l, closer))
		return false;
	add(l, kind, l->pos, l->pos);
	l->pos += trims ? 3 : 2;
	l->trim = trims;
	return true;
}

/* From "{{" or "{%" to its end. */
static int lex_tag(struct lexer *l)
{
	bool tag = l->text[l->pos + 1] == '%';
	int rc = 0;

	add(l, tag ? PONGO_OPEN_TAG : PONGO_OPEN_VALUE, l->pos, l->pos + 2);
	l->pos += 2;
	if (l->pos < l->len && l->text[l->pos] == '-' && (l->pos + 1 >= l->len || !is_digit(l->text[l->pos + 1])))
		l->pos++;
	while (rc == 0) {
		char c;

		while (l->pos < l->len && is_space(l->text[l->pos]))
			forward(l, l->pos + 1);
		if (l->pos >= l->len)
			return fail(l, "a tag is not closed");
		if (lex_close(l, tag ? PONGO_CLOSE_TAG : PONGO_CLOSE_VALUE))
			return 0;
		c = l->text[l->pos];
		if (c == '"' || c == '\'')
			rc = lex_string(l);
		else if (is_letter(c))
			lex_run(l, PONGO_NAME);
		else if (is_digit(c))
			lex_run(l, PONGO_NUMBER);
		else
			rc = lex_symbol(l);
	}
	return rc;
}

struct pongo_token *pongo_lex(const char *name, const char *text, size_t len, struct error *err)
{
	struct lexer l = { .name = name, .text = text, .len = len, .line = 1, .err = err };
	int rc = 0;

	while (rc == 0 && l.pos < l.len) {
		lex_text(&l);
		if (l.pos >= l.len)
			break;
		rc = l.text[l.pos + 1] == '#' ? lex_comment(&l) : lex_tag(&l);
	}
	add(&l, PONGO_END, len, len);
	if (rc == 0)
		return l.tokens;
	free(l.tokens);
	return NULL;
}

bool pongo_token_is(const struct pongo_token *t, enum pongo_kind kind, const char *text)
{
	return t->kind == kind && (text == NULL || (t->len == strlen(text) && memcmp(t->at, text, t->len) == 0));
}
