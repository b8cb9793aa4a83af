/* SPDX-License-Identifier: MIT */
#include "instance/archive.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "instance/metadata.h"
#include "instance/snapshot_work.h"
#include "model/settings.h"
#include "pool/tree.h"

#define REPORT ".unpacked.json"
#define UNSHIFTED ".unpacked" /* the tree before its ids are shifted, where the kernel cannot do that by itself */
#define LAST_ID 4294967294u
#define FACTS ".facts.json"
#define STREAMS ".streams" /* where send streams become trees */
#define STREAM_FACTS ".facts.tar" /* what was in them beside the root file system */
#define LEFT "snapshots_left" /* in the work's scratch: berth.json's, an array */

static const cJSON *archive_of(const struct work *w)
{
	return json_obj(w->args, "archive");
}

bool archive_is(const struct work *w)
{
	return archive_of(w) != NULL;
}

static const char *dir_of(const struct work *w)
{
	return json_str_or(archive_of(w), "dir", w->dir);
}

static bool shifts(const struct work *w)
{
	return json_int(archive_of(w), "idmap_size", 0) > 0 && !w->b->probe->idmapped_mounts;
}

static bool has_streams(const struct work *w)
{
	return json_bool(archive_of(w), "streams", false);
}

static enum op_result next_snapshot(struct op *op, struct work *w, struct error *err);
static enum op_result next_stream(struct op *op, struct work *w, struct error *err);

/* ---- after it was unpacked */

static int remove_fn(void *arg, struct error *err)
{
	AUTO_FREE char *path = arg;

	return pool_remove(path, err);
}

static enum op_result shifted(struct op *op, const struct proc_result *result, struct error *err)
{
	const struct work *w = op_data(op);

	if (proc_check("berth-rootfs", result, err) < 0)
		return OP_FAIL;
	return op_thread(op, remove_fn, fs_join(dir_of(w), UNSHIFTED), err);
}

static enum op_result shift(struct op *op, const struct work *w, struct error *err)
{
	AUTO_FREE char *target = fs_join(dir_of(w), "rootfs");
	struct argv argv = ARGV_INIT;

	if (rmdir(target) < 0) {
		error_sys(err, errno, "cannot remove '%s'", target);
		return OP_FAIL;
	}
	argv_pushf(&argv, "%s/berth-rootfs", w->b->settings->libexec_dir);
	argv_push(&argv, "idmap-copy");
	argv_pushf(&argv, "--lower=%s/" UNSHIFTED, dir_of(w));
	argv_pushf(&argv, "--idmap=%lld:%lld", (long long)json_int(archive_of(w), "idmap_base", 0),
		   (long long)json_int(archive_of(w), "idmap_size", 0));
	argv_push(&argv, target);
	return op_child(op, &argv, shifted, err);
}

static int take_report(const struct work *w, const struct proc_result *result, struct error *err)
{
	AUTO_FREE char *path = fs_join(dir_of(w), REPORT);
	AUTO_JSON cJSON *report = proc_report("berth-restore", result, path, err);

	if (report == NULL)
		return -1;
	if (json_bool(archive_of(w), "lxd", false) && json_int(report, "entries", 0) == 0)
		return error_set(err, ERROR_INVALID, "the backup holds no %s/rootfs",
				 json_str_or(archive_of(w), "folder", "backup/container"));
	return 0;
}

static enum op_result unpacked(struct op *op, const struct proc_result *result, struct error *err)
{
	struct work *w = op_data(op);

	if (take_report(w, result, err) < 0)
		return OP_FAIL;
	if (shifts(w))
		return shift(op, w, err);
	if (has_streams(w))
		return next_stream(op, w, err);
	return w->scratch != NULL && json_arr(w->scratch, LEFT) != NULL ? next_snapshot(op, w, err) : OP_DONE;
}

/* ---- unpacking */

static void show_line(const char *line, void *data)
{
	struct op *op = data;
	int64_t all = json_int(archive_of(op_data(op)), "bytes", 0);
	long long done;
	char text[64];
	int percent;

	if (all <= 0 || sscanf(line, "progress %lld", &done) != 1 || done < 0)
		return;
	percent = done >= all ? 99 : (int)((double)done * 100 / (double)all);
	snprintf(text, sizeof(text), "Unpack: %d%%", percent);
	op_progress(op, "unpack", percent, text);
}

static void build_argv(const struct work *w, const char *into, struct argv *argv)
{
	const struct settings *s = w->b->settings;
	const cJSON *archive = archive_of(w);
	int64_t size = json_int(archive, "idmap_size", 0);

	argv_pushf(argv, "%s/berth-restore", s->libexec_dir);
	argv_push(argv, "tree");
	argv_pushf(argv, "--into=%s", into);
	argv_pushf(argv, "--report=%s/" REPORT, dir_of(w));
	argv_pushf(argv, "--max-bytes=%lld", (long long)s->image_max_bytes);
	argv_pushf(argv, "--max-entries=%lld", (long long)s->image_max_entries);
	argv_pushf(argv, "--max-id=%lld", (long long)(size > 0 ? size - 1 : LAST_ID));
	if (size == 0)
		argv_push(argv, "--devices");
	argv_pushf(argv, "--stall=%lld", (long long)s->backup_stall_s);
	if (has_streams(w)) {
		argv_pushf(argv, "--stream=%s.bin", json_str_or(archive, "folder", ""));
		argv_pushf(argv, "--keep=%s/rootfs", dir_of(w));
		argv_push(argv, "--lift");
		if (strcmp(dir_of(w), w->dir) == 0)
			argv_pushf(argv, "--facts=%s/" STREAM_FACTS, w->dir);
	}
	if (json_bool(archive, "lxd", false)) {
		if (!has_streams(w))
			argv_pushf(argv, "--prefix=%s/rootfs", json_str_or(archive, "folder", "backup/container"));
		if (json_str_or(archive, "shift", "")[0] != '\0')
			argv_pushf(argv, "--shift=%s", json_str(archive, "shift"));
		return;
	}
	argv_pushf(argv, "--list=%s", json_str_or(archive, "manifest_name", ""));
	if (json_bool(archive, "manifest", false))
		argv_push(argv, "--second-pass");
}

static enum op_result unpack(struct op *op, const struct work *w, const char *into, struct error *err)
{
	const char *path = json_str_or(archive_of(w), "path", "");
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	AUTO_ARGV struct argv argv = ARGV_INIT;
	struct proc_spec spec = { .use_stdin_fd = true, .stdin_fd = fd, .on_line = show_line };

	if (fd < 0) {
		error_sys(err, errno, "cannot open '%s'", path);
		return OP_FAIL;
	}
	build_argv(w, into, &argv);
	spec.argv = (const char *const *)argv.v;
	return op_child_spec(op, &spec, unpacked, err);
}

static enum op_result begin_streams(struct op *op, struct work *w, struct error *err);

enum op_result archive_tree(struct op *op, struct work *w, const struct storage_spec *spec, struct error *err)
{
	cJSON *archive = json_obj(w->args, "archive");
	struct storage_spec empty = *spec;
	AUTO_FREE char *into = NULL;

	empty.fingerprint = "";
	json_set_str(archive, "dir", spec->dir != NULL ? spec->dir : w->dir);
	json_set_int(archive, "idmap_base", spec->idmap_base);
	json_set_int(archive, "idmap_size", spec->idmap_size);
	if (has_streams(w))
		return begin_streams(op, w, err);
	if (storage_prepare(op, w, &empty, err) == OP_FAIL)
		return OP_FAIL;
	into = fs_join(dir_of(w), shifts(w) ? UNSHIFTED : "rootfs");
	if (shifts(w) && mkdir(into, 0700) < 0) {
		error_sys(err, errno, "cannot make '%s'", into);
		return OP_FAIL;
	}
	return unpack(op, w, into, err);
}

/* ---- of LXD's: what lies beside the tree */

static int make_folder(const char *path, struct error *err)
{
	return mkdir(path, 0700) < 0 && errno != EEXIST ? error_sys(err, errno, "cannot make '%s'", path) : 0;
}

/* NAME/snapshots/S, dir, with berth.json; its tree is to be unpacked. */
static int make_snapshot(struct work *w, const cJSON *snapshot, const char *dir, struct error *err)
{
	cJSON *archive = json_obj(w->args, "archive");
	AUTO_FREE char *parent = snapshot_parent(w->b, w->name);
	AUTO_FREE char *note = fs_join(dir, DESIRED_FILE);
	AUTO_JSON cJSON *v = cJSON_Duplicate(snapshot, true);

	json_set(v, "name", NULL);
	json_set(v, "shift", NULL);
	json_set_str(archive, "shift", json_str_or(snapshot, "shift", ""));
	json_set_int(v, "idmap_base", json_int(archive, "idmap_base", 0));
	snapshot_set_pool(w, v);
	json_set_strf(archive, "folder", "backup/snapshots/%s", json_str_or(snapshot, "name", ""));
	return make_folder(parent, err) < 0 || make_folder(dir, err) < 0 ? -1 : json_write_file(note, v, JSON_QUICK, err);
}

static enum op_result unpack_snapshot(struct op *op, struct work *w, const cJSON *snapshot, struct error *err)
{
	const cJSON *archive = archive_of(w);
	AUTO_FREE char *dir = snapshot_dir(w->b, w->name, json_str_or(snapshot, "name", ""));
	struct storage_spec spec = { .driver = "dir", .dir = dir, .idmap_base = (uint32_t)json_int(archive, "idmap_base", 0),
				     .idmap_size = (uint32_t)json_int(archive, "idmap_size", 0) };

	return make_snapshot(w, snapshot, dir, err) < 0 ? OP_FAIL : archive_tree(op, w, &spec, err);
}

static enum op_result next_snapshot(struct op *op, struct work *w, struct error *err)
{
	AUTO_JSON cJSON *snapshot = cJSON_DetachItemFromArray(json_arr(w->scratch, LEFT), 0);

	return snapshot != NULL ? unpack_snapshot(op, w, snapshot, err) : OP_DONE;
}

/* ---- of send streams: each changes what the ones before have made, so the container's own comes last */

static enum op_result begin_streams(struct op *op, struct work *w, struct error *err)
{
	const cJSON *archive = archive_of(w), *snapshots = json_arr(archive, "snapshots");
	AUTO_FREE char *path = fs_join(w->dir, STREAMS);

	if (shifts(w)) {
		error_set(err, ERROR_UNSUPPORTED, "a backup that was made with --optimized-storage cannot be imported here: this kernel "
						  "has no idmapped mounts");
		return OP_FAIL;
	}
	if (make_folder(path, err) < 0)
		return OP_FAIL;
	w->scratch = cJSON_CreateObject();
	json_set_str(w->scratch, "shift", json_str_or(archive, "shift", ""));
	json_set(w->scratch, LEFT, snapshots != NULL ? cJSON_Duplicate(snapshots, true) : cJSON_CreateArray());
	return next_stream(op, w, err);
}

static enum op_result next_stream(struct op *op, struct work *w, struct error *err)
{
	AUTO_JSON cJSON *snapshot = cJSON_DetachItemFromArray(json_arr(w->scratch, LEFT), 0);
	AUTO_FREE char *into = fs_join(w->dir, STREAMS);
	cJSON *archive = json_obj(w->args, "archive");

	if (snapshot != NULL) {
		AUTO_FREE char *dir = snapshot_dir(w->b, w->name, json_str_or(snapshot, "name", ""));

		json_set_str(archive, "dir", dir);
		return make_snapshot(w, snapshot, dir, err) < 0 ? OP_FAIL : unpack(op, w, into, err);
	}
	if (json_str(w->scratch, "shift") == NULL) { /* that was the last one */
		cJSON_Delete(w->scratch);
		w->scratch = NULL;
		return op_thread(op, remove_fn, mem_strdup(into), err);
	}
	json_set_str(archive, "dir", w->dir);
	json_set_str(archive, "folder", "backup/container");
	json_set_str(archive, "shift", json_str(w->scratch, "shift"));
	json_set(w->scratch, "shift", NULL);
	return unpack(op, w, into, err);
}

/* ---- its metadata, templates, and then the snapshots */

static enum op_result take_facts(struct op *op, const struct proc_result *result, struct error *err)
{
	struct work *w = op_data(op);
	AUTO_FREE char *path = fs_join(w->dir, FACTS);
	AUTO_FREE char *beside = fs_join(w->dir, STREAM_FACTS);
	AUTO_JSON cJSON *facts = json_read_file(path, err);
	const char *text = json_str(facts, "error");
	const cJSON *left = has_streams(w) ? NULL : json_arr(archive_of(w), "snapshots"); /* of streams they are there */

	(void)unlink(path);
	if (has_streams(w))
		(void)unlink(beside);
	if (text != NULL) {
		error_set(err, ERROR_INVALID, "%s", text);
		return OP_FAIL;
	}
	if (proc_check("berth-restore", result, err) < 0 || facts == NULL ||
	    metadata_of_archive(json_obj(facts, "metadata"), json_obj(facts, "templates"), w->dir, err) < 0)
		return OP_FAIL;
	if (left != NULL && left->child != NULL && shifts(w)) {
		error_set(err, ERROR_UNSUPPORTED, "snapshots cannot be imported here: this kernel has no idmapped mounts");
		return OP_FAIL;
	}
	w->scratch = cJSON_CreateObject();
	json_set(w->scratch, LEFT, left != NULL ? cJSON_Duplicate(left, true) : cJSON_CreateArray());
	return next_snapshot(op, w, err);
}

enum op_result archive_rest(struct op *op, struct work *w, struct error *err)
{
	AUTO_FREE char *path = fs_join(w->dir, FACTS);
	AUTO_FREE char *from = has_streams(w) ? fs_join(w->dir, STREAM_FACTS) : mem_strdup(json_str_or(archive_of(w), "path", ""));
	AUTO_CLOSE int in = -1;
	AUTO_CLOSE int out = -1;
	AUTO_ARGV struct argv argv = ARGV_INIT;
	struct proc_spec spec = { .use_stdin_fd = true, .use_stdout_fd = true };

	if (!json_bool(archive_of(w), "lxd", false) || (has_streams(w) && !fs_exists(from)))
		return OP_DONE;
	spec.stdin_fd = in = open(from, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	spec.stdout_fd = out = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (in < 0 || out < 0) {
		error_sys(err, errno, "cannot open the archive, or '%s'", path);
		return OP_FAIL;
	}
	argv_pushf(&argv, "%s/berth-restore", w->b->settings->libexec_dir);
	argv_push(&argv, "facts");
	spec.argv = (const char *const *)argv.v;
	return op_child_spec(op, &spec, take_facts, err);
}
