/* SPDX-License-Identifier: MIT */
#include "instance/reboots.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "hook/hook.h"
#include "instance/watch.h"
#include "instance/work.h"
#include "lxc/active.h"
#include "model/settings.h"

/* in an operation's args */
#define OVER "over" /* it is not to be started any more */
#define TAKEN ".start-"
#define TOLD "told" /* the hooks have been told that it stopped (hook_watch.c) */

struct reboots {
	int lock;
	struct folder_watch *watch;
};

char *reboots_dir(const struct berthd *b)
{
	return fs_join(b->settings->run_path, "reboots");
}

static char *file_of(const struct berthd *b, const char *name)
{
	return mem_printf("%s/reboots/%s", b->settings->run_path, name);
}

/* What the file becomes while it is being started: should it reboot at once, there is a new one. */
static char *taken_of(const struct berthd *b, const char *name)
{
	return mem_printf("%s/reboots/" TAKEN "%s", b->settings->run_path, name);
}

static void drop(const char *path)
{
	if (unlink(path) < 0 && errno != ENOENT)
		log_warning("cannot remove '%s': %s", path, strerror(errno));
}

static void move(const char *from, const char *to)
{
	if (rename(from, to) < 0)
		log_warning("cannot rename '%s' to '%s': %s", from, to, strerror(errno));
}

static bool is_told(const struct berthd *b, const char *name)
{
	AUTO_FREE char *path = file_of(b, name);

	return fs_exists(path);
}

bool reboots_wait(const struct berthd *b, const char *name)
{
	AUTO_FREE char *taken = taken_of(b, name);

	return is_told(b, name) || fs_exists(taken);
}

void reboots_forget(const struct berthd *b, const char *name)
{
	AUTO_FREE char *path = file_of(b, name), *taken = taken_of(b, name);

	drop(path);
	if (b->reboots != NULL) /* a start that the end of berthd cuts short is the next one's */
		drop(taken);
}

/* ---- the operation */

static bool over(struct op *op)
{
	const struct work *w = op_data(op);

	return json_bool(w->args, OVER, false);
}

/* Somebody was quicker, or had it stopped: LXC runs its post-stop hooks when it has said that it is. */
static bool is_wanted(const struct work *w, const struct instance *inst)
{
	return inst != NULL && !inst->adopted && inst->note == NULL && !inst->ended && !(inst->pid > 0 && kill(inst->pid, 0) == 0) &&
	       is_told(w->b, w->name);
}

static enum op_result ended(struct op *op, struct error *err)
{
	struct work *w = op_data(op);
	struct instance *inst = registry_get(w->b->registry, w->name);

	if (inst != NULL)
		registry_set_state(w->b->registry, inst, LXC_STOPPED, 0);
	return OP_DONE;
}

static enum op_result step_end(struct op *op, struct error *err)
{
	struct work *w = op_data(op);
	const struct instance *inst = registry_get(w->b->registry, w->name);

	if (is_wanted(w, inst)) {
		json_set_bool(w->args, TOLD, !inst->told_running);
		return monitor_end(op, w, false, ended, err);
	}
	reboots_forget(w->b, w->name);
	json_set_bool(w->args, OVER, true);
	return OP_DONE;
}

static enum op_result step_settle(struct op *op, struct error *err)
{
	return over(op) ? OP_DONE : step_power_settle(op, err);
}

static enum op_result step_stop_hook(struct op *op, struct error *err)
{
	const struct work *w = op_data(op);

	return over(op) || json_bool(w->args, TOLD, false) ? OP_DONE : step_hook(op, err);
}

static enum op_result step_run_hook(struct op *op, struct error *err)
{
	return over(op) ? OP_DONE : step_hook(op, err);
}

static enum op_result step_sweep(struct op *op, struct error *err)
{
	return over(op) ? OP_DONE : step_sweep_remains(op, err);
}

static enum op_result step_shift_ids(struct op *op, struct error *err)
{
	return over(op) ? OP_DONE : step_shift(op, err);
}

/* From here on a berthd that is killed leaves it to LXC, if LXC has begun with it: see back(). */
static enum op_result step_start_again(struct op *op, struct error *err)
{
	struct work *w = op_data(op);
	AUTO_FREE char *path = file_of(w->b, w->name), *taken = taken_of(w->b, w->name);

	if (over(op))
		return OP_DONE;
	move(path, taken);
	return step_start(op, err);
}

static enum op_result step_started(struct op *op, struct error *err)
{
	struct work *w = op_data(op);
	AUTO_FREE char *taken = taken_of(w->b, w->name);

	if (over(op))
		return OP_DONE;
	drop(taken);
	return step_hook(op, err);
}

static const struct op_step reboot_steps[] = {
	{ "end", step_end, NULL, 0, 0 },
	{ "settle", step_settle, NULL, 0, 0 },
	{ "post-stop", step_stop_hook, NULL, 3600, 0 },
	{ "pre-start", step_run_hook, NULL, 3600, 0 },
	{ "sweep", step_sweep, NULL, 0, 0 },
	{ "shift", step_shift_ids, NULL, SHIFT_S, 0 },
	{ "start", step_start_again, step_unstart_cut_short, 120, 0 },
	{ "post-start", step_started, NULL, 3600, 0 },
	{ 0 },
};

static const struct op_kind reboot_kind = {
	.name = "reboot",
	.description = "Restarting instance",
	.steps = reboot_steps,
	.load = work_load,
	.unload = work_unload,
	.volatile_ = true,
	.may_cancel = true,
	.always = true, /* while the host is unloaded containers go on running */
};

bool reboots_is(const struct op *op)
{
	return op_is(op, &reboot_kind);
}

/* When berthd ends, the next one is to do what this one was kept from. */
static void on_end(struct op *op, void *data)
{
	struct berthd *b = data;
	const char *name = json_str_or(op_args(op), "name", "-");

	if (op_status(op) == OP_SUCCESS || b->reboots == NULL)
		return;
	log_warning("instance '%s' has rebooted, and does not start again: %s", name, op_error(op)->msg);
	reboots_forget(b, name);
}

static void on_file(const char *name, void *data)
{
	struct berthd *b = data;
	struct error err = ERROR_INIT;
	struct op *op;
	cJSON *args;

	if (!is_told(b, name))
		return;
	if (registry_get(b->registry, name) == NULL) {
		reboots_forget(b, name);
		return;
	}
	log_info("instance '%s' reboots", name);
	args = cJSON_CreateObject();
	json_set_str(args, "name", name);
	json_set_bool(args, "restart", true); /* its last state stays RUNNING */
	op = work_start(b, &reboot_kind, args, &err);
	if (op != NULL)
		op_on_end(op, on_end, b);
	else
		log_warning("instance '%s' reboots, and cannot be started: %s", name, err.msg);
}

/* ---- life */

static int take_lock(const char *dir, struct error *err)
{
	AUTO_FREE char *path = fs_join(dir, ".berthd");
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd >= 0 && fcntl(fd, F_OFD_SETLK, &lock) == 0)
		return fd;
	error_sys(err, errno, "cannot lock '%s'", path);
	if (fd >= 0)
		close(fd);
	return -1;
}

static int begin(struct berthd *b, const char *dir, struct reboots *r, struct error *err)
{
	if (mkdir(dir, 0700) < 0 && errno != EEXIST)
		return error_sys(err, errno, "cannot make '%s'", dir);
	r->watch = folder_watch_start(b->loop, dir, on_file, b, err);
	if (r->watch == NULL)
		return -1;
	r->lock = take_lock(dir, err);
	return r->lock < 0 ? -1 : 0;
}

static int is_taken(const struct dirent *d)
{
	return strncmp(d->d_name, TAKEN, strlen(TAKEN)) == 0;
}

/* A berthd was killed while it started this one. Has LXC begun with it, it comes to its end; else it waits again. */
static void back(struct berthd *b, const char *name)
{
	AUTO_FREE char *path = file_of(b, name), *taken = taken_of(b, name);

	if (lxc_may_be_active(b->settings->system_path, name) && lxc_monitor_process(b->settings->system_path, name) > 0)
		drop(taken);
	else
		move(taken, path);
}

static void those_that_were_taken(struct berthd *b, const char *path)
{
	struct dirent **entries;
	int n = scandir(path, &entries, is_taken, NULL);

	for (int i = 0; i < n; i++) {
		back(b, entries[i]->d_name + strlen(TAKEN));
		free(entries[i]);
	}
	if (n >= 0)
		free(entries);
}

static void those_that_wait(struct berthd *b, const char *path)
{
	DIR *dir = opendir(path);
	const struct dirent *d;

	while (dir != NULL && (d = readdir(dir)) != NULL)
		if (d->d_name[0] != '.')
			on_file(d->d_name, b);
	if (dir != NULL)
		closedir(dir);
}

void reboots_start(struct berthd *b)
{
	AUTO_FREE char *dir = reboots_dir(b);
	struct reboots *r = mem_alloc(sizeof(*r));
	struct error err = ERROR_INIT;

	r->lock = -1;
	b->reboots = r;
	if (begin(b, dir, r, &err) == 0) {
		those_that_were_taken(b, dir);
		those_that_wait(b, dir);
		return;
	}
	log_warning("containers that reboot are started by LXC: %s", err.msg);
	reboots_stop(b);
}

void reboots_stop(struct berthd *b)
{
	struct reboots *r = b->reboots;

	b->reboots = NULL;
	if (r == NULL)
		return;
	if (r->lock >= 0)
		close(r->lock);
	folder_watch_stop(r->watch);
	free(r);
}
