/* SPDX-License-Identifier: MIT */
/*
 * Making and deleting volumes. A deleted one is first renamed to extern_path/.trash/UUID, the point of no return: until
 * then it is whole, afterwards it is nobody's.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/ident.h"
#include "base/json.h"
#include "base/mem.h"
#include "instance/volume_work.h"
#include "model/settings.h"
#include "pool/limit.h"

static const char *arg(const struct work *w, const char *key)
{
	return json_str_or(w->args, key, "");
}

/* ---- create */

static enum op_result step_check_create(struct op *op, struct error *err)
{
	struct work *w = op_data(op);
	int found = volume_exists(w->b, w->name, arg(w, "volume"), err);

	if (found > 0)
		error_set(err, ERROR_CONFLICT, "Volume by that name already exists: '%s/%s'", w->name, arg(w, "volume"));
	return found == 0 && volume_check_free(w->b, w->name, arg(w, "volume"), err) == 0 && registry_find(w->b->registry, w->name, err) != NULL ? OP_DONE : OP_FAIL;
}

static enum op_result step_make(struct op *op, struct error *err)
{
	struct work *w = op_data(op);

	return volume_make(w, arg(w, "volume"), err) < 0 ? OP_FAIL : OP_DONE;
}

static enum op_result step_unmake(struct op *op, struct error *err)
{
	struct work *w = op_data(op);

	volume_unmake(w->b, w->name, arg(w, "volume"));
	return OP_DONE;
}

static const struct op_step create_steps[] = {
	{ "check", step_check_create, NULL, 0, 0 },
	{ "make", step_make, step_unmake, 0, 0 },
	{ 0 },
};

static const struct op_kind create_kind = {
	.name = "volume-create",
	.description = "Creating volume",
	.steps = create_steps,
	.load = work_load,
	.unload = work_unload,
};

/* ---- delete */

/* Notes the device of its owner, if it has one. Anybody else's is in the way. */
static int check_delete(struct work *w, struct error *err)
{
	AUTO_JSON cJSON *users = NULL;
	const struct instance *owner = registry_get(w->b->registry, w->name);
	const cJSON *user;
	int found = volume_exists(w->b, w->name, arg(w, "volume"), err);

	if (found == 0)
		error_set(err, ERROR_NOT_FOUND, "Volume not found: '%s/%s'", w->name, arg(w, "volume"));
	if (found <= 0)
		return -1;
	users = volume_users(w->b, w->name, arg(w, "volume"));
	cJSON_ArrayForEach(user, users) {
		const char *name = json_str(user, "instance"), *device = json_str(user, "device");

		if (owner == NULL || strcmp(name, w->name) != 0)
			return error_set(err, ERROR_CONFLICT, "The storage volume is still in use: '%s/%s' is attached to '%s' "
					 "(device \"%s\"): detach it there first", w->name, arg(w, "volume"), name, device);
		if (json_str(w->args, "device") != NULL)
			return error_set(err, ERROR_CONFLICT, "The storage volume is still in use: '%s' has it as \"%s\" and as "
					 "\"%s\": detach it first", name, arg(w, "device"), device);
		if (volume_note_device(w, owner, device, err) < 0)
			return -1;
	}
	return 0;
}

static enum op_result step_check_delete(struct op *op, struct error *err)
{
	return check_delete(op_data(op), err) < 0 ? OP_FAIL : OP_DONE;
}

static char *trash_of(const struct work *w)
{
	return mem_printf("%s/.trash/%s", w->b->settings->extern_path, arg(w, "trash"));
}

static char *notes_of(const struct work *w) /* pool/custom.h */
{
	return mem_printf("%s/%s/.%s", w->b->settings->extern_path, w->name, arg(w, "volume"));
}

static int discard_data(const struct work *w, const char *trash, struct error *err)
{
	AUTO_FREE char *path = volume_path(w->b, w->name, arg(w, "volume"));

	if (rename(path, trash) == 0 || errno == ENOENT)
		return 0;
	if (errno == EBUSY || errno == EXDEV)
		return error_set(err, ERROR_CONFLICT, "'%s' is a mount point: unmount it first", path);
	return error_sys(err, errno, "cannot rename '%s' to '%s'", path, trash);
}

/* The data last: then all of it is there. */
static int discard(const struct work *w, struct error *err)
{
	AUTO_FREE char *trash = trash_of(w);
	AUTO_FREE char *bin = fs_join(w->b->settings->extern_path, ".trash");
	AUTO_FREE char *notes = notes_of(w), *notes_trash = mem_printf("%s.notes", trash);

	if (json_str(w->args, "volume") == NULL || json_str(w->args, "trash") == NULL)
		return error_set(err, ERROR_INVALID, "the operation names no volume");
	if (fs_exists(trash)) /* a killed berthd had come so far */
		return 0;
	if (mkdir(bin, 0700) < 0 && errno != EEXIST)
		return error_sys(err, errno, "cannot make '%s'", bin);
	if (rename(notes, notes_trash) < 0 && errno != ENOENT)
		return error_sys(err, errno, "cannot rename '%s' to '%s'", notes, notes_trash);
	if (discard_data(w, trash, err) == 0)
		return fs_sync_dir(bin, err);
	(void)rename(notes_trash, notes);
	return -1;
}

static enum op_result step_trash(struct op *op, struct error *err)
{
	return discard(op_data(op), err) < 0 ? OP_FAIL : OP_DONE;
}

static int sweep_fn(void *data, struct error *err)
{
	const struct work *w = data;
	AUTO_FREE char *trash = trash_of(w);
	AUTO_FREE char *bin = fs_join(w->b->settings->extern_path, ".trash");
	AUTO_FREE char *parent = fs_join(w->b->settings->extern_path, w->name);
	AUTO_FREE char *notes = mem_printf("%s.notes", trash);

	limit_forget(trash);
	if (fs_remove_tree(trash, err) < 0 || fs_remove_tree(notes, err) < 0)
		return -1;
	(void)rmdir(bin);
	(void)rmdir(parent);
	return 0;
}

static enum op_result step_sweep(struct op *op, struct error *err)
{
	return op_thread(op, sweep_fn, op_data(op), err);
}

static const struct op_step delete_steps[] = {
	{ "check", step_check_delete, NULL, 0, 0 },
	{ "detach", step_volume_detach, step_volume_restore, 120, 0 },
	{ "live", step_volume_live, NULL, 120, 0 },
	{ "verify", step_volume_verify, NULL, 0, 0 },
	{ "trash", step_trash, NULL, 0, OP_COMMIT },
	{ "sweep", step_sweep, NULL, 3600, 0 },
	{ 0 },
};

static const struct op_kind delete_kind = {
	.name = "volume-delete",
	.description = "Deleting volume",
	.steps = delete_steps,
	.load = work_load,
	.unload = work_unload,
	.frees = true,
	.retries = true,
};

void volume_register(struct op_queue *q)
{
	op_queue_register(q, &volume_attach_kind);
	op_queue_register(q, &volume_detach_kind);
	op_queue_register(q, &create_kind);
	op_queue_register(q, &delete_kind);
}

/* ---- requests */

static cJSON *args_of(const char *owner, const char *name)
{
	cJSON *args = cJSON_CreateObject();

	json_set_str(args, "name", owner);
	json_set_str(args, "owner", owner);
	json_set_str(args, "volume", name);
	return args;
}

struct op *volume_create(struct berthd *b, const char *owner, const char *name, struct error *err)
{
	if (volume_name_check(name, err) < 0 || registry_find(b->registry, owner, err) == NULL)
		return NULL;
	return volume_start(b, &create_kind, args_of(owner, name), err);
}

struct op *volume_delete(struct berthd *b, const char *owner, const char *name, struct error *err)
{
	AUTO_JSON cJSON *found = volume_get(b, owner, name, err);
	char uuid[UUID_TEXT_SIZE];
	cJSON *args;

	if (found == NULL)
		return NULL;
	args = args_of(owner, name);
	ident_uuid(uuid);
	json_set_str(args, "trash", uuid);
	return volume_start(b, &delete_kind, args, err);
}
