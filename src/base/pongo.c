/* SPDX-License-Identifier: MIT */
/*
 * One pass over the tokens that reads and writes at once: what is not to be shown is read all the same, so an error of
 * syntax is found wherever it is; a loop goes back to its first token.
 */
#include "base/pongo.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/pongo_private.h"

#define DEPTH_MAX 40
#define ITEM_COST 256 /* of a character that becomes an item of a list */

static int body(struct pongo *p, bool live);

static int close_tag(struct pongo *p)
{
	return pongo_need(p, PONGO_CLOSE_TAG, NULL);
}

/* Is "{% WORD" here? It is not taken. */
static bool at_tag(const struct pongo *p, const char *word)
{
	return p->tokens[p->at].kind == PONGO_OPEN_TAG && pongo_token_is(&p->tokens[p->at + 1], PONGO_NAME, word);
}

static bool take_tag(struct pongo *p, const char *word)
{
	if (!at_tag(p, word))
		return false;
	p->at += 2;
	return true;
}

/* {% WORD %} */
static int end_tag(struct pongo *p, const char *word)
{
	if (!take_tag(p, word))
		return pongo_fail(p, "{%% %s %%} is missing", word);
	return close_tag(p);
}

static int show(struct pongo *p, struct pongo_value *v)
{
	struct error ignored = ERROR_INIT;

	if (p->escape && v->type == PONGO_WORDS)
		(void)pongo_filter("escape", v, NULL, &ignored);
	if (!pongo_value_print(v, p->out))
		return pongo_fail(p, "a list or an object cannot be shown");
	return pongo_spend(p, v->s != NULL ? strlen(v->s) : 0);
}

static int put_value(struct pongo *p, bool live)
{
	struct pongo_value v = { 0 };
	int rc = pongo_expression(p, live, &v);

	if (rc == 0)
		rc = pongo_need(p, PONGO_CLOSE_VALUE, NULL);
	if (rc == 0 && live)
		rc = show(p, &v);
	pongo_value_clear(&v);
	return rc;
}

/* ---- variables */

static void drop_variables(struct pongo *p, size_t to)
{
	while (p->n_variables > to) {
		p->n_variables--;
		free(p->variables[p->n_variables].name);
		pongo_value_clear(&p->variables[p->n_variables].value);
	}
}

/* Takes the value. One of the same name stays behind it: values may be part of it. */
static int add_variable(struct pongo *p, const struct pongo_token *name, struct pongo_value *v)
{
	if (p->n_variables == PONGO_VARIABLES_MAX) {
		pongo_value_clear(v);
		return pongo_fail(p, "more than %d variables", PONGO_VARIABLES_MAX);
	}
	p->variables[p->n_variables].name = mem_strndup(name->at, name->len);
	p->variables[p->n_variables++].value = *v;
	*v = (struct pongo_value){ 0 };
	return 0;
}

/* NAME = EXPRESSION */
static int assignment(struct pongo *p, bool live)
{
	const struct pongo_token *name = &p->tokens[p->at];
	struct pongo_value v = { 0 };

	if (pongo_need(p, PONGO_NAME, NULL) < 0 || pongo_need(p, PONGO_SYMBOL, "=") < 0 || pongo_expression(p, live, &v) < 0)
		return -1;
	return live ? add_variable(p, name, &v) : 0;
}

static int tag_set(struct pongo *p, bool live)
{
	return assignment(p, live) < 0 ? -1 : close_tag(p);
}

static int tag_with(struct pongo *p, bool live)
{
	size_t before = p->n_variables;
	int rc = 0;

	while (rc == 0 && p->tokens[p->at].kind == PONGO_NAME)
		rc = assignment(p, live);
	if (rc == 0 && (close_tag(p) < 0 || body(p, live) < 0))
		rc = -1;
	drop_variables(p, before);
	return rc < 0 ? -1 : end_tag(p, "endwith");
}

/* ---- conditions */

static int tag_if(struct pongo *p, bool live)
{
	bool done = false, first = true;

	while (first || take_tag(p, "elif")) {
		struct pongo_value v = { 0 };
		bool yes;

		first = false;
		if (pongo_expression(p, live && !done, &v) < 0)
			return -1;
		yes = pongo_value_true(&v);
		pongo_value_clear(&v);
		if (close_tag(p) < 0 || body(p, live && !done && yes) < 0)
			return -1;
		done = done || yes;
	}
	if (take_tag(p, "else") && (close_tag(p) < 0 || body(p, live && !done) < 0))
		return -1;
	return end_tag(p, "endif");
}

static int if_equal(struct pongo *p, bool live, bool wanted, const char *end)
{
	struct pongo_value a = { 0 }, b = { 0 };
	int rc = pongo_expression(p, live, &a);
	bool yes;

	if (rc == 0)
		rc = pongo_expression(p, live, &b);
	yes = pongo_value_equal(&a, &b) == wanted;
	pongo_value_clear(&a);
	pongo_value_clear(&b);
	if (rc < 0 || close_tag(p) < 0 || body(p, live && yes) < 0)
		return -1;
	if (take_tag(p, "else") && (close_tag(p) < 0 || body(p, live && !yes) < 0))
		return -1;
	return end_tag(p, end);
}

static int tag_ifequal(struct pongo *p, bool live)
{
	return if_equal(p, live, true, "endifequal");
}

static int tag_ifnotequal(struct pongo *p, bool live)
{
	return if_equal(p, live, false, "endifnotequal");
}

static int tag_firstof(struct pongo *p, bool live)
{
	bool done = false;
	int rc = 0;

	while (rc == 0 && p->tokens[p->at].kind != PONGO_CLOSE_TAG) {
		struct pongo_value v = { 0 };

		rc = pongo_expression(p, live && !done, &v);
		if (rc == 0 && live && !done && pongo_value_true(&v)) {
			done = true;
			rc = show(p, &v);
		}
		pongo_value_clear(&v);
	}
	return rc < 0 ? -1 : close_tag(p);
}

/* ---- loops */

struct loop {
	const struct pongo_token *names[2];
	size_t n_names, body;
	struct pongo_value list;
	bool reversed, sorted;
};

static struct pongo_value loop_facts(size_t i, size_t n)
{
	cJSON *v = cJSON_CreateObject();

	json_set_int(v, "Counter", (int64_t)i + 1);
	json_set_int(v, "Counter0", (int64_t)i);
	json_set_int(v, "Revcounter", (int64_t)(n - i));
	json_set_int(v, "Revcounter0", (int64_t)(n - i - 1));
	json_set_bool(v, "First", i == 0);
	json_set_bool(v, "Last", i == n - 1);
	return (struct pongo_value){ .type = PONGO_JSON, .json = v, .own = v };
}

/* Of an object the key comes first, and a member by itself only if there is a second name. */
static int round_of(struct pongo *p, const struct loop *l, const cJSON *item, size_t i, size_t n)
{
	static const struct pongo_token name = { .kind = PONGO_NAME, .at = "forloop", .len = 7 };
	struct pongo_value facts = loop_facts(i, n), value = pongo_value_json(item), key = { 0 };
	size_t before = p->n_variables;
	bool keyed = cJSON_IsObject(l->list.json);
	int rc = add_variable(p, &name, &facts);

	if (keyed)
		key = pongo_value_words(item->string, strlen(item->string));
	if (rc == 0)
		rc = add_variable(p, l->names[0], keyed ? &key : &value);
	if (rc == 0 && l->n_names == 2)
		rc = add_variable(p, l->names[1], &value);
	pongo_value_clear(&key);
	pongo_value_clear(&value);
	p->at = l->body;
	if (rc == 0)
		rc = body(p, true);
	drop_variables(p, before);
	return rc;
}

static int by_text(const void *a, const void *b)
{
	const cJSON *x = *(const cJSON *const *)a, *y = *(const cJSON *const *)b;

	if (x->string != NULL && y->string != NULL)
		return strcmp(x->string, y->string);
	return strcmp(cJSON_IsString(x) ? x->valuestring : "", cJSON_IsString(y) ? y->valuestring : "");
}

static int rounds(struct pongo *p, const struct loop *l)
{
	size_t n = (size_t)cJSON_GetArraySize(l->list.json), i = 0;
	const cJSON **items = mem_realloc(NULL, n, sizeof(*items));
	const cJSON *item;
	int rc = pongo_spend(p, n * sizeof(*items));

	cJSON_ArrayForEach(item, l->list.json)
		items[i++] = item;
	if (l->sorted || cJSON_IsObject(l->list.json)) /* as Go's maps are shown */
		qsort(items, n, sizeof(*items), by_text);
	for (i = 0; rc == 0 && i < n; i++)
		rc = round_of(p, l, items[l->reversed ? n - 1 - i : i], i, n);
	free(items);
	return rc;
}

/* The characters of a text are its items. */
static void spell(struct pongo_value *v)
{
	cJSON *list = cJSON_CreateArray();

	for (const char *s = v->s; *s != '\0';) {
		char one[5] = { *s++ };

		for (size_t n = 1; n < 4 && ((unsigned char)*s & 0xc0) == 0x80; n++)
			one[n] = *s++;
		cJSON_AddItemToArray(list, cJSON_CreateString(one));
	}
	pongo_value_clear(v);
	*v = (struct pongo_value){ .type = PONGO_JSON, .json = list, .own = list };
}

static int loop_head(struct pongo *p, bool live, struct loop *l)
{
	do {
		if (l->n_names == 2)
			return pongo_fail(p, "a loop has one name or two");
		l->names[l->n_names++] = &p->tokens[p->at];
		if (pongo_need(p, PONGO_NAME, NULL) < 0)
			return -1;
	} while (pongo_take(p, PONGO_SYMBOL, ","));
	if (pongo_need(p, PONGO_NAME, "in") < 0 || pongo_expression(p, live, &l->list) < 0)
		return -1;
	l->reversed = pongo_take(p, PONGO_NAME, "reversed");
	l->sorted = pongo_take(p, PONGO_NAME, "sorted");
	l->reversed = pongo_take(p, PONGO_NAME, "reversed") || l->reversed;
	if (l->list.type == PONGO_WORDS) {
		if (pongo_spend(p, strlen(l->list.s) * ITEM_COST) < 0)
			return -1;
		spell(&l->list);
	}
	if (close_tag(p) < 0)
		return -1;
	l->body = p->at;
	return 0;
}

static int tag_for(struct pongo *p, bool live)
{
	struct loop l = { 0 };
	int rc = loop_head(p, live, &l);
	bool some = rc == 0 && pongo_value_true(&l.list) && l.list.type == PONGO_JSON;

	if (rc == 0)
		rc = some ? rounds(p, &l) : body(p, false);
	pongo_value_clear(&l.list);
	if (rc < 0)
		return -1;
	if (take_tag(p, "empty") && (close_tag(p) < 0 || body(p, live && !some) < 0))
		return -1;
	return end_tag(p, "endfor");
}

/* ---- others */

static int tag_autoescape(struct pongo *p, bool live)
{
	bool before = p->escape, on = pongo_take(p, PONGO_NAME, "on");

	if (!on && pongo_need(p, PONGO_NAME, "off") < 0)
		return -1;
	p->escape = on;
	if (close_tag(p) < 0 || body(p, live) < 0)
		return -1;
	p->escape = before;
	return end_tag(p, "endautoescape");
}

static int tag_comment(struct pongo *p, bool live)
{
	if (close_tag(p) < 0)
		return -1;
	for (; p->tokens[p->at].kind != PONGO_END && !at_tag(p, "endcomment"); p->at++)
		if (pongo_spend(p, 0) < 0)
			return -1;
	return end_tag(p, "endcomment");
}

static const struct {
	const char *name;
	int (*run)(struct pongo *p, bool live);
} tags[] = {
	{ "autoescape", tag_autoescape }, { "comment", tag_comment }, { "firstof", tag_firstof }, { "for", tag_for },
	{ "if", tag_if }, { "ifequal", tag_ifequal }, { "ifnotequal", tag_ifnotequal }, { "set", tag_set }, { "with", tag_with },
};

/* 1: it is one of those that end a body, and is not taken. */
static int tag(struct pongo *p, bool live)
{
	static const char *const ends[] = { "elif", "else", "empty", "endif", "endifequal", "endifnotequal", "endfor", "endwith",
					    "endautoescape" };
	const struct pongo_token *name = &p->tokens[p->at + 1];

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		if (at_tag(p, ends[i]))
			return p->depth > 1 ? 1 : pongo_fail(p, "{%% %s %%} ends nothing", ends[i]);
	for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++)
		if (take_tag(p, tags[i].name))
			return tags[i].run(p, live);
	return pongo_fail(p, "the tag '%.*s' is not supported", (int)(name->len > 64 ? 64 : name->len), name->at);
}

/* To what is not part of it: the end, or a tag that ends it. */
static int part(struct pongo *p, bool live)
{
	const struct pongo_token *t = &p->tokens[p->at];

	if (pongo_spend(p, 0) < 0)
		return -1;
	if (t->kind == PONGO_OPEN_TAG)
		return tag(p, live);
	p->at++;
	if (t->kind == PONGO_OPEN_VALUE)
		return put_value(p, live);
	if (!live)
		return 0;
	strbuf_add(p->out, t->at, t->len);
	return pongo_spend(p, t->len);
}

static int body(struct pongo *p, bool live)
{
	int rc = 0;

	if (p->depth >= DEPTH_MAX)
		return pongo_fail(p, "nested too deep");
	p->depth++;
	while (rc == 0 && p->tokens[p->at].kind != PONGO_END)
		rc = part(p, live);
	p->depth--;
	return rc < 0 ? -1 : 0;
}

int pongo_render(const char *name, const char *text, size_t len, const cJSON *context, struct strbuf *out, struct error *err)
{
	AUTO_STRBUF struct strbuf own = STRBUF_INIT;
	struct pongo p = { .name = name, .context = context, .out = &own, .err = err };
	int rc;

	if (len > PONGO_TEXT_MAX || memchr(text, 0, len) != NULL)
		return error_set(err, ERROR_INVALID, "%s:1: a template has at most %d bytes, none of them 0", name, PONGO_TEXT_MAX);
	p.tokens = pongo_lex(name, text, len, err);
	if (p.tokens == NULL)
		return -1;
	rc = body(&p, true);
	drop_variables(&p, 0);
	free(p.tokens);
	if (rc == 0)
		strbuf_add(out, own.buf, own.len);
	return rc;
}
