/* SPDX-License-Identifier: MIT */
/*
 * The end of LXC's monitor process, the parent of a container's init. As a rule it ends by itself, soon after the
 * container or a failed start, when it has removed the cgroups. While a hook hangs before the start it answers
 * nobody, and lxc-stop waits for ever: then it is killed, with its process group, which the hooks are in, and its
 * other children: an init that is half-way into its container.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "instance/work.h"
#include "lxc/active.h"
#include "model/settings.h"

enum { LOOK_MS = 20, PATIENCE_MS = 10000, AFTER_KILL_MS = 5000 };

struct monitor_end {
	uv_timer_t timer;
	struct op *op;
	struct work *w;
	op_fn done;
	uint64_t deadline; /* the loop's ms */
	pid_t killed;
};

bool work_active(const struct work *w)
{
	return lxc_may_be_active(w->b->settings->system_path, w->name);
}

static pid_t monitor_of(const struct work *w)
{
	return work_active(w) ? lxc_monitor_process(w->b->settings->system_path, w->name) : 0;
}

static void kill_children(pid_t pid)
{
	AUTO_FREE char *path = mem_printf("/proc/%d/task/%d/children", (int)pid, (int)pid);
	AUTO_STRBUF struct strbuf text = STRBUF_INIT;
	struct error ignored = ERROR_INIT;
	char *save = NULL;

	if (fs_read_file(path, 4096, &text, &ignored) < 0)
		return;
	for (char *child = strtok_r(text.buf, " \n", &save); child != NULL; child = strtok_r(NULL, " \n", &save))
		(void)kill((pid_t)strtol(child, NULL, 10), SIGKILL);
}

static void kill_it(struct monitor_end *m, pid_t pid)
{
	log_warning("instance '%s': LXC's monitor process %d does not end: it is killed", m->w->name, (int)pid);
	kill_children(pid);
	if (kill(-pid, SIGKILL) < 0)
		(void)kill(pid, SIGKILL);
	m->killed = pid;
	m->deadline = uv_now(m->w->b->loop) + AFTER_KILL_MS;
}

static void closed_cb(uv_handle_t *handle)
{
	free(handle->data);
}

static void look_cb(uv_timer_t *timer)
{
	struct monitor_end *m = timer->data;
	bool late = uv_now(timer->loop) >= m->deadline;
	pid_t pid = monitor_of(m->w);
	struct error err = ERROR_INIT;
	enum op_result result;

	/* an init that is half-way into its container has the same title */
	if (pid > 0 && (late || m->killed != 0) && pid != m->killed)
		kill_it(m, pid);
	else if (pid == 0 || late) {
		uv_close((uv_handle_t *)timer, closed_cb);
		result = m->done(m->op, &err);
		if (result != OP_WAIT)
			op_resume(m->op, result, &err);
	}
}

enum op_result monitor_end(struct op *op, struct work *w, bool at_once, op_fn done, struct error *err)
{
	struct monitor_end *m;

	if (monitor_of(w) == 0)
		return done(op, err);
	m = mem_alloc(sizeof(*m));
	m->op = op;
	m->w = w;
	m->done = done;
	m->timer.data = m;
	uv_update_time(w->b->loop);
	m->deadline = uv_now(w->b->loop) + (at_once ? 0 : PATIENCE_MS);
	uv_timer_init(w->b->loop, &m->timer);
	uv_timer_start(&m->timer, look_cb, at_once ? 0 : LOOK_MS, LOOK_MS);
	return OP_WAIT;
}
