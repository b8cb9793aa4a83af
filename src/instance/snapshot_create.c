/* SPDX-License-Identifier: MIT */
/* POST /1.0/instances/NAME/snapshots: the files are copied to NAME/snapshots/.new, which gets its name when it is whole. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/expiry.h"
#include "base/fs.h"
#include "base/ident.h"
#include "base/json.h"
#include "base/mem.h"
#include "hook/hook.h"
#include "instance/place.h"
#include "instance/snapshot_work.h"
#include "lxc/freezer.h"
#include "model/settings.h"
#include "model/snapshot_pattern.h"
#include "pool/pool.h"
#include "pool/tree.h"

#define NEW ".new"
#define NOTE ".new.note" /* beside it: what the first pass over a running instance's files has copied */

static char *staging(const struct work *w)
{
	AUTO_FREE char *parent = snapshot_parent(w->b, w->name);

	return fs_join(parent, NEW);
}

static char *note_file(const struct work *w)
{
	AUTO_FREE char *parent = snapshot_parent(w->b, w->name);

	return fs_join(parent, NOTE);
}

const char *snapshot_name_of(const struct work *w)
{
	return json_str_or(w->args, "snapshot", "");
}

const char *snapshot_part(const cJSON *desired)
{
	return strcmp(json_str_or(desired, "driver", ""), "overlay") == 0 ? "upper" : "rootfs";
}

struct instance *snapshot_instance(const struct berthd *b, const char *name, struct error *err)
{
	struct instance *inst = registry_find(b->registry, name, err);

	if (inst == NULL)
		return NULL;
	if (inst->adopted)
		error_set(err, ERROR_UNSUPPORTED, "'%s' was not made by berth: use lxc-snapshot", name);
	else if (inst->note != NULL)
		error_set(err, ERROR_INVALID, "%s", inst->note);
	else
		return inst;
	return NULL;
}

struct op *snapshot_start(struct berthd *b, const struct op_kind *kind, cJSON *args, struct error *err)
{
	const char *name = json_str_or(args, "name", "");
	AUTO_FREE char *lock = mem_printf("instance/%s", name);
	const char *locks[] = { lock, NULL };
	struct op_options options = { .locks = locks, .resources = instance_resources(name) };

	return op_start(b->ops, kind, args, &options, err);
}

struct pending {
	const struct op_kind *kind;
	const char *name, *snapshot; /* NULL: any */
	bool found;
};

static void compare_op(struct op *op, void *data)
{
	struct pending *p = data;
	const cJSON *args = op_args(op);

	if (op_is(op, p->kind) && !op_final(op) && strcmp(json_str_or(args, "name", ""), p->name) == 0 &&
	    (p->snapshot == NULL || strcmp(json_str_or(args, "snapshot", ""), p->snapshot) == 0))
		p->found = true;
}

bool snapshot_pending(const struct berthd *b, const struct op_kind *kind, const char *name, const char *snapshot)
{
	struct pending p = { .kind = kind, .name = name, .snapshot = snapshot };

	op_foreach(b->ops, compare_op, &p);
	return p.found;
}

enum op_result snapshot_copy(struct op *op, const char *src, const char *dst, bool readonly, op_child_cb done,
			     struct error *err)
{
	const struct work *w = op_data(op);
	const struct proc_result well = { .out = "", .errs = "" };
	struct argv argv = ARGV_INIT;

	if (pool_tree_can_snapshot(src, dst)) {
		if ((fs_exists(dst) && rmdir(dst) < 0) || pool_tree_snapshot(src, dst, readonly, err) < 0)
			return OP_FAIL;
		return done != NULL ? done(op, &well, err) : OP_DONE;
	}
	if (!fs_exists(dst) && strcmp(pool_driver(w->b, place_pool(w->b, w->dir)), "btrfs") == 0 &&
	    pool_tree_create("btrfs", dst, err) < 0)
		return OP_FAIL;
	argv_pushf(&argv, "%s/berth-rootfs", w->b->settings->libexec_dir);
	argv_push(&argv, "idmap-copy");
	argv_pushf(&argv, "--lower=%s", src);
	argv_pushl(&argv, "--idmap=none", dst, NULL);
	return op_child(op, &argv, done, err);
}

/* ---- steps */

static void already_exists(const char *snapshot, struct error *err)
{
	error_set(err, ERROR_CONFLICT, "Failed creating instance snapshot record \"%s\": Add snapshot info to the database: "
				       "This \"instances_snapshots\" entry already exists", snapshot);
}

static enum op_result step_check(struct op *op, struct error *err)
{
	struct work *w = op_data(op);
	AUTO_FREE char *dir = snapshot_dir(w->b, w->name, snapshot_name_of(w));

	if (snapshot_instance(w->b, w->name, err) == NULL)
		return OP_FAIL;
	if (!fs_exists(dir))
		return OP_DONE;
	already_exists(snapshot_name_of(w), err);
	return OP_FAIL;
}

/* Nobody but the host's root looks into it: trees with setuid programs lie there. */
static int make_private(const char *path, struct error *err)
{
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return error_sys(err, errno, "cannot make '%s'", path);
	return chmod(path, 0700) < 0 ? error_sys(err, errno, "cannot set the mode of '%s'", path) : 0;
}

static int make_staging(const struct work *w, struct error *err)
{
	AUTO_FREE char *parent = snapshot_parent(w->b, w->name);
	AUTO_FREE char *path = staging(w);

	return make_private(parent, err) < 0 ? -1 : make_private(path, err);
}

/* ---- the files: of a running instance in two passes, the second of which it sleeps through */

static enum op_result run_copy(struct op *op, struct work *w, const char *command, struct error *err)
{
	const struct instance *inst = registry_find(w->b->registry, w->name, err);
	AUTO_FREE char *path = staging(w);
	AUTO_FREE char *note = note_file(w);
	AUTO_FREE char *src = NULL;
	AUTO_FREE char *dst = NULL;
	struct argv argv = ARGV_INIT;

	if (inst == NULL)
		return OP_FAIL;
	src = fs_join(w->dir, snapshot_part(inst->desired));
	dst = fs_join(path, snapshot_part(inst->desired));
	if (command == NULL)
		return snapshot_copy(op, src, dst, true, NULL, err);
	argv_pushf(&argv, "%s/berth-rootfs", w->b->settings->libexec_dir);
	argv_push(&argv, command);
	argv_pushf(&argv, "--source=%s", src);
	argv_pushf(&argv, "--note=%s", note);
	argv_push(&argv, dst);
	return op_child(op, &argv, NULL, err);
}

/* All of a subvolume is of one moment: a running instance need not stand still for it. */
static bool is_instant(const struct work *w, const struct instance *inst)
{
	AUTO_FREE char *src = fs_join(w->dir, snapshot_part(inst->desired));

	return pool_tree_is_subvolume(src);
}

static enum op_result step_tree(struct op *op, struct error *err)
{
	struct work *w = op_data(op);
	const struct instance *inst = registry_find(w->b->registry, w->name, err);
	bool live;

	if (inst == NULL || make_staging(w, err) < 0)
		return OP_FAIL;
	live = instance_active(inst) && !is_instant(w, inst);
	json_set_bool(op_args(op), "live", live);
	return run_copy(op, w, live ? "live-copy" : NULL, err);
}

/* One that has ended meanwhile is at rest, too. */
static enum op_result frozen(struct op *op, const struct proc_result *result, struct error *err)
{
	if (proc_check("lxc-freeze", result, err) == 0 || !work_active(op_data(op))) {
		error_clear(err);
		return OP_DONE;
	}
	return OP_FAIL;
}

static enum op_result step_freeze(struct op *op, struct error *err)
{
	struct work *w = op_data(op);
	const struct instance *inst = registry_find(w->b->registry, w->name, err);

	if (inst == NULL)
		return OP_FAIL;
	/* our note of its state may be behind: that of the freeze for the last snapshot */
	if (!json_bool(op_args(op), "live", false) || !instance_active(inst) ||
	    freezer_is_frozen(w->name, inst->pid, w->b->probe->cgroups, inst->state == LXC_FROZEN))
		return OP_DONE;
	json_set_bool(op_args(op), "froze", true);
	if (op_save_quick(op, err) < 0)
		return OP_FAIL;
	return power_freeze(op, w->b, w->name, frozen, err);
}

static enum op_result step_rest(struct op *op, struct error *err)
{
	return json_bool(op_args(op), "live", false) ? run_copy(op, op_data(op), "rest-copy", err) : OP_DONE;
}

static enum op_result thawed(struct op *op, const struct proc_result *result, struct error *err)
{
	struct work *w = op_data(op);
	struct instance *inst = registry_get(w->b->registry, w->name);

	if (inst != NULL && inst->state != LXC_STOPPED && proc_check("lxc-unfreeze", result, err) < 0 && work_active(w))
		return OP_FAIL;
	error_clear(err);
	/* what lxc-monitor says may come when nobody knows any more whose doing it was */
	if (inst != NULL && inst->state == LXC_FROZEN)
		registry_set_state(w->b->registry, inst, LXC_RUNNING, 0);
	json_set_bool(op_args(op), "froze", false);
	return OP_DONE;
}

/* Also what undoes the freeze. */
static enum op_result step_thaw(struct op *op, struct error *err)
{
	struct work *w = op_data(op);

	if (!json_bool(op_args(op), "froze", false))
		return OP_DONE;
	return power_thaw(op, w->b, w->name, thawed, err);
}

/* What is half-made in w->doomed, snapshots/. */
static int remove_fn(void *arg, struct error *err)
{
	const struct work *w = arg;
	AUTO_FREE char *path = fs_join(w->doomed, NEW);
	AUTO_FREE char *note = fs_join(w->doomed, NOTE);

	if (pool_remove(path, err) < 0)
		return -1;
	if (unlink(note) < 0 && errno != ENOENT)
		return error_sys(err, errno, "cannot remove '%s'", note);
	(void)rmdir(w->doomed); /* of the first snapshot */
	return 0;
}

static enum op_result step_untree(struct op *op, struct error *err)
{
	struct work *w = op_data(op);

	free(w->doomed);
	w->doomed = snapshot_parent(w->b, w->name);
	return op_thread(op, remove_fn, w, err);
}

/* What is left of one that could not be undone. */
static enum op_result step_clear(struct op *op, struct error *err)
{
	struct work *w = op_data(op);
	AUTO_FREE char *path = staging(w), *note = note_file(w);

	return fs_exists(path) || fs_exists(note) ? step_untree(op, err) : OP_DONE;
}

/* ---- the note, and the name */

static int expires_at(const struct work *w, const cJSON *config, time_t now, char out[TIME_TEXT_SIZE], struct error *err)
{
	const char *given = json_str(w->args, "expires_at");
	struct timespec then = { 0 };

	if (given == NULL) {
		if (expiry_after(json_str_or(config, "snapshots.expiry", ""), now, &then.tv_sec, err) < 0)
			return -1;
	} else if (time_parse(given, &then.tv_sec) < 0) {
		return error_set(err, ERROR_INVALID, "expires_at '%.40s' is no RFC 3339 time", given);
	}
	if (then.tv_sec <= 0)
		snprintf(out, TIME_TEXT_SIZE, "%s", TIME_UNSET);
	else
		time_rfc3339(then, out);
	return 0;
}

static cJSON *note_new(const struct work *w, const struct instance *inst, struct error *err)
{
	cJSON *v = cJSON_Duplicate(inst->desired, true);
	char now[TIME_TEXT_SIZE], expires[TIME_TEXT_SIZE];
	AUTO_JSON cJSON *config = NULL;
	AUTO_JSON cJSON *devices = NULL;
	uint32_t base, size;

	instance_expand(w->b, inst->desired, &config, &devices);
	if (expires_at(w, config, time(NULL), expires, err) < 0) {
		cJSON_Delete(v);
		return NULL;
	}
	time_now(now);
	idmap_of(w->b, config, &base, &size);
	json_set(v, "pending", NULL);
	json_set_str(v, "created_at", now);
	json_set_str(v, "expires_at", expires);
	json_set_bool(v, "stateful", false);
	json_set_int(v, "idmap_base", base);
	return v;
}

static enum op_result step_note(struct op *op, struct error *err)
{
	struct work *w = op_data(op);
	const struct instance *inst = registry_find(w->b->registry, w->name, err);
	AUTO_FREE char *dir = staging(w);
	AUTO_FREE char *path = fs_join(dir, DESIRED_FILE);
	AUTO_FREE char *copied = note_file(w);
	AUTO_JSON cJSON *v = inst != NULL ? note_new(w, inst, err) : NULL;

	if (v == NULL || json_write_file(path, v, JSON_QUICK, err) < 0 || fs_sync_file(path, err) < 0)
		return OP_FAIL;
	if (unlink(copied) == 0 || errno == ENOENT)
		return OP_DONE;
	error_sys(err, errno, "cannot remove '%s'", copied);
	return OP_FAIL;
}

/* Before it there is no snapshot, after it there is a whole one. */
static enum op_result step_commit(struct op *op, struct error *err)
{
	struct work *w = op_data(op);
	struct instance *inst = registry_get(w->b->registry, w->name);
	AUTO_FREE char *parent = snapshot_parent(w->b, w->name);
	AUTO_FREE char *dir = snapshot_dir(w->b, w->name, snapshot_name_of(w));
	AUTO_FREE char *new_dir = staging(w);

	if (!op_recovering(op) || fs_exists(new_dir)) {
		if (rename(new_dir, dir) < 0) {
			error_sys(err, errno, "cannot rename '%s' to '%s'", new_dir, dir);
			return OP_FAIL;
		}
	}
	if (inst != NULL)
		snapshot_changed(inst);
	return fs_sync_dir(parent, err) < 0 ? OP_FAIL : OP_DONE;
}

static enum op_result step_uncommit(struct op *op, struct error *err)
{
	struct work *w = op_data(op);
	struct instance *inst = registry_get(w->b->registry, w->name);
	AUTO_FREE char *dir = snapshot_dir(w->b, w->name, snapshot_name_of(w));
	AUTO_FREE char *new_dir = staging(w);

	if (fs_exists(new_dir))
		return OP_DONE;
	if (rename(dir, new_dir) < 0 && errno != ENOENT) {
		error_sys(err, errno, "cannot rename '%s' to '%s'", dir, new_dir);
		return OP_FAIL;
	}
	if (inst != NULL)
		snapshot_changed(inst);
	return OP_DONE;
}

/*
 * No record needs to outlive a power cut: what is left then has the name of what is half-made, which the next snapshot
 * removes, or is whole.
 */
static const struct op_step create_steps[] = {
	{ "check", step_check, NULL, 0, 0 },
	{ "pre-snapshot", step_hook, NULL, 3600, 0 },
	{ "clear", step_clear, NULL, 3600, 0 },
	{ "tree", step_tree, step_untree, 3600, OP_LAZY },
	{ "freeze", step_freeze, step_thaw, 0, OP_UNRECORDED },
	{ "rest", step_rest, NULL, 3600, 0 },
	{ "thaw", step_thaw, NULL, 0, 0 },
	{ "note", step_note, NULL, 0, 0 },
	{ "commit", step_commit, step_uncommit, 0, OP_COMMIT | OP_LAZY },
	{ "post-snapshot", step_hook, NULL, 3600, OP_UNRECORDED },
	{ 0 },
};

const struct op_kind snapshot_create_kind = {
	.name = "snapshot",
	.description = "Snapshotting instance",
	.steps = create_steps,
	.load = work_load,
	.unload = work_unload,
	.undo_later = true,
	.may_cancel = true,
};

/* ---- the request */

struct names {
	struct berthd *b;
	const struct instance *inst;
};

/* There, or being made. */
static bool is_taken(const char *name, void *data)
{
	const struct names *n = data;
	AUTO_FREE char *dir = snapshot_dir(n->b, n->inst->name, name);

	return fs_exists(dir) || snapshot_pending(n->b, &snapshot_create_kind, n->inst->name, name);
}

static char *choose_name(struct berthd *b, const struct instance *inst, const char *given, struct error *err)
{
	struct names names = { .b = b, .inst = inst };
	const char *pattern = given[0] == '\0' ? instance_value(b, inst->desired, "snapshots.pattern") : NULL;

	if (given[0] == '\0')
		return snapshot_pattern_name(pattern != NULL ? pattern : "", time(NULL), is_taken, &names, err);
	if (name_validate_snapshot(given, err) < 0)
		return NULL;
	if (is_taken(given, &names)) {
		already_exists(given, err);
		return NULL;
	}
	return mem_strdup(given);
}

static int check_request(const cJSON *request, bool active, struct error *err)
{
	const cJSON *expires = cJSON_GetObjectItemCaseSensitive(request, "expires_at");
	time_t ignored;

	if (json_bool(request, "stateful", false))
		return error_set(err, ERROR_UNSUPPORTED, "Unable to create a stateful snapshot. %s",
				 active ? "CRIU isn't installed" : "The instance isn't running");
	if (expires == NULL || cJSON_IsNull(expires))
		return 0;
	if (!cJSON_IsString(expires) || time_parse(expires->valuestring, &ignored) < 0)
		return error_set(err, ERROR_INVALID, "expires_at '%.40s' is no RFC 3339 time such as 2026-12-31T00:00:00Z",
				 cJSON_IsString(expires) ? expires->valuestring : "");
	return 0;
}

struct op *snapshot_create(struct berthd *b, const char *name, const cJSON *request, struct error *err)
{
	struct instance *inst = snapshot_instance(b, name, err);
	AUTO_FREE char *snapshot = NULL;
	cJSON *args;

	if (inst == NULL || check_request(request, instance_active(inst), err) < 0)
		return NULL;
	snapshot = choose_name(b, inst, json_str_or(request, "name", ""), err);
	if (snapshot == NULL)
		return NULL;
	args = cJSON_CreateObject();
	json_set_str(args, "name", name);
	json_set_str(args, "snapshot", snapshot);
	json_set_str(args, "expires_at", json_str(request, "expires_at"));
	return snapshot_start(b, &snapshot_create_kind, args, err);
}
