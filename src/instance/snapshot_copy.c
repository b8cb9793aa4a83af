/* SPDX-License-Identifier: MIT */
/* The snapshots of an instance that is copied come along, one after the other. They are at rest, whatever the source does. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "instance/address.h"
#include "instance/copy.h"
#include "instance/snapshot_work.h"
#include "instance/swap.h"
#include "instance/volume.h"

#define LEFT "snapshots_left" /* in the work's scratch: names, an array */

static const char *source_of(const struct work *w)
{
	return json_str_or(w->args, "copy_of", "");
}

void snapshot_set_pool(const struct work *w, cJSON *note)
{
	const cJSON *desired = json_obj(w->args, "desired"), *dev;

	json_set_str(note, "pool", json_str(desired, "pool"));
	cJSON_ArrayForEach(dev, json_obj(desired, "devices"))
		if (strcmp(json_str_or(dev, "type", ""), "disk") == 0 && strcmp(json_str_or(dev, "path", ""), "/") == 0)
			json_set(json_obj(note, "devices"), dev->string, cJSON_Duplicate(dev, true));
}

/* Its own names, addresses and volumes are the source's: what a copy does not take, going back to it does not bring. */
static cJSON *note_of_copy(const struct work *w, const cJSON *snapshot)
{
	cJSON *v = cJSON_Duplicate(snapshot, true), *config = json_obj(v, "config"), *item, *next;

	json_set(v, "name", NULL);
	snapshot_set_pool(w, v);
	if (json_bool(w->args, "moves", false))
		return v;
	for (item = config->child; item != NULL; item = next) {
		next = item->next;
		if (strncmp(item->string, "volatile.", 9) == 0 && !snapshot_key_lies_in_files(item->string))
			cJSON_Delete(cJSON_DetachItemViaPointer(config, item));
	}
	address_forget(v, snapshot);
	volume_drop(w->b, json_obj(v, "devices"), json_obj(snapshot, "devices"));
	return v;
}

/* One that could never be gone back to is worth an error now. */
static int check_one(const struct work *w, const cJSON *snapshot, struct error *err)
{
	const char *name = json_str_or(snapshot, "name", "");
	uint32_t was = (uint32_t)json_int(snapshot, "idmap_base", 0), base = (uint32_t)json_int(w->args, "idmap_base", 0);

	if (json_str(snapshot, "note") != NULL)
		return error_set(err, ERROR_INVALID, "snapshot '%s' of '%s' cannot be understood: copy without snapshots, with "
				 "--instance-only", name, source_of(w));
	if (was == base || snapshot_has_no_ids(w->b, snapshot))
		return 0;
	return error_set(err, ERROR_CONFLICT, "the files of snapshot '%s' of '%s' belong to the ids %u+, the copy would have %u+: "
			 "copy without snapshots, with --instance-only", name, source_of(w), was, base);
}

char *snapshot_staged(const struct work *w, const char *name)
{
	AUTO_FREE char *dir = snapshot_dir(w->b, w->name, name);
	AUTO_FREE char *staging = swap_staging(w);

	return mem_printf("%s/snapshots/%s", staging, strrchr(dir, '/') + 1);
}

static int make_folder(const char *path, struct error *err)
{
	AUTO_FREE char *parent = mem_strndup(path, (size_t)(strrchr(path, '/') - path));

	if ((mkdir(parent, 0700) < 0 && errno != EEXIST) || mkdir(path, 0700) < 0)
		return error_sys(err, errno, "cannot make '%s'", path);
	return 0;
}

static enum op_result copy_next(struct op *op, struct error *err);

static enum op_result copied(struct op *op, const struct proc_result *result, struct error *err)
{
	return proc_check("berth-rootfs", result, err) < 0 ? OP_FAIL : copy_next(op, err);
}

static enum op_result copy_one(struct op *op, struct work *w, const cJSON *snapshot, struct error *err)
{
	const char *name = json_str_or(snapshot, "name", "");
	AUTO_FREE char *from = snapshot_dir(w->b, source_of(w), name);
	AUTO_FREE char *to = json_bool(w->args, "into_staging", false) ? snapshot_staged(w, name) :
			     mem_printf("%s/" SNAPSHOTS_DIR "%s", w->dir, strrchr(from, '/'));
	AUTO_FREE char *src = fs_join(from, snapshot_part(snapshot));
	AUTO_FREE char *dst = fs_join(to, snapshot_part(snapshot));
	AUTO_FREE char *note = fs_join(to, DESIRED_FILE);
	AUTO_JSON cJSON *v = NULL;

	if (check_one(w, snapshot, err) < 0 || make_folder(to, err) < 0)
		return OP_FAIL;
	v = note_of_copy(w, snapshot);
	if (json_write_file(note, v, JSON_QUICK, err) < 0)
		return OP_FAIL;
	return snapshot_copy(op, src, dst, true, copied, err);
}

static enum op_result copy_next(struct op *op, struct error *err)
{
	struct work *w = op_data(op);
	cJSON *left = json_arr(w->scratch, LEFT);
	struct instance *source = registry_find(w->b->registry, source_of(w), err);
	AUTO_JSON cJSON *name = cJSON_DetachItemFromArray(left, 0);
	const cJSON *snapshot;

	if (name == NULL)
		return OP_DONE;
	snapshot = source != NULL ? snapshot_find(w->b, source, name->valuestring, err) : NULL;
	return snapshot != NULL ? copy_one(op, w, snapshot, err) : OP_FAIL;
}

enum op_result step_copy_snapshots(struct op *op, struct error *err)
{
	struct work *w = op_data(op);
	struct instance *source;
	const cJSON *item, *fresh;
	cJSON *left;

	if (!copy_is(w) || !json_bool(w->args, "with_snapshots", false))
		return OP_DONE;
	source = registry_find(w->b->registry, source_of(w), err);
	if (source == NULL)
		return OP_FAIL;
	fresh = json_arr(w->args, "fresh");
	if (w->scratch == NULL)
		w->scratch = cJSON_CreateObject();
	left = fresh != NULL ? cJSON_Duplicate(fresh, true) : cJSON_CreateArray();
	json_set(w->scratch, LEFT, left);
	if (fresh != NULL) /* of a refresh: some */
		return copy_next(op, err);
	cJSON_ArrayForEach(item, snapshot_list(w->b, source))
		cJSON_AddItemToArray(left, cJSON_CreateString(json_str_or(item, "name", "")));
	return copy_next(op, err);
}
