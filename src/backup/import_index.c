/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "backup/import_private.h"
#include "base/ident.h"
#include "base/json.h"

int import_take_streams(const cJSON *index, cJSON *v, struct error *err)
{
	const cJSON *item;

	if (strcmp(json_str_or(index, "optimized", "false"), "true") != 0)
		return 0;
	cJSON_ArrayForEach(item, json_arr(json_obj(index, "header"), "subvolumes"))
		if (strcmp(json_str_or(item, "path", "/"), "/") != 0)
			return error_set(err, ERROR_UNSUPPORTED, "the backup was made with --optimized-storage and has a subvolume of its "
								 "own in '%.200s': export it without", json_str(item, "path"));
	json_set_bool(v, "streams", true);
	json_set_str(v, "backend", json_str_or(index, "backend", ""));
	return 0;
}

int import_check_driver(const cJSON *v, const char *driver, struct error *err)
{
	const char *wants = json_str(v, "backend");

	if (wants == NULL || (driver != NULL && strcmp(wants, driver) == 0 && strcmp(driver, "btrfs") == 0))
		return 0;
	return error_set(err, ERROR_INVALID, "Optimized backup storage driver \"%.32s\" differs from the target storage pool driver "
					     "\"%s\"", wants, driver != NULL ? driver : "");
}

void import_put_time(cJSON *v, const char *key, const cJSON *from)
{
	const char *text = json_str_or(from, key, "");
	time_t when;

	json_set_str(v, key, time_parse(text, &when) == 0 ? text : TIME_UNSET);
}

/* ---- snapshots */

const char *import_snapshot_name(const cJSON *snapshot)
{
	const char *full = json_str_or(snapshot, "name", ""), *slash = strchr(full, '/');

	return slash != NULL ? slash + 1 : full;
}

int import_check_once(const cJSON *list, const char *name, struct error *err)
{
	const cJSON *other;

	cJSON_ArrayForEach(other, list)
		if (strcmp(json_str_or(other, "name", ""), name) == 0)
			return error_set(err, ERROR_INVALID, "the backup has snapshot '%.64s' twice", name);
	return 0;
}

int import_check_all(const cJSON *index, const cJSON *list, struct error *err)
{
	if (cJSON_GetArraySize(list) == cJSON_GetArraySize(json_arr(index, "snapshots")))
		return 0;
	return error_set(err, ERROR_INVALID, "the backup's index says nothing of some of its snapshots");
}

/* ---- ids: how the files lie is in volatile.last_state.idmap, JSON: [] for the container's own */

struct ranges {
	const cJSON *uids, *gids;
	int n_uids, n_gids;
};

static int take_ranges(const cJSON *map, struct ranges *r, struct error *err)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, map) {
		bool uids = json_bool(item, "Isuid", false), gids = json_bool(item, "Isgid", false);

		if (uids)
			r->uids = item;
		if (gids)
			r->gids = item;
		r->n_uids += uids;
		r->n_gids += gids;
	}
	if (r->n_uids == 0 && r->n_gids == 0)
		return 0;
	if (r->n_uids != 1 || r->n_gids != 1)
		return error_set(err, ERROR_UNSUPPORTED, "the backup's files have more than one range of ids (raw.idmap)");
	return 1;
}

int import_take_shift(const char *text, cJSON *archive, struct error *err)
{
	static const char *const keys[] = { "Hostid", "Nsid", "Maprange" };
	struct error bad = ERROR_INIT;
	AUTO_JSON cJSON *map = text[0] != '\0' ? json_parse(text, strlen(text), &bad) : cJSON_CreateArray();
	struct ranges r = { 0 };
	int64_t v[3];
	int rc;

	if (!cJSON_IsArray(map) && !cJSON_IsNull(map))
		return error_set(err, ERROR_INVALID, "the backup's map of ids (volatile.…) is none");
	rc = take_ranges(map, &r, err);
	if (rc <= 0)
		return rc;
	for (size_t i = 0; i < 3; i++) {
		v[i] = json_int(r.uids, keys[i], -1);
		if (v[i] < 0 || v[i] > UINT32_MAX || v[i] != json_int(r.gids, keys[i], -1))
			return error_set(err, ERROR_UNSUPPORTED, "the backup's files have ids that berth cannot map: %.200s", text);
	}
	json_set_strf(archive, "shift", "%lld:%lld:%lld", (long long)v[0], (long long)v[1], (long long)v[2]);
	return 0;
}
