/* SPDX-License-Identifier: MIT */
/*
 * The text is cut into a flat list of nodes; a section knows the index of its
 * end.  The parser does all checks of syntax, the renderer all checks of data.
 */
#include "base/template.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"

#define TEMPLATE_MAX (1u << 20)
#define DEPTH_MAX 32
#define OUTPUT_MAX (16u << 20)
#define NODES_MAX 10000000 /* rendered ones */

enum node_kind { NODE_TEXT, NODE_VALUE, NODE_RAW, NODE_SECTION, NODE_INVERTED, NODE_END };

struct node {
	enum node_kind kind;
	const char *text; /* NODE_TEXT: points into the template's text */
	size_t len;
	char *key;
	size_t end; /* of a section: the index of its NODE_END */
	unsigned line;
};

struct template {
	char *name;
	char *text;
	struct node *nodes;
	size_t n, cap;
};

/* ---- parsing */

struct parser {
	struct template *t;
	size_t pos, len;
	unsigned line;
	size_t open[DEPTH_MAX]; /* indexes of the sections we are in */
	unsigned depth;
	struct error *err;
};

struct tag {
	size_t start, end; /* of the whole tag in the text */
	char sigil;        /* one of "#^/!{" or 0 */
	char *key;         /* NULL for a comment */
};

static int fail(const struct parser *p, const char *why, const char *key)
{
	return error_set(p->err, ERROR_INVALID, "%s:%u: %s%s%.64s%s", p->t->name, p->line, why,
			 key ? " '" : "", key ? key : "", key ? "'" : "");
}

static struct node *add_node(struct parser *p, enum node_kind kind)
{
	struct template *t = p->t;

	if (t->n == t->cap) {
		t->cap = t->cap ? t->cap * 2 : 32;
		t->nodes = mem_realloc(t->nodes, t->cap, sizeof(*t->nodes));
	}
	t->nodes[t->n] = (struct node){ .kind = kind, .line = p->line };
	return &t->nodes[t->n++];
}

static void add_text(struct parser *p, size_t start, size_t end)
{
	struct node *n;

	if (start >= end)
		return;
	n = add_node(p, NODE_TEXT);
	n->text = p->t->text + start;
	n->len = end - start;
}

static void count_lines(struct parser *p, size_t start, size_t end)
{
	for (; start < end; start++)
		p->line += p->t->text[start] == '\n';
}

static bool key_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c && strchr("_.-/", c));
}

static bool blank(char c)
{
	return c == ' ' || c == '\t';
}

/* "  name  " -> "name"; NULL when it is empty or has other characters. */
static char *parse_key(const char *s, size_t len)
{
	size_t i;

	while (len && blank(*s)) {
		s++;
		len--;
	}
	while (len && blank(s[len - 1]))
		len--;
	for (i = 0; i < len && key_char(s[i]); i++)
		;
	return len && i == len ? mem_strndup(s, len) : NULL;
}

/* The tag at p->pos ("{{"). */
static int parse_tag(struct parser *p, struct tag *tag)
{
	const char *text = p->t->text, *inner = text + p->pos + 2, *close;
	const char *closer = "}}";

	*tag = (struct tag){ .start = p->pos };
	if (*inner && strchr("#^/!{", *inner))
		tag->sigil = *inner++;
	else if (*inner && strchr("&>=", *inner))
		return fail(p, "this kind of tag is not supported:", (char[]){ *inner, 0 });
	if (tag->sigil == '{')
		closer = "}}}";
	close = strstr(inner, closer);
	if (!close)
		return fail(p, "a tag is not closed", NULL);
	tag->end = (size_t)(close - text) + strlen(closer);
	if (tag->sigil == '!')
		return 0;
	tag->key = parse_key(inner, (size_t)(close - inner));
	if (!tag->key)
		return fail(p, "a tag must hold a name made of letters, digits and _ . - /", NULL);
	return 0;
}

/* A tag that is alone on its line takes the line with it: *ret_start and *ret_end cover what goes. */
static void widen_standalone(const struct parser *p, const struct tag *tag,
			     size_t *ret_start, size_t *ret_end)
{
	const char *text = p->t->text;
	size_t start = tag->start, end = tag->end;

	*ret_start = start;
	*ret_end = end;
	if (!tag->sigil || tag->sigil == '{')
		return;
	while (start > 0 && blank(text[start - 1]))
		start--;
	if (start > 0 && text[start - 1] != '\n')
		return;
	while (blank(text[end]))
		end++;
	if (text[end] == '\r' && text[end + 1] == '\n')
		end++;
	if (end < p->len && text[end] != '\n')
		return;
	*ret_start = start;
	*ret_end = end < p->len ? end + 1 : end;
}

static int add_close(struct parser *p, struct tag *tag)
{
	struct template *t = p->t;
	struct node *open = p->depth ? &t->nodes[p->open[p->depth - 1]] : NULL;

	if (!open)
		return fail(p, "no section is open here to be closed by", tag->key);
	if (strcmp(open->key, tag->key) != 0)
		return fail(p, "the section to be closed here is", open->key);
	open->end = t->n;
	p->depth--;
	add_node(p, NODE_END);
	return 0;
}

static int add_tag(struct parser *p, struct tag *tag)
{
	struct node *n;

	if (tag->sigil == '!')
		return 0;
	if (tag->sigil == '/')
		return add_close(p, tag);
	if (tag->sigil == '#' || tag->sigil == '^') {
		if (p->depth == DEPTH_MAX)
			return fail(p, "sections are nested too deep at", tag->key);
		p->open[p->depth++] = p->t->n;
	}
	n = add_node(p, tag->sigil == '#'   ? NODE_SECTION :
			tag->sigil == '^' ? NODE_INVERTED :
			tag->sigil == '{' ? NODE_RAW :
					      NODE_VALUE);
	n->key = tag->key;
	tag->key = NULL;
	return 0;
}

static int parse(struct parser *p)
{
	const char *text = p->t->text, *brace;
	size_t start, end;
	struct tag tag;
	int rc;

	while ((brace = strstr(text + p->pos, "{{")) != NULL) {
		size_t from = p->pos;

		p->pos = (size_t)(brace - text);
		count_lines(p, from, p->pos);
		rc = parse_tag(p, &tag);
		if (rc == 0) {
			widen_standalone(p, &tag, &start, &end);
			add_text(p, from, start > from ? start : from);
			rc = add_tag(p, &tag);
			count_lines(p, tag.start, end);
			p->pos = end;
		}
		free(tag.key);
		if (rc < 0)
			return -1;
	}
	add_text(p, p->pos, p->len);
	if (p->depth) {
		p->line = p->t->nodes[p->open[p->depth - 1]].line;
		return fail(p, "this section is never closed:", p->t->nodes[p->open[p->depth - 1]].key);
	}
	return 0;
}

struct template *template_parse(const char *name, const char *text, size_t len, struct error *err)
{
	struct template *t = mem_alloc(sizeof(*t));
	struct parser p = { .t = t, .len = len, .line = 1, .err = err };
	const char *nul = memchr(text, 0, len);

	t->name = mem_strdup(name);
	t->text = mem_strndup(text, len);
	if (nul || len > TEMPLATE_MAX)
		error_set(err, ERROR_INVALID, "%s: %s", name, nul ? "a NUL byte in it" : "larger than 1 MiB");
	else if (parse(&p) == 0)
		return t;
	template_free(t);
	return NULL;
}

struct template *template_load(const char *path, struct error *err)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT;

	if (fs_read_file(path, TEMPLATE_MAX, &text, err) < 0)
		return NULL;
	return template_parse(path, text.buf, text.len, err);
}

void template_free(struct template *t)
{
	size_t i;

	if (!t)
		return;
	for (i = 0; i < t->n; i++)
		free(t->nodes[i].key);
	free(t->nodes);
	free(t->text);
	free(t->name);
	free(t);
}

/* ---- rendering */

struct render {
	const struct template *t;
	const cJSON *scopes[DEPTH_MAX + 1]; /* innermost last */
	unsigned depth;
	unsigned rendered;
	struct strbuf *out;
	struct error *err;
};

static int bad(const struct render *r, const struct node *n, const char *why)
{
	return error_set(r->err, ERROR_INVALID, "%s:%u: '%.64s' %s", r->t->name, n->line, n->key, why);
}

/* "a.b.c": a whole name first (keys of LXC have dots), then member by member. */
static const cJSON *lookup_in(const cJSON *scope, const char *key)
{
	const cJSON *v = cJSON_IsObject(scope) ? cJSON_GetObjectItemCaseSensitive(scope, key) : NULL;
	const char *dot = key;
	char head[64];

	if (v || !cJSON_IsObject(scope))
		return v;
	while ((dot = strchr(dot, '.')) != NULL) {
		size_t n = (size_t)(dot++ - key);

		if (!n || n >= sizeof(head))
			continue;
		memcpy(head, key, n);
		head[n] = 0;
		v = cJSON_GetObjectItemCaseSensitive(scope, head);
		if (v)
			return lookup_in(v, dot);
	}
	return NULL;
}

static const cJSON *lookup(const struct render *r, const struct node *n)
{
	const cJSON *v = NULL;
	unsigned i;

	if (strcmp(n->key, ".") == 0)
		return r->scopes[r->depth - 1];
	for (i = r->depth; i > 0 && !v; i--)
		v = lookup_in(r->scopes[i - 1], n->key);
	if (!v)
		bad(r, n, "is not known");
	return v;
}

static bool is_true(const cJSON *v)
{
	if (cJSON_IsArray(v))
		return v->child != NULL;
	if (cJSON_IsString(v))
		return v->valuestring[0] != 0;
	return cJSON_IsTrue(v) || cJSON_IsNumber(v) || cJSON_IsObject(v);
}

/* The rule that keeps a value from adding lines of its own. */
static int check_text(const struct render *r, const struct node *n, const char *s)
{
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;

		if (c >= 0x20 && c != 0x7f)
			continue;
		if (n->kind == NODE_RAW && (c == '\n' || c == '\t'))
			continue;
		return bad(r, n, c == '\n' ? "holds a newline" : "holds a control character");
	}
	return 0;
}

static int render_value(struct render *r, const struct node *n)
{
	const cJSON *v = lookup(r, n);
	AUTO_FREE char *text = NULL;

	if (!v)
		return -1;
	if (cJSON_IsNull(v))
		return 0;
	if (cJSON_IsString(v)) {
		if (check_text(r, n, v->valuestring) < 0)
			return -1;
		strbuf_addstr(r->out, v->valuestring);
		return 0;
	}
	if (!cJSON_IsNumber(v) && !cJSON_IsBool(v))
		return bad(r, n, "is a list or an object, not a value");
	text = json_text(v);
	strbuf_addstr(r->out, text);
	return 0;
}

static int render_nodes(struct render *r, size_t from, size_t to);

static int render_scope(struct render *r, const cJSON *scope, size_t from, size_t to)
{
	int rc;

	r->scopes[r->depth++] = scope;
	rc = render_nodes(r, from, to);
	r->depth--;
	return rc;
}

static int render_section(struct render *r, size_t at)
{
	const struct node *n = &r->t->nodes[at];
	const cJSON *v = lookup(r, n), *item;

	if (!v)
		return -1;
	if (n->kind == NODE_INVERTED)
		return is_true(v) ? 0 : render_nodes(r, at + 1, n->end);
	if (!is_true(v))
		return 0;
	if (!cJSON_IsArray(v))
		return cJSON_IsTrue(v) ? render_nodes(r, at + 1, n->end) : render_scope(r, v, at + 1, n->end);
	cJSON_ArrayForEach(item, v)
		if (render_scope(r, item, at + 1, n->end) < 0)
			return -1;
	return 0;
}

/* Lists inside lists multiply: that has a limit. */
static int render_nodes(struct render *r, size_t from, size_t to)
{
	int rc = 0;

	for (; from < to && rc == 0; from++) {
		const struct node *n = &r->t->nodes[from];

		if (r->out->len > OUTPUT_MAX || r->rendered++ > NODES_MAX)
			return error_set(r->err, ERROR_TOO_LARGE,
					 "%s:%u: more than 16 MiB of output or too many loops", r->t->name,
					 n->line);
		if (n->kind == NODE_TEXT) {
			strbuf_add(r->out, n->text, n->len);
		} else if (n->kind == NODE_VALUE || n->kind == NODE_RAW) {
			rc = render_value(r, n);
		} else if (n->kind != NODE_END) {
			rc = render_section(r, from);
			from = n->end;
		}
	}
	return rc;
}

int template_render(const struct template *t, const cJSON *context, struct strbuf *out, struct error *err)
{
	struct strbuf text = STRBUF_INIT;
	struct render r = { .t = t, .out = &text, .err = err };
	int rc = render_scope(&r, context, 0, t->n);

	if (rc == 0)
		strbuf_add(out, text.buf, text.len);
	strbuf_clear(&text);
	return rc;
}
