/* SPDX-License-Identifier: MIT */
#include "instance/swap.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "host/forward.h"
#include "instance/metadata.h"
#include "instance/update.h"
#include "pool/tree.h"

#define NEW ".new"
#define OLD ".old"
#define SWEPT ".swept" /* what .old becomes when it goes: what is named .old is whole */
#define SEALED "sealed" /* in the operation's args: its .old has become .swept */
#define OLD_PARTS "swapped" /* in the operation's args: what the instance had, an array of names */

static const char *const parts[] = { "rootfs", "upper", "work", "lower", METADATA_FOLDER, NULL };
static const char *const files[] = { DESIRED_FILE, "config", NULL }; /* linked into .old: to go back needs no room */

char *swap_staging(const struct work *w)
{
	return fs_join(w->dir, NEW);
}

bool swap_half_undone(const struct work *w)
{
	AUTO_FREE char *old_dir = fs_join(w->dir, OLD);

	return fs_exists(old_dir);
}

static int clear_fn(void *arg, struct error *err)
{
	const struct work *w = arg;
	AUTO_FREE char *path = swap_staging(w), *swept = fs_join(w->dir, SWEPT);

	return pool_remove(path, err) < 0 ? -1 : pool_remove(swept, err);
}

enum op_result step_swap_clear(struct op *op, struct error *err)
{
	struct work *w = op_data(op);
	AUTO_FREE char *path = swap_staging(w), *swept = fs_join(w->dir, SWEPT);

	return fs_exists(path) || fs_exists(swept) ? op_thread(op, clear_fn, w, err) : OP_DONE;
}

int swap_stage(const struct work *w, struct error *err)
{
	AUTO_FREE char *path = swap_staging(w);
	struct stat st;

	/* as the folder above it: the mapped root walks through, nobody else */
	if (stat(w->dir, &st) < 0)
		return error_sys(err, errno, "cannot read '%s'", w->dir);
	if (mkdir(path, 0700) < 0 || lchown(path, st.st_uid, st.st_gid) < 0 || chmod(path, st.st_mode & 07777) < 0)
		return error_sys(err, errno, "cannot make '%s'", path);
	return 0;
}

/* An undo of the swap that failed has left the old tree in .old: then all stays for the next try, and so does the journal. */
static int unstage_fn(void *arg, struct error *err)
{
	const struct work *w = arg;
	AUTO_FREE char *new_dir = fs_join(w->dir, NEW);

	return swap_half_undone(w) ? error_set(err, ERROR_CONFLICT, "the swap is not undone") : pool_remove(new_dir, err);
}

enum op_result step_unstage(struct op *op, struct error *err)
{
	return op_thread(op, unstage_fn, op_data(op), err);
}

static int seal(const struct work *w, struct error *err)
{
	AUTO_FREE char *old_dir = fs_join(w->dir, OLD);
	AUTO_FREE char *swept = fs_join(w->dir, SWEPT);

	if (!fs_exists(old_dir))
		return 0;
	if (pool_remove(swept, err) < 0)
		return -1;
	return rename(old_dir, swept) < 0 ? error_sys(err, errno, "cannot rename '%s' to '%s'", old_dir, swept) : 0;
}

/* Once: when the next start finishes what a failed sweep has left, .old may be of a later operation that is undone then. */
enum op_result step_swap_seal(struct op *op, struct error *err)
{
	struct error unsaved = ERROR_INIT;

	if (json_bool(op_args(op), SEALED, false))
		return OP_DONE;
	if (seal(op_data(op), err) < 0)
		return OP_FAIL;
	json_set_bool(op_args(op), SEALED, true);
	if (op_save_quick(op, &unsaved) < 0) /* the sweep makes room, and ends the record */
		log_warning("%s", unsaved.msg);
	return OP_DONE;
}

static int sweep_fn(void *arg, struct error *err)
{
	const struct work *w = arg;
	AUTO_FREE char *new_dir = fs_join(w->dir, NEW);
	AUTO_FREE char *swept = fs_join(w->dir, SWEPT);

	return pool_remove(new_dir, err) < 0 ? -1 : pool_remove(swept, err);
}

enum op_result step_swap_sweep(struct op *op, struct error *err)
{
	return step_swap_seal(op, err) == OP_FAIL ? OP_FAIL : op_thread(op, sweep_fn, op_data(op), err);
}

static int move_part(const struct work *w, const char *from, const char *to, const char *part, struct error *err)
{
	AUTO_FREE char *source = mem_printf("%s/%s%s", w->dir, from, part);
	AUTO_FREE char *target = mem_printf("%s/%s%s", w->dir, to, part);

	if (rename(source, target) < 0)
		return error_sys(err, errno, "cannot rename '%s' to '%s'", source, target);
	return 0;
}

static bool has_part(const struct work *w, const char *where, const char *part)
{
	AUTO_FREE char *path = mem_printf("%s/%s%s", w->dir, where, part);

	return fs_exists(path);
}

/* Where there are no hard links, an undo writes them anew. */
static void keep_files(const struct work *w)
{
	for (const char *const *f = files; *f != NULL; f++) {
		AUTO_FREE char *file = fs_join(w->dir, *f);
		AUTO_FREE char *kept = mem_printf("%s/" OLD "/%s", w->dir, *f);

		if (link(file, kept) < 0)
			log_debug("cannot link '%s' to '%s': %s", file, kept, strerror(errno));
	}
}

static int files_back(const struct work *w, struct error *err)
{
	for (const char *const *f = files; *f != NULL; f++) {
		AUTO_FREE char *kept = mem_printf("%s/" OLD "/%s", w->dir, *f);

		if (!fs_exists(kept))
			continue;
		if (move_part(w, OLD "/", "", *f, err) < 0)
			return -1;
		/* rename(2) leaves both names of one file */
		if (unlink(kept) < 0 && errno != ENOENT)
			return error_sys(err, errno, "cannot remove '%s'", kept);
	}
	return 0;
}

/* What it has of its image stays where the new tree says nothing of one: when it goes back to a snapshot of itself. */
static bool stays(const struct work *w, const char *part)
{
	return strcmp(part, METADATA_FOLDER) == 0 && !has_part(w, NEW "/", part);
}

static int swap(struct work *w, struct error *err)
{
	AUTO_FREE char *old_dir = fs_join(w->dir, OLD);

	if (mkdir(old_dir, 0700) < 0)
		return error_sys(err, errno, "cannot make '%s'", old_dir);
	keep_files(w);
	for (const char *const *p = parts; *p != NULL; p++)
		if (has_part(w, "", *p) && !stays(w, *p) && move_part(w, "", OLD "/", *p, err) < 0)
			return -1;
	for (const char *const *p = parts; *p != NULL; p++)
		if (has_part(w, NEW "/", *p) && move_part(w, NEW "/", "", *p, err) < 0)
			return -1;
	return 0;
}

/* What lies in NAME/.old before we begin is not ours to touch: it may be the only copy of a tree. */
static int check_swap(const struct work *w, struct error *err)
{
	AUTO_FREE char *old_dir = fs_join(w->dir, OLD);

	if (storage_mounted(w))
		return error_set(err, ERROR_SYSTEM, "the root file system of '%s' is still mounted", w->name);
	if (rmdir(old_dir) == 0 || errno == ENOENT)
		return 0;
	return error_sys(err, errno, "'%s' is left of an earlier operation: restart berthd, which ends that", old_dir);
}

enum op_result step_swap(struct op *op, struct error *err)
{
	struct work *w = op_data(op);
	cJSON *had;

	if (check_swap(w, err) < 0)
		return OP_FAIL;
	had = cJSON_CreateArray();
	for (const char *const *p = parts; *p != NULL; p++)
		if (has_part(w, "", *p))
			cJSON_AddItemToArray(had, cJSON_CreateString(*p));
	json_set(op_args(op), OLD_PARTS, had);
	if (op_save(op, err) < 0)
		return OP_FAIL;
	return swap(w, err) < 0 ? OP_FAIL : OP_DONE;
}

static bool had_part(struct op *op, const char *part)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, json_arr(op_args(op), OLD_PARTS))
		if (cJSON_IsString(item) && strcmp(item->valuestring, part) == 0)
			return true;
	return false;
}

/* The swap was done and the old tree has gone, so the power went before the record of that was on disk. */
static bool is_final(struct op *op)
{
	const struct work *w = op_data(op);
	AUTO_FREE char *old_dir = fs_join(w->dir, OLD);

	return json_arr(op_args(op), OLD_PARTS) != NULL && !fs_exists(old_dir) && !has_part(w, NEW "/", "rootfs");
}

/* What lies in NAME/ is new when the old one lies in NAME/.old, or when there was none. */
static int unswap_part(struct op *op, const struct work *w, const char *part, struct error *err)
{
	bool old = has_part(w, OLD "/", part);

	if (has_part(w, "", part) && (old || !had_part(op, part)) && move_part(w, "", NEW "/", part, err) < 0)
		return -1;
	return old ? move_part(w, OLD "/", "", part, err) : 0;
}

enum op_result step_unswap(struct op *op, struct error *err)
{
	struct work *w = op_data(op);
	AUTO_FREE char *new_dir = fs_join(w->dir, NEW);
	AUTO_FREE char *old_dir = fs_join(w->dir, OLD);

	if (json_arr(op_args(op), OLD_PARTS) == NULL || !fs_exists(old_dir)) /* it did not begin */
		return OP_DONE;
	if (mkdir(new_dir, 0700) < 0 && errno != EEXIST) {
		error_sys(err, errno, "cannot make '%s'", new_dir);
		return OP_FAIL;
	}
	for (const char *const *p = parts; *p != NULL; p++)
		if (unswap_part(op, w, *p, err) < 0)
			return OP_FAIL;
	if (files_back(w, err) < 0)
		return OP_FAIL;
	if (rmdir(old_dir) == 0)
		return OP_DONE;
	error_sys(err, errno, "cannot remove '%s'", old_dir);
	return OP_FAIL;
}

static int configure_as_before(struct work *w, const cJSON *old, struct error *err)
{
	const struct instance *inst = registry_load(w->b->registry, w->name);

	if (inst == NULL)
		return error_set(err, ERROR_SYSTEM, "'%s' vanished meanwhile", w->dir);
	if (!cJSON_Compare(inst->desired, old, true))
		return update_put(w, old, err);
	forward_reconcile(w->b);
	return work_render(w->b, w->name, w->dir, old, err);
}

enum op_result step_unswap_and_uncommit(struct op *op, struct error *err)
{
	struct work *w = op_data(op);

	if (is_final(op))
		return OP_DONE;
	if (step_unswap(op, err) == OP_FAIL)
		return OP_FAIL;
	return configure_as_before(w, json_obj(w->args, "old"), err) < 0 ? OP_FAIL : OP_DONE;
}

static bool ran(const struct work *w)
{
	return json_bool(w->args, "ran", false);
}

enum op_result step_swap_unstop(struct op *op, struct error *err)
{
	struct work *w = op_data(op);
	const struct instance *inst = registry_get(w->b->registry, w->name);

	if (inst == NULL || instance_active(inst) || !ran(w))
		return OP_DONE;
	if (!swap_half_undone(w))
		return step_start(op, err);
	error_set(err, ERROR_CONFLICT, "'%s' is not started: it has parts of two trees", w->name);
	return OP_FAIL;
}

enum op_result step_swap_unstart(struct op *op, struct error *err)
{
	return ran(op_data(op)) ? step_unstart(op, err) : OP_DONE;
}
