/* SPDX-License-Identifier: MIT */
/*
 * The tree of an instance as tar streams. Everything that reads it runs in a user namespace with the instance's ids, at
 * the root of a read-only view without submounts (berth-rootfs enter).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backup/making.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "image/store.h"
#include "lxc/probe.h"
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

/* Instances on "dir" have their ids shifted on disk only where there are no idmapped mounts. */
static void push_enter(const struct making *m, struct argv *argv)
{
	const struct berthd *b = m->w.b;
	const struct instance *inst = registry_get(b->registry, m->w.name);
	const cJSON *desired = inst != NULL ? inst->desired : NULL;
	bool overlay = strcmp(json_str_or(desired, "driver", "dir"), "overlay") == 0;
	AUTO_FREE char *tree = image_rootfs(b->images, json_str_or(json_obj(desired, "config"), "volatile.base_image", ""));
	AUTO_JSON cJSON *config = NULL;
	AUTO_JSON cJSON *devices = NULL;
	uint32_t base, size;

	instance_expand(b, desired, &config, &devices);
	idmap_of(b, config, &base, &size);
	argv_pushf(argv, "%s/berth-rootfs", b->settings->libexec_dir);
	argv_push(argv, "enter");
	argv_pushf(argv, "--source=%s", m->w.dir);
	if (overlay)
		argv_pushf(argv, "--lower=%s", tree);
	if (size > 0 && (overlay || !b->probe->idmapped_mounts))
		argv_pushf(argv, "--idmap=%u:%u", base, size);
	else
		argv_push(argv, "--idmap=none");
	argv_push(argv, "--");
}

static void push_tar(const struct making *m, struct argv *argv)
{
	push_enter(m, argv);
	argv_pushl(argv, "tar", "--create", "--file=-", "--blocking-factor=512", "--format=posix",
		   "--pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime", "--numeric-owner", "--xattrs",
		   "--xattrs-include=*", "--xattrs-exclude=trusted.overlay.*", "--xattrs-exclude=security.selinux", "--acls",
		   "--sparse", "--warning=no-file-ignored", NULL);
}

static void push_pack(const struct making *m, struct argv *argv, const char *command)
{
	push_enter(m, argv);
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
