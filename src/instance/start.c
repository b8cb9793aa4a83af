/* SPDX-License-Identifier: MIT */
/* The start of an instance: owners of its files, templates, lxc-start, and what it says when it fails. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/ident.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "instance/address.h"
#include "instance/nic_probe.h"
#include "instance/proxy.h"
#include "instance/reboots.h"
#include "instance/shift.h"
#include "instance/snapshot.h"
#include "instance/templates.h"
#include "instance/work.h"
#include "lxc/freezer.h"
#include "model/settings.h"

#define LOG_MAX (1 << 20)

char *power_pid_file(const struct work *w)
{
	return mem_printf("%s/%s.pid", w->b->settings->run_path, w->name);
}

/* On a full disk LXC would fail for want of this file. */
static bool pid_file_possible(const char *path)
{
	struct error ignored = ERROR_INIT;

	return fs_write_quick(path, "0000000\n", 8, 0600, &ignored) == 0 && unlink(path) == 0;
}

/* lxc-start -p writes the pid of LXC's monitor process; init is its only child. 0 when that cannot be read. */
static pid_t init_pid(const struct work *w)
{
	AUTO_FREE char *path = power_pid_file(w);
	AUTO_FREE char *children = NULL;
	AUTO_STRBUF struct strbuf text = STRBUF_INIT;
	struct error err = ERROR_INIT;
	long monitor;

	if (fs_read_file(path, 64, &text, &err) < 0)
		return 0;
	(void)unlink(path);
	monitor = strtol(text.buf, NULL, 10);
	children = mem_printf("/proc/%ld/task/%ld/children", monitor, monitor);
	strbuf_reset(&text);
	if (monitor <= 0 || fs_read_file(children, 4096, &text, &err) < 0)
		return 0;
	return (pid_t)strtol(text.buf, NULL, 10);
}

static void read_log_cause(struct work *w, const char *printed, struct error *err)
{
	AUTO_FREE char *path = fs_join(w->dir, "lxc.log");
	AUTO_STRBUF struct strbuf log = STRBUF_INIT;
	struct error ignored = ERROR_INIT;
	char cause[512];

	(void)fs_read_file(path, 64 << 20, &log, &ignored);
	if ((size_t)w->log_offset < log.len && log.len - (size_t)w->log_offset < LOG_MAX &&
	    lxc_log_cause(log.buf + w->log_offset, cause, sizeof(cause)))
		error_set(err, ERROR_TOOL, "%s", cause);
	else if (printed != NULL && lxc_log_cause(printed, cause, sizeof(cause)))
		error_set(err, ERROR_TOOL, "%s", cause);
}

static void started_now(struct work *w, struct instance *inst)
{
	char now[TIME_TEXT_SIZE];
	struct error err = ERROR_INIT;
	pid_t pid = init_pid(w);

	registry_set_state(w->b->registry, inst, LXC_RUNNING, pid);
	if (pid == 0)
		registry_refresh(w->b->registry, w->name);
	if (inst->adopted)
		return;
	time_now(now);
	json_set_str(inst->desired, "last_used_at", now);
	json_set(inst->desired, "pending", NULL);
	json_set_str(json_obj(inst->desired, "config"), "volatile.last_state.power", "RUNNING");
	if (registry_save(w->b->registry, inst, JSON_QUICK, &err) < 0)
		log_warning("instance '%s': %s", w->name, err.msg);
	snapshot_due_startup(w->b, inst);
}

enum op_result power_started(struct op *op, const struct proc_result *result, struct error *err)
{
	struct work *w = op_data(op);
	struct instance *inst = registry_find(w->b->registry, w->name, err);
	AUTO_FREE char *pid = power_pid_file(w);

	json_set_bool(w->args, "starting", false);
	if (inst == NULL)
		return OP_FAIL;
	if (proc_check("lxc-start", result, err) < 0) {
		json_set_bool(w->args, "cut_short", result->timed_out || result->signal != 0);
		read_log_cause(w, result->errs, err);
		error_wrap(err, "cannot start '%s'", w->name);
		(void)unlink(pid);
		registry_refresh(w->b->registry, w->name);
		return OP_FAIL;
	}
	started_now(w, inst);
	return proxy_wait(op, w->b, w->name, false, err);
}

/* What was changed while nobody rendered it (profiles, another host kernel) is made true before each start. */
static int prepare_start(struct work *w, struct instance *inst, struct error *err)
{
	AUTO_JSON cJSON *config = NULL;
	AUTO_JSON cJSON *devices = NULL;

	if (inst->adopted)
		return 0;
	if (inst->note != NULL)
		return error_set(err, ERROR_INVALID, "%s", inst->note);
	instance_expand(w->b, inst->desired, &config, &devices);
	if (devices_check_start(devices, err) < 0 || address_check_start(w->b, inst->desired, w->name, err) < 0 ||
	    proxy_check(w->b, w->name, devices, err) < 0)
		return -1;
	return work_render(w->b, w->name, w->dir, inst->desired, err);
}

enum op_result power_start(struct op *op, op_child_cb done, struct error *err)
{
	struct work *w = op_data(op);
	struct instance *inst = registry_find(w->b->registry, w->name, err);
	AUTO_FREE char *log = fs_join(w->dir, "lxc.log");
	AUTO_FREE char *pid = power_pid_file(w);
	struct argv argv = ARGV_INIT;
	struct stat st;

	if (inst == NULL)
		return OP_FAIL;
	if (prepare_start(w, inst, err) < 0) {
		error_wrap(err, "cannot start '%s'", w->name);
		return OP_FAIL;
	}
	/* a log that has grown large starts anew; LXC appends to it for ever */
	if (lstat(log, &st) == 0 && st.st_size > LOG_MAX)
		(void)unlink(log);
	w->log_offset = lstat(log, &st) == 0 ? (long)st.st_size : 0;
	unstart_prepare(w, inst);
	lxc_argv_start(&argv, w->b->settings->system_path, w->name, log);
	if (pid_file_possible(pid))
		argv_pushl(&argv, "-p", pid, NULL);
	json_set_bool(w->args, "starting", true);
	return op_child(op, &argv, done, err);
}

static enum op_result start_rendered(struct op *op, struct error *err)
{
	return power_start(op, power_started, err);
}

static enum op_result start_with_templates(struct op *op, struct error *err)
{
	enum op_result rc = templates_apply(op, start_rendered, err);

	return rc == OP_DONE ? start_rendered(op, err) : rc;
}

static enum op_result start_probed(struct op *op, const struct proc_result *result, struct error *err)
{
	const struct work *w = op_data(op);

	if (nic_probed(result, err) == 0)
		return start_with_templates(op, err);
	error_wrap(err, "cannot start '%s'", w->name);
	return OP_FAIL;
}

static enum op_result start_shifted(struct op *op, struct error *err)
{
	struct work *w = op_data(op);
	struct instance *inst = registry_find(w->b->registry, w->name, err);
	AUTO_JSON cJSON *config = NULL;
	AUTO_JSON cJSON *devices = NULL;
	enum op_result rc;

	if (inst == NULL)
		return OP_FAIL;
	if (inst->adopted)
		return start_with_templates(op, err);
	instance_expand(w->b, inst->desired, &config, &devices);
	rc = nic_probe(op, w->b, devices, NULL, start_probed, err);
	return rc == OP_DONE ? start_with_templates(op, err) : rc;
}

static enum op_result shift_then(struct op *op, op_fn next, struct error *err)
{
	const struct work *w = op_data(op);
	enum op_result rc = shift_apply(op, next, err);

	if (rc == OP_FAIL)
		error_wrap(err, "cannot start '%s'", w->name);
	return rc == OP_DONE ? next(op, err) : rc;
}

static enum op_result shifted(struct op *op, struct error *err)
{
	return OP_DONE;
}

enum op_result step_shift(struct op *op, struct error *err)
{
	return shift_then(op, shifted, err);
}

enum op_result step_start(struct op *op, struct error *err)
{
	return shift_then(op, start_shifted, err);
}

enum op_result step_unstart_cut_short(struct op *op, struct error *err)
{
	struct work *w = op_data(op);

	return json_bool(w->args, "cut_short", false) ? step_unstart(op, err) : OP_DONE;
}
