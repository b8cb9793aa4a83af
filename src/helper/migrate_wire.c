/* SPDX-License-Identifier: MIT */
#include "helper/migrate_wire.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"

enum { VARINT = 0, FIXED64 = 1, BYTES = 2, FIXED32 = 5 };
enum { SNAPSHOTS_MAX = 10000, ENTRIES_MAX = 100000 };

/* ---- reading: fields of a message, one after the other */

struct reader {
	const uint8_t *p, *end;
	unsigned number, type; /* of the field that was read */
	uint64_t value;        /* of a VARINT */
	const uint8_t *bytes;  /* of BYTES */
	size_t len;
	bool bad;
};

static uint64_t read_varint(struct reader *r)
{
	uint64_t v = 0;

	for (unsigned shift = 0; shift < 64; shift += 7) {
		if (r->p == r->end)
			break;
		v |= (uint64_t)(*r->p & 0x7f) << shift;
		if ((*r->p++ & 0x80) == 0)
			return v;
	}
	r->bad = true;
	return 0;
}

static void skip(struct reader *r, uint64_t n)
{
	if (n > (uint64_t)(r->end - r->p))
		r->bad = true;
	else
		r->p += n;
}

/* false: no more, or bad. */
static bool next(struct reader *r)
{
	uint64_t key;

	if (r->bad || r->p == r->end)
		return false;
	key = read_varint(r);
	r->number = (unsigned)(key >> 3);
	r->type = (unsigned)(key & 7);
	switch (r->type) {
	case VARINT:
		r->value = read_varint(r);
		break;
	case FIXED64:
		skip(r, 8);
		break;
	case FIXED32:
		skip(r, 4);
		break;
	case BYTES:
		r->len = (size_t)read_varint(r);
		r->bytes = r->p;
		skip(r, r->len);
		break;
	default:
		r->bad = true;
	}
	return !r->bad;
}

static bool is(const struct reader *r, unsigned number, unsigned type)
{
	return r->number == number && r->type == type;
}

static struct reader inner(const struct reader *r)
{
	return (struct reader){ .p = r->bytes, .end = r->bytes + r->len };
}

static bool is_utf8(const uint8_t *p, size_t len)
{
	const uint8_t *end = p + len;

	while (p < end) {
		unsigned n = *p < 0x80 ? 0 : *p >= 0xc2 && *p < 0xe0 ? 1 : *p >= 0xe0 && *p < 0xf0 ? 2 : *p >= 0xf0 && *p < 0xf5 ? 3 : 9;

		if (n == 9 || (size_t)(end - p) <= n || *p == 0 || (*p == 0xe0 && p[1] < 0xa0) || (*p == 0xed && p[1] > 0x9f) ||
		    (*p == 0xf0 && p[1] < 0x90) || (*p == 0xf4 && p[1] > 0x8f))
			return false;
		for (p++; n > 0; n--)
			if ((*p++ & 0xc0) != 0x80)
				return false;
	}
	return true;
}

static char *text_of(struct reader *r) /* caller frees */
{
	if (is_utf8(r->bytes, r->len))
		return mem_strndup((const char *)r->bytes, r->len);
	r->bad = true;
	return mem_strdup("");
}

static void add_text(struct reader *r, cJSON *list)
{
	AUTO_FREE char *text = text_of(r);

	cJSON_AddItemToArray(list, cJSON_CreateString(text));
}

/* Config: key and value */
static void take_pair(struct reader *outer, cJSON *into)
{
	struct reader r = inner(outer);
	AUTO_FREE char *key = NULL;
	AUTO_FREE char *value = NULL;

	while (next(&r)) {
		char **which = is(&r, 1, BYTES) ? &key : is(&r, 2, BYTES) ? &value : NULL;

		if (which == NULL)
			continue;
		free(*which);
		*which = text_of(&r);
	}
	if (r.bad || key == NULL || cJSON_GetArraySize(into) >= ENTRIES_MAX)
		outer->bad = true;
	else
		json_set_str(into, key, value != NULL ? value : "");
}

static void take_device(struct reader *outer, cJSON *devices)
{
	struct reader r = inner(outer);
	cJSON *v = cJSON_CreateObject();
	AUTO_FREE char *name = NULL;

	while (next(&r)) {
		if (is(&r, 2, BYTES)) {
			take_pair(&r, v);
		} else if (is(&r, 1, BYTES)) {
			free(name);
			name = text_of(&r);
		}
	}
	outer->bad |= r.bad || name == NULL || cJSON_GetArraySize(devices) >= ENTRIES_MAX;
	if (outer->bad)
		cJSON_Delete(v);
	else
		json_set(devices, name, v);
}

static void take_snapshot(struct reader *outer, cJSON *list)
{
	static const char *const numbers[] = { [6] = "architecture", [8] = "created", [9] = "used", [10] = "expires" };
	struct reader r = inner(outer);
	cJSON *v = cJSON_CreateObject(), *config = cJSON_AddObjectToObject(v, "config");
	cJSON *devices = cJSON_AddObjectToObject(v, "devices"), *profiles = cJSON_AddArrayToObject(v, "profiles");

	while (next(&r)) {
		if (is(&r, 1, BYTES)) {
			AUTO_FREE char *name = text_of(&r);

			json_set_str(v, "name", name);
		} else if (is(&r, 2, BYTES)) {
			take_pair(&r, config);
		} else if (is(&r, 3, BYTES)) {
			add_text(&r, profiles);
		} else if (is(&r, 5, BYTES)) {
			take_device(&r, devices);
		} else if (is(&r, 4, VARINT) || is(&r, 7, VARINT)) {
			json_set_bool(v, r.number == 4 ? "ephemeral" : "stateful", r.value != 0);
		} else if (r.type == VARINT && r.number <= 10 && numbers[r.number] != NULL) {
			json_set_int(v, numbers[r.number], (int64_t)r.value);
		}
	}
	outer->bad |= r.bad || json_str(v, "name") == NULL || cJSON_GetArraySize(list) >= SNAPSHOTS_MAX;
	cJSON_AddItemToArray(list, v);
}

static void take_idmap(struct reader *outer, cJSON *list)
{
	static const char *const names[] = { NULL, "Isuid", "Isgid", "Hostid", "Nsid", "Maprange" };
	struct reader r = inner(outer);
	cJSON *v = cJSON_CreateObject();

	while (next(&r)) {
		if (r.type != VARINT || r.number < 1 || r.number > 5)
			continue;
		if (r.number <= 2)
			json_set_bool(v, names[r.number], r.value != 0);
		else
			json_set_int(v, names[r.number], (int64_t)(uint32_t)r.value); /* beyond 2^31 LXD's is negative */
	}
	outer->bad |= r.bad || cJSON_GetArraySize(list) >= SNAPSHOTS_MAX;
	cJSON_AddItemToArray(list, v);
}

static const char *const rsync_names[] = { NULL, "xattrs", "delete", "compress", "bidirectional" };

static void take_rsync(struct reader *outer, cJSON *header)
{
	struct reader r = inner(outer);
	cJSON *v = cJSON_CreateObject();

	while (next(&r))
		if (r.type == VARINT && r.number >= 1 && r.number <= 4)
			json_set_bool(v, rsync_names[r.number], r.value != 0);
	outer->bad |= r.bad;
	json_set(header, "rsync", v);
}

static void take_header_field(struct reader *r, cJSON *v)
{
	if (is(r, 1, VARINT))
		json_set_int(v, "fs", (int64_t)(r->value & 0xff));
	else if (is(r, 2, VARINT))
		json_set_int(v, "criu", (int64_t)(r->value & 0xff));
	else if (is(r, 3, BYTES))
		take_idmap(r, json_arr(v, "idmap"));
	else if (is(r, 4, BYTES))
		add_text(r, json_arr(v, "names"));
	else if (is(r, 5, BYTES))
		take_snapshot(r, json_arr(v, "snapshots"));
	else if (is(r, 7, VARINT) || is(r, 9, VARINT))
		json_set_bool(v, r->number == 7 ? "predump" : "refresh", r->value != 0);
	else if (is(r, 8, BYTES))
		take_rsync(r, v);
	else if (is(r, 13, VARINT))
		json_set_int(v, "index_version", (int64_t)(uint32_t)r->value);
	r->bad |= cJSON_GetArraySize(json_arr(v, "names")) > SNAPSHOTS_MAX;
}

cJSON *migrate_header_read(const void *data, size_t len, struct error *err)
{
	struct reader r = { .p = data, .end = (const uint8_t *)data + len };
	cJSON *v = cJSON_CreateObject();

	cJSON_AddArrayToObject(v, "idmap");
	cJSON_AddArrayToObject(v, "names");
	cJSON_AddArrayToObject(v, "snapshots");
	while (next(&r))
		take_header_field(&r, v);
	if (!r.bad && cJSON_HasObjectItem(v, "fs"))
		return v;
	cJSON_Delete(v);
	error_set(err, ERROR_INVALID, "the other server's header cannot be understood");
	return NULL;
}

cJSON *migrate_control_read(const void *data, size_t len, struct error *err)
{
	struct reader r = { .p = data, .end = (const uint8_t *)data + len };
	cJSON *v = cJSON_CreateObject();

	json_set_str(v, "message", "");
	while (next(&r)) {
		if (is(&r, 1, VARINT)) {
			json_set_bool(v, "success", r.value != 0);
		} else if (is(&r, 2, BYTES)) {
			AUTO_FREE char *text = text_of(&r);

			json_set_str(v, "message", text);
		}
	}
	if (!r.bad && cJSON_HasObjectItem(v, "success"))
		return v;
	cJSON_Delete(v);
	error_set(err, ERROR_INVALID, "the other server's answer cannot be understood");
	return NULL;
}

/* ---- writing */

static void put_varint(struct strbuf *out, uint64_t v)
{
	for (; v >= 0x80; v >>= 7)
		strbuf_addch(out, (char)(v | 0x80));
	strbuf_addch(out, (char)v);
}

static void put_number(struct strbuf *out, unsigned number, uint64_t v)
{
	put_varint(out, number << 3 | VARINT);
	put_varint(out, v);
}

static void put_bytes(struct strbuf *out, unsigned number, const void *data, size_t len)
{
	put_varint(out, number << 3 | BYTES);
	put_varint(out, len);
	strbuf_add(out, data, len);
}

static void put_text(struct strbuf *out, unsigned number, const char *text)
{
	put_bytes(out, number, text, strlen(text));
}

static void put_pair(struct strbuf *out, unsigned number, const cJSON *item)
{
	AUTO_STRBUF struct strbuf pair = STRBUF_INIT;

	put_text(&pair, 1, item->string);
	put_text(&pair, 2, cJSON_IsString(item) ? item->valuestring : "");
	put_bytes(out, number, pair.buf, pair.len);
}

static void put_device(struct strbuf *out, const cJSON *device)
{
	AUTO_STRBUF struct strbuf v = STRBUF_INIT;
	const cJSON *item;

	put_text(&v, 1, device->string);
	cJSON_ArrayForEach(item, device)
		put_pair(&v, 2, item);
	put_bytes(out, 5, v.buf, v.len);
}

static void put_snapshot(struct strbuf *out, const cJSON *snapshot)
{
	AUTO_STRBUF struct strbuf v = STRBUF_INIT;
	const cJSON *item;

	put_text(&v, 1, json_str_or(snapshot, "name", ""));
	cJSON_ArrayForEach(item, json_obj(snapshot, "config"))
		put_pair(&v, 2, item);
	cJSON_ArrayForEach(item, json_arr(snapshot, "profiles"))
		if (cJSON_IsString(item))
			put_text(&v, 3, item->valuestring);
	put_number(&v, 4, json_bool(snapshot, "ephemeral", false));
	cJSON_ArrayForEach(item, json_obj(snapshot, "devices"))
		put_device(&v, item);
	put_number(&v, 6, (uint64_t)json_int(snapshot, "architecture", 0));
	put_number(&v, 7, json_bool(snapshot, "stateful", false));
	put_number(&v, 8, (uint64_t)json_int(snapshot, "created", 0));
	put_number(&v, 9, (uint64_t)json_int(snapshot, "used", 0));
	put_number(&v, 10, (uint64_t)json_int(snapshot, "expires", 0));
	put_bytes(out, 5, v.buf, v.len);
}

static void put_idmap(struct strbuf *out, const cJSON *map)
{
	AUTO_STRBUF struct strbuf v = STRBUF_INIT;

	put_number(&v, 1, json_bool(map, "Isuid", false));
	put_number(&v, 2, json_bool(map, "Isgid", false));
	put_number(&v, 3, (uint64_t)(int64_t)(int32_t)json_int(map, "Hostid", 0));
	put_number(&v, 4, (uint64_t)(int64_t)(int32_t)json_int(map, "Nsid", 0));
	put_number(&v, 5, (uint64_t)(int64_t)(int32_t)json_int(map, "Maprange", 0));
	put_bytes(out, 3, v.buf, v.len);
}

static void put_rsync(struct strbuf *out, const cJSON *rsync)
{
	AUTO_STRBUF struct strbuf v = STRBUF_INIT;

	for (unsigned i = 1; i <= 4; i++)
		put_number(&v, i, json_bool(rsync, rsync_names[i], false));
	put_bytes(out, 8, v.buf, v.len);
}

void migrate_header_write(const cJSON *header, struct strbuf *out)
{
	const cJSON *item;

	put_number(out, 1, (uint64_t)json_int(header, "fs", MIGRATE_FS_RSYNC));
	if (cJSON_HasObjectItem(header, "criu"))
		put_number(out, 2, (uint64_t)json_int(header, "criu", 0));
	cJSON_ArrayForEach(item, json_arr(header, "idmap"))
		put_idmap(out, item);
	cJSON_ArrayForEach(item, json_arr(header, "names"))
		if (cJSON_IsString(item))
			put_text(out, 4, item->valuestring);
	cJSON_ArrayForEach(item, json_arr(header, "snapshots"))
		put_snapshot(out, item);
	put_number(out, 7, json_bool(header, "predump", false));
	if (json_obj(header, "rsync") != NULL)
		put_rsync(out, json_obj(header, "rsync"));
	put_number(out, 9, json_bool(header, "refresh", false));
	put_number(out, 13, (uint64_t)json_int(header, "index_version", 0));
}

void migrate_control_write(bool success, const char *message, struct strbuf *out)
{
	put_number(out, 1, success);
	put_text(out, 2, message);
}
