/* SPDX-License-Identifier: MIT */
/* The tree of an instance as tar streams (tree.h). */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backup/making.h"
#include "backup/tree.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "model/settings.h"

/* ---- what is left out */

/* "/var/tmp/" is "./var/tmp": as the names in the stream are. */
static char *pattern(const cJSON *item)
{
	const char *s = cJSON_GetStringValue(item);
	size_t len;

	s += strspn(s, "/");
	len = strlen(s);
	while (len > 1 && s[len - 1] == '/')
		len--;
	return mem_printf("./%.*s", (int)len, s);
}

static void push_patterns(const struct making *m, const char *option, struct argv *argv)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, json_arr(m->w.args, "exclude")) {
		AUTO_FREE char *p = pattern(item);

		argv_pushf(argv, "%s%s", option, p);
	}
}

/* ---- commands */

static struct tree tree_of(const struct making *m)
{
	const struct instance *inst = registry_get(m->w.b->registry, m->w.name);
	struct tree t = { .b = m->w.b, .dir = m->w.dir, .desired = inst != NULL ? inst->desired : NULL };

	return t;
}

static void push_tar(const struct making *m, struct argv *argv)
{
	const struct tree t = tree_of(m);

	tree_push_tar(&t, argv);
}

static void push_pack(const struct making *m, struct argv *argv, const char *command)
{
	const struct tree t = tree_of(m);

	tree_push_enter(&t, argv);
	argv_pushf(argv, "%s/berth-pack", m->w.b->settings->libexec_dir);
	argv_push(argv, command);
}

/* A file of the folder it is made in. */
static int open_in(const struct making *m, const char *name, int flags, struct error *err)
{
	AUTO_FREE char *path = fs_join(m->tmp, name);
	int fd = open(path, flags | O_CLOEXEC | O_NOFOLLOW, 0600);

	return fd < 0 ? error_sys(err, errno, "cannot open '%s'", path) : fd;
}

static int create_in(const struct making *m, const char *name, struct error *err)
{
	return open_in(m, name, O_WRONLY | O_CREAT | O_TRUNC, err);
}

/* ---- passes */

bool backup_twice(const struct making *m)
{
	return json_bool(json_obj(m->w.args, "info"), "manifest", false);
}

static enum op_result measured(struct op *op, const struct proc_result *result, struct error *err)
{
	struct making *m = op_data(op);
	cJSON *info = json_obj(m->w.args, "info");
	unsigned long long entries, bytes, stream;
	long long since;

	if (proc_check("berth-pack", result, err) < 0)
		return OP_FAIL;
	if (sscanf(result->out, "%llu %llu %llu %lld", &entries, &bytes, &stream, &since) != 4) {
		error_set(err, ERROR_TOOL, "'berth-pack scan' said something else");
		return OP_FAIL;
	}
	json_set_int(info, "entries", (int64_t)entries);
	json_set_int(info, "rootfs_bytes", (int64_t)bytes);
	json_set_int(m->w.args, "since", since);
	m->expected = stream;
	return OP_DONE;
}

enum op_result step_backup_measure(struct op *op, struct error *err)
{
	struct making *m = op_data(op);
	AUTO_ARGV struct argv argv = ARGV_INIT;
	AUTO_CLOSE int records = -1;
	struct proc_spec spec = { .timeout_ms = MAKING_DAY_S * 1000u };

	push_pack(m, &argv, "scan");
	if (backup_twice(m)) {
		records = create_in(m, MAKING_RECORDS, err);
		if (records < 0)
			return OP_FAIL;
		argv_push(&argv, "--records");
		spec.use_extra_fd = true;
		spec.extra_fd = records;
	}
	argv_push(&argv, "--");
	push_patterns(m, "", &argv);
	spec.argv = (const char *const *)argv.v;
	return op_child_spec(op, &spec, measured, err);
}

enum op_result step_backup_first_pass(struct op *op, struct error *err)
{
	struct making *m = op_data(op);
	AUTO_ARGV struct argv argv = ARGV_INIT;

	push_tar(m, &argv);
	argv_pushl(&argv, "--anchored", "--wildcards", "--wildcards-match-slash", NULL);
	push_patterns(m, "--exclude=", &argv);
	argv_push(&argv, ".");
	return pipeline_feed(m->pipeline, &argv, json_arr(json_obj(m->w.args, "info"), "warnings"), err);
}

enum op_result step_backup_compare(struct op *op, struct error *err)
{
	struct making *m = op_data(op);
	AUTO_ARGV struct argv argv = ARGV_INIT;
	AUTO_CLOSE int records = -1;
	AUTO_CLOSE int manifest = -1;
	AUTO_CLOSE int names = -1;
	struct proc_spec spec = { .use_stdin_fd = true, .use_stdout_fd = true, .use_extra_fd = true };

	if (!backup_twice(m))
		return OP_DONE;
	records = open_in(m, MAKING_RECORDS, O_RDONLY, err);
	manifest = records < 0 ? -1 : create_in(m, BACKUP_MANIFEST, err);
	names = manifest < 0 ? -1 : create_in(m, MAKING_NAMES, err);
	if (names < 0)
		return OP_FAIL;
	push_pack(m, &argv, "changed");
	argv_pushf(&argv, "--since=%lld", (long long)json_int(m->w.args, "since", 1));
	argv_push(&argv, "--");
	push_patterns(m, "", &argv);
	spec.argv = (const char *const *)argv.v;
	spec.stdin_fd = records;
	spec.stdout_fd = manifest;
	spec.extra_fd = names;
	spec.timeout_ms = (unsigned)m->w.b->settings->backup_stall_s * 1000;
	return op_child_spec(op, &spec, NULL, err);
}

static enum op_result spilled(struct op *op, const struct proc_result *result, struct error *err)
{
	if (result->exit_code == 1 || proc_check("tar", result, err) == 0)
		return OP_DONE;
	if (strstr(result->errs, "No space left on device") != NULL)
		error_set(err, ERROR_SYSTEM, "cannot write the backup: no space left on device");
	return OP_FAIL;
}

/* Beside the archive, not into it: the instance waits for the disk, not for the compression. */
enum op_result step_backup_second_pass(struct op *op, struct error *err)
{
	struct making *m = op_data(op);
	AUTO_ARGV struct argv argv = ARGV_INIT;
	AUTO_CLOSE int names = -1;
	AUTO_CLOSE int spill = -1;
	struct proc_spec spec = { .use_stdin_fd = true, .use_stdout_fd = true };

	if (!backup_twice(m))
		return OP_DONE;
	names = open_in(m, MAKING_NAMES, O_RDONLY, err);
	spill = names < 0 ? -1 : create_in(m, MAKING_SPILL, err);
	if (spill < 0)
		return OP_FAIL;
	push_tar(m, &argv);
	argv_pushl(&argv, "--no-recursion", "--null", "--verbatim-files-from", "--files-from=-", NULL);
	spec.argv = (const char *const *)argv.v;
	spec.stdin_fd = names;
	spec.stdout_fd = spill;
	spec.timeout_ms = (unsigned)m->w.b->settings->backup_stall_s * 1000;
	return op_child_spec(op, &spec, spilled, err);
}

/* The second pass and the manifest, each a tar stream of its own. */
enum op_result step_backup_append(struct op *op, struct error *err)
{
	struct making *m = op_data(op);
	AUTO_ARGV struct argv argv = ARGV_INIT;
	AUTO_FREE char *spill = fs_join(m->tmp, MAKING_SPILL);

	if (!backup_twice(m))
		return OP_DONE;
	if (strcmp(op_step_name(op), "append") == 0)
		argv_pushl(&argv, "cat", "--", spill, NULL);
	else
		argv_pushl(&argv, "tar", "--create", "--file=-", "--format=posix", "--pax-option=delete=atime,delete=ctime",
			   "--numeric-owner", "--owner=0", "--group=0", "--mode=0600", "-C", m->tmp, "--", BACKUP_MANIFEST, NULL);
	return pipeline_feed(m->pipeline, &argv, NULL, err);
}
