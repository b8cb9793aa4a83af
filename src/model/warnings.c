/* SPDX-License-Identifier: MIT */
#include "model/warnings.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/ident.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"

#define ENTRIES_MAX 1000 /* the oldest goes */

struct warnings {
	char *path;
	cJSON *list; /* oldest first */
};

struct warnings *warnings_open(const char *path, struct error *err)
{
	cJSON *list = fs_exists(path) ? json_read_file(path, err) : cJSON_CreateArray();
	struct warnings *w;

	if (list && !cJSON_IsArray(list)) {
		cJSON_Delete(list);
		list = NULL;
		error_set(err, ERROR_INVALID, "'%s' does not hold a JSON array", path);
	}
	if (!list)
		return NULL;
	w = mem_alloc(sizeof(*w));
	w->path = mem_strdup(path);
	w->list = list;
	return w;
}

void warnings_free(struct warnings *w)
{
	if (!w)
		return;
	cJSON_Delete(w->list);
	free(w->path);
	free(w);
}

const cJSON *warnings_list(const struct warnings *w)
{
	return w ? w->list : NULL;
}

static cJSON *find(const struct warnings *w, const char *uuid)
{
	cJSON *e;

	cJSON_ArrayForEach(e, w->list)
		if (strcmp(json_str_or(e, "uuid", ""), uuid) == 0)
			return e;
	return NULL;
}

const cJSON *warning_find(const struct warnings *w, const char *uuid)
{
	return find(w, uuid);
}

static cJSON *find_type(const struct warnings *w, const char *type, const char *entity)
{
	cJSON *e;

	cJSON_ArrayForEach(e, w->list)
		if (strcmp(json_str_or(e, "type", ""), type) == 0 && strcmp(json_str_or(e, "entity_url", ""), entity) == 0)
			return e;
	return NULL;
}

static int save(const struct warnings *w, struct error *err)
{
	return json_write_file(w->path, w->list, JSON_DURABLE, err);
}

/* Counts are worth no more than the log: what the power takes of them is not missed. */
static void save_quick(const struct warnings *w)
{
	struct error err = ERROR_INIT;

	if (json_write_file(w->path, w->list, JSON_QUICK, &err) < 0)
		log_error("%s", err.msg);
}

static cJSON *entry_new(struct warnings *w, const char *type, const char *entity)
{
	cJSON *e = cJSON_CreateObject();
	char uuid[UUID_TEXT_SIZE], now[TIME_TEXT_SIZE];

	ident_uuid(uuid);
	time_now(now);
	json_set_str(e, "uuid", uuid);
	json_set_str(e, "location", "none");
	json_set_str(e, "project", *entity ? "default" : "");
	json_set_str(e, "type", type);
	json_set_str(e, "first_seen_at", now);
	json_set_str(e, "entity_url", entity);
	json_set_str(e, "status", "new");
	if (cJSON_GetArraySize(w->list) >= ENTRIES_MAX)
		cJSON_DeleteItemFromArray(w->list, 0);
	cJSON_AddItemToArray(w->list, e);
	return e;
}

static void raise_one(struct warnings *w, const char *type, const char *entity, enum warning_severity severity,
		      const char *message)
{
	static const char *const names[] = { "low", "moderate", "high" };
	cJSON *e = find_type(w, type, entity);
	char now[TIME_TEXT_SIZE];

	if (!e)
		e = entry_new(w, type, entity);
	if (strcmp(json_str_or(e, "status", ""), "resolved") == 0)
		json_set_str(e, "status", "new");
	time_now(now);
	json_set_int(e, "count", json_int(e, "count", 0) + 1);
	json_set_str(e, "last_seen_at", now);
	json_set_str(e, "last_message", message);
	json_set_str(e, "severity", names[severity]);
}

void warning_raise(struct warnings *w, const char *type, const char *entity, enum warning_severity severity,
		   const char *message)
{
	if (!w)
		return;
	raise_one(w, type, entity, severity, message);
	save_quick(w);
}

static bool resolve_one(struct warnings *w, const char *type, const char *entity)
{
	cJSON *e = find_type(w, type, entity);

	if (!e || strcmp(json_str_or(e, "status", ""), "resolved") == 0)
		return false;
	json_set_str(e, "status", "resolved");
	return true;
}

void warning_resolve(struct warnings *w, const char *type, const char *entity)
{
	if (w && resolve_one(w, type, entity))
		save_quick(w);
}

void warnings_of_checks(struct warnings *w, const cJSON *findings)
{
	bool changed = false;
	const cJSON *f;

	if (!w)
		return;
	cJSON_ArrayForEach(f, findings) {
		const char *status = json_str_or(f, "status", "ok"), *fix = json_str_or(f, "fix", "");
		AUTO_FREE char *type = mem_printf("Host check: %s", json_str_or(f, "name", ""));
		AUTO_FREE char *message = mem_printf("%s%s%s", json_str_or(f, "message", ""), *fix ? "; to mend it: " : "", fix);

		if (strcmp(status, "ok") == 0) {
			changed |= resolve_one(w, type, "");
			continue;
		}
		raise_one(w, type, "", strcmp(status, "error") == 0 ? WARNING_HIGH : WARNING_LOW, message);
		changed = true;
	}
	if (changed) /* once for all */
		save_quick(w);
}

int warning_set_status(struct warnings *w, const char *uuid, const char *status, struct error *err)
{
	cJSON *e = find(w, uuid);
	AUTO_FREE char *old = NULL;

	if (!e)
		return error_set(err, ERROR_NOT_FOUND, "Warning not found");
	if (strcmp(status, "new") != 0 && strcmp(status, "acknowledged") != 0)
		return error_set(err, ERROR_INVALID, "Status may only be set to \"acknowledged\" or \"new\"");
	old = mem_strdup(json_str_or(e, "status", "new"));
	json_set_str(e, "status", status);
	if (save(w, err) == 0)
		return 0;
	json_set_str(e, "status", old);
	return -1;
}

int warning_delete(struct warnings *w, const char *uuid, struct error *err)
{
	cJSON *e = find(w, uuid);

	if (!e)
		return error_set(err, ERROR_NOT_FOUND, "Warning not found");
	e = cJSON_DetachItemViaPointer(w->list, e);
	if (save(w, err) < 0) {
		cJSON_AddItemToArray(w->list, e);
		return -1;
	}
	cJSON_Delete(e);
	return 0;
}
