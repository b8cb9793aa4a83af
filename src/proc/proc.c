/* SPDX-License-Identifier: MIT */
#include "proc/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "proc/spawn.h"
#include "proc/stdio.h"

enum {
	PROC_OUTPUT_MAX = 256 * 1024,
	PROC_LINE_MAX = 64 * 1024,
	PROC_DRAIN_MS = 2000,
	PROC_TERM_MS = 5000,
};

#define PROC_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

struct stream {
	uv_pipe_t pipe;
	struct proc *proc;
	bool reading; /* opened, and neither EOF nor closed yet */
	bool truncated;
	struct strbuf buf; /* captured output, or the unfinished line */
};

struct proc {
	uv_poll_t poll; /* on pidfd: readable once the child has ended */
	uv_timer_t timer; /* timeout, then SIGKILL, then the drain grace */
	bool terminated;  /* asked to end: by the timeout or the owner */
	struct stream out, errs;
	size_t output_max;
	proc_line_cb on_line;
	proc_exit_cb on_exit; /* NULL: abandoned, or never started */
	void *data;
	pid_t pid; /* 0: not started */
	int pidfd;
	int handles; /* not yet closed */
	bool watched; /* poll is a handle */
	bool ended, closing;
	struct proc_result result;
};

/* The child's ends of its first four descriptors; `mine` are closed after the spawn. */
struct plumbing {
	int fd[4];
	bool mine[4];
};

static void proc_free(struct proc *p)
{
	strbuf_clear(&p->out.buf);
	strbuf_clear(&p->errs.buf);
	free(p);
}

static void stream_result(struct stream *s, size_t max, const char **ret, size_t *ret_len)
{
	if (s->buf.len > max) {
		strbuf_drop_front(&s->buf, s->buf.len - max);
		s->truncated = true;
	}
	*ret = s->buf.buf;
	*ret_len = s->buf.len;
}

static void proc_closed_cb(uv_handle_t *handle)
{
	struct proc *p = handle->data;

	if (--p->handles > 0)
		return;
	if (p->on_exit) {
		proc_exit_cb on_exit = p->on_exit;

		stream_result(&p->out, p->output_max, &p->result.out, &p->result.out_len);
		stream_result(&p->errs, p->output_max, &p->result.errs, &p->result.errs_len);
		p->result.truncated = p->out.truncated || p->errs.truncated;
		p->on_exit = NULL;
		on_exit(&p->result, p->data);
	}
	proc_free(p);
}

static void stream_close(struct stream *s)
{
	s->reading = false;
	if (!uv_is_closing((uv_handle_t *)&s->pipe))
		uv_close((uv_handle_t *)&s->pipe, proc_closed_cb);
}

/* An ended child stays a zombie until here: so long its number, and its group's, cannot be another's. */
static void proc_close(struct proc *p)
{
	if (p->closing)
		return;
	p->closing = true;
	stream_close(&p->out);
	stream_close(&p->errs);
	uv_close((uv_handle_t *)&p->timer, proc_closed_cb);
	if (p->watched)
		uv_close((uv_handle_t *)&p->poll, proc_closed_cb);
	if (p->pidfd >= 0)
		close(p->pidfd);
	if (p->pid > 0)
		while (waitpid(p->pid, NULL, 0) < 0 && errno == EINTR)
			;
}

static void proc_close_if_over(struct proc *p)
{
	if (p->ended && !p->out.reading && !p->errs.reading)
		proc_close(p);
}

static void timer_set(struct proc *p, uv_timer_cb cb, unsigned ms)
{
	uv_update_time(p->timer.loop); /* the loop's clock is as old as its current callback */
	uv_timer_start(&p->timer, cb, ms, 0);
}

static void drain_over_cb(uv_timer_t *timer)
{
	proc_close(timer->data);
}

static void term_over_cb(uv_timer_t *timer)
{
	struct proc *p = timer->data;

	proc_kill(p, SIGKILL);
}

void proc_terminate(struct proc *p)
{
	if (p->ended || p->terminated)
		return;
	p->terminated = true;
	proc_kill(p, SIGTERM);
	proc_kill(p, SIGCONT); /* a stopped child would not notice */
	timer_set(p, term_over_cb, PROC_TERM_MS);
}

static void timeout_cb(uv_timer_t *timer)
{
	struct proc *p = timer->data;

	p->result.timed_out = true;
	proc_terminate(p);
}

static void ended_cb(uv_poll_t *poll, int status, int events)
{
	struct proc *p = poll->data;
	siginfo_t info = { 0 };

	if (waitid(P_PID, (id_t)p->pid, &info, WEXITED | WNOHANG | WNOWAIT) < 0 || info.si_pid != p->pid)
		return;
	uv_poll_stop(poll);
	p->ended = true;
	p->result.exit_code = info.si_code == CLD_EXITED ? info.si_status : -1;
	p->result.signal = info.si_code == CLD_EXITED ? 0 : info.si_status;
	if (p->terminated || !p->on_exit)
		proc_kill(p, SIGKILL); /* what is left of a group that was to end */
	timer_set(p, drain_over_cb, PROC_DRAIN_MS);
	proc_close_if_over(p);
}

/* One for all children: libuv calls alloc and read in pairs, on the loop's thread. */
static void alloc_cb(uv_handle_t *handle, size_t suggested, uv_buf_t *ret_buf)
{
	static char buffer[64 * 1024];

	*ret_buf = uv_buf_init(buffer, sizeof(buffer));
}

static void line_emit(struct proc *p)
{
	struct strbuf *line = &p->out.buf;

	if (line->len > 0 && line->buf[line->len - 1] == '\r')
		strbuf_truncate(line, line->len - 1);
	p->on_line(line->buf, p->data);
	strbuf_reset(line);
}

/* A line is cut at PROC_LINE_MAX: its rest is read and dropped. */
static void lines_feed(struct proc *p, const char *data, size_t len)
{
	struct strbuf *line = &p->out.buf;

	while (len > 0 && p->on_exit) {
		const char *end = memchr(data, '\n', len);
		size_t part = end ? (size_t)(end - data) : len;
		size_t room = PROC_LINE_MAX - line->len;

		strbuf_add(line, data, part < room ? part : room);
		if (end) {
			line_emit(p);
			part++;
		}
		data += part;
		len -= part;
	}
}

/* Keeps the tail: up to twice the limit is held, so that each byte is moved at most once. */
static void capture_feed(struct stream *s, const char *data, size_t len)
{
	size_t max = s->proc->output_max;

	strbuf_add(&s->buf, data, len);
	if (s->buf.len <= 2 * max)
		return;
	strbuf_drop_front(&s->buf, s->buf.len - max);
	s->truncated = true;
}

static void read_cb(uv_stream_t *handle, ssize_t n, const uv_buf_t *buf)
{
	struct stream *s = (struct stream *)handle;
	struct proc *p = s->proc;
	bool by_lines = s == &p->out && p->on_line;

	if (n > 0 && by_lines)
		lines_feed(p, buf->base, (size_t)n);
	else if (n > 0)
		capture_feed(s, buf->base, (size_t)n);
	if (n >= 0)
		return;
	/* UV_EOF; EIO is how a pty's master says it */
	if (by_lines && s->buf.len > 0 && p->on_exit)
		line_emit(p);
	stream_close(s);
	proc_close_if_over(p);
}

/* Real pipes, not libuv's socket pairs: a script's `echo >/dev/stderr` cannot open a socket. */
static int stream_open(struct stream *s, bool tty, int *ret_child_fd)
{
	int fds[2];
	int rc = tty ? stdio_pty(fds) : uv_pipe(fds, UV_NONBLOCK_PIPE, 0);

	if (rc < 0)
		return rc;
	rc = uv_pipe_open(&s->pipe, fds[0]);
	if (rc < 0) {
		close(fds[0]);
		close(fds[1]);
		return rc;
	}
	s->reading = true;
	*ret_child_fd = fds[1];
	return 0;
}

static int plumbing_open(struct plumbing *pl, struct proc *p, const struct proc_spec *spec)
{
	int rc = 0;

	pl->mine[0] = !spec->use_stdin_fd;
	pl->mine[1] = !spec->use_stdout_fd;
	pl->mine[2] = !spec->use_stderr_fd;
	if (spec->use_stdin_fd)
		pl->fd[0] = spec->stdin_fd;
	else if (spec->input)
		pl->fd[0] = fs_memory_file(spec->input, spec->input_len);
	else
		pl->fd[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (pl->fd[0] < 0)
		return spec->use_stdin_fd ? -EBADF : -errno;
	if (spec->use_stdout_fd)
		pl->fd[1] = spec->stdout_fd;
	else
		rc = stream_open(&p->out, spec->tty_stdout, &pl->fd[1]);
	if (spec->use_stderr_fd)
		pl->fd[2] = spec->stderr_fd;
	else if (rc == 0)
		rc = stream_open(&p->errs, false, &pl->fd[2]);
	if (spec->use_extra_fd)
		pl->fd[3] = spec->extra_fd;
	return rc;
}

static void plumbing_close(struct plumbing *pl)
{
	for (int i = 0; i < 3; i++)
		if (pl->mine[i] && pl->fd[i] >= 0)
			close(pl->fd[i]);
}

static int proc_spawn(struct proc *p, const struct proc_spec *spec, const struct plumbing *pl)
{
	const char *path = getenv("PATH");
	AUTO_FREE char *path_var = mem_printf("PATH=%s", path && *path ? path : PROC_PATH);
	const char *const plain_env[] = { path_var, "HOME=/root", "LC_ALL=C", NULL };
	struct spawn s = {
		.argv = spec->argv,
		.env = spec->env ? spec->env : plain_env,
		.cwd = spec->cwd ? spec->cwd : "/",
		.fd_count = spec->use_extra_fd ? 4 : 3,
		.controlling_tty = spec->controlling_tty,
		.use_ids = spec->use_ids,
		.uid = spec->uid,
		.gid = spec->gid,
	};

	memcpy(s.fd, pl->fd, sizeof(s.fd));
	return spawn_child(&s, &p->pid);
}

static struct proc *proc_new(uv_loop_t *loop, const struct proc_spec *spec)
{
	struct proc *p = mem_alloc(sizeof(*p));

	p->output_max = spec->output_max ? spec->output_max : PROC_OUTPUT_MAX;
	p->on_line = spec->on_line;
	p->data = spec->data;
	p->pidfd = -1;
	strbuf_init(&p->out.buf);
	strbuf_init(&p->errs.buf);
	p->out.proc = p->errs.proc = p;
	uv_timer_init(loop, &p->timer);
	uv_pipe_init(loop, &p->out.pipe, 0);
	uv_pipe_init(loop, &p->errs.pipe, 0);
	p->timer.data = p->out.pipe.data = p->errs.pipe.data = p->poll.data = p;
	p->handles = 3;
	return p;
}

/* A child that cannot be watched is ended at once. */
static int proc_watch(struct proc *p, uv_loop_t *loop)
{
	int rc;

	p->pidfd = (int)syscall(SYS_pidfd_open, p->pid, 0);
	rc = p->pidfd < 0 ? -errno : uv_poll_init(loop, &p->poll, p->pidfd);
	if (rc == 0) {
		p->watched = true;
		p->handles++;
		rc = uv_poll_start(&p->poll, UV_READABLE, ended_cb);
	}
	if (rc < 0)
		proc_kill(p, SIGKILL);
	return rc;
}

struct proc *proc_start(uv_loop_t *loop, const struct proc_spec *spec, struct error *err)
{
	struct plumbing pl = { .fd = { -1, -1, -1, -1 } };
	struct proc *p = proc_new(loop, spec);
	int rc = plumbing_open(&pl, p, spec);

	if (rc == 0)
		rc = proc_spawn(p, spec, &pl);
	if (rc == 0)
		rc = proc_watch(p, loop);
	plumbing_close(&pl);
	if (rc < 0) {
		error_set(err, ERROR_TOOL, "cannot run '%s': %s", spec->argv[0], strerror(-rc));
		err->sys = -rc;
		proc_close(p); /* frees it: on_exit is not set yet */
		return NULL;
	}
	p->on_exit = spec->on_exit;
	if (p->out.reading)
		uv_read_start((uv_stream_t *)&p->out.pipe, alloc_cb, read_cb);
	if (p->errs.reading)
		uv_read_start((uv_stream_t *)&p->errs.pipe, alloc_cb, read_cb);
	if (spec->timeout_ms)
		timer_set(p, timeout_cb, spec->timeout_ms);
	return p;
}

pid_t proc_pid(const struct proc *p)
{
	return p->pid;
}

void proc_kill(struct proc *p, int signum)
{
	if (!p->closing)
		kill(-p->pid, signum);
}

void proc_abandon(struct proc *p)
{
	if (!p->on_exit)
		return;
	p->on_exit = NULL;
	if (p->closing)
		return;
	proc_kill(p, SIGKILL);
	stream_close(&p->out);
	stream_close(&p->errs);
	proc_close_if_over(p);
}
