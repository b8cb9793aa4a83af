/* SPDX-License-Identifier: MIT */
/* Making, changing and deleting pools. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/units.h"
#include "lxc/probe.h"
#include "model/settings.h"
#include "pool/image_volume.h"
#include "pool/pool_private.h"

#define GIB ((uint64_t)1 << 30)
#define IMAGE_MIN (112ull << 20) /* mkfs.btrfs makes none that is smaller */

/* args {"name", "pool": the object, "made_folder", "made_image": by this operation} */
struct pool_work {
	struct berthd *b;
	cJSON *args;
	cJSON *pool; /* of args */
	const char *name, *driver;
	char *path;
};

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

static const char *source_of(const struct pool_work *w)
{
	return json_str_or(json_obj(w->pool, "config"), "source", "");
}

/* ---- create: what can be wrong is found before anything is made */

static bool is_empty(const char *path)
{
	DIR *dir = opendir(path);
	const struct dirent *d;
	bool empty = dir != NULL;

	while (empty && (d = readdir(dir)) != NULL)
		empty = strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0 || strcmp(d->d_name, "lost+found") == 0;
	if (dir != NULL)
		closedir(dir);
	return empty;
}

static bool is_within(const char *path, const char *folder)
{
	size_t len = strlen(folder);

	return strncmp(path, folder, len) == 0 && (path[len] == '\0' || path[len] == '/');
}

/* A folder of the host: nobody else's, so empty and not one of berth's own. */
static int check_folder(const struct pool_work *w, const char *source, struct error *err)
{
	const struct settings *s = w->b->settings;
	const char *own[] = { s->system_path, s->images_path, s->backup_path, s->extern_path, s->state_path, s->pools_path,
			      s->run_path };
	AUTO_FREE char *real = realpath(source, NULL);
	AUTO_FREE const char **names = pool_names(w->b);

	if (real == NULL || strcmp(real, source) != 0)
		return error_set(err, ERROR_INVALID, "Source path \"%s\" must not go through symbolic links", source);
	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		if (is_within(source, own[i]) || is_within(own[i], source))
			return error_set(err, ERROR_INVALID, "Source path \"%s\" is one of berth's own folders, or holds one: '%s'",
					 source, own[i]);
	for (const char **n = names; *n != NULL; n++) {
		AUTO_FREE char *other = pool_path(w->b, *n);

		if (is_within(source, other) || is_within(other, source))
			return error_set(err, ERROR_INVALID, "Source path \"%s\" is in use by the storage pool \"%s\"", source, *n);
	}
	return is_empty(source) ? 0 : error_set(err, ERROR_INVALID, "Source path \"%s\" isn't empty", source);
}

static int check_device(const struct pool_work *w, const char *source, struct error *err)
{
	AUTO_CLOSE int fd = open(source, O_RDONLY | O_EXCL | O_CLOEXEC);

	if (fd < 0)
		return error_sys(err, errno, "cannot use the device '%s'", source);
	return json_str(json_obj(w->pool, "config"), "size") == NULL ? 0 :
		error_set(err, ERROR_INVALID, "Invalid option \"size\": a device has the size it has");
}

/* The loop file is to be made, so it must not be there. */
static int check_image(struct pool_work *w, const char *source, struct error *err)
{
	cJSON *config = json_obj(w->pool, "config");
	uint64_t size = 0;
	struct statvfs fs;
	AUTO_FREE char *parent = mem_strndup(source, (size_t)(strrchr(source, '/') - source));

	if (statvfs(parent[0] != '\0' ? parent : "/", &fs) < 0 && (errno != ENOENT || statvfs(w->b->settings->state_path, &fs) < 0))
		return error_sys(err, errno, "cannot look at '%s'", parent);
	if (json_str(config, "size") == NULL) { /* LXD's rule: a fifth of what is free, 5 to 30 GiB */
		uint64_t fifth = (uint64_t)fs.f_bavail * fs.f_frsize / 5 / GIB;

		json_set_strf(config, "size", "%dGiB", (int)(fifth < 5 ? 5 : fifth > 30 ? 30 : fifth));
	}
	if (units_parse_size(json_str(config, "size"), &size, err) < 0)
		return -1;
	if (size < IMAGE_MIN)
		return error_set(err, ERROR_INVALID, "Invalid value for option \"size\": a btrfs needs at least 112MiB");
	return 0;
}

static int check_source_there(struct pool_work *w, const char *source, struct error *err)
{
	bool btrfs = strcmp(w->driver, "btrfs") == 0;
	struct stat st;

	if (stat(source, &st) < 0 && errno == ENOENT && btrfs && strlen(source) > 4 &&
	    strcmp(source + strlen(source) - 4, ".img") == 0)
		return check_image(w, source, err);
	if (stat(source, &st) < 0)
		return errno == ENOENT ? error_set(err, ERROR_INVALID, "Source path \"%s\" doesn't exist", source) :
			error_sys(err, errno, "cannot look at '%s'", source);
	if (S_ISBLK(st.st_mode) && btrfs)
		return check_device(w, source, err);
	if (!S_ISDIR(st.st_mode))
		return error_set(err, ERROR_INVALID, btrfs ?
				 "Source path \"%s\" must be a block device, a folder on a btrfs, or the name of a new file *.img" :
				 "Source path \"%s\" isn't a directory", source);
	if (btrfs && !pool_is_btrfs(source))
		return error_set(err, ERROR_INVALID, "Provided path does not reside on a btrfs filesystem: \"%s\"", source);
	if (json_str(json_obj(w->pool, "config"), "size") != NULL)
		return error_set(err, ERROR_INVALID, "Invalid option \"size\": a folder has no size of its own");
	return check_folder(w, source, err);
}

static int check_create(struct pool_work *w, struct error *err)
{
	cJSON *config = json_obj(w->pool, "config");
	AUTO_FREE char *own = strcmp(w->driver, "btrfs") == 0 ? pool_image_path(w->b, w->name) :
							       fs_join(w->b->settings->pools_path, w->name);
	bool given = source_of(w)[0] != '\0';

	if (pool_get(w->b, w->name) != NULL)
		return error_set(err, ERROR_CONFLICT, "The storage pool already exists: The record already exists");
	if (strcmp(w->driver, "btrfs") == 0 && !fs_in_path("mkfs.btrfs"))
		return error_set(err, ERROR_INVALID, "the storage driver \"btrfs\" is not available: the program mkfs.btrfs is missing "
				 "(package btrfs-progs)");
	if (!given) {
		if (fs_exists(own))
			return error_set(err, ERROR_CONFLICT, "'%s' is in the way: it is left of another storage pool", own);
		json_set_str(config, "source", own);
	} else {
		json_set_str(config, "volatile.initial_source", source_of(w));
	}
	json_set_bool(w->args, "given", given);
	if (given ? check_source_there(w, source_of(w), err) < 0 :
	    strcmp(w->driver, "btrfs") == 0 && check_image(w, own, err) < 0)
		return -1;
	json_set_bool(w->args, "mounts", pool_needs_mount(w->pool));
	free(w->path);
	w->path = pool_path_of(w->b, w->pool);
	return 0;
}

static enum op_result step_check_create(struct op *op, struct error *err)
{
	return check_create(op_data(op), err) < 0 ? OP_FAIL : OP_DONE;
}

/* ---- source: the loop file; or the pool's folder */

static bool has_image(const struct pool_work *w)
{
	const char *source = source_of(w);
	struct stat st;

	return json_bool(w->args, "mounts", false) && (stat(source, &st) < 0 || S_ISREG(st.st_mode));
}

static int make_image(const struct pool_work *w, struct error *err)
{
	AUTO_CLOSE int fd = -1;
	uint64_t size;

	if (units_parse_size(json_str_or(json_obj(w->pool, "config"), "size", ""), &size, err) < 0)
		return -1;
	fd = open(source_of(w), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return error_sys(err, errno, "cannot make '%s'", source_of(w));
	json_set_bool(w->args, "made_image", true);
	if (ftruncate(fd, (off_t)size) < 0)
		return error_sys(err, errno, "cannot make '%s' %s long", source_of(w),
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
	    unlink(source_of(w)) < 0 && errno != ENOENT) {
		error_sys(err, errno, "cannot remove '%s'", source_of(w));
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
	argv_pushl(&argv, "mkfs.btrfs", "-q", "-L", w->name, source_of(w), NULL);
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
	if (json_bool(w->args, "mounts", false) && fs_exists(source_of(w)) && pool_mount(w->b, w->pool, err) < 0) {
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
		if (has_image(w) && unlink(source_of(w)) < 0 && errno != ENOENT)
			return error_sys(err, errno, "cannot remove '%s'", source_of(w));
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

static int check_driver(const struct berthd *b, const char *driver, struct error *err)
{
	static const char *const others[] = { "lvm", "zfs", "ceph", "cephfs", "cephobject", NULL };

	if (driver[0] == '\0')
		return error_set(err, ERROR_INVALID, "No driver provided");
	for (const char *const *o = others; *o != NULL; o++)
		if (strcmp(driver, *o) == 0)
			return error_set(err, ERROR_TOOL, "Unknown driver: berth has no storage driver \"%s\": there are dir, overlay "
					 "and btrfs", driver);
	if (strcmp(driver, "dir") != 0 && strcmp(driver, "overlay") != 0 && strcmp(driver, "btrfs") != 0)
		return error_set(err, ERROR_TOOL, "Unknown driver");
	if (strcmp(driver, "overlay") == 0 && !b->probe->overlay_idmapped)
		return error_set(err, ERROR_INVALID, "the storage driver \"overlay\" is not available: this kernel cannot lay an overlay "
				 "on an idmapped mount");
	return 0;
}

struct op *pool_create(struct berthd *b, const cJSON *request, struct error *err)
{
	const char *name = json_str_or(request, "name", ""), *driver = json_str_or(request, "driver", "");
	cJSON *args, *pool;

	if (pool_get(b, name) != NULL) {
		error_set(err, ERROR_CONFLICT, "The storage pool already exists: The record already exists");
		return NULL;
	}
	if (pool_name_check(name, err) < 0 || check_driver(b, driver, err) < 0 ||
	    pool_config_check(driver, cJSON_GetObjectItemCaseSensitive(request, "config"), err) < 0)
		return NULL;
	args = cJSON_CreateObject();
	pool = cJSON_AddObjectToObject(args, "pool");
	json_set_str(pool, "name", name);
	json_set_str(pool, "driver", driver);
	json_set_str(pool, "description", json_str_or(request, "description", ""));
	json_set(pool, "config", pool_config_clean(json_obj(request, "config")));
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
	json_set(pool, "config", new);
	if (json_str(change, "description") != NULL || !patch)
		json_set_str(pool, "description", json_str_or(change, "description", ""));
	if (pool_change_live(b, old, pool, err) == 0)
		return pool_put(b, name, pool, err);
	cJSON_Delete(pool);
	return -1;
}
