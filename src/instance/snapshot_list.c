/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/fs.h"
#include "base/ident.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "instance/instance.h"
#include "instance/snapshot_work.h"
#include "model/snapshot_pattern.h"

/* ---- names on disk */

static char *encode(const char *name)
{
	struct strbuf out = STRBUF_INIT;

	for (const char *p = name; *p != '\0'; p++) {
		if (*p == '%' || (*p == '.' && p == name))
			strbuf_addf(&out, "%%%02X", (unsigned)*p);
		else
			strbuf_addch(&out, *p);
	}
	return strbuf_detach(&out);
}

/* NULL when encode() would never have given it. */
static char *decode(const char *file)
{
	AUTO_STRBUF struct strbuf out = STRBUF_INIT;
	AUTO_FREE char *again = NULL;
	struct error ignored = ERROR_INIT;

	for (const char *p = file; *p != '\0'; p++) {
		if (strncmp(p, "%25", 3) == 0 || strncmp(p, "%2E", 3) == 0) {
			strbuf_addch(&out, p[2] == '5' ? '%' : '.');
			p += 2;
		} else {
			strbuf_addch(&out, *p);
		}
	}
	again = encode(out.buf);
	return strcmp(again, file) == 0 && name_validate_snapshot(out.buf, &ignored) == 0 ? strbuf_detach(&out) : NULL;
}

char *snapshot_file(const char *snapshot)
{
	return encode(snapshot);
}

char *snapshot_parent(const struct berthd *b, const char *instance)
{
	AUTO_FREE char *dir = instance_dir(b, instance);

	return fs_join(dir, SNAPSHOTS_DIR);
}

char *snapshot_dir(const struct berthd *b, const char *instance, const char *snapshot)
{
	AUTO_FREE char *parent = snapshot_parent(b, instance);
	AUTO_FREE char *file = encode(snapshot);

	return fs_join(parent, file);
}

/* ---- the list */

static bool is_whole(const cJSON *v)
{
	return cJSON_IsObject(v) && json_obj(v, "config") != NULL && json_obj(v, "devices") != NULL &&
	       json_arr(v, "profiles") != NULL && json_str(v, "driver") != NULL && json_str(v, "created_at") != NULL;
}

/* One that cannot be understood is shown, with a note, so that it can be deleted. */
static cJSON *read_one(const struct instance *inst, const char *parent, const char *file, const char *name)
{
	AUTO_FREE char *path = mem_printf("%s/%s/%s", parent, file, DESIRED_FILE);
	struct error err = ERROR_INIT;
	cJSON *v = json_read_file(path, &err);

	if (v != NULL && !is_whole(v)) {
		error_set(&err, ERROR_INVALID, "'%s' lacks config, devices, profiles, driver or created_at", path);
		cJSON_Delete(v);
		v = NULL;
	}
	if (v == NULL) {
		log_warning("instance '%s', snapshot '%s': %s", inst->name, name, err.msg);
		v = cJSON_CreateObject();
		json_set_str(v, "note", err.msg);
		json_set_str(v, "created_at", TIME_UNSET);
		cJSON_AddObjectToObject(v, "config");
		cJSON_AddObjectToObject(v, "devices");
		cJSON_AddArrayToObject(v, "profiles");
	}
	json_set_str(v, "name", name);
	return v;
}

static int by_age(const void *a, const void *b)
{
	const cJSON *x = *(const cJSON *const *)a, *y = *(const cJSON *const *)b;
	int order = strcmp(json_str_or(x, "created_at", ""), json_str_or(y, "created_at", ""));

	return order != 0 ? order : strcmp(json_str_or(x, "name", ""), json_str_or(y, "name", ""));
}

static cJSON *sorted(cJSON *list)
{
	size_t n = (size_t)cJSON_GetArraySize(list), i = 0;
	cJSON **items = mem_alloc((n + 1) * sizeof(*items)), *result = cJSON_CreateArray();

	while (list->child != NULL)
		items[i++] = cJSON_DetachItemViaPointer(list, list->child);
	qsort(items, n, sizeof(*items), by_age);
	for (i = 0; i < n; i++)
		cJSON_AddItemToArray(result, items[i]);
	free(items);
	cJSON_Delete(list);
	return result;
}

static cJSON *read_all(const struct instance *inst, const char *parent)
{
	cJSON *list = cJSON_CreateArray();
	DIR *dir = opendir(parent);
	struct dirent *d;

	while (dir != NULL && (d = readdir(dir)) != NULL) {
		AUTO_FREE char *name = d->d_name[0] != '.' ? decode(d->d_name) : NULL;

		if (name != NULL)
			cJSON_AddItemToArray(list, read_one(inst, parent, d->d_name, name));
	}
	if (dir != NULL)
		closedir(dir);
	return sorted(list);
}

static bool same_time(struct timespec a, struct timespec b)
{
	return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

void snapshot_changed(struct instance *inst)
{
	cJSON_Delete(inst->snapshots.list);
	inst->snapshots.list = NULL;
}

/* The folder's time stamp changes with each entry. What changed in the second that it was read in is read again. */
const cJSON *snapshot_list(const struct berthd *b, struct instance *inst)
{
	AUTO_FREE char *parent = snapshot_parent(b, inst->name);
	struct instance_snapshots *s = &inst->snapshots;
	struct stat st = { 0 };

	if (lstat(parent, &st) < 0 || !S_ISDIR(st.st_mode))
		st = (struct stat){ 0 };
	if (s->list != NULL && same_time(s->changed, st.st_mtim) && s->inode == st.st_ino && s->read_at > st.st_mtim.tv_sec + 1)
		return s->list;
	s->changed = st.st_mtim;
	s->inode = st.st_ino;
	s->read_at = time(NULL);
	cJSON_Delete(s->list);
	s->list = st.st_ino != 0 ? read_all(inst, parent) : cJSON_CreateArray();
	return s->list;
}

const cJSON *snapshot_find(const struct berthd *b, struct instance *inst, const char *name, struct error *err)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, snapshot_list(b, inst))
		if (strcmp(json_str_or(item, "name", ""), name) == 0)
			return item;
	error_set(err, ERROR_NOT_FOUND, "Failed to fetch snapshot \"%s\" of instance \"%s\" in project \"default\": "
		  "InstanceSnapshot not found", name, inst->name);
	return NULL;
}

bool snapshot_uses_image(const struct berthd *b, struct instance *inst, const char *fingerprint)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, snapshot_list(b, inst)) {
		const char *image = instance_image(item);

		if (image != NULL && strcmp(image, fingerprint) == 0)
			return true;
	}
	return false;
}

cJSON *snapshot_view(const struct berthd *b, const cJSON *snapshot)
{
	static const char *const copied[] = { "architecture", "config", "created_at", "description", "devices", "ephemeral",
					      "name", "profiles", "note" };
	cJSON *v = cJSON_CreateObject(), *config, *devices;

	for (size_t i = 0; i < sizeof(copied) / sizeof(copied[0]); i++) {
		const cJSON *item = cJSON_GetObjectItemCaseSensitive(snapshot, copied[i]);

		if (item != NULL)
			json_set(v, copied[i], cJSON_Duplicate(item, true));
	}
	instance_expand_shown(b, snapshot, &config, &devices);
	json_set(v, "expanded_config", config);
	json_set(v, "expanded_devices", devices);
	json_set_str(v, "expires_at", json_str_or(snapshot, "expires_at", TIME_UNSET));
	json_set_str(v, "last_used_at", TIME_UNSET); /* what it has is the instance's; itself it never ran */
	json_set_bool(v, "stateful", false);
	json_set_int(v, "size", -1); /* LXD's word for: not asked for */
	instance_hide_own(v);
	json_sort(v);
	return v;
}
