/* SPDX-License-Identifier: MIT */
/*
 * The import operation. args: {"staging":UUID,"fingerprint","size","files":["image"],"options":{…}}. Until
 * the commit everything lies in .staging/UUID, which the first step's undo removes; the commit is one rename.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/packing.h"
#include "image/store_private.h"
#include "image/upload.h"
#include "lxc/probe.h"
#include "model/settings.h"

enum { LONG_TIME_S = 6 * 3600 };

struct import {
	struct image_store *store;
	char *dir;  /* the staging folder */
	char *home; /* images_path/FINGERPRINT */
	const char *fingerprint;
	const char *part; /* that is being unpacked: "whole", "metadata", "rootfs" */
	off_t part_size;
	cJSON *metadata_report;
	cJSON *report;
};

static void *import_load(void *ctx, cJSON *args, struct error *err)
{
	struct image_store *s = ((struct berthd *)ctx)->images;
	const char *uuid = json_str_or(args, "staging", "");
	struct import *i;

	if (strlen(uuid) != UUID_TEXT_SIZE - 1 || strchr(uuid, '/') ||
	    !fingerprint_valid(json_str_or(args, "fingerprint", ""))) {
		error_set(err, ERROR_INVALID, "the journal entry of an image import is damaged");
		return NULL;
	}
	i = mem_alloc(sizeof(*i));
	i->store = s;
	i->fingerprint = json_str(args, "fingerprint");
	i->dir = store_staging(s, uuid, NULL);
	i->home = store_path(s, i->fingerprint, NULL);
	return i;
}

static void import_unload(void *data)
{
	struct import *i = data;

	if (!i)
		return;
	cJSON_Delete(i->metadata_report);
	cJSON_Delete(i->report);
	free(i->dir);
	free(i->home);
	free(i);
}

/* ---- verify */

static int check_aliases(const struct image_store *s, const cJSON *options, struct error *err)
{
	const cJSON *a;

	cJSON_ArrayForEach(a, json_arr(options, "aliases")) {
		if (json_obj(image_aliases(s), json_str_or(a, "name", "")))
			return error_set(err, ERROR_CONFLICT, "Alias \"%s\" already exists",
					 json_str(a, "name"));
	}
	return 0;
}

static enum op_result import_verify(struct op *op, struct error *err)
{
	struct import *i = op_data(op);
	const cJSON *args = op_args(op), *options = json_obj(args, "options");
	const char *wanted = json_str_or(options, "fingerprint", "");

	op_metadata_set(op, "fingerprint", cJSON_CreateString(i->fingerprint));
	op_metadata_set(op, "size",
			cJSON_Duplicate(cJSON_GetObjectItemCaseSensitive(args, "size_text"), true));
	if (*wanted && strcmp(wanted, i->fingerprint))
		error_set(err, ERROR_INVALID, "Image fingerprint doesn't match. Got %s expected %.64s",
			  i->fingerprint, wanted);
	else if (image_get(i->store, i->fingerprint))
		error_set(err, ERROR_CONFLICT, "Image with same fingerprint already exists");
	else if (check_aliases(i->store, options, err) == 0)
		return OP_DONE;
	return OP_FAIL;
}

static enum op_result import_drop(struct op *op, struct error *err)
{
	struct import *i = op_data(op);

	return op_thread(op, store_remove_staging, i->dir, err);
}

/* ---- unpack */

static enum op_result unpack_part(struct op *op, const char *part, const char *file, struct error *err);

static void unpack_line(const char *line, void *data)
{
	struct op *op = data;
	struct import *i = op_data(op);
	long long done;
	char text[64];
	int percent;

	if (sscanf(line, "progress %lld", &done) != 1 || i->part_size <= 0 || done < 0)
		return;
	percent = (int)(done * 100 / i->part_size);
	percent = percent > 99 ? 99 : percent;
	snprintf(text, sizeof(text), "Unpack: %d%%", percent);
	op_progress(op, "unpack", percent, text);
}

/* The report's words are the error; without a report something is wrong with the tool. */
static int take_report(struct import *i, const struct proc_result *result, cJSON **ret, struct error *err)
{
	AUTO_FREE char *path = fs_join(i->dir, "report.json");

	*ret = proc_report("berth-unpack", result, path, err);
	return *ret != NULL ? 0 : -1;
}

static enum op_result unpack_done(struct op *op, const struct proc_result *result, struct error *err)
{
	struct import *i = op_data(op);

	if (strcmp(i->part, "metadata") == 0) {
		if (take_report(i, result, &i->metadata_report, err))
			return OP_FAIL;
		return unpack_part(op, "rootfs", "image.rootfs", err);
	}
	return take_report(i, result, &i->report, err) ? OP_FAIL : OP_DONE;
}

/* sqfs2tar runs as nobody and opens the file again: it may, the folder above is closed to everyone. */
static bool is_squashfs(int fd)
{
	return packing_of_file(fd) == PACKING_SQUASHFS && fchmod(fd, 0644) == 0;
}

static enum op_result unpack_part(struct op *op, const char *part, const char *file, struct error *err)
{
	struct import *i = op_data(op);
	const struct settings *settings = i->store->b->settings;
	AUTO_FREE char *path = fs_join(i->dir, file);
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	AUTO_ARGV struct argv argv = ARGV_INIT;
	struct proc_spec spec = { .use_stdin_fd = true, .stdin_fd = fd, .on_line = unpack_line };
	struct stat st;

	if (fd < 0 || fstat(fd, &st)) {
		error_sys(err, errno, "cannot open '%s'", path);
		return OP_FAIL;
	}
	i->part = part;
	i->part_size = st.st_size;
	argv_pushf(&argv, "%s/berth-unpack", settings->libexec_dir);
	argv_pushf(&argv, "--max-bytes=%lld", (long long)settings->image_max_bytes);
	argv_pushf(&argv, "--max-entries=%lld", (long long)settings->image_max_entries);
	argv_pushf(&argv, "--part=%s", part);
	if (strcmp(part, "metadata") != 0 && is_squashfs(fd))
		argv_push(&argv, "--squashfs");
	argv_pushf(&argv, "--into=%s", i->dir);
	argv_pushf(&argv, "--report=%s/report.json", i->dir);
	spec.argv = (const char *const *)argv.v;
	return op_child_spec(op, &spec, unpack_done, err);
}

static enum op_result import_unpack(struct op *op, struct error *err)
{
	bool split = cJSON_GetArraySize(json_arr(op_args(op), "files")) == 2;

	return unpack_part(op, split ? "metadata" : "whole", split ? "image.metadata" : "image", err);
}

/* ---- describe */

static enum op_result import_describe(struct op *op, struct error *err)
{
	struct import *i = op_data(op);
	struct describe d = { .args = op_args(op), .report = i->report, .metadata_report = i->metadata_report,
			      .host_architecture = i->store->b->probe->architecture };
	AUTO_FREE char *path = fs_join(i->dir, IMAGE_JSON);
	AUTO_JSON cJSON *image = describe_image(&d);

	return json_write_file(path, image, JSON_DURABLE, err) ? OP_FAIL : OP_DONE;
}

/* ---- commit */

/* image.json comes last: it makes the folder an image. */
static const char *const pieces[] = { "image", "image.metadata", "image.rootfs", "metadata.yaml", "templates",
				      IMAGE_JSON };

/* Instances still lie on the tree of this deleted image: it becomes an image again around that tree. */
static int join_old_tree(struct import *i, struct error *err)
{
	size_t k;

	for (k = 0; k < sizeof(pieces) / sizeof(pieces[0]); k++) {
		AUTO_FREE char *from = fs_join(i->dir, pieces[k]);
		AUTO_FREE char *to = fs_join(i->home, pieces[k]);

		if (!fs_exists(from))
			continue;
		if (rename(from, to) && (errno != ENOTEMPTY && errno != EEXIST))
			return error_sys(err, errno, "cannot move '%s' to '%s'", from, to);
	}
	return fs_sync_dir(i->home, err);
}

/* Idempotent: a restart may run it again. */
static enum op_result import_commit(struct op *op, struct error *err)
{
	struct import *i = op_data(op);
	bool joined = fs_exists(i->home);

	if (fs_exists(i->dir)) {
		if (joined ? join_old_tree(i, err) : rename(i->dir, i->home)) {
			if (err->code == ERROR_NONE)
				error_sys(err, errno, "cannot move '%s' to '%s'", i->dir, i->home);
			return OP_FAIL;
		}
		if (joined)
			store_drop_folder(i->store, i->dir);
	}
	if (fs_sync_dir(i->store->dir, err) || store_load_one(i->store, i->fingerprint, err))
		return OP_FAIL;
	return OP_DONE;
}

/* Back into the staging folder, which the first undo removes; a tree that was there before stays. */
static enum op_result import_uncommit(struct op *op, struct error *err)
{
	struct import *i = op_data(op);
	size_t k;

	if (!image_get(i->store, i->fingerprint) && fs_exists(i->dir))
		return OP_DONE;
	strmap_remove(i->store->images, i->fingerprint);
	if (!i->store->in_use(i->fingerprint, i->store->data) && !fs_exists(i->dir)) {
		if (rename(i->home, i->dir) && errno != ENOENT)
			error_sys(err, errno, "cannot move '%s' back", i->home);
		return err->code ? OP_FAIL : OP_DONE;
	}
	for (k = sizeof(pieces) / sizeof(pieces[0]); k-- > 0;) {
		AUTO_FREE char *path = fs_join(i->home, pieces[k]);

		if (fs_remove_tree(path, err))
			return OP_FAIL;
	}
	return OP_DONE;
}

/* ---- alias */

static enum op_result import_alias(struct op *op, struct error *err)
{
	struct import *i = op_data(op);
	const cJSON *a;

	cJSON_ArrayForEach(a, json_arr(json_obj(op_args(op), "options"), "aliases")) {
		struct error refused = ERROR_INIT;

		if (image_alias_create(i->store, json_str_or(a, "name", ""), i->fingerprint,
				       json_str_or(a, "description", ""), &refused))
			log_warning("image %s: alias left out: %s", i->fingerprint, refused.msg);
	}
	return OP_DONE;
}

static const struct op_step import_steps[] = {
	{ "verify", import_verify, import_drop, LONG_TIME_S, 0 },
	{ "unpack", import_unpack, NULL, LONG_TIME_S, 0 },
	{ "describe", import_describe, NULL, 0, 0 },
	{ "commit", import_commit, import_uncommit, 0, OP_COMMIT },
	{ "alias", import_alias, NULL, 0, 0 },
	{ 0 },
};

const struct op_kind image_import_kind = {
	.name = "image-import",
	.description = "Downloading image",
	.steps = import_steps,
	.load = import_load,
	.unload = import_unload,
	.may_cancel = true,
};

/* ---- starting it */

static cJSON *file_list(unsigned parts)
{
	static const char *const unified[] = {"image"}, *const split[] = {"image.metadata", "image.rootfs"};

	return parts == UPLOAD_UNIFIED ? cJSON_CreateStringArray(unified, 1)
				       : cJSON_CreateStringArray(split, 2);
}

static int check_options(const cJSON *options, struct error *err)
{
	const cJSON *a;

	if (image_properties_check(json_obj(options, "properties"), err))
		return -1;
	cJSON_ArrayForEach(a, json_arr(options, "aliases")) {
		if (!json_str(a, "name") || !*json_str(a, "name"))
			return error_set(err, ERROR_INVALID, "an image alias needs a name");
	}
	return 0;
}

static struct op *start(struct image_upload *u, const cJSON *options, struct error *err)
{
	char fingerprint[SHA256_TEXT_SIZE], lock[SHA256_TEXT_SIZE + 8];
	const char *locks[] = { lock, NULL };
	struct op_options op_options = { .locks = locks };
	cJSON *args = cJSON_CreateObject();

	digest_finish(u->digest, fingerprint);
	u->digest = NULL;
	snprintf(lock, sizeof(lock), "image/%s", fingerprint);
	json_set_str(args, "staging", u->uuid);
	json_set_str(args, "fingerprint", fingerprint);
	json_set_int(args, "size", (int64_t)u->total);
	json_set_strf(args, "size_text", "%llu", (unsigned long long)u->total);
	json_set(args, "files", file_list(u->parts));
	json_set(args, "options", options ? cJSON_Duplicate(options, true) : cJSON_CreateObject());
	return op_start(u->store->b->ops, &image_import_kind, args, &op_options, err);
}

struct op *image_import(struct image_upload *u, const cJSON *options, struct error *err)
{
	struct op *op = NULL;

	if (u->total == 0)
		error_set(err, ERROR_INVALID, "Unsupported compression: the archive is empty");
	else if (u->parts != UPLOAD_UNIFIED && u->parts != (UPLOAD_METADATA | UPLOAD_ROOTFS))
		error_set(err, ERROR_INVALID, "a split image needs the parts 'metadata' and 'rootfs'");
	else if (check_options(options, err) == 0)
		op = start(u, options, err);
	if (op)
		image_upload_free(u);
	else
		image_upload_abort(u);
	return op;
}

void image_register(struct op_queue *q)
{
	op_queue_register(q, &image_import_kind);
	op_queue_register(q, &image_delete_kind);
}
