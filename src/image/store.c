/* SPDX-License-Identifier: MIT */
#include "image/store_private.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "model/settings.h"

enum { SWEEP_AFTER_MS = 2000, LOCK_TRIES = 500, LOCK_PAUSE_US = 20000 };

bool fingerprint_valid(const char *text)
{
	return strlen(text) == SHA256_TEXT_SIZE - 1 &&
	       strspn(text, "0123456789abcdef") == SHA256_TEXT_SIZE - 1;
}

char *store_path(const struct image_store *s, const char *fingerprint, const char *file)
{
	return mem_printf("%s/%s%s%s", s->dir, fingerprint, file ? "/" : "", file ? file : "");
}

char *store_staging(const struct image_store *s, const char *uuid, const char *file)
{
	return mem_printf("%s/%s%s%s", s->staging, uuid, file ? "/" : "", file ? file : "");
}

/* ---- removing folders */

int store_remove_staging(void *path, struct error *err)
{
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	unsigned tries = LOCK_TRIES;

	if (fd < 0)
		return errno == ENOENT ? 0 : error_sys(err, errno, "cannot open '%s'", (const char *)path);
	while (flock(fd, LOCK_EX | LOCK_NB)) {
		if (errno != EWOULDBLOCK || --tries == 0)
			return error_set(err, ERROR_TIMEOUT, "something still unpacks in '%s'",
					 (const char *)path);
		usleep(LOCK_PAUSE_US);
	}
	return fs_remove_tree(path, err);
}

struct removal {
	uv_work_t work;
	char *path;
};

static void remove_cb(uv_work_t *work)
{
	struct removal *r = work->data;
	struct error err = ERROR_INIT;

	if (store_remove_staging(r->path, &err))
		log_error("cannot remove '%s': %s", r->path, err.msg);
}

static void removed_cb(uv_work_t *work, int status)
{
	struct removal *r = work->data;

	free(r->path);
	free(r);
}

static void remove_later(struct image_store *s, char *path_taken)
{
	struct removal *r = mem_alloc(sizeof(*r));

	r->path = path_taken;
	r->work.data = r;
	if (uv_queue_work(s->b->loop, &r->work, remove_cb, removed_cb))
		removed_cb(&r->work, 0);
}

void store_drop_folder(struct image_store *s, const char *path)
{
	char uuid[UUID_TEXT_SIZE];
	char *to;

	ident_uuid(uuid);
	to = store_staging(s, uuid, NULL);
	if (rename(path, to) == 0) {
		remove_later(s, to);
		return;
	}
	if (errno != ENOENT)
		log_error("cannot move '%s' away: %s", path, strerror(errno));
	free(to);
}

/* ---- opening */

int store_load_one(struct image_store *s, const char *fingerprint, struct error *err)
{
	AUTO_FREE char *path = store_path(s, fingerprint, IMAGE_JSON);
	cJSON *v = json_read_file(path, err);

	if (!v)
		return -1;
	if (!cJSON_IsObject(v) || strcmp(json_str_or(v, "fingerprint", ""), fingerprint)) {
		cJSON_Delete(v);
		return error_set(err, ERROR_INVALID, "'%s' does not describe this image", path);
	}
	strmap_put(s->images, fingerprint, v);
	return 0;
}

static int each_entry(const char *path, int (*fn)(struct image_store *s, const char *name, struct error *err),
		      struct image_store *s, struct error *err)
{
	DIR *dir = opendir(path);
	struct dirent *d;
	int rc = 0;

	if (!dir)
		return error_sys(err, errno, "cannot read '%s'", path);
	while (rc == 0 && (d = readdir(dir))) {
		if (strcmp(d->d_name, ".") && strcmp(d->d_name, ".."))
			rc = fn(s, d->d_name, err);
	}
	closedir(dir);
	return rc;
}

/* A folder without image.json is the tree of a deleted image: swept later, when no instance lies on it. */
static int load_entry(struct image_store *s, const char *name, struct error *err)
{
	AUTO_FREE char *path = store_path(s, name, IMAGE_JSON);
	struct error bad = ERROR_INIT;

	if (fingerprint_valid(name) && fs_exists(path) && store_load_one(s, name, &bad))
		log_error("image '%s' is left out: %s", name, bad.msg);
	return 0;
}

/* What an interrupted operation still needs is named in its journal entry. */
static bool journal_names(struct image_store *s, const char *uuid)
{
	AUTO_FREE char *path = fs_join(s->b->settings->state_path, "operations");
	DIR *dir = opendir(path);
	struct dirent *d;
	bool found = false;

	while (dir && !found && (d = readdir(dir))) {
		AUTO_FREE char *file = fs_join(path, d->d_name);
		struct error err = ERROR_INIT;
		AUTO_JSON cJSON *v = d->d_name[0] == '.' ? NULL : json_read_file(file, &err);

		found = strcmp(json_str_or(json_obj(v, "args"), "staging", ""), uuid) == 0;
	}
	if (dir)
		closedir(dir);
	return found;
}

static int sweep_staging(struct image_store *s, const char *name, struct error *err)
{
	if (!journal_names(s, name))
		remove_later(s, store_staging(s, name, NULL));
	return 0;
}

static int sweep_tree(struct image_store *s, const char *name, struct error *err)
{
	AUTO_FREE char *path = store_path(s, name, NULL);
	AUTO_FREE char *lock = mem_printf("image/%s", name);

	if (fingerprint_valid(name) && !strmap_get(s->images, name) && !op_locked(s->b->ops, lock) &&
	    !s->in_use(name, s->data)) {
		AUTO_FREE char *json = store_path(s, name, IMAGE_JSON);

		if (!fs_exists(json))
			store_drop_folder(s, path);
	}
	return 0;
}

void image_sweep(struct image_store *s)
{
	struct error err = ERROR_INIT;

	if (s->b->registry && each_entry(s->dir, sweep_tree, s, &err))
		log_error("%s", err.msg);
}

static void sweep_closed_cb(uv_handle_t *handle)
{
	free(handle);
}

static void sweep_cb(uv_timer_t *timer)
{
	struct image_store *s = timer->data;

	s->sweep = NULL;
	uv_close((uv_handle_t *)timer, sweep_closed_cb);
	image_sweep(s);
}

static void plan_sweep(struct image_store *s)
{
	s->sweep = mem_alloc(sizeof(*s->sweep));
	uv_timer_init(s->b->loop, s->sweep);
	s->sweep->data = s;
	uv_timer_start(s->sweep, sweep_cb, SWEEP_AFTER_MS, 0);
	uv_unref((uv_handle_t *)s->sweep);
}

static void free_json(void *v)
{
	cJSON_Delete(v);
}

struct image_store *image_store_open(struct berthd *b, bool (*in_use)(const char *fingerprint, void *data),
				     void *data, struct error *err)
{
	struct image_store *s = mem_alloc(sizeof(*s));

	s->b = b;
	s->in_use = in_use;
	s->data = data;
	s->dir = mem_strdup(b->settings->images_path);
	s->staging = fs_join(s->dir, ".staging");
	s->images = strmap_new(free_json);
	if (fs_mkdirs(s->staging, 0700, err) || chmod(s->dir, 0700) || alias_load(s, err) ||
	    each_entry(s->dir, load_entry, s, err) || each_entry(s->staging, sweep_staging, s, err)) {
		if (err->code == ERROR_NONE)
			error_sys(err, errno, "cannot make '%s' private", s->dir);
		image_store_free(s);
		return NULL;
	}
	plan_sweep(s);
	return s;
}

void image_store_copies(struct image_store *s, cJSON *(*places)(const char *fingerprint, void *data),
			int (*remove)(const char *path, struct error *err))
{
	s->copies = places;
	s->copy_remove = remove;
}

void image_store_free(struct image_store *s)
{
	if (!s)
		return;
	if (s->sweep)
		uv_close((uv_handle_t *)s->sweep, sweep_closed_cb);
	strmap_free(s->images);
	cJSON_Delete(s->aliases);
	free(s->dir);
	free(s->staging);
	free(s);
}

/* ---- looking up */

const char **image_fingerprints(const struct image_store *s)
{
	return strmap_keys(s->images);
}

const cJSON *image_get(const struct image_store *s, const char *fingerprint)
{
	return strmap_get(s->images, fingerprint);
}

const char *image_find(const struct image_store *s, const char *prefix, struct error *err)
{
	const char *key, *found = NULL;
	size_t pos = 0, len = strlen(prefix);
	void *value;

	if (len == 0 || strspn(prefix, "0123456789abcdefABCDEF") != len)
		goto missing;
	while (strmap_next(s->images, &pos, &key, &value)) {
		if (strncasecmp(key, prefix, len))
			continue;
		if (found) {
			error_set(err, ERROR_INVALID, "More than one image matches: '%.64s' is ambiguous",
				  prefix);
			return NULL;
		}
		found = key;
	}
	if (found)
		return found;
missing:
	error_set(err, ERROR_NOT_FOUND, "Image not found");
	return NULL;
}

const char *image_resolve(const struct image_store *s, const char *ref, struct error *err)
{
	const char *target = json_str(json_obj(s->aliases, ref), "target");

	if (target && image_get(s, target))
		return target;
	return image_find(s, ref, err);
}

char *image_file(const struct image_store *s, const char *fingerprint, unsigned n)
{
	const cJSON *files = json_arr(json_obj(image_get(s, fingerprint), "berth"), "files");
	const char *file = cJSON_GetStringValue(cJSON_GetArrayItem(files, (int)n));

	return file && !strchr(file, '/') ? store_path(s, fingerprint, file) : NULL;
}

/* A volatile.base_image comes from wherever the instance does, and must not lead out of the store. */
char *image_rootfs(const struct image_store *s, const char *fingerprint)
{
	return store_path(s, fingerprint_valid(fingerprint) ? fingerprint : "none", "rootfs");
}

void image_release(struct image_store *s, const char *fingerprint)
{
	AUTO_FREE char *path = NULL, *json = NULL, *lock = NULL;

	if (!fingerprint || !fingerprint_valid(fingerprint) || image_get(s, fingerprint))
		return;
	path = store_path(s, fingerprint, NULL);
	json = store_path(s, fingerprint, IMAGE_JSON);
	lock = mem_printf("image/%s", fingerprint);
	if (!fs_exists(json) && !op_locked(s->b->ops, lock) && !s->in_use(fingerprint, s->data))
		store_drop_folder(s, path);
}

/* In the order LXD prints the members. */
cJSON *image_json(const struct image_store *s, const char *fingerprint)
{
	static const char *const members[] = {"auto_update", "properties",   "public",	     "expires_at",
					      "profiles",    "aliases",	     "architecture", "cached",
					      "filename",    "fingerprint",  "size",	     "type",
					      "created_at",  "last_used_at", "uploaded_at"};
	const cJSON *image = image_get(s, fingerprint), *m;
	cJSON *v, *list;
	size_t i;

	if (!image)
		return NULL;
	v = cJSON_CreateObject();
	for (i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
		m = cJSON_GetObjectItemCaseSensitive(image, members[i]);
		json_set(v, members[i], m ? cJSON_Duplicate(m, true) : cJSON_CreateArray());
	}
	if ((m = json_obj(image, "update_source")) != NULL)
		json_set(v, "update_source", cJSON_Duplicate(m, true));
	list = json_arr(v, "aliases");
	cJSON_ArrayForEach(m, s->aliases) {
		cJSON *a;

		if (strcmp(json_str_or(m, "target", ""), fingerprint))
			continue;
		a = cJSON_CreateObject();
		json_set_str(a, "name", m->string);
		json_set_str(a, "description", json_str_or(m, "description", ""));
		cJSON_AddItemToArray(list, a);
	}
	return v;
}
