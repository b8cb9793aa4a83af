/* SPDX-License-Identifier: MIT */
#include "base/argv.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/strbuf.h"

void argv_push_take(struct argv *a, char *s)
{
	if (a->n + 2 > a->cap) {
		a->cap = a->cap ? a->cap * 2 : 16;
		a->v = mem_realloc(a->v, a->cap, sizeof(*a->v));
	}
	a->v[a->n++] = s;
	a->v[a->n] = NULL;
}

void argv_push(struct argv *a, const char *s)
{
	argv_push_take(a, mem_strdup(s));
}

void argv_pushf(struct argv *a, const char *fmt, ...)
{
	struct strbuf sb = STRBUF_INIT;
	va_list ap;

	va_start(ap, fmt);
	strbuf_vaddf(&sb, fmt, ap);
	va_end(ap);
	argv_push_take(a, strbuf_detach(&sb));
}

void argv_pushl(struct argv *a, ...)
{
	const char *s;
	va_list ap;

	va_start(ap, a);
	while ((s = va_arg(ap, const char *)) != NULL)
		argv_push(a, s);
	va_end(ap);
}

void argv_clear(struct argv *a)
{
	size_t i;

	for (i = 0; i < a->n; i++)
		free(a->v[i]);
	free(a->v);
	*a = (struct argv)ARGV_INIT;
}

static bool is_plain(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       strchr("_-./:=,+@%^", c);
}

static bool is_control(unsigned char c)
{
	return c < 0x20 || c == 0x7f;
}

/* $'…': the only form that keeps a newline on one line */
static void quote_ansi(struct strbuf *out, const char *s)
{
	strbuf_addstr(out, "$'");
	for (; *s; s++) {
		if (is_control((unsigned char)*s)) {
			strbuf_addf(out, "\\%03o", (unsigned char)*s);
			continue;
		}
		if (*s == '\'' || *s == '\\')
			strbuf_addch(out, '\\');
		strbuf_addch(out, *s);
	}
	strbuf_addch(out, '\'');
}

static void quote_word(struct strbuf *out, const char *s)
{
	bool plain = *s != 0;
	const char *p;

	for (p = s; *p; p++) {
		if (is_control((unsigned char)*p)) {
			quote_ansi(out, s);
			return;
		}
		plain = plain && is_plain((unsigned char)*p);
	}
	if (plain) {
		strbuf_addstr(out, s);
		return;
	}
	strbuf_addch(out, '\'');
	for (p = s; *p; p++) {
		if (*p == '\'')
			strbuf_addstr(out, "'\\''");
		else
			strbuf_addch(out, *p);
	}
	strbuf_addch(out, '\'');
}

char *argv_quote(const struct argv *a)
{
	struct strbuf out = STRBUF_INIT;
	size_t i;

	for (i = 0; i < a->n; i++) {
		if (i)
			strbuf_addch(&out, ' ');
		quote_word(&out, a->v[i]);
	}
	return strbuf_detach(&out);
}
