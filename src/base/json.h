/* SPDX-License-Identifier: MIT */
/*
 * What cJSON lacks: strict parsing of hostile text, and short accessors that
 * check types.  Accessors never abort: a missing or wrongly typed member gives
 * the default.
 */
#ifndef BERTH_BASE_JSON_H
#define BERTH_BASE_JSON_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

#define JSON_DEPTH_MAX 64

/*
 * Parses exactly one value.  Refused with ERROR_INVALID and the byte offset:
 * nesting deeper than JSON_DEPTH_MAX, duplicate keys in one object, trailing
 * bytes, NUL bytes, text that is not UTF-8, unpaired surrogates.
 */
cJSON *json_parse(const char *text, size_t len, struct error *err);
cJSON *json_read_file(const char *path, struct error *err); /* at most 16 MiB */
enum json_write {
	JSON_DURABLE, /* fs_write_atomic() */
	JSON_QUICK,   /* fs_write_quick(): what may be lost with the power */
};
/* Pretty and atomic, mode 0600. */
int json_write_file(const char *path, const cJSON *v, enum json_write how, struct error *err);

char *json_text(const cJSON *v); /* compact; caller frees with free() */

const char *json_str(const cJSON *obj, const char *key); /* or NULL */
const char *json_str_or(const cJSON *obj, const char *key, const char *def);
bool json_bool(const cJSON *obj, const char *key, bool def);
int64_t json_int(const cJSON *obj, const char *key, int64_t def);
cJSON *json_obj(const cJSON *obj, const char *key); /* member if object, else NULL */
cJSON *json_arr(const cJSON *obj, const char *key); /* member if array, else NULL */

/* Add or replace; NULL value removes the member. */
void json_set_str(cJSON *obj, const char *key, const char *value);
void json_set_strf(cJSON *obj, const char *key, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void json_set_int(cJSON *obj, const char *key, int64_t value); /* exact to 2^53 */
void json_set_bool(cJSON *obj, const char *key, bool value);
void json_set(cJSON *obj, const char *key, cJSON *value_taken);

/*
 * An object's place in a list of objects that are sorted by this member, a text; behind its like. Not by
 * cJSON_InsertItemInArray(): Debian 12's (1.7.15-1+deb12u4) refuses every place but the first and the last.
 */
void json_insert_by(cJSON *list, const char *key, cJSON *item_taken);

/* Members sorted by key (strcmp), recursively: LXD prints maps sorted. */
void json_sort(cJSON *v);

void json_cleanup(cJSON **v);
#define AUTO_JSON __attribute__((cleanup(json_cleanup)))

#endif
