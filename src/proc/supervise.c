/* SPDX-License-Identifier: MIT */
#include "proc/supervise.h"

#include <signal.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"

enum {
	SUPERVISE_FIRST_MS = 100,
	SUPERVISE_LAST_MS = 30 * 1000,
	SUPERVISE_GOOD_MS = 60 * 1000,
	SUPERVISE_TERM_MS = 5000,
};

struct supervise {
	uv_loop_t *loop;
	uv_timer_t timer; /* to the next start; when stopping, to SIGKILL */
	struct proc *proc; /* NULL between two runs */
	struct argv argv, env;
	char *cwd;
	struct proc_spec spec; /* the owner's; argv, env and cwd are our copies */
	void (*on_start)(void *data);
	void (*ended)(void *data); /* of supervise_stop_then() */
	void *ended_data;
	uint64_t started; /* the loop's ms */
	unsigned delay_ms;
	bool stopping, timer_closed;
};

static void restart_cb(uv_timer_t *timer);

static void free_if_over(struct supervise *s)
{
	if (!s->timer_closed || s->proc)
		return;
	argv_clear(&s->argv);
	argv_clear(&s->env);
	free(s->cwd);
	free(s);
}

static void timer_closed_cb(uv_handle_t *handle)
{
	struct supervise *s = handle->data;

	s->timer_closed = true;
	free_if_over(s);
}

/* The next start in delay_ms, the one after that in twice the time. */
static void start_later(struct supervise *s, const char *why)
{
	log_warning("%s; starting it again in %u ms", why, s->delay_ms);
	uv_update_time(s->loop);
	uv_timer_start(&s->timer, restart_cb, s->delay_ms, 0);
	s->delay_ms = s->delay_ms > SUPERVISE_LAST_MS / 2 ? SUPERVISE_LAST_MS : 2 * s->delay_ms;
}

static void line_cb(const char *line, void *data)
{
	struct supervise *s = data;

	if (!s->stopping)
		s->spec.on_line(line, s->spec.data);
}

static void exit_cb(const struct proc_result *result, void *data)
{
	struct supervise *s = data;
	struct error err = ERROR_INIT;

	s->proc = NULL;
	if (s->stopping) {
		if (s->ended)
			s->ended(s->ended_data);
		uv_close((uv_handle_t *)&s->timer, timer_closed_cb);
		return;
	}
	if (uv_now(s->loop) - s->started > SUPERVISE_GOOD_MS)
		s->delay_ms = SUPERVISE_FIRST_MS;
	if (proc_check(s->spec.argv[0], result, &err) == 0)
		error_set(&err, ERROR_TOOL, "'%s' ended", s->spec.argv[0]);
	start_later(s, err.msg);
}

static int start_now(struct supervise *s, struct error *err)
{
	struct proc_spec spec = s->spec;

	spec.on_line = s->spec.on_line ? line_cb : NULL;
	spec.on_exit = exit_cb;
	spec.data = s;
	s->proc = proc_start(s->loop, &spec, err);
	if (!s->proc)
		return -1;
	uv_update_time(s->loop);
	s->started = uv_now(s->loop);
	if (s->on_start)
		s->on_start(s->spec.data);
	return 0;
}

static void restart_cb(uv_timer_t *timer)
{
	struct supervise *s = timer->data;
	struct error err = ERROR_INIT;

	if (start_now(s, &err) < 0)
		start_later(s, err.msg);
}

static void term_over_cb(uv_timer_t *timer)
{
	struct supervise *s = timer->data;

	proc_kill(s->proc, SIGKILL);
}

struct supervise *supervise_start(uv_loop_t *loop, const struct proc_spec *spec, void (*on_start)(void *data),
				  struct error *err)
{
	struct supervise *s = mem_alloc(sizeof(*s));

	s->loop = loop;
	s->spec = *spec;
	s->on_start = on_start;
	s->delay_ms = SUPERVISE_FIRST_MS;
	for (const char *const *arg = spec->argv; *arg; arg++)
		argv_push(&s->argv, *arg);
	for (const char *const *var = spec->env; var && *var; var++)
		argv_push(&s->env, *var);
	s->cwd = mem_strdup(spec->cwd);
	s->spec.argv = (const char *const *)s->argv.v;
	s->spec.env = spec->env ? (const char *const *)s->env.v : NULL;
	s->spec.cwd = s->cwd;
	uv_timer_init(loop, &s->timer);
	s->timer.data = s;
	if (start_now(s, err) == 0)
		return s;
	uv_close((uv_handle_t *)&s->timer, timer_closed_cb);
	return NULL;
}

pid_t supervise_pid(const struct supervise *s)
{
	return s->proc ? proc_pid(s->proc) : 0;
}

void supervise_stop(struct supervise *s)
{
	if (!s || s->stopping)
		return;
	s->stopping = true;
	if (!s->proc) {
		uv_close((uv_handle_t *)&s->timer, timer_closed_cb);
		return;
	}
	proc_kill(s->proc, SIGTERM);
	uv_update_time(s->loop);
	uv_timer_start(&s->timer, term_over_cb, SUPERVISE_TERM_MS, 0);
}

bool supervise_stop_then(struct supervise *s, void (*ended)(void *data), void *data)
{
	bool runs = s && !s->stopping && s->proc;

	if (runs) {
		s->ended = ended;
		s->ended_data = data;
	}
	supervise_stop(s);
	return runs;
}
