/* SPDX-License-Identifier: MIT */
#include "base/json.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/json_scan.h"
#include "base/mem.h"

#define FILE_MAX (16u << 20)

cJSON *json_parse(const char *text, size_t len, struct error *err)
{
	cJSON *v;

	if (json_scan(text, len, err) < 0)
		return NULL;
	v = cJSON_ParseWithLength(text, len);
	if (!v)
		error_set(err, ERROR_INVALID, "invalid JSON");
	return v;
}

cJSON *json_read_file(const char *path, struct error *err)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT;
	cJSON *v;

	if (fs_read_file(path, FILE_MAX, &text, err) < 0)
		return NULL;
	v = json_parse(text.buf, text.len, err);
	if (!v)
		error_wrap(err, "cannot read '%s'", path);
	return v;
}

static cJSON *member(const cJSON *obj, const char *key)
{
	return cJSON_IsObject(obj) ? cJSON_GetObjectItemCaseSensitive(obj, key) : NULL;
}

const char *json_str_or(const cJSON *obj, const char *key, const char *def)
{
	const cJSON *m = member(obj, key);

	return cJSON_IsString(m) ? m->valuestring : def;
}

const char *json_str(const cJSON *obj, const char *key)
{
	return json_str_or(obj, key, NULL);
}

bool json_bool(const cJSON *obj, const char *key, bool def)
{
	const cJSON *m = member(obj, key);

	return cJSON_IsBool(m) ? cJSON_IsTrue(m) : def;
}

int64_t json_int(const cJSON *obj, const char *key, int64_t def)
{
	const cJSON *m = member(obj, key);

	if (!cJSON_IsNumber(m) || !(m->valuedouble >= -0x1p63 && m->valuedouble < 0x1p63))
		return def;
	return (double)(int64_t)m->valuedouble == m->valuedouble ? (int64_t)m->valuedouble : def;
}

cJSON *json_obj(const cJSON *obj, const char *key)
{
	cJSON *m = member(obj, key);

	return cJSON_IsObject(m) ? m : NULL;
}

cJSON *json_arr(const cJSON *obj, const char *key)
{
	cJSON *m = member(obj, key);

	return cJSON_IsArray(m) ? m : NULL;
}

void json_set(cJSON *obj, const char *key, cJSON *value_taken)
{
	/* key may be the name of the member that is replaced */
	AUTO_FREE char *name = NULL;

	if (!member(obj, key)) {
		if (value_taken && !cJSON_AddItemToObject(obj, key, value_taken))
			cJSON_Delete(value_taken); /* there is no object */
		return;
	}
	if (!value_taken) {
		cJSON_DeleteItemFromObjectCaseSensitive(obj, key);
		return;
	}
	name = mem_strdup(key);
	cJSON_ReplaceItemInObjectCaseSensitive(obj, name, value_taken);
}

void json_set_str(cJSON *obj, const char *key, const char *value)
{
	json_set(obj, key, value ? cJSON_CreateString(value) : NULL);
}

void json_set_strf(cJSON *obj, const char *key, const char *fmt, ...)
{
	AUTO_STRBUF struct strbuf sb = STRBUF_INIT;
	va_list ap;

	va_start(ap, fmt);
	strbuf_vaddf(&sb, fmt, ap);
	va_end(ap);
	json_set_str(obj, key, sb.buf);
}

void json_set_int(cJSON *obj, const char *key, int64_t value)
{
	json_set(obj, key, cJSON_CreateNumber((double)value));
}

void json_set_bool(cJSON *obj, const char *key, bool value)
{
	json_set(obj, key, cJSON_CreateBool(value));
}

void json_insert_by(cJSON *list, const char *key, cJSON *item_taken)
{
	cJSON *next = list->child;

	while (next && strcmp(json_str_or(next, key, ""), json_str_or(item_taken, key, "")) <= 0)
		next = next->next;
	if (!next) {
		cJSON_AddItemToArray(list, item_taken);
		return;
	}
	item_taken->next = next;
	item_taken->prev = next->prev;
	next->prev = item_taken;
	if (next == list->child)
		list->child = item_taken;
	else
		item_taken->prev->next = item_taken;
}

static int compare_members(const void *a, const void *b)
{
	return strcmp((*(const cJSON *const *)a)->string, (*(const cJSON *const *)b)->string);
}

/* cJSON's list: next ends with NULL, the first one's prev is the last. */
static void relink(cJSON *v, cJSON **members, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		members[i]->prev = members[i ? i - 1 : n - 1];
		members[i]->next = i + 1 < n ? members[i + 1] : NULL;
	}
	v->child = members[0];
}

void json_sort(cJSON *v)
{
	AUTO_FREE cJSON **members = NULL;
	bool sorted = true;
	size_t n = 0;
	cJSON *m;

	if (!v)
		return;
	for (m = v->child; m; m = m->next) {
		json_sort(m);
		if (cJSON_IsObject(v) && m->next && strcmp(m->string, m->next->string) > 0)
			sorted = false;
		n++;
	}
	if (sorted)
		return;
	members = mem_realloc(NULL, n, sizeof(*members));
	n = 0;
	for (m = v->child; m; m = m->next)
		members[n++] = m;
	qsort(members, n, sizeof(*members), compare_members);
	relink(v, members, n);
}

void json_cleanup(cJSON **v)
{
	cJSON_Delete(*v);
	*v = NULL;
}
