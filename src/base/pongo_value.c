/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/pongo_private.h"

void pongo_value_clear(struct pongo_value *v)
{
	free(v->s);
	cJSON_Delete(v->own);
	*v = (struct pongo_value){ 0 };
}

struct pongo_value pongo_value_words(const char *s, size_t len)
{
	return (struct pongo_value){ .type = PONGO_WORDS, .s = mem_strndup(s, len) };
}

struct pongo_value pongo_value_bool(bool b)
{
	return (struct pongo_value){ .type = PONGO_BOOL, .i = b };
}

struct pongo_value pongo_value_integer(long long i)
{
	return (struct pongo_value){ .type = PONGO_INTEGER, .i = i };
}

struct pongo_value pongo_value_json(const cJSON *json)
{
	if (cJSON_IsString(json))
		return pongo_value_words(json->valuestring, strlen(json->valuestring));
	if (cJSON_IsBool(json))
		return pongo_value_bool(cJSON_IsTrue(json));
	if (cJSON_IsNumber(json) && json->valuedouble == floor(json->valuedouble) && fabs(json->valuedouble) < 1e15)
		return pongo_value_integer((long long)json->valuedouble);
	if (cJSON_IsNumber(json))
		return (struct pongo_value){ .type = PONGO_FLOAT, .f = json->valuedouble };
	if (cJSON_IsObject(json) || cJSON_IsArray(json))
		return (struct pongo_value){ .type = PONGO_JSON, .json = json };
	return (struct pongo_value){ 0 };
}

bool pongo_value_true(const struct pongo_value *v)
{
	switch (v->type) {
	case PONGO_BOOL:
	case PONGO_INTEGER:
		return v->i != 0;
	case PONGO_FLOAT:
		return v->f != 0;
	case PONGO_WORDS:
		return v->s[0] != '\0';
	case PONGO_JSON:
		return v->json->child != NULL;
	case PONGO_NIL:
		break;
	}
	return false;
}

double pongo_value_number(const struct pongo_value *v)
{
	double d;

	if (v->type == PONGO_FLOAT)
		return v->f;
	if (v->type != PONGO_WORDS)
		return (double)v->i;
	d = strtod(v->s, NULL);
	return isfinite(d) ? d : 0;
}

static bool is_number(const struct pongo_value *v)
{
	return v->type == PONGO_INTEGER || v->type == PONGO_FLOAT;
}

bool pongo_value_equal(const struct pongo_value *a, const struct pongo_value *b)
{
	if (is_number(a) && is_number(b))
		return pongo_value_number(a) == pongo_value_number(b);
	if (a->type != b->type)
		return false;
	if (a->type == PONGO_WORDS)
		return strcmp(a->s, b->s) == 0;
	return a->type == PONGO_JSON ? a->json == b->json : a->i == b->i;
}

int pongo_value_compare(const struct pongo_value *a, const struct pongo_value *b)
{
	double x, y;

	if (a->type == PONGO_WORDS && b->type == PONGO_WORDS)
		return strcmp(a->s, b->s);
	x = pongo_value_number(a);
	y = pongo_value_number(b);
	return x < y ? -1 : x > y;
}

bool pongo_value_in(const struct pongo_value *what, const struct pongo_value *where)
{
	const cJSON *item;

	if (what->type != PONGO_WORDS)
		return false;
	if (where->type == PONGO_WORDS)
		return strstr(where->s, what->s) != NULL;
	if (where->type != PONGO_JSON)
		return false;
	if (cJSON_IsObject(where->json))
		return cJSON_GetObjectItemCaseSensitive(where->json, what->s) != NULL;
	cJSON_ArrayForEach(item, where->json)
		if (cJSON_IsString(item) && strcmp(item->valuestring, what->s) == 0)
			return true;
	return false;
}

bool pongo_value_print(const struct pongo_value *v, struct strbuf *out)
{
	switch (v->type) {
	case PONGO_BOOL:
		strbuf_addstr(out, v->i ? "True" : "False");
		break;
	case PONGO_INTEGER:
		strbuf_addf(out, "%lld", v->i);
		break;
	case PONGO_FLOAT:
		strbuf_addf(out, "%f", v->f);
		break;
	case PONGO_WORDS:
		strbuf_addstr(out, v->s);
		break;
	case PONGO_JSON:
		return false;
	case PONGO_NIL:
		break;
	}
	return true;
}
