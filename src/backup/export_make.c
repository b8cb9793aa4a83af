/* SPDX-License-Identifier: MIT */
/* How an archive in LXD's format is made, whatever is in it: an instance (export.c) or a volume (volume_export.c). */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "backup/compressor.h"
#include "backup/export_private.h"
#include "backup/pipeline.h"
#include "base/fs.h"
#include "base/ident.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/strbuf.h"

struct exporting *export_making_new(char *dir, char *facts, char *out, const char *only, op_fn next_tree)
{
	struct exporting *e = mem_alloc(sizeof(*e));

	e->dir = dir;
	e->facts = facts;
	e->out = out;
	e->only = only;
	e->next_tree = next_tree;
	return e;
}

void export_making_free(struct exporting *e)
{
	pipeline_free(e->pipeline);
	free(e->dir);
	free(e->facts);
	free(e->out);
}

static const char *arg(const struct exporting *e, const char *key)
{
	return json_str_or(e->args, key, "");
}

/* ---- the stream */

enum op_result step_export_open(struct op *op, struct error *err)
{
	struct exporting *e = op_data(op);
	AUTO_FREE char *path = fs_join(e->out, EXPORT_ARCHIVE);
	AUTO_CLOSE int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	AUTO_ARGV struct argv argv = ARGV_INIT;
	const struct pipeline_file file = { .packer = &argv, .fd = fd, .what = "backup", .stage = "create_backup", .text = "" };
	struct pipeline_options o = { .b = e->b, .file = &file };

	if (fd < 0) {
		error_sys(err, errno, "cannot make '%s'", path);
		return OP_FAIL;
	}
	if (compressor_argv(arg(e, "compression_algorithm"), path, &argv, err) < 0)
		return OP_FAIL;
	e->pipeline = pipeline_open(op, &o, err);
	return e->pipeline != NULL ? OP_DONE : OP_FAIL;
}

enum op_result step_export_kill(struct op *op, struct error *err)
{
	struct exporting *e = op_data(op);

	return pipeline_kill(e->pipeline, err);
}

void export_push_tar(struct argv *argv)
{
	argv_pushl(argv, "tar", "--create", "--file=-", "--blocking-factor=512", "--format=posix",
		   "--pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime", "--numeric-owner", NULL);
}

void export_push_transform(struct argv *argv, const char *folder)
{
	AUTO_STRBUF struct strbuf to = STRBUF_INIT;

	for (const char *p = folder; *p != '\0'; p++) {
		if (strchr("\\&,", *p) != NULL)
			strbuf_addch(&to, '\\');
		strbuf_addch(&to, *p);
	}
	argv_pushf(argv, "--transform=flags=rhS;s,^\\.,%s,", to.buf);
}

enum op_result step_export_index(struct op *op, struct error *err)
{
	struct exporting *e = op_data(op);
	AUTO_ARGV struct argv argv = ARGV_INIT;

	export_push_tar(&argv);
	argv_pushl(&argv, "--owner=0", "--group=0", "-C", e->facts, "backup/" EXPORT_INDEX, NULL);
	return pipeline_feed(e->pipeline, &argv, NULL, err);
}

enum op_result step_export_trees(struct op *op, struct error *err)
{
	struct exporting *e = op_data(op);

	pipeline_next(e->pipeline, e->next_tree);
	return e->next_tree(op, err);
}

enum op_result step_export_finish(struct op *op, struct error *err)
{
	struct exporting *e = op_data(op);

	return pipeline_finish(e->pipeline, err);
}

/* ---- it gets its name */

static int sync_fn(void *arg, struct error *err)
{
	const struct exporting *e = arg;
	AUTO_FREE char *path = fs_join(e->out, EXPORT_ARCHIVE);
	AUTO_FREE char *facts = fs_join(e->facts, "backup");

	return fs_remove_tree(facts, err) < 0 ? -1 : fs_sync_file(path, err);
}

enum op_result step_export_sync(struct op *op, struct error *err)
{
	return op_thread(op, sync_fn, op_data(op), err);
}

static int write_note(const struct exporting *e, struct error *err)
{
	AUTO_FREE char *path = fs_join(e->out, EXPORT_NOTE);
	AUTO_FREE char *archive = fs_join(e->out, EXPORT_ARCHIVE);
	AUTO_JSON cJSON *v = cJSON_CreateObject();
	struct stat st;

	if (stat(archive, &st) < 0)
		return error_sys(err, errno, "cannot look at '%s'", archive);
	json_set_str(v, "name", arg(e, "export"));
	json_set_str(v, "created_at", arg(e, "created_at"));
	json_set_str(v, "expires_at", arg(e, "expires_at"));
	json_set_bool(v, e->only, json_bool(e->args, e->only, false));
	json_set_str(v, "compression_algorithm", arg(e, "compression_algorithm"));
	json_set_int(v, "size", st.st_size);
	return json_write_file(path, v, JSON_DURABLE, err);
}

enum op_result step_export_place(struct op *op, struct error *err)
{
	struct exporting *e = op_data(op);
	AUTO_FREE char *shelf = mem_strndup(e->dir, (size_t)(strrchr(e->dir, '/') - e->dir));

	if (!fs_exists(e->out))
		return OP_DONE;
	if (write_note(e, err) < 0 || fs_mkdirs(shelf, 0700, err) < 0)
		return OP_FAIL;
	if (rename(e->out, e->dir) < 0) {
		error_sys(err, errno, "cannot rename '%s' to '%s'", e->out, e->dir);
		return OP_FAIL;
	}
	return fs_sync_dir(shelf, err) < 0 ? OP_FAIL : OP_DONE;
}

/* ---- the request */

static int take_expiry(const cJSON *request, cJSON *args, struct error *err)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(request, "expires_at");
	const char *text = v != NULL && !cJSON_IsNull(v) ? cJSON_GetStringValue(v) : TIME_UNSET;
	time_t when;

	if (text == NULL || time_parse(text, &when) < 0)
		return error_set(err, ERROR_INVALID, "expires_at '%.40s' is no RFC 3339 time such as 2026-12-31T00:00:00Z",
				 text != NULL ? text : "");
	json_set_str(args, "expires_at", text);
	return 0;
}

static int take_algorithm(const cJSON *request, cJSON *args, struct error *err)
{
	const char *algorithm = json_str_or(request, "compression_algorithm", "");
	AUTO_ARGV struct argv argv = ARGV_INIT;

	if (algorithm[0] == '\0')
		algorithm = "gzip";
	json_set_str(args, "compression_algorithm", algorithm);
	if (strncmp(algorithm, "squashfs", 8) == 0 || strncmp(algorithm, "tar2sqfs", 8) == 0)
		return error_set(err, ERROR_INVALID, "a backup cannot be compressed with '%.64s': it is a tar archive", algorithm);
	if (compressor_argv(algorithm, "", &argv, err) == 0)
		return 0;
	error_wrap(err, "Invalid compression algorithm \"%.64s\"", algorithm);
	return -1;
}

int export_take(const cJSON *request, cJSON *args, struct error *err)
{
	char now[TIME_TEXT_SIZE];

	if (take_expiry(request, args, err) < 0 || take_algorithm(request, args, err) < 0)
		return -1;
	time_now(now);
	json_set_str(args, "created_at", now);
	cJSON_AddArrayToObject(args, "warnings");
	return 0;
}

struct naming {
	const char *dir;
	bool found;
};

static void same_place(struct op *op, void *data)
{
	struct naming *n = data;

	if ((op_is(op, &export_kind) || op_is(op, &volume_export_kind)) && !op_final(op))
		n->found |= strcmp(((const struct exporting *)op_data(op))->dir, n->dir) == 0;
}

static bool taken(struct berthd *b, const char *shelf, const char *name)
{
	AUTO_FREE char *dir = fs_join(shelf, name);
	struct naming n = { .dir = dir };

	op_foreach(b->ops, same_place, &n);
	return n.found || fs_exists(dir);
}

int export_take_name(struct berthd *b, const char *shelf, const char *owner, const cJSON *request, cJSON *args, struct error *err)
{
	const char *name = json_str_or(request, "name", "");
	AUTO_FREE char *next = NULL;

	for (unsigned i = 0; name[0] == '\0' && (next == NULL || taken(b, shelf, next)); i++) {
		free(next);
		next = mem_printf("backup%u", i);
	}
	if (next != NULL)
		name = next;
	if (export_name_check(name, err) < 0)
		return -1;
	if (taken(b, shelf, name))
		return export_already(owner, name, err);
	json_set_str(args, "export", name);
	return 0;
}

cJSON *export_resources(const cJSON *args)
{
	cJSON *resources = cJSON_CreateObject();

	op_resource(resources, "backups", "/1.0/backups/%s", json_str_or(args, "export", ""));
	return resources;
}
