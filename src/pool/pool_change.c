/* SPDX-License-Identifier: MIT */
/* Making, changing and deleting pools. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/units.h"
#include "model/settings.h"
#include "pool/image_volume.h"
#include "pool/pool_private.h"
#include "pool/pool_work.h"

static void *load(void *ctx, cJSON *args, struct error *err)
{
	cJSON *pool = json_obj(args, "pool");
	struct pool_work *w;

	if (pool == NULL || pool_name_check(json_str_or(pool, "name", ""), err) < 0) {
		error_set(err, ERROR_INVALID, "the operation names no storage pool");
		return NULL;
	}
	w = mem_alloc(sizeof(*w));
	w->b = ctx;
	w->args = args;
	w->pool = pool;
	w->name = json_str(pool, "name");
	w->driver = json_str_or(pool, "driver", "");
	w->path = pool_path_of(w->b, pool);
	return w;
}

static void unload(void *data)
{
	struct pool_work *w = data;

	if (w == NULL)
		return;
	free(w->path);
	free(w);
}

/* ---- create */

static enum op_result step_check_create(struct op *op, struct error *err)
{
	return pool_check_create(op_data(op), err) < 0 ? OP_FAIL : OP_DONE;
}

/* ---- source: the loop file; or the pool's folder */

static bool has_image(const struct pool_work *w)
{
	const char *source = pool_work_source(w);
	struct stat st;

	return json_bool(w->args, "mounts", false) && (stat(source, &st) < 0 || S_ISREG(st.st_mode));
}

static int make_image(const struct pool_work *w, struct error *err)
{
	AUTO_CLOSE int fd = -1;
	uint64_t size;

	if (units_parse_size(json_str_or(json_obj(w->pool, "config"), "size", ""), &size, err) < 0)
		return -1;
	fd = open(pool_work_source(w), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return error_sys(err, errno, "cannot make '%s'", pool_work_source(w));
	json_set_bool(w->args, "made_image", true);
	if (ftruncate(fd, (off_t)size) < 0)
		return error_sys(err, errno, "cannot make '%s' %s long", pool_work_source(w),
				 json_str(json_obj(w->pool, "config"), "size"));
	return 0;
}

static enum op_result step_source(struct op *op, struct error *err)
{
	struct pool_work *w = op_data(op);

	if (fs_mkdirs(w->b->settings->pools_path, 0711, err) < 0)
		return OP_FAIL;
	if (json_bool(w->args, "mounts", false) && has_image(w))
		return make_image(w, err) < 0 ? OP_FAIL : OP_DONE;
	return OP_DONE;
}

/* After a kill nobody noted that the file was made; it was not there when it was checked. */
static enum op_result step_unsource(struct op *op, struct error *err)
{
	struct pool_work *w = op_data(op);

	if (json_bool(w->args, "mounts", false) && has_image(w) && (op_recovering(op) || json_bool(w->args, "made_image", false)) &&
	    unlink(pool_work_source(w)) < 0 && errno != ENOENT) {
		error_sys(err, errno, "cannot remove '%s'", pool_work_source(w));
		return OP_FAIL;
	}
	return OP_DONE;
}

static enum op_result step_format(struct op *op, struct error *err)
{
	struct pool_work *w = op_data(op);
	struct argv argv = ARGV_INIT;

	if (!json_bool(w->args, "mounts", false))
		return OP_DONE;
	argv_pushl(&argv, "mkfs.btrfs", "-q", "-L", w->name, pool_work_source(w), NULL);
	return op_child(op, &argv, NULL, err);
}

/* ---- mount, layout */

static enum op_result step_mount(struct op *op, struct error *err)
{
	struct pool_work *w = op_data(op);

	if (json_bool(w->args, "mounts", false))
		return pool_mount(w->b, w->pool, err) < 0 ? OP_FAIL : OP_DONE;
	return json_bool(w->args, "given", false) || fs_mkdirs(w->path, 0711, err) == 0 ? OP_DONE : OP_FAIL;
}

static enum op_result step_unmount(struct op *op, struct error *err)
{
	struct pool_work *w = op_data(op);

	if (json_bool(w->args, "mounts", false) && pool_unmount(w->b, w->pool, err) < 0)
		return OP_FAIL;
	if (json_bool(w->args, "mounts", false) || !json_bool(w->args, "given", false))
		(void)rmdir(w->path);
	return OP_DONE;
}

static const struct {
	const char *name;
	mode_t mode;
} folders[] = { { "containers", 0711 }, { "custom", 0700 } };

static enum op_result step_layout(struct op *op, struct error *err)
{
	struct pool_work *w = op_data(op);

	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		AUTO_FREE char *path = fs_join(w->path, folders[i].name);

		if (mkdir(path, folders[i].mode) < 0 && errno != EEXIST) {
			error_sys(err, errno, "cannot make '%s'", path);
			return OP_FAIL;
		}
		(void)chmod(path, folders[i].mode);
	}
	return OP_DONE;
}

static enum op_result step_unlayout(struct op *op, struct error *err)
{
	struct pool_work *w = op_data(op);

	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		AUTO_FREE char *path = fs_join(w->path, folders[i].name);

		(void)rmdir(path);
	}
	return OP_DONE;
}

static enum op_result step_enter(struct op *op, struct error *err)
{
	struct pool_work *w = op_data(op);

	return pool_put(w->b, w->name, cJSON_Duplicate(w->pool, true), err) < 0 ? OP_FAIL : OP_DONE;
}

static enum op_result step_leave(struct op *op, struct error *err)
{
	struct pool_work *w = op_data(op);

	return pool_drop(w->b, w->name, err) < 0 ? OP_FAIL : OP_DONE;
}

static const struct op_step create_steps[] = {
	{ "check", step_check_create, NULL, 0, 0 },
	{ "source", step_source, step_unsource, 0, 0 },
	{ "format", step_format, NULL, 600, 0 },
	{ "mount", step_mount, step_unmount, 0, 0 },
	{ "layout", step_layout, step_unlayout, 0, 0 },
	{ "enter", step_enter, step_leave, 0, 0 },
	{ 0 },
};

static const struct op_kind create_kind = {
	.name = "pool-create",
	.description = "Creating storage pool",
	.steps = create_steps,
	.load = load,
	.unload = unload,
};

/* ---- delete */

static bool only_images(const cJSON *urls)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, urls)
		if (strncmp(item->valuestring, "/1.0/images/", 12) != 0)
			return false;
	return true;
}

static enum op_result step_check_delete(struct op *op, struct error *err)
{
	struct pool_work *w = op_data(op);
	AUTO_JSON cJSON *users = NULL;

	if (pool_find(w->b, w->name, err) == NULL)
		return OP_FAIL;
	/* somebody may have unmounted it: what is in it is only seen when it is mounted */
	if (json_bool(w->args, "mounts", false) && fs_exists(pool_work_source(w)) && pool_mount(w->b, w->pool, err) < 0) {
		error_wrap(err, "the storage pool '%s' may hold volumes", w->name);
		return OP_FAIL;
	}
	users = pool_used_by(w->b, w->name);
	if (only_images(users))
		return OP_DONE;
	error_set(err, ERROR_INVALID, "The storage pool is currently in use");
	return OP_FAIL;
}

static int drop_images(void *data, struct error *err)
{
	const struct pool_work *w = data;

	return image_volume_clear(w->path, err);
}

/* They come again by themselves, should the pool stay. */
static enum op_result step_images(struct op *op, struct error *err)
{
	struct pool_work *w = op_data(op);

	if (strcmp(w->driver, "btrfs") != 0 || (json_bool(w->args, "mounts", false) && !pool_is_mounted(w->b, w->pool)))
		return OP_DONE;
	return op_thread(op, drop_images, w, err);
}

/* What is made in it meanwhile keeps the folder from going. */
static enum op_result step_clear(struct op *op, struct error *err)
{
	struct pool_work *w = op_data(op);

	if (json_bool(w->args, "mounts", false) && !pool_is_mounted(w->b, w->pool))
		return OP_DONE;
	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		AUTO_FREE char *path = fs_join(w->path, folders[i].name);

		if (rmdir(path) == 0 || errno == ENOENT)
			continue;
		if (errno == ENOTEMPTY || errno == EEXIST)
			error_set(err, ERROR_INVALID, "The storage pool is currently in use: there is something in '%s'", path);
		else
			error_sys(err, errno, "cannot remove '%s'", path);
		return OP_FAIL;
	}
	return OP_DONE;
}

static int drop_source(const struct pool_work *w, struct error *err)
{
	if (json_bool(w->args, "mounts", false)) {
		if (pool_unmount(w->b, w->pool, err) < 0)
			return -1;
		if (has_image(w) && unlink(pool_work_source(w)) < 0 && errno != ENOENT)
			return error_sys(err, errno, "cannot remove '%s'", pool_work_source(w));
	} else if (json_str(json_obj(w->pool, "config"), "volatile.initial_source") != NULL) {
		return 0; /* the folder was there before the pool */
	}
	if (rmdir(w->path) < 0 && errno != ENOENT)
		return error_sys(err, errno, "cannot remove '%s'", w->path);
	return 0;
}

/* Whatever could not go keeps the pool: it is to be whole again. */
static enum op_result step_unclear(struct op *op, struct error *err)
{
	struct pool_work *w = op_data(op);
	bool mounts = json_bool(w->args, "mounts", false);

	if (mounts ? pool_mount(w->b, w->pool, err) < 0 : fs_mkdirs(w->path, 0711, err) < 0)
		return OP_FAIL;
	return step_layout(op, err);
}

/* The entry goes last: until then the next start finds what to finish. */
static enum op_result step_drop_source(struct op *op, struct error *err)
{
	return drop_source(op_data(op), err) < 0 ? OP_FAIL : OP_DONE;
}

/* A start that came between the two made its folder again, to mount it there. */
static enum op_result step_leave_last(struct op *op, struct error *err)
{
	struct pool_work *w = op_data(op);

	if (json_bool(w->args, "mounts", false))
		(void)rmdir(w->path);
	return step_leave(op, err);
}

static const struct op_step delete_steps[] = {
	{ "check", step_check_delete, NULL, 0, 0 },
	{ "images", step_images, NULL, 3600, 0 },
	{ "clear", step_clear, step_unclear, 0, 0 },
	{ "source", step_drop_source, NULL, 120, OP_COMMIT },
	/* it can be deleted again; the next start would take the next one of that name */
	{ "leave", step_leave_last, NULL, 0, OP_REPORTS },
	{ 0 },
};

static const struct op_kind delete_kind = {
	.name = "pool-delete",
	.description = "Deleting storage pool",
	.steps = delete_steps,
	.load = load,
	.unload = unload,
	.frees = true,
};

void pool_register(struct op_queue *q)
{
	op_queue_register(q, &create_kind);
	op_queue_register(q, &delete_kind);
}

/* ---- requests */

static struct op *start(struct berthd *b, const struct op_kind *kind, cJSON *args, struct error *err)
{
	const char *name = json_str_or(json_obj(args, "pool"), "name", "");
	AUTO_FREE char *lock = mem_printf("pool/%s", name), *url = mem_printf("/1.0/storage-pools/%s", name);
	const char *locks[] = { lock, NULL }, *urls[] = { url };
	struct op_options options = { .locks = locks, .resources = cJSON_CreateObject() };

	json_set(options.resources, "storage_pools", cJSON_CreateStringArray(urls, 1));
	return op_start(b->ops, kind, args, &options, err);
}

struct op *pool_create(struct berthd *b, const cJSON *request, struct error *err)
{
	const char *name = json_str_or(request, "name", ""), *driver = json_str_or(request, "driver", "");
	cJSON *args, *pool;

	if (pool_get(b, name) != NULL) {
		error_set(err, ERROR_CONFLICT, "The storage pool already exists: The record already exists");
		return NULL;
	}
	if (pool_name_check(name, err) < 0 || pool_check_driver(b, driver, err) < 0 ||
	    pool_config_check(driver, cJSON_GetObjectItemCaseSensitive(request, "config"), err) < 0)
		return NULL;
	args = cJSON_CreateObject();
	pool = cJSON_AddObjectToObject(args, "pool");
	json_set_str(pool, "name", name);
	json_set_str(pool, "driver", driver);
	json_set_str(pool, "description", json_str_or(request, "description", ""));
	json_set(pool, "config", pool_config_clean(json_obj(request, "config")));
	json_set(json_obj(pool, "config"), "volatile.initial_source", NULL); /* ours to say: its folder is not removed with the pool */
	return start(b, &create_kind, args, err);
}

struct op *pool_delete(struct berthd *b, const char *name, struct error *err)
{
	const cJSON *pool = pool_find(b, name, err);
	cJSON *args;

	if (pool == NULL)
		return NULL;
	if (strcmp(name, POOL_DEFAULT) == 0) {
		error_set(err, ERROR_INVALID, "The storage pool is currently in use");
		return NULL;
	}
	args = cJSON_CreateObject();
	json_set(args, "pool", cJSON_Duplicate(pool, true));
	json_set_bool(args, "mounts", pool_needs_mount(pool));
	return start(b, &delete_kind, args, err);
}

/* What is kept first: a size cannot be taken back once the file has grown. What could not be done is not kept. */
static int put_and_change(struct berthd *b, const char *name, cJSON *pool_taken, struct error *err)
{
	AUTO_JSON cJSON *old = cJSON_Duplicate(pool_get(b, name), true);
	struct error failed = ERROR_INIT;

	if (pool_put(b, name, pool_taken, err) < 0)
		return -1;
	if (pool_change_live(b, old, pool_get(b, name), err) == 0)
		return 0;
	if (pool_put(b, name, cJSON_Duplicate(old, true), &failed) < 0)
		log_error("the storage pool '%s' is kept as it was to be, not as it is: %s", name, failed.msg);
	return -1;
}

int pool_update(struct berthd *b, const char *name, const cJSON *change, bool patch, struct error *err)
{
	static const char *const kept[] = { "source", "size", NULL };
	const cJSON *old = pool_find(b, name, err), *config = cJSON_GetObjectItemCaseSensitive(change, "config");
	AUTO_FREE char *lock = mem_printf("pool/%s", name);
	cJSON *pool, *new;

	if (old == NULL || pool_config_check(pool_driver(b, name), config, err) < 0)
		return -1;
	if (op_locked(b->ops, lock))
		return error_set(err, ERROR_CONFLICT, "the storage pool '%s' is being changed", name);
	if (json_str(config, "source") != NULL && strcmp(json_str_or(json_obj(old, "config"), "source", ""), json_str(config, "source")) != 0 &&
	    !(strcmp(name, POOL_DEFAULT) == 0 && strcmp(json_str(config, "source"), b->settings->system_path) == 0))
		return error_set(err, ERROR_INVALID, "Pool source cannot be changed when not in pending state");
	pool = cJSON_Duplicate(old, true);
	new = pool_config_change(json_obj(old, "config"), config, patch, kept);
	if (strcmp(name, POOL_DEFAULT) == 0)
		json_set(new, "source", NULL); /* berth.conf says it */
	json_set(new, "volatile.initial_source",
		 cJSON_Duplicate(cJSON_GetObjectItemCaseSensitive(json_obj(old, "config"), "volatile.initial_source"), true));
	json_set(pool, "config", new);
	if (json_str(change, "description") != NULL || !patch)
		json_set_str(pool, "description", json_str_or(change, "description", ""));
	return put_and_change(b, name, pool, err);
}
