/* SPDX-License-Identifier: MIT */
/* The precedence is pongo2's, not Python's: "not" binds to the term after it, and "a and b or c" is a and (b or c). */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/pongo_private.h"

#define DEPTH_MAX 40
#define SPENT_MAX 2000000u /* steps, and pieces of PIECE bytes */
#define PIECE 64

int pongo_fail(const struct pongo *p, const char *format, ...)
{
	char why[256];
	va_list ap;

	va_start(ap, format);
	vsnprintf(why, sizeof(why), format, ap);
	va_end(ap);
	return error_set(p->err, ERROR_INVALID, "%s:%u: %s", p->name, p->tokens[p->at].line, why);
}

int pongo_spend(struct pongo *p, size_t bytes)
{
	p->spent += 1 + (unsigned)(bytes / PIECE);
	if (p->spent <= SPENT_MAX && p->out->len <= PONGO_OUTPUT_MAX && bytes <= PONGO_OUTPUT_MAX)
		return 0;
	return error_set(p->err, ERROR_TOO_LARGE, "%s:%u: more than %d bytes of output, or too many steps", p->name,
			 p->tokens[p->at].line, PONGO_OUTPUT_MAX);
}

bool pongo_take(struct pongo *p, enum pongo_kind kind, const char *text)
{
	if (!pongo_token_is(&p->tokens[p->at], kind, text))
		return false;
	p->at++;
	return true;
}

int pongo_need(struct pongo *p, enum pongo_kind kind, const char *text)
{
	static const char *const names[] = { [PONGO_CLOSE_VALUE] = "}}", [PONGO_CLOSE_TAG] = "%}", [PONGO_NAME] = "a name",
					     [PONGO_END] = "the end" };
	const struct pongo_token *t = &p->tokens[p->at];

	if (pongo_take(p, kind, text))
		return 0;
	return pongo_fail(p, "%s is expected, not '%.*s'", text != NULL ? text : names[kind], (int)(t->len > 64 ? 64 : t->len), t->at);
}

static const struct pongo_value *find_variable(const struct pongo *p, const struct pongo_token *name)
{
	for (size_t i = p->n_variables; i > 0; i--)
		if (pongo_token_is(name, PONGO_NAME, p->variables[i - 1].name))
			return &p->variables[i - 1].value;
	return NULL;
}

/* A value that lives as long as the one it is of. */
static struct pongo_value borrow(const struct pongo_value *v)
{
	struct pongo_value copy = *v;

	copy.own = NULL;
	copy.s = mem_strdup(v->s);
	return copy;
}

static const cJSON *member(const cJSON *of, const struct pongo_token *name)
{
	AUTO_FREE char *key = mem_strndup(name->at, name->len);

	return cJSON_GetObjectItemCaseSensitive(of, key);
}

static struct pongo_value look_up(const struct pongo *p, const struct pongo_token *name)
{
	const struct pongo_value *v = find_variable(p, name);

	return v != NULL ? borrow(v) : pongo_value_json(member(p->context, name));
}

/* config_get("key", "default"): a member of the context's "config". */
static int call_get(struct pongo *p, const struct pongo_token *name, struct pongo_value arguments[2], size_t n,
		    struct pongo_value *ret)
{
	AUTO_FREE char *of = mem_strndup(name->at, name->len - strlen("_get"));
	const cJSON *object = json_obj(p->context, of), *found;
	size_t len;

	if (object == NULL)
		return 0;
	if (n != 2 || arguments[0].type != PONGO_WORDS)
		return pongo_fail(p, "%s_get() takes two arguments: a key, and what counts when there is none", of);
	found = cJSON_GetObjectItemCaseSensitive(object, arguments[0].s);
	if (!cJSON_IsString(found)) {
		*ret = arguments[1];
		arguments[1] = (struct pongo_value){ 0 };
		return 0;
	}
	for (len = strlen(found->valuestring); len > 0 && strchr("\r\n", found->valuestring[len - 1]) != NULL; len--)
		;
	*ret = pongo_value_words(found->valuestring, len);
	return pongo_spend(p, len);
}

static bool is_getter(const struct pongo_token *name)
{
	return name->len > strlen("_get") && memcmp(name->at + name->len - strlen("_get"), "_get", strlen("_get")) == 0;
}

/* After "(". What is called and is not known is nil, as pongo2 has it. */
static int call(struct pongo *p, bool live, const struct pongo_token *name, struct pongo_value *ret)
{
	struct pongo_value arguments[2] = { 0 };
	size_t n = 0;
	int rc = 0;

	while (rc == 0 && !pongo_take(p, PONGO_SYMBOL, ")")) {
		if (n > 0)
			rc = pongo_need(p, PONGO_SYMBOL, ",");
		if (rc == 0 && n == 2)
			rc = pongo_fail(p, "too many arguments");
		if (rc == 0)
			rc = pongo_expression(p, live, &arguments[n]);
		n++;
	}
	if (rc == 0 && live && is_getter(name))
		rc = call_get(p, name, arguments, n, ret);
	pongo_value_clear(&arguments[0]);
	pongo_value_clear(&arguments[1]);
	return rc;
}

static void descend(struct pongo_value *v, const struct pongo_token *name)
{
	struct pongo_value next = { 0 };

	if (v->type == PONGO_JSON && cJSON_IsArray(v->json) && name->kind == PONGO_NUMBER && name->len < 6)
		next = pongo_value_json(cJSON_GetArrayItem(v->json, atoi(name->at)));
	else if (v->type == PONGO_JSON)
		next = pongo_value_json(member(v->json, name));
	pongo_value_clear(v);
	*v = next;
}

static int variable(struct pongo *p, bool live, struct pongo_value *ret)
{
	const struct pongo_token *name = &p->tokens[p->at++];

	if (pongo_token_is(name, PONGO_NAME, "true") || pongo_token_is(name, PONGO_NAME, "false")) {
		*ret = pongo_value_bool(name->at[0] == 't');
		return 0;
	}
	if (pongo_take(p, PONGO_SYMBOL, "("))
		return call(p, live, name, ret);
	if (live)
		*ret = look_up(p, name);
	while (pongo_take(p, PONGO_SYMBOL, ".")) {
		name = &p->tokens[p->at];
		if (name->kind != PONGO_NAME && name->kind != PONGO_NUMBER)
			return pongo_fail(p, "a name is expected after '.'");
		if (pongo_spend(p, 0) < 0)
			return -1;
		p->at++;
		if (live)
			descend(ret, name);
		if (pongo_take(p, PONGO_SYMBOL, "(")) {
			pongo_value_clear(ret);
			if (call(p, false, name, ret) < 0)
				return -1;
		}
	}
	return pongo_spend(p, ret->s != NULL ? strlen(ret->s) : 0);
}

static void string(const struct pongo_token *t, struct pongo_value *ret)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT;

	for (size_t i = 0; i < t->len; i++) {
		if (t->at[i] == '\\' && i + 1 < t->len && strchr("\\\"'", t->at[i + 1]) != NULL)
			i++;
		strbuf_addch(&text, t->at[i]);
	}
	*ret = pongo_value_words(text.buf, text.len);
}

static int number(struct pongo *p, struct pongo_value *ret)
{
	const struct pongo_token *t = &p->tokens[p->at++];
	AUTO_FREE char *text = NULL;

	if (t->len > 15)
		return pongo_fail(p, "a number has at most 15 digits");
	if (pongo_take(p, PONGO_SYMBOL, ".")) {
		const struct pongo_token *rest = &p->tokens[p->at];

		if (rest->kind != PONGO_NUMBER || rest->len > 15)
			return pongo_fail(p, "a number has 1 to 15 digits after '.'");
		p->at++;
		text = mem_printf("%.*s.%.*s", (int)t->len, t->at, (int)rest->len, rest->at);
		*ret = (struct pongo_value){ .type = PONGO_FLOAT, .f = strtod(text, NULL) };
		return 0;
	}
	text = mem_strndup(t->at, t->len);
	*ret = pongo_value_integer(strtoll(text, NULL, 10));
	return 0;
}

static int literal(struct pongo *p, bool live, struct pongo_value *ret)
{
	const struct pongo_token *t = &p->tokens[p->at];

	if (t->kind == PONGO_STRING) {
		p->at++;
		string(t, ret);
		return pongo_spend(p, t->len);
	}
	if (t->kind == PONGO_NUMBER)
		return number(p, ret);
	if (t->kind == PONGO_NAME)
		return variable(p, live, ret);
	return pongo_fail(p, "a value is expected, not '%.*s'", (int)(t->len > 64 ? 64 : t->len), t->at);
}

/* After "|". */
static int filter(struct pongo *p, bool live, struct pongo_value *v)
{
	const struct pongo_token *t = &p->tokens[p->at];
	struct pongo_value argument = { 0 };
	struct error why = ERROR_INIT;
	AUTO_FREE char *name = NULL;
	bool has;
	int rc;

	if (pongo_need(p, PONGO_NAME, NULL) < 0)
		return -1;
	name = mem_strndup(t->at, t->len);
	has = pongo_take(p, PONGO_SYMBOL, ":");
	rc = has ? literal(p, live, &argument) : 0;
	/* what is not live is checked by name all the same */
	if (rc == 0 && pongo_filter(name, v, has ? &argument : NULL, &why) < 0)
		rc = pongo_fail(p, "%s", why.msg);
	pongo_value_clear(&argument);
	if (!live)
		pongo_value_clear(v);
	return rc < 0 ? -1 : pongo_spend(p, v->s != NULL ? strlen(v->s) : 0);
}

static int factor(struct pongo *p, bool live, struct pongo_value *ret)
{
	if (pongo_spend(p, 0) < 0)
		return -1;
	if (pongo_take(p, PONGO_SYMBOL, "("))
		return pongo_expression(p, live, ret) < 0 ? -1 : pongo_need(p, PONGO_SYMBOL, ")");
	if (literal(p, live, ret) < 0)
		return -1;
	while (pongo_take(p, PONGO_SYMBOL, "|"))
		if (filter(p, live, ret) < 0)
			return -1;
	return 0;
}

static long long whole(double d)
{
	return d > -1e15 && d < 1e15 ? (long long)d : 0;
}

static int calculate(struct pongo *p, char op, struct pongo_value *a, const struct pongo_value *b)
{
	double x = pongo_value_number(a), y = pongo_value_number(b), r = op == '*' ? x * y : op == '+' ? x + y : x - y;
	bool is_float = a->type == PONGO_FLOAT || b->type == PONGO_FLOAT;
	long long divisor = whole(y), quotient = divisor ? whole(x) / divisor : 0;

	if (op == '+' && a->type == PONGO_WORDS && b->type == PONGO_WORDS) {
		struct pongo_value joined = { .type = PONGO_WORDS, .s = mem_printf("%s%s", a->s, b->s) };

		pongo_value_clear(a);
		*a = joined;
		return pongo_spend(p, strlen(a->s));
	}
	if ((op == '/' || op == '%') && (y == 0 || (!is_float && divisor == 0)))
		return pongo_fail(p, "a division by zero");
	if (op == '/')
		r = is_float ? x / y : (double)quotient;
	if (op == '%')
		r = is_float ? fmod(x, y) : (double)(whole(x) % divisor);
	pongo_value_clear(a);
	*a = is_float ? (struct pongo_value){ .type = PONGO_FLOAT, .f = r } : pongo_value_integer(whole(r));
	return 0;
}

typedef int (*parse_fn)(struct pongo *p, bool live, struct pongo_value *ret);

/* part { one of the operators part } */
static int chain(struct pongo *p, bool live, parse_fn part, const char *operators, struct pongo_value *ret)
{
	if (part(p, live, ret) < 0)
		return -1;
	for (;;) {
		const struct pongo_token *t = &p->tokens[p->at];
		struct pongo_value right = { 0 };
		int rc;

		if (t->kind != PONGO_SYMBOL || t->len != 1 || strchr(operators, t->at[0]) == NULL)
			return 0;
		p->at++;
		rc = part(p, live, &right);
		if (rc == 0 && live)
			rc = calculate(p, t->at[0], ret, &right);
		pongo_value_clear(&right);
		if (rc < 0)
			return -1;
	}
}

static int term(struct pongo *p, bool live, struct pongo_value *ret)
{
	return chain(p, live, factor, "*/%", ret);
}

static int sum(struct pongo *p, bool live, struct pongo_value *ret)
{
	bool minus = pongo_take(p, PONGO_SYMBOL, "-"), plus = !minus && pongo_take(p, PONGO_SYMBOL, "+");
	bool negate = pongo_take(p, PONGO_SYMBOL, "!") || pongo_take(p, PONGO_NAME, "not");
	bool truth;

	(void)plus;
	if (!negate && !minus)
		return chain(p, live, term, "+-", ret);
	if (term(p, live, ret) < 0)
		return -1;
	if (minus && live) {
		bool is_float = ret->type == PONGO_FLOAT;
		double d = -pongo_value_number(ret);

		pongo_value_clear(ret);
		*ret = is_float ? (struct pongo_value){ .type = PONGO_FLOAT, .f = d } : pongo_value_integer(whole(d));
	}
	if (negate) {
		truth = pongo_value_true(ret);
		pongo_value_clear(ret);
		*ret = pongo_value_bool(!truth);
	}
	return 0;
}

static bool compare(const char *op, const struct pongo_value *a, const struct pongo_value *b)
{
	if (strcmp(op, "in") == 0)
		return pongo_value_in(a, b);
	if (strcmp(op, "==") == 0 || strcmp(op, "!=") == 0 || strcmp(op, "<>") == 0)
		return pongo_value_equal(a, b) == (op[0] == '=');
	if (op[0] == '<')
		return pongo_value_compare(a, b) < (op[1] == '=');
	return pongo_value_compare(a, b) > -(op[1] == '=');
}

static int relation(struct pongo *p, bool live, struct pongo_value *ret)
{
	static const char *const operators[] = { "==", "!=", "<>", "<=", ">=", "<", ">", "in" };
	struct pongo_value right = { 0 };
	size_t i = 0;
	bool truth;
	int rc;

	if (sum(p, live, ret) < 0)
		return -1;
	while (i < 8 && !pongo_take(p, i < 7 ? PONGO_SYMBOL : PONGO_NAME, operators[i]))
		i++;
	if (i == 8)
		return 0;
	rc = sum(p, live, &right);
	truth = rc == 0 && compare(operators[i], ret, &right);
	pongo_value_clear(&right);
	pongo_value_clear(ret);
	*ret = pongo_value_bool(truth);
	return rc;
}

/* What is right of it is not evaluated when the left side tells; a chain of it is a loop, since texts may be long. */
static int logic(struct pongo *p, bool live, struct pongo_value *ret)
{
	bool decided = false, truth = false, chained = false;

	for (;;) {
		bool is_and, is_or;

		if (relation(p, live && !decided, ret) < 0)
			return -1;
		if (!decided)
			truth = pongo_value_true(ret);
		is_and = pongo_take(p, PONGO_NAME, "and") || pongo_take(p, PONGO_SYMBOL, "&&");
		is_or = !is_and && (pongo_take(p, PONGO_NAME, "or") || pongo_take(p, PONGO_SYMBOL, "||"));
		if (!is_and && !is_or)
			break;
		chained = true;
		decided = decided || (is_and ? !truth : truth);
		pongo_value_clear(ret);
	}
	if (chained) {
		pongo_value_clear(ret);
		*ret = pongo_value_bool(truth);
	}
	return 0;
}

int pongo_expression(struct pongo *p, bool live, struct pongo_value *ret)
{
	int rc;

	*ret = (struct pongo_value){ 0 };
	if (pongo_spend(p, 0) < 0)
		return -1;
	if (p->depth >= DEPTH_MAX)
		return pongo_fail(p, "nested too deep");
	p->depth++;
	rc = logic(p, live, ret);
	p->depth--;
	if (rc < 0 || !live)
		pongo_value_clear(ret);
	return rc;
}
