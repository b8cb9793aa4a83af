/* SPDX-License-Identifier: MIT */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/pongo_private.h"

#define LIST_MAX 10000

struct call {
	struct pongo_value *v;
	const struct pongo_value *argument; /* never NULL */
	const char *text;     /* the value's */
	const char *argument_text;
	struct error *err;
};

static void replace(struct call *c, struct pongo_value with)
{
	pongo_value_clear(c->v);
	*c->v = with;
}

static void replace_text(struct call *c, struct strbuf *text)
{
	replace(c, pongo_value_words(text->buf, text->len));
}

static int each_letter(struct call *c, int (*change)(int))
{
	AUTO_STRBUF struct strbuf out = STRBUF_INIT;

	for (const char *s = c->text; *s != '\0'; s++)
		strbuf_addch(&out, (unsigned char)*s < 0x80 ? (char)change((unsigned char)*s) : *s);
	replace_text(c, &out);
	return 0;
}

static int filter_upper(struct call *c)
{
	return each_letter(c, toupper);
}

static int filter_lower(struct call *c)
{
	return each_letter(c, tolower);
}

static int filter_capfirst(struct call *c)
{
	AUTO_STRBUF struct strbuf out = STRBUF_INIT;

	strbuf_addstr(&out, c->text);
	if (out.len > 0 && (unsigned char)out.buf[0] < 0x80)
		out.buf[0] = (char)toupper((unsigned char)out.buf[0]);
	replace_text(c, &out);
	return 0;
}

static int filter_default(struct call *c)
{
	if (!pongo_value_true(c->v))
		replace(c, c->argument->type == PONGO_JSON ? pongo_value_json(c->argument->json) :
			   pongo_value_words(c->argument_text, strlen(c->argument_text)));
	return 0;
}

static int filter_default_if_none(struct call *c)
{
	return c->v->type == PONGO_NIL ? filter_default(c) : 0;
}

/* Characters, not bytes. */
static int filter_length(struct call *c)
{
	long long n = 0;

	if (c->v->type == PONGO_JSON)
		n = cJSON_GetArraySize(c->v->json);
	else
		for (const char *s = c->text; *s != '\0'; s++)
			n += ((unsigned char)*s & 0xc0) != 0x80;
	replace(c, pongo_value_integer(n));
	return 0;
}

static int filter_trim(struct call *c)
{
	const char *start = c->text + strspn(c->text, " \t\r\n");
	size_t len = strlen(start);

	while (len > 0 && strchr(" \t\r\n", start[len - 1]) != NULL)
		len--;
	replace(c, pongo_value_words(start, len));
	return 0;
}

static int filter_cut(struct call *c)
{
	AUTO_STRBUF struct strbuf out = STRBUF_INIT;
	size_t n = strlen(c->argument_text);

	for (const char *s = c->text; *s != '\0';) {
		if (n > 0 && strncmp(s, c->argument_text, n) == 0)
			s += n;
		else
			strbuf_addch(&out, *s++);
	}
	replace_text(c, &out);
	return 0;
}

static int filter_add(struct call *c)
{
	AUTO_STRBUF struct strbuf out = STRBUF_INIT;

	if (c->v->type == PONGO_INTEGER && c->argument->type == PONGO_INTEGER) {
		replace(c, pongo_value_integer((long long)((unsigned long long)c->v->i + (unsigned long long)c->argument->i)));
		return 0;
	}
	strbuf_addstr(&out, c->text);
	strbuf_addstr(&out, c->argument_text);
	replace_text(c, &out);
	return 0;
}

static int filter_split(struct call *c)
{
	cJSON *list = cJSON_CreateArray();
	const char *s = c->text, *next;
	size_t n = strlen(c->argument_text);
	int parts = 1;

	while (n > 0 && parts++ < LIST_MAX && (next = strstr(s, c->argument_text)) != NULL) {
		AUTO_FREE char *part = mem_strndup(s, (size_t)(next - s));

		cJSON_AddItemToArray(list, cJSON_CreateString(part));
		s = next + n;
	}
	cJSON_AddItemToArray(list, cJSON_CreateString(s));
	replace(c, (struct pongo_value){ .type = PONGO_JSON, .json = list, .own = list });
	return 0;
}

static int filter_join(struct call *c)
{
	AUTO_STRBUF struct strbuf out = STRBUF_INIT;
	const cJSON *item;

	if (c->v->type != PONGO_JSON)
		return 0;
	cJSON_ArrayForEach(item, c->v->json) {
		struct pongo_value v = pongo_value_json(item);
		bool printed = true;

		if (item != c->v->json->child)
			strbuf_addstr(&out, c->argument_text);
		printed = pongo_value_print(&v, &out);
		pongo_value_clear(&v);
		if (!printed)
			return error_set(c->err, ERROR_INVALID, "'join' of lists or objects");
		if (out.len > PONGO_OUTPUT_MAX)
			return error_set(c->err, ERROR_TOO_LARGE, "more than %d bytes of output", PONGO_OUTPUT_MAX);
	}
	replace_text(c, &out);
	return 0;
}

static int pick(struct call *c, bool last)
{
	struct pongo_value item = { 0 };

	if (c->v->type == PONGO_JSON) {
		const cJSON *child = c->v->json->child;

		item = pongo_value_json(last && child != NULL ? child->prev : child); /* cJSON: the first's prev is the last */
		if (item.type == PONGO_JSON)
			return error_set(c->err, ERROR_INVALID, "'first' and 'last' of lists or objects");
	} else if (c->text[0] != '\0') {
		item = pongo_value_words(last ? c->text + strlen(c->text) - 1 : c->text, 1);
	}
	replace(c, item);
	return 0;
}

static int filter_first(struct call *c)
{
	return pick(c, false);
}

static int filter_last(struct call *c)
{
	return pick(c, true);
}

static int filter_escape(struct call *c)
{
	static const struct { char c; const char *as; } table[] = { { '&', "&amp;" }, { '<', "&lt;" }, { '>', "&gt;" },
								    { '"', "&quot;" }, { '\'', "&#39;" } };
	AUTO_STRBUF struct strbuf out = STRBUF_INIT;

	for (const char *s = c->text; *s != '\0'; s++) {
		size_t i = 0;

		while (i < 5 && table[i].c != *s)
			i++;
		if (i < 5)
			strbuf_addstr(&out, table[i].as);
		else
			strbuf_addch(&out, *s);
	}
	replace_text(c, &out);
	return 0;
}

static int filter_addslashes(struct call *c)
{
	AUTO_STRBUF struct strbuf out = STRBUF_INIT;

	for (const char *s = c->text; *s != '\0'; s++) {
		if (strchr("\\\"'", *s) != NULL)
			strbuf_addch(&out, '\\');
		strbuf_addch(&out, *s);
	}
	replace_text(c, &out);
	return 0;
}

static int filter_integer(struct call *c)
{
	double d = pongo_value_number(c->v);

	replace(c, pongo_value_integer(d > -1e15 && d < 1e15 ? (long long)d : 0));
	return 0;
}

static int filter_float(struct call *c)
{
	replace(c, (struct pongo_value){ .type = PONGO_FLOAT, .f = pongo_value_number(c->v) });
	return 0;
}

static int filter_yesno(struct call *c)
{
	replace(c, pongo_value_true(c->v) ? pongo_value_words("yes", 3) : pongo_value_words("no", 2));
	return 0;
}

/* nothing is escaped but by 'escape' */
static int filter_safe(struct call *c)
{
	return 0;
}

static int filter_urlencode(struct call *c)
{
	AUTO_STRBUF struct strbuf out = STRBUF_INIT;

	strbuf_adduri(&out, c->text);
	replace_text(c, &out);
	return 0;
}

static const struct {
	const char *name;
	int (*run)(struct call *c);
} filters[] = {
	{ "add", filter_add }, { "addslashes", filter_addslashes }, { "capfirst", filter_capfirst }, { "cut", filter_cut },
	{ "default", filter_default }, { "default_if_none", filter_default_if_none }, { "e", filter_escape },
	{ "escape", filter_escape }, { "first", filter_first }, { "float", filter_float }, { "integer", filter_integer },
	{ "join", filter_join }, { "last", filter_last }, { "length", filter_length }, { "lower", filter_lower },
	{ "safe", filter_safe }, { "split", filter_split }, { "trim", filter_trim }, { "upper", filter_upper },
	{ "urlencode", filter_urlencode }, { "yesno", filter_yesno },
};

int pongo_filter(const char *name, struct pongo_value *v, const struct pongo_value *argument, struct error *err)
{
	static const struct pongo_value none;
	AUTO_STRBUF struct strbuf text = STRBUF_INIT;
	AUTO_STRBUF struct strbuf argument_text = STRBUF_INIT;
	struct call c = { .v = v, .argument = argument != NULL ? argument : &none, .err = err };

	(void)pongo_value_print(v, &text);
	(void)pongo_value_print(c.argument, &argument_text);
	c.text = text.buf;
	c.argument_text = argument_text.buf;
	for (size_t i = 0; i < sizeof(filters) / sizeof(filters[0]); i++)
		if (strcmp(filters[i].name, name) == 0)
			return filters[i].run(&c);
	return error_set(err, ERROR_INVALID, "the filter '%.64s' is not supported", name);
}
