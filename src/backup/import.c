/* SPDX-License-Identifier: MIT */
#include "backup/import.h"
#include "backup/import_private.h"
#include "backup/volume_import.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/argv.h"
#include "base/fs.h"
#include "base/ident.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "instance/archive.h"
#include "instance/cloud_init.h"
#include "instance/place.h"
#include "model/settings.h"
#include "pool/pool.h"
#include "proc/proc.h"

#define PREFIX ".import."
#define INDEX_TIMEOUT_MS (600 * 1000u)

struct import {
	struct berthd *b;
	char *path;      /* the archive */
	char *says;      /* what berth-restore says of it */
	int fd;
	uint64_t total;
	char *name, *pool;
	bool volume;     /* not an instance */
	import_cb cb;
	void *data;
};

static void import_free(struct import *im)
{
	if (im->fd >= 0)
		close(im->fd);
	(void)unlink(im->says);
	free(im->path);
	free(im->says);
	free(im->name);
	free(im->pool);
	free(im);
}

void import_abort(struct import *im)
{
	if (im == NULL)
		return;
	(void)unlink(im->path);
	import_free(im);
}

struct import *import_new(struct berthd *b, struct error *err)
{
	struct import *im = mem_alloc(sizeof(*im));
	char uuid[UUID_TEXT_SIZE];

	ident_uuid(uuid);
	im->b = b;
	im->path = mem_printf("%s/" PREFIX "%s", b->settings->backup_path, uuid);
	im->says = mem_printf("%s.json", im->path);
	im->fd = open(im->path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (im->fd >= 0)
		return im;
	error_sys(err, errno, "cannot make '%s'", im->path);
	import_free(im);
	return NULL;
}

int import_write(struct import *im, const void *data, size_t len, struct error *err)
{
	const char *p = data;

	im->total += len;
	if (im->total > (uint64_t)im->b->settings->image_max_bytes)
		return error_set(err, ERROR_TOO_LARGE, "the backup is larger than image_max_bytes (%lld)",
				 (long long)im->b->settings->image_max_bytes);
	while (len > 0) {
		ssize_t n = write(im->fd, p, len);

		if (n < 0 && errno != EINTR)
			return error_sys(err, errno, "cannot store the backup");
		p += n > 0 ? n : 0;
		len -= n > 0 ? (size_t)n : 0;
	}
	return 0;
}

/* ---- what it says */

/*
 * Its network addresses stay its own, unless somebody else has them: two of one backup would. Templates wait still, and
 * cloud-init does not begin again.
 */
static cJSON *kept_volatile(struct berthd *b, const cJSON *config)
{
	cJSON *v = cJSON_CreateObject();
	const cJSON *item;

	cJSON_ArrayForEach(item, config) {
		size_t len = strlen(item->string);

		if ((strcmp(item->string, "volatile.apply_template") == 0 || strcmp(item->string, CLOUD_INIT_ID) == 0) &&
		    cJSON_IsString(item))
			json_set_str(v, item->string, item->valuestring);
		if (strncmp(item->string, "volatile.", 9) == 0 && len > 7 && strcmp(item->string + len - 7, ".hwaddr") == 0 &&
		    strcmp(item->string, "volatile.hwaddr") != 0 && !registry_uses_hwaddr(b->registry, item->valuestring))
			json_set_str(v, item->string, item->valuestring);
	}
	return v;
}

/* The pool that was asked for; of one that is not here, LXD takes the default profile's. */
static int choose_pool(struct import *im, cJSON *request, struct error *err)
{
	cJSON *devices = json_obj(request, "devices"), *root = json_obj(devices, "root"), *expanded = NULL, *config = NULL;
	struct error none = ERROR_INIT;
	const char *driver;
	int rc;

	if (im->pool != NULL) {
		if (root == NULL) {
			root = cJSON_AddObjectToObject(devices, "root");
			json_set_str(root, "type", "disk");
			json_set_str(root, "path", "/");
		}
		json_set_str(root, "pool", im->pool);
	}
	instance_expand(im->b, request, &config, &expanded);
	rc = storage_choose(im->b, expanded, &driver, &none);
	if (rc < 0 && root != NULL && im->pool == NULL)
		json_set_str(root, "pool", "default");
	else if (rc < 0)
		*err = none;
	cJSON_Delete(config);
	cJSON_Delete(expanded);
	return err->code == ERROR_NONE ? 0 : -1;
}

/* Send streams need what made them. */
static int check_driver(struct import *im, const cJSON *request, const cJSON *archive, struct error *err)
{
	AUTO_JSON cJSON *config = NULL;
	AUTO_JSON cJSON *devices = NULL;

	instance_expand(im->b, request, &config, &devices);
	return import_check_driver(archive, pool_driver(im->b, place_wanted(im->b, devices)), err);
}

static void ended(struct op *op, void *data)
{
	char *path = data;

	if (unlink(path) < 0 && errno != ENOENT)
		log_warning("cannot remove '%s': %s", path, strerror(errno));
	free(path);
}

static struct op *begin_volume(struct import *im, const cJSON *index, struct error *err)
{
	struct op *op = volume_import(im->b, im->pool, im->name, index, im->path, err);

	if (op != NULL)
		op_on_end(op, ended, mem_strdup(im->path));
	return op;
}

static struct op *begin(struct import *im, const cJSON *index, struct error *err)
{
	AUTO_JSON cJSON *v = import_read(index, im->name, err);
	cJSON *request = json_obj(v, "request"), *archive;
	struct op *op;

	if (v == NULL || choose_pool(im, request, err) < 0 || check_driver(im, request, json_obj(v, "archive"), err) < 0)
		return NULL;
	archive = cJSON_DetachItemFromObjectCaseSensitive(v, "archive");
	json_set_str(archive, "path", im->path);
	json_set(archive, "volatile", kept_volatile(im->b, json_obj(request, "config")));
	op = instance_create_archive(im->b, request, archive, err);
	if (op != NULL)
		op_on_end(op, ended, mem_strdup(im->path));
	return op;
}

static struct op *read_index(struct import *im, const struct proc_result *result, struct error *err)
{
	AUTO_JSON cJSON *said = json_read_file(im->says, err);
	const char *text = json_str(said, "error");

	if (text != NULL) {
		error_set(err, json_int(said, "code", 0) == ERROR_TOOL ? ERROR_TOOL : ERROR_INVALID, "%s", text);
		return NULL;
	}
	if (proc_check("berth-restore", result, err) < 0 || said == NULL)
		return NULL;
	return (im->volume ? begin_volume : begin)(im, json_obj(said, "index"), err);
}

static void index_cb(const struct proc_result *result, void *data)
{
	struct import *im = data;
	struct error err = ERROR_INIT;
	struct op *op = read_index(im, result, &err);

	im->cb(op, &err, im->data);
	if (op == NULL)
		(void)unlink(im->path);
	import_free(im);
}

static struct proc *ask(struct import *im, struct error *err)
{
	AUTO_CLOSE int in = open(im->path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	AUTO_CLOSE int out = open(im->says, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	AUTO_ARGV struct argv argv = ARGV_INIT;
	struct proc_spec spec = { .use_stdin_fd = true, .stdin_fd = in, .use_stdout_fd = true, .stdout_fd = out,
				  .timeout_ms = INDEX_TIMEOUT_MS, .on_exit = index_cb, .data = im };

	if (in < 0 || out < 0) {
		error_sys(err, errno, "cannot open '%s'", im->path);
		return NULL;
	}
	argv_pushf(&argv, "%s/berth-restore", im->b->settings->libexec_dir);
	argv_push(&argv, "index");
	spec.argv = (const char *const *)argv.v;
	return proc_start(im->b->loop, &spec, err);
}

void import_start(struct import *im, const char *name, const char *pool, import_cb cb, void *data)
{
	struct error err = ERROR_INIT;

	im->name = name != NULL ? mem_strdup(name) : NULL;
	im->pool = pool != NULL ? mem_strdup(pool) : NULL;
	im->cb = cb;
	im->data = data;
	close(im->fd);
	im->fd = -1;
	if (ask(im, &err) != NULL)
		return;
	cb(NULL, &err, data);
	import_abort(im);
}

void import_start_volume(struct import *im, const char *name, const char *pool, import_cb cb, void *data)
{
	im->volume = true;
	import_start(im, name, pool, cb, data);
}

void import_clean(struct berthd *b)
{
	DIR *dir = opendir(b->settings->backup_path);
	const struct dirent *d;

	while (dir != NULL && (d = readdir(dir)) != NULL)
		if (strncmp(d->d_name, PREFIX, strlen(PREFIX)) == 0 && unlinkat(dirfd(dir), d->d_name, 0) < 0)
			log_warning("cannot remove '%s/%s': %s", b->settings->backup_path, d->d_name, strerror(errno));
	if (dir != NULL)
		closedir(dir);
}
