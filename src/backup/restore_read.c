/* SPDX-License-Identifier: MIT */
/* What an archive says of itself. Its text is hostile. */
#include <stdlib.h>
#include <string.h>

#include "backup/format.h"
#include "backup/restore.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/units.h"
#include "proc/proc.h"

#define SMALL_MAX (4 << 20)

static const struct {
	const char *name;
	bool tree;
} members[] = { { BACKUP_INFO, false }, { BACKUP_DESIRED, false }, { BACKUP_CONFIG, false }, { BACKUP_TREE, true } };
enum { MEMBERS = sizeof(members) / sizeof(members[0]) };

struct listing {
	int current; /* index into members, -1: none */
	bool seen[MEMBERS], sized[MEMBERS];
	uint64_t stream, max_stream;
};

static int foreign(struct error *err, const char *why, const char *what)
{
	char clean[80];

	proc_clean_text(what, strnlen(what, 64), clean, sizeof(clean));
	return error_set(err, ERROR_INVALID, "this is no backup made by berth: %s '%s'", why, clean);
}

static int take_path(struct listing *l, const char *path, struct error *err)
{
	for (l->current = 0; l->current < MEMBERS; l->current++) {
		if (strcmp(members[l->current].name, path) == 0)
			break;
	}
	if (l->current == MEMBERS)
		return foreign(err, "the archive holds", path);
	if (l->seen[l->current])
		return foreign(err, "the archive holds twice", path);
	l->seen[l->current] = true;
	return 0;
}

static int take_size(struct listing *l, const char *text, struct error *err)
{
	struct error bad = ERROR_INIT;
	int64_t size;

	if (l->current < 0 || l->sized[l->current] || units_parse_int(text, 0, INT64_MAX, &size, &bad) < 0)
		return foreign(err, "a member has no proper size:", text);
	l->sized[l->current] = true;
	if (!members[l->current].tree && size > SMALL_MAX)
		return foreign(err, "too large is", members[l->current].name);
	if (members[l->current].tree)
		l->stream = (uint64_t)size;
	if (l->stream > l->max_stream)
		return error_set(err, ERROR_TOO_LARGE, "the backup unpacks to %lld bytes, more than image_max_bytes and "
						       "image_max_entries allow", (long long)size);
	return 0;
}

static int take_line(struct listing *l, const char *line, struct error *err)
{
	if (strncmp(line, "Path = ", 7) == 0)
		return take_path(l, line + 7, err);
	if (strncmp(line, "Size = ", 7) == 0)
		return take_size(l, line + 7, err);
	if (strcmp(line, "Encrypted = +") == 0)
		return foreign(err, "encrypted is", l->current >= 0 ? members[l->current].name : "");
	if (strncmp(line, "Attributes = D", 14) == 0 || strcmp(line, "Folder = +") == 0)
		return foreign(err, "no file is", l->current >= 0 ? members[l->current].name : "");
	return 0;
}

int restore_check_listing(const char *text, uint64_t max_stream, uint64_t *ret_stream, struct error *err)
{
	struct listing l = { .current = -1, .max_stream = max_stream };
	const char *start = strstr(text, "\n----------\n");
	AUTO_FREE char *copy = mem_strdup(start != NULL ? start + 12 : "");
	char *line, *save = NULL;

	for (line = strtok_r(copy, "\n", &save); line != NULL; line = strtok_r(NULL, "\n", &save)) {
		if (take_line(&l, line, err) < 0)
			return -1;
	}
	for (int i = 0; i < MEMBERS; i++) {
		if (!l.seen[i] || !l.sized[i])
			return foreign(err, "the archive lacks", members[i].name);
	}
	*ret_stream = l.stream;
	return 0;
}

/* ---- berth.json */

static bool all_strings(const cJSON *v)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, v) {
		if (!cJSON_IsString(item))
			return false;
	}
	return true;
}

bool restore_is_desired(const cJSON *v)
{
	const cJSON *device;

	if (!cJSON_IsObject(v) || !json_obj(v, "config") || !json_obj(v, "devices") || !json_arr(v, "profiles") ||
	    !all_strings(json_obj(v, "config")) || !all_strings(json_arr(v, "profiles")))
		return false;
	cJSON_ArrayForEach(device, json_obj(v, "devices")) {
		if (!cJSON_IsObject(device) || !all_strings(device))
			return false;
	}
	return true;
}

cJSON *restore_read_desired(const char *text, size_t len, struct error *err)
{
	static const char *const objects[] = { "config", "devices", "profiles" };
	static const char *const strings[] = { "architecture", "description" };
	AUTO_JSON cJSON *v = json_parse(text, len, err);
	cJSON *desired;

	if (v == NULL) {
		error_wrap(err, "the backup's " BACKUP_DESIRED);
		return NULL;
	}
	if (!restore_is_desired(v)) {
		error_set(err, ERROR_INVALID, "the backup's " BACKUP_DESIRED " is no description of an instance: config, "
					      "devices and profiles must be there, and hold strings");
		return NULL;
	}
	desired = cJSON_CreateObject();
	for (size_t i = 0; i < 3; i++)
		json_set(desired, objects[i],
			 cJSON_Duplicate(cJSON_GetObjectItemCaseSensitive(v, objects[i]), true));
	for (size_t i = 0; i < 2; i++)
		json_set_str(desired, strings[i], json_str_or(v, strings[i], ""));
	json_set_bool(desired, "ephemeral", json_bool(v, "ephemeral", false));
	return desired;
}
