/* SPDX-License-Identifier: MIT */
#include "pool/image_volume.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/ident.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "image/store.h"
#include "pool/pool.h"
#include "pool/tree.h"

#define FOLDER "images"
#define FINGERPRINT_LENGTH 64

static bool is_fingerprint(const char *text)
{
	return strlen(text) == FINGERPRINT_LENGTH && strspn(text, "0123456789abcdef") == FINGERPRINT_LENGTH;
}

/* ---- places */

/* NULL: the pool keeps no images. */
static char *folder_of(const struct berthd *b, const char *pool)
{
	const char *driver = pool_driver(b, pool);
	AUTO_FREE char *path = NULL;

	if (driver == NULL || strcmp(driver, "btrfs") != 0 || strcmp(pool, POOL_DEFAULT) == 0)
		return NULL;
	path = pool_path(b, pool);
	return fs_join(path, FOLDER);
}

char *image_volume_path(const struct berthd *b, const char *pool, const char *fingerprint)
{
	AUTO_FREE char *folder = folder_of(b, pool);

	return folder == NULL || !is_fingerprint(fingerprint) ? NULL : fs_join(folder, fingerprint);
}

bool image_volume_exists(const struct berthd *b, const char *pool, const char *fingerprint)
{
	AUTO_FREE char *path = image_volume_path(b, pool, fingerprint);

	return path != NULL && pool_tree_is_subvolume(path);
}

static int is_volume(const struct dirent *d)
{
	return is_fingerprint(d->d_name);
}

static cJSON *list_in(const char *folder)
{
	cJSON *list = cJSON_CreateArray();
	struct dirent **entries;
	int n = scandir(folder, &entries, is_volume, alphasort);

	for (int i = 0; i < n; i++) {
		cJSON_AddItemToArray(list, cJSON_CreateString(entries[i]->d_name));
		free(entries[i]);
	}
	if (n >= 0)
		free(entries);
	return list;
}

cJSON *image_volume_list(const struct berthd *b, const char *pool)
{
	AUTO_FREE char *folder = folder_of(b, pool);
	struct error ignored = ERROR_INIT;

	return folder != NULL && pool_usable(b, pool, &ignored) == 0 ? list_in(folder) : cJSON_CreateArray();
}

cJSON *image_volume_get(const struct berthd *b, const char *pool, const char *fingerprint, struct error *err)
{
	AUTO_FREE char *url = mem_printf("/1.0/images/%s", fingerprint);
	const char *urls[] = { url };
	cJSON *v;

	if (pool_usable(b, pool, err) < 0)
		return NULL;
	if (!image_volume_exists(b, pool, fingerprint)) {
		error_set(err, ERROR_NOT_FOUND, "Storage pool volume not found");
		return NULL;
	}
	v = cJSON_CreateObject();
	cJSON_AddObjectToObject(v, "config");
	json_set_str(v, "description", "");
	json_set_str(v, "name", fingerprint);
	json_set_str(v, "type", "image");
	json_set(v, "used_by", cJSON_CreateStringArray(urls, 1));
	json_set_str(v, "location", "none");
	json_set_str(v, "content_type", "filesystem");
	json_set_str(v, "project", "default");
	json_set_str(v, "created_at", TIME_UNSET);
	return v;
}

/* ---- coming */

int image_volume_keep(const char *tree, const char *volume, struct error *err)
{
	AUTO_FREE char *folder = mem_strndup(volume, (size_t)(strrchr(volume, '/') - volume));

	if (mkdir(folder, 0700) < 0 && errno != EEXIST)
		return error_sys(err, errno, "cannot make '%s'", folder);
	if (pool_tree_snapshot(tree, volume, true, err) == 0)
		return 0;
	if (err->sys != EEXIST)
		return -1;
	error_clear(err); /* another instance was faster */
	return 0;
}

/* ---- going */

int image_volume_clear(const char *pool_path, struct error *err)
{
	AUTO_FREE char *folder = fs_join(pool_path, FOLDER);
	AUTO_JSON cJSON *list = list_in(folder);
	const cJSON *item;

	cJSON_ArrayForEach(item, list) {
		AUTO_FREE char *path = fs_join(folder, item->valuestring);

		if (pool_remove(path, err) < 0)
			return -1;
	}
	return rmdir(folder) == 0 || errno == ENOENT ? 0 : error_sys(err, errno, "cannot remove '%s'", folder);
}

/* Of one image, wherever it is. */
static cJSON *places(const char *fingerprint, void *data)
{
	const struct berthd *b = data;
	AUTO_FREE const char **names = pool_names(b);
	cJSON *paths = cJSON_CreateArray();

	for (const char **n = names; *n != NULL; n++) {
		AUTO_FREE char *path = image_volume_exists(b, *n, fingerprint) ? image_volume_path(b, *n, fingerprint) : NULL;

		if (path != NULL)
			cJSON_AddItemToArray(paths, cJSON_CreateString(path));
	}
	return paths;
}

struct removal {
	uv_work_t work;
	cJSON *paths;
};

static void remove_cb(uv_work_t *work)
{
	const struct removal *r = work->data;
	const cJSON *item;

	cJSON_ArrayForEach(item, r->paths) {
		struct error err = ERROR_INIT;

		if (pool_remove(item->valuestring, &err) < 0)
			log_warning("the volume of an image that is gone: %s", err.msg);
	}
}

static void removed_cb(uv_work_t *work, int status)
{
	struct removal *r = work->data;

	cJSON_Delete(r->paths);
	free(r);
}

static void remove_later(struct berthd *b, cJSON *paths_taken)
{
	struct removal *r = mem_alloc(sizeof(*r));

	r->paths = paths_taken;
	r->work.data = r;
	if (uv_queue_work(b->loop, &r->work, remove_cb, removed_cb) != 0)
		removed_cb(&r->work, 0);
}

void image_volume_sweep(struct berthd *b)
{
	AUTO_FREE const char **names = pool_names(b);
	cJSON *paths = cJSON_CreateArray();
	const cJSON *item;

	for (const char **n = names; *n != NULL; n++) {
		AUTO_JSON cJSON *list = image_volume_list(b, *n);

		cJSON_ArrayForEach(item, list) {
			AUTO_FREE char *path = image_volume_path(b, *n, item->valuestring);

			if (image_get(b->images, item->valuestring) == NULL)
				cJSON_AddItemToArray(paths, cJSON_CreateString(path));
		}
	}
	if (paths->child != NULL)
		remove_later(b, paths);
	else
		cJSON_Delete(paths);
}

void image_volume_open(struct berthd *b)
{
	image_store_copies(b->images, places, pool_remove);
}

/* ---- by name: one thing that is there or not, so there is nothing to undo */

struct deletion {
	char *path;
};

static void *load(void *ctx, cJSON *args, struct error *err)
{
	struct deletion *d = mem_alloc(sizeof(*d));

	d->path = image_volume_path(ctx, json_str_or(args, "pool", ""), json_str_or(args, "image", ""));
	if (d->path != NULL)
		return d;
	error_set(err, ERROR_NOT_FOUND, "Storage pool volume not found");
	free(d);
	return NULL;
}

static void unload(void *data)
{
	struct deletion *d = data;

	if (d != NULL)
		free(d->path);
	free(d);
}

static int remove_fn(void *data, struct error *err)
{
	const struct deletion *d = data;

	return pool_remove(d->path, err);
}

static enum op_result step_remove(struct op *op, struct error *err)
{
	return op_thread(op, remove_fn, op_data(op), err);
}

static const struct op_step steps[] = {
	{ "remove", step_remove, NULL, 3600, 0 },
	{ 0 },
};

static const struct op_kind delete_kind = {
	.name = "image-volume-delete",
	.description = "Deleting storage volume",
	.steps = steps,
	.load = load,
	.unload = unload,
	.volatile_ = true,
	.frees = true,
};

struct op *image_volume_delete(struct berthd *b, const char *pool, const char *fingerprint, struct error *err)
{
	AUTO_JSON cJSON *v = image_volume_get(b, pool, fingerprint, err);
	AUTO_FREE char *lock = mem_printf("pool/%s", pool), *url = mem_printf("/1.0/storage_volumes/%s", fingerprint);
	const char *locks[] = { lock, NULL }, *urls[] = { url };
	struct op_options options = { .locks = locks };
	cJSON *args;

	if (v == NULL)
		return NULL;
	args = cJSON_CreateObject();
	json_set_str(args, "pool", pool);
	json_set_str(args, "image", fingerprint);
	options.resources = cJSON_CreateObject();
	json_set(options.resources, "storage_volumes", cJSON_CreateStringArray(urls, 1));
	return op_start(b->ops, &delete_kind, args, &options, err);
}

void image_volume_register(struct op_queue *q)
{
	op_queue_register(q, &delete_kind);
}
