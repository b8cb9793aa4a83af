/* SPDX-License-Identifier: MIT */
/*
 * The operation that makes an instance of an image, empty, or as a copy of another; and of a backup, or from another server.
 *
 * A half-made folder carries the file `.berth-op` with the operation's own
 * mark; undo removes a folder only when the mark is there and ours.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/ident.h"
#include "base/json.h"
#include "base/mem.h"
#include "hook/hook.h"
#include "image/store.h"
#include "instance/address.h"
#include "instance/archive.h"
#include "instance/copy.h"
#include "instance/create_private.h"
#include "instance/metadata.h"
#include "instance/place.h"
#include "instance/raw_probe.h"
#include "instance/receive.h"
#include "instance/templates.h"
#include "instance/work.h"
#include "model/settings.h"
#include "pool/pool.h"

#define MARK ".berth-op"

static cJSON *desired_of(struct work *w)
{
	return json_obj(w->args, "desired");
}

static const char *fingerprint_of(struct work *w)
{
	return json_str_or(w->args, "fingerprint", "");
}

static bool mark_is_ours(struct work *w)
{
	AUTO_FREE char *path = fs_join(w->dir, MARK);
	AUTO_STRBUF struct strbuf text = STRBUF_INIT;
	struct error err = ERROR_INIT;

	return w->made || (fs_read_file(path, 4096, &text, &err) == 0 &&
	       strcmp(text.buf, json_str_or(w->args, "mark", "-")) == 0);
}

/* ---- reserve: everything that can be wrong is found here, before the disk is touched */

void create_image_properties(struct berthd *b, cJSON *config, const char *fingerprint)
{
	const cJSON *image = image_get(b->images, fingerprint);
	const cJSON *p;

	cJSON_ArrayForEach(p, json_obj(image, "properties")) {
		AUTO_FREE char *key = mem_printf("image.%s", p->string);

		if (cJSON_IsString(p) && json_str(config, key) == NULL)
			json_set_str(config, key, p->valuestring);
	}
	json_set_str(config, "volatile.base_image", fingerprint);
}

/* Noted for whoever undoes it after a kill. */
static int place(struct work *w, const char *pool, struct error *err)
{
	bool other = strcmp(pool, POOL_DEFAULT) != 0;

	json_set_str(w->args, WORK_POOL, other ? pool : NULL);
	json_set_str(desired_of(w), "pool", other ? pool : NULL);
	free(w->dir);
	w->dir = place_in_pool(w->b, pool, w->name);
	return !other || !fs_exists(w->dir) ? 0 :
		error_set(err, ERROR_CONFLICT, "'%s' is in the way: it exists and is no container", w->dir);
}

/* An archive of LXD's, with answers in its words. */
static bool is_import(const struct work *w)
{
	return json_bool(json_obj(w->args, "archive"), "lxd", false);
}

static int reserve(struct work *w, struct error *err)
{
	cJSON *desired = desired_of(w), *config = json_obj(desired, "config");
	AUTO_JSON cJSON *expanded = NULL;
	AUTO_JSON cJSON *devices = NULL;
	const char *driver;

	if (registry_get(w->b->registry, w->name) != NULL)
		return error_set(err, ERROR_CONFLICT, "Add instance info to the database: This \"instances\" entry already "
						      "exists (an instance '%s' is there)", w->name);
	if (fs_exists(w->dir))
		return error_set(err, ERROR_CONFLICT, "'%s' is in the way: it exists and is no container", w->dir);
	if (fingerprint_of(w)[0] != '\0') {
		if (image_get(w->b->images, fingerprint_of(w)) == NULL && !copy_is(w))
			return error_set(err, ERROR_NOT_FOUND, "Image not found");
		create_image_properties(w->b, config, fingerprint_of(w));
	}
	if (work_check(w->b, desired, err) < 0)
		return -1;
	work_fill_volatile(w->b, desired);
	instance_expand(w->b, desired, &expanded, &devices);
	if (devices_check_added(NULL, devices, err) < 0 || storage_choose(w->b, devices, &driver, err) < 0)
		return -1;
	if (fingerprint_of(w)[0] == '\0')
		driver = "dir"; /* nothing to lay an overlay on */
	json_set_str(desired, "driver", driver);
	if (idmap_assign(w->b, desired, expanded, w->name, err) < 0 ||
	    address_assign(w->b, desired, w->name, copy_is(w) || is_import(w) || receive_is(w), err) < 0 ||
	    place(w, place_wanted(w->b, devices), err) < 0)
		return -1;
	return copy_is(w) ? copy_check(w, err) : 0;
}

static enum op_result step_reserve(struct op *op, struct error *err)
{
	struct work *w = op_data(op);

	if (reserve(w, err) == 0) {
		AUTO_JSON cJSON *config = NULL;
		AUTO_JSON cJSON *devices = NULL;

		instance_expand(w->b, desired_of(w), &config, &devices);
		return raw_probe(op, config, NULL, err);
	}
	if (is_import(w)) {
		if (registry_get(w->b->registry, w->name) != NULL)
			error_set(err, ERROR_CONFLICT, "Cannot restore volume, already exists on target");
		error_wrap(err, "Create instance from backup");
		return OP_FAIL;
	}
	error_wrap(err, "Failed creating instance record");
	return OP_FAIL;
}

/* ---- create: the folder, and LXC's own bookkeeping */

static int make_folder(struct work *w, struct error *err)
{
	AUTO_FREE char *mark = NULL;
	AUTO_CLOSE int fd = -1;
	const char *text = json_str_or(w->args, "mark", "-");

	if (mkdir(w->dir, 0700) < 0)
		return error_sys(err, errno, "cannot make '%s'", w->dir);
	mark = fs_join(w->dir, MARK);
	fd = open(mark, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text)) {
		error_sys(err, errno, "cannot write '%s'", mark);
		(void)unlink(mark);
		(void)rmdir(w->dir);
		return -1;
	}
	w->made = true;
	return 0;
}

static char *temporary_config(struct work *w)
{
	return mem_printf("%s/operations/.%s.tmp", w->b->settings->state_path, json_str_or(w->args, "mark", "-"));
}

static enum op_result created(struct op *op, const struct proc_result *result, struct error *err)
{
	struct work *w = op_data(op);
	AUTO_FREE char *tmp = temporary_config(w);

	(void)unlink(tmp);
	return proc_check("lxc-create", result, err) < 0 ? OP_FAIL : OP_DONE;
}

static enum op_result step_create(struct op *op, struct error *err)
{
	struct work *w = op_data(op);
	AUTO_FREE char *tmp = temporary_config(w);
	struct argv argv = ARGV_INIT;

	if (make_folder(w, err) < 0 || place_link(w->b, w->name, w->dir, err) < 0)
		return OP_FAIL;
	/* the real one is rendered at commit; this only names the container to LXC */
	if (fs_write_quick(tmp, "", 0, 0600, err) < 0)
		return OP_FAIL;
	lxc_argv_create(&argv, w->b->settings->system_path, w->name, tmp);
	return op_child(op, &argv, created, err);
}

/* berthd was killed after it made the folder and before the mark was in it: then there is nothing else. */
static void remove_unmarked(const struct op *op, const struct work *w)
{
	AUTO_FREE char *mark = fs_join(w->dir, MARK);
	struct stat st;

	if (!op_recovering(op))
		return;
	if (lstat(mark, &st) == 0 && S_ISREG(st.st_mode) && st.st_size == 0)
		(void)unlink(mark);
	(void)rmdir(w->dir);
}

static enum op_result step_uncreate(struct op *op, struct error *err)
{
	struct work *w = op_data(op);
	AUTO_FREE char *tmp = temporary_config(w);

	(void)unlink(tmp);
	if (!mark_is_ours(w)) {
		remove_unmarked(op, w);
		return OP_DONE;
	}
	registry_remove(w->b->registry, w->name);
	return storage_remove(op, w, err);
}

/* ---- rootfs, commit, start, finish */

static enum op_result step_rootfs(struct op *op, struct error *err)
{
	struct work *w = op_data(op);
	cJSON *desired = desired_of(w);
	struct storage_spec spec = { .driver = json_str_or(desired, "driver", "dir"), .fingerprint = fingerprint_of(w) };
	AUTO_JSON cJSON *config = NULL;
	AUTO_JSON cJSON *devices = NULL;

	instance_expand(w->b, desired, &config, &devices);
	idmap_of(w->b, config, &spec.idmap_base, &spec.idmap_size);
	json_set_int(w->args, "idmap_base", spec.idmap_base);
	if (copy_is(w))
		return copy_tree(op, w, &spec, err);
	if (receive_is(w))
		return receive_tree(op, w, &spec, err);
	if (archive_is(w))
		return archive_tree(op, w, &spec, err);
	return storage_prepare(op, w, &spec, err);
}

/* Its profiles may have changed, or gone, since it was reserved. */
static int check_again(struct work *w, cJSON *desired, struct error *err)
{
	AUTO_JSON cJSON *config = NULL;
	AUTO_JSON cJSON *devices = NULL;
	uint32_t base, size;

	if (work_check(w->b, desired, err) < 0)
		return -1;
	work_fill_volatile(w->b, desired);
	instance_expand(w->b, desired, &config, &devices);
	idmap_of(w->b, config, &base, &size);
	if (base != json_int(w->args, "idmap_base", 0))
		return error_set(err, ERROR_CONFLICT, "a profile changed the id map of '%s' while it was made",
				 w->name);
	return 0;
}

static enum op_result snapshots_placed(struct op *op, struct error *err)
{
	return receive_metadata(op, op_data(op), err);
}

static enum op_result step_snapshots(struct op *op, struct error *err)
{
	struct work *w = op_data(op);

	if (receive_is(w))
		return receive_snapshots(op, w, snapshots_placed, err);
	return archive_is(w) ? archive_rest(op, w, err) : step_copy_snapshots(op, err);
}

static int take_metadata(struct work *w, struct error *err)
{
	const struct instance *source = copy_is(w) ? registry_get(w->b->registry, json_str_or(w->args, "copy_of", "")) : NULL;

	if (source != NULL)
		return metadata_of_instance(w->b, source, w->dir, err);
	return fingerprint_of(w)[0] != '\0' ? metadata_of_image(w->b, fingerprint_of(w), w->dir, err) : 0;
}

static enum op_result step_commit(struct op *op, struct error *err)
{
	struct work *w = op_data(op);
	cJSON *desired = desired_of(w);
	AUTO_FREE char *path = fs_join(w->dir, DESIRED_FILE);
	char now[TIME_TEXT_SIZE];

	time_now(now);
	json_set_str(desired, "created_at", now);
	if (!archive_is(w) || receive_is(w))
		templates_defer(desired, copy_is(w) || receive_is(w) ? "copy" : "create");
	if (check_again(w, desired, err) < 0 || take_metadata(w, err) < 0 || work_render(w->b, w->name, w->dir, desired, err) < 0 ||
	    json_write_file(path, desired, JSON_DURABLE, err) < 0)
		return OP_FAIL;
	if (registry_load(w->b->registry, w->name) == NULL) {
		error_set(err, ERROR_SYSTEM, "'%s' vanished while the instance was made", w->dir);
		return OP_FAIL;
	}
	if (!copy_is(w) && fingerprint_of(w)[0] != '\0')
		image_touch(w->b->images, fingerprint_of(w));
	return OP_DONE;
}

static enum op_result step_first_hook(struct op *op, struct error *err)
{
	return json_bool(((struct work *)op_data(op))->args, "start", false) ? step_hook(op, err) : OP_DONE;
}

static enum op_result step_first_start(struct op *op, struct error *err)
{
	return json_bool(((struct work *)op_data(op))->args, "start", false) ? step_start(op, err) : OP_DONE;
}

static enum op_result step_first_unstart(struct op *op, struct error *err)
{
	return mark_is_ours(op_data(op)) ? step_unstart(op, err) : OP_DONE;
}

static enum op_result step_finish(struct op *op, struct error *err)
{
	struct work *w = op_data(op);
	AUTO_FREE char *mark = fs_join(w->dir, MARK);

	if (unlink(mark) == 0 || errno == ENOENT)
		return receive_is(w) ? receive_tell(op, w, receive_sweep, err) : OP_DONE;
	error_sys(err, errno, "cannot remove '%s'", mark);
	return OP_FAIL;
}

static const struct op_step launch_steps[] = {
	{ "reserve", step_reserve, NULL, 0, 0 },
	{ "pre-create", step_hook, NULL, 3600, 0 },
	{ "create", step_create, step_uncreate, 60, 0 },
	{ "rootfs", step_rootfs, copy_thaw, 6 * 3600, 0 },
	{ "thaw", copy_thaw, NULL, 0, 0 },
	{ "size", step_size, NULL, 3600, 0 },
	{ "snapshots", step_snapshots, NULL, 6 * 3600, 0 },
	{ "commit", step_commit, NULL, 0, 0 },
	{ "post-create", step_hook, NULL, 3600, 0 },
	{ "pre-start", step_first_hook, NULL, 3600, 0 },
	{ "start", step_first_start, step_first_unstart, 120, 0 },
	{ "post-start", step_first_hook, NULL, 3600, 0 },
	{ "finish", step_finish, NULL, 0, 0 },
	{ 0 },
};

const struct op_kind launch_kind = {
	.name = "launch",
	.description = "Creating instance",
	.steps = launch_steps,
	.load = work_load,
	.unload = work_unload,
	.undo_later = true,
	.may_cancel = true,
};

/* The same, whose source connects to us. */
const struct op_kind launch_pushed_kind = {
	.name = "launch-pushed",
	.description = "Creating instance",
	.steps = launch_steps,
	.load = work_load,
	.unload = work_unload,
	.undo_later = true,
	.may_cancel = true,
	.patient = true,
	.class_name = "websocket",
	.cancel = receive_cancel,
};

/* The same, of a source that we connect to, and may have to wait for. */
const struct op_kind launch_pulled_kind = {
	.name = "launch-pulled",
	.description = "Creating instance",
	.steps = launch_steps,
	.load = work_load,
	.unload = work_unload,
	.undo_later = true,
	.may_cancel = true,
	.patient = true,
};

struct lookup {
	const char *fingerprint;
	bool found;
};

static void op_uses(struct op *op, void *data)
{
	struct lookup *l = data;
	const cJSON *item;

	if (op_final(op))
		return;
	if (op_is(op, &launch_kind) && strcmp(json_str_or(op_args(op), "fingerprint", ""), l->fingerprint) == 0)
		l->found = true;
	cJSON_ArrayForEach(item, json_arr(op_args(op), WORK_HOLDS))
		if (cJSON_IsString(item) && strcmp(item->valuestring, l->fingerprint) == 0)
			l->found = true;
}

bool instance_uses_image(struct berthd *b, const char *fingerprint)
{
	struct lookup l = { .fingerprint = fingerprint };

	if (b->registry == NULL || registry_uses_image(fingerprint, b->registry))
		return b->registry != NULL;
	if (place_any_lost(b)) /* one that cannot be read may lie on any */
		return true;
	op_foreach(b->ops, op_uses, &l);
	return l.found;
}

void create_register(struct op_queue *q)
{
	op_queue_register(q, &launch_kind);
	op_queue_register(q, &launch_pushed_kind);
	op_queue_register(q, &launch_pulled_kind);
}
