/* SPDX-License-Identifier: MIT */
#include "instance/receive.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/ident.h"
#include "base/json.h"
#include "base/mem.h"
#include "instance/archive.h"
#include "instance/snapshot.h"
#include "instance/snapshot_work.h"
#include "instance/swap.h"
#include "lxc/probe.h"
#include "model/snapshot_pattern.h"
#include "pool/tree.h"

#define FOLDER RECEIVE_FOLDER
#define NO_IDMAPPED_MOUNTS "instances of other servers cannot be taken here: this kernel has no idmapped mounts"

static const cJSON *receive_of(const struct work *w)
{
	return json_obj(w->args, "receive");
}

bool receive_is(const struct work *w)
{
	return receive_of(w) != NULL;
}

bool receive_asked(const cJSON *request)
{
	return strcmp(json_str_or(json_obj(request, "source"), "type", ""), "migration") == 0;
}

static char *in_folder(const struct work *w, const char *name)
{
	return mem_printf("%s/" FOLDER "/%s", w->dir, name);
}

/* ---- the request */

static int check_mode(const cJSON *source, struct error *err)
{
	const char *mode = json_str_or(source, "mode", "");

	if (strcmp(mode, "pull") != 0 && strcmp(mode, "push") != 0)
		return error_set(err, ERROR_UNSUPPORTED, "Mode \"%.40s\" not implemented", mode);
	if (json_bool(source, "live", false))
		return error_set(err, ERROR_TOOL, "Unable to perform container live migration. CRIU isn't installed on the destination "
						  "server");
	return 0;
}

int receive_take(struct berthd *b, const cJSON *request, cJSON *args, struct migrate_link **ret_link, struct error *err)
{
	const cJSON *source = json_obj(request, "source");
	const char *base = json_str_or(source, "base-image", "");
	cJSON *config = json_obj(json_obj(args, "desired"), "config"), *v;
	bool push = strcmp(json_str_or(source, "mode", ""), "push") == 0;

	if (check_mode(source, err) < 0)
		return -1;
	*ret_link = push ? migrate_link_new(b->loop) : migrate_link_dial(b->loop, source, err);
	if (*ret_link == NULL)
		return -1;
	if (base[0] != '\0' && json_str(config, "volatile.base_image") == NULL)
		json_set_str(config, "volatile.base_image", base);
	v = cJSON_AddObjectToObject(args, "receive");
	json_set_bool(v, "push", push);
	json_set_bool(v, "refresh", false);
	json_set_bool(v, "instance_only", json_bool(source, "instance_only", false) || json_bool(source, "container_only", false));
	return 0;
}

/* ---- the tree */

static bool is_privileged(const struct work *w)
{
	AUTO_JSON cJSON *config = NULL;
	AUTO_JSON cJSON *devices = NULL;
	uint32_t base, size;

	instance_expand(w->b, json_obj(w->args, "desired"), &config, &devices);
	idmap_of(w->b, config, &base, &size);
	return size == 0;
}

static int write_spec(const struct work *w, const char *rootfs, struct error *err)
{
	static const char *const names[] = { "data", "snapshots" };
	AUTO_FREE char *path = in_folder(w, "spec.json");
	AUTO_FREE char *header = in_folder(w, "header.json");
	AUTO_FREE char *mount = in_folder(w, "data/rootfs");
	AUTO_JSON cJSON *v = cJSON_CreateObject();

	for (size_t i = 0; i < 2; i++) {
		AUTO_FREE char *dir = in_folder(w, names[i]);

		if (fs_mkdirs(dir, 0700, err) < 0)
			return -1;
		json_set_str(v, names[i], dir);
	}
	if (fs_mkdirs(mount, 0700, err) < 0)
		return -1;
	json_set_str(v, "title", w->name);
	json_set_bool(v, "devices", is_privileged(w));
	json_set_str(v, "rootfs", rootfs);
	json_set_str(v, "header", header);
	json_set_bool(v, "refresh", json_bool(receive_of(w), "refresh", false));
	json_set(v, "have", cJSON_Duplicate(json_arr(receive_of(w), "have"), true));
	json_set_bool(v, "silent", json_bool(receive_of(w), "push", false)); /* the client of a push waits for the source alone */
	return json_write_file(path, v, JSON_QUICK, err);
}

static enum op_result start(struct op *op, struct error *err)
{
	struct work *w = op_data(op);
	AUTO_FREE char *spec = in_folder(w, "spec.json");

	return migrate_link_run(w->link, op, "receive", spec, NULL, err);
}

static enum op_result prepared(struct op *op, struct work *w, const struct storage_spec *spec, struct error *err)
{
	AUTO_FREE char *rootfs = fs_join(spec->dir != NULL ? spec->dir : w->dir, "rootfs");

	if (spec->idmap_size > 0 && !w->b->probe->idmapped_mounts) {
		error_set(err, ERROR_UNSUPPORTED, NO_IDMAPPED_MOUNTS);
		return OP_FAIL;
	}
	return write_spec(w, rootfs, err) < 0 ? OP_FAIL : migrate_link_wait(w->link, op, start, err);
}

enum op_result receive_tree(struct op *op, struct work *w, const struct storage_spec *spec, struct error *err)
{
	struct storage_spec empty = *spec;

	empty.fingerprint = "";
	return storage_prepare(op, w, &empty, err) == OP_FAIL ? OP_FAIL : prepared(op, w, spec, err);
}

void receive_cancel(struct op *op)
{
	migrate_link_cancel(((struct work *)op_data(op))->link);
}

/* ---- metadata and templates: hostile YAML, so it is read as an archive's, by berth-restore */

static enum op_result packed(struct op *op, const struct proc_result *result, struct error *err)
{
	return proc_check("tar", result, err) < 0 ? OP_FAIL : archive_rest(op, op_data(op), err);
}

enum op_result receive_metadata(struct op *op, struct work *w, struct error *err)
{
	static const char *const parts[] = { "metadata.yaml", "templates" };
	AUTO_FREE char *path = in_folder(w, "facts.tar");
	AUTO_FREE char *data = in_folder(w, "data");
	cJSON *archive = cJSON_CreateObject();
	struct argv argv = ARGV_INIT;
	bool any = false;

	json_set_str(archive, "path", path);
	json_set_bool(archive, "lxd", true);
	json_set(w->args, "archive", archive);
	argv_pushl(&argv, "tar", "--create", "--format=posix", "--numeric-owner", "--no-acls", "--no-xattrs", NULL);
	argv_pushf(&argv, "--file=%s", path);
	argv_pushl(&argv, "--transform=flags=r;s,^,backup/container/,", "-C", data, "--", NULL);
	for (size_t i = 0; i < 2; i++) {
		AUTO_FREE char *part = fs_join(data, parts[i]);

		any |= fs_exists(part);
		if (fs_exists(part))
			argv_push(&argv, parts[i]);
	}
	if (any)
		return op_child(op, &argv, packed, err);
	argv_clear(&argv);
	return OP_DONE;
}

/* ---- onto an instance that is there */

/* What comes is laid over a copy of what is there; rsync sends what differs. */
static enum op_result copied(struct op *op, const struct proc_result *result, struct error *err)
{
	struct work *w = op_data(op);
	AUTO_FREE char *staging = swap_staging(w);
	const struct storage_spec spec = { .driver = "dir", .dir = staging };

	return proc_check("berth-rootfs", result, err) < 0 ? OP_FAIL : prepared(op, w, &spec, err);
}

enum op_result receive_over(struct op *op, struct work *w, const char *own_driver, struct error *err)
{
	AUTO_FREE char *staging = swap_staging(w);
	AUTO_FREE char *from = fs_join(w->dir, "rootfs");
	AUTO_FREE char *to = fs_join(staging, "rootfs");
	struct storage_spec spec = { .driver = "dir", .fingerprint = "", .dir = staging };

	if (!w->b->probe->idmapped_mounts) {
		error_set(err, ERROR_UNSUPPORTED, NO_IDMAPPED_MOUNTS);
		return OP_FAIL;
	}
	if (swap_stage(w, err) < 0)
		return OP_FAIL;
	if (strcmp(own_driver, "dir") == 0)
		return snapshot_copy(op, from, to, false, copied, err);
	return receive_tree(op, w, &spec, err);
}

void receive_plan_refresh(struct work *w, const cJSON *own)
{
	cJSON *v = json_obj(w->args, "receive"), *have = cJSON_CreateArray();
	const cJSON *item;

	json_set_bool(v, "refresh", true);
	json_set(v, "have", have);
	if (json_bool(v, "instance_only", false)) /* then none comes, and none is to go */
		return;
	cJSON_ArrayForEach(item, own) {
		cJSON *one = cJSON_CreateObject();
		time_t when = 0;

		if (time_parse(json_str_or(item, "created_at", TIME_UNSET), &when) < 0)
			when = 0;
		json_set_str(one, "name", json_str_or(item, "name", ""));
		json_set_int(one, "created", when);
		json_set_str(one, "image", instance_image(item));
		cJSON_AddItemToArray(have, one);
	}
}

/* ---- the end */

static int remove_fn(void *arg, struct error *err)
{
	AUTO_FREE char *path = arg;

	return pool_remove(path, err);
}

enum op_result receive_sweep(struct op *op, struct error *err)
{
	const struct work *w = op_data(op);

	return op_thread(op, remove_fn, mem_printf("%s/" FOLDER, w->dir), err);
}

enum op_result receive_tell(struct op *op, struct work *w, op_fn then, struct error *err)
{
	if (json_bool(receive_of(w), "push", false) && w->link != NULL)
		return migrate_link_say_done(w->link, op, then, err);
	return then(op, err);
}
