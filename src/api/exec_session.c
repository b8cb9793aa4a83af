/* SPDX-License-Identifier: MIT */
/* A command between the websockets of its operation. */
#include "api/exec_session.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "api/events.h"
#include "base/json.h"
#include "base/line_mode.h"
#include "base/log.h"
#include "base/mem.h"
#include "lxc/attach.h"
#include "lxc/tools.h"
#include "model/settings.h"

#define QUIET_MS 5000 /* for who was left behind by the command with its output */
#define READY_MS 2    /* while lxc-attach prepares its terminal */
#define COLUMNS 80
#define ROWS 25 /* as LXD has it */
#define END_OF_INPUT "\004" /* ^D */

static bool interactive(const struct exec *x)
{
	return x->console || json_bool(x->args, "interactive", false);
}

/* ---- the end */

static void close_tty(struct exec *x)
{
	if (x->tty >= 0)
		close(x->tty);
	x->tty = -1;
}

void exec_end(struct exec *x, const struct error *err)
{
	if (x->over)
		return;
	x->over = true;
	exec_starts_leave(x);
	uv_timer_stop(&x->timer);
	close_tty(x);
	if (x->exited && !x->console)
		op_metadata_set(x->op, "return", cJSON_CreateNumber(x->status));
	if (x->sockets)
		for (int i = 0; i < SOCKETS_N; i++)
			sockets_close(x->sockets, i);
	op_resume(x->op, err ? OP_FAIL : OP_DONE, err);
}

/* LXD takes 127 and 126 for the words of whoever started the command. */
static void end_by_status(struct exec *x)
{
	struct error err = ERROR_INIT;

	if (x->console && x->status != 0 && !x->left)
		error_set(&err, ERROR_CONFLICT, "The console of '%s' is in use, or cannot be reached",
			  json_str_or(x->args, "name", ""));
	else if (x->console)
		x->status = 0;
	else if (x->status == 127)
		error_set(&err, ERROR_NOT_FOUND, "Command not found");
	else if (x->status == 126)
		error_set(&err, ERROR_INVALID, "Command not executable");
	exec_end(x, err.code != ERROR_NONE ? &err : NULL);
}

static int stream_of(const struct exec *x, int out)
{
	return interactive(x) ? SOCKET_STDIN : SOCKET_STDOUT + out;
}

/* After the command, when its output is read and written. */
static void check_end(struct exec *x)
{
	if (!x->exited || x->over)
		return;
	for (int i = 0; i < 2; i++)
		if (x->out[i] && (!outflow_ended(x->out[i]) || sockets_pending(x->sockets, stream_of(x, i))))
			return;
	end_by_status(x);
}

static void out_ended(struct exec *x, int i)
{
	if (!x->over)
		sockets_send_end(x->sockets, stream_of(x, i));
	check_end(x);
}

static void first_ended_cb(void *data)
{
	out_ended(data, 0);
}

static void second_ended_cb(void *data)
{
	out_ended(data, 1);
}

static void exited_cb(const struct proc_result *result, void *data)
{
	struct exec *x = data;

	x->child = NULL;
	x->exited = true;
	exec_starts_leave(x);
	x->status = result->signal ? 128 + result->signal : result->exit_code;
	if (!x->sockets) {
		end_by_status(x);
		return;
	}
	inflow_free(x->in);
	x->in = NULL;
	sockets_close(x->sockets, SOCKET_CONTROL);
	for (int i = 0; i < 2; i++)
		if (x->out[i])
			outflow_child_ended(x->out[i], interactive(x) ? 0 : QUIET_MS);
	check_end(x);
}

void exec_stop(struct exec *x)
{
	if (!x->child) {
		exec_end(x, op_error(x->op));
		return;
	}
	if (!x->console)
		lxc_attach_signal(proc_pid(x->child), SIGKILL);
	proc_terminate(x->child);
	for (int i = 0; i < 2; i++)
		if (x->out[i])
			outflow_stop(x->out[i]);
}

/* ---- the child */

void exec_own(const struct exec *x, int fd)
{
	int64_t uid = json_int(x->args, "owner_uid", -1), gid = json_int(x->args, "owner_gid", -1);

	if (fchown(fd, (uid_t)uid, (gid_t)gid) < 0)
		log_debug("cannot give the stream of a command to its user: %m");
}

static void tell_started(const struct exec *x, const char *action, const char *key, cJSON *what)
{
	AUTO_FREE char *source = mem_printf("/1.0/instances/%s", json_str_or(x->args, "name", ""));
	cJSON *context = cJSON_CreateObject();

	json_set(context, key, what);
	events_lifecycle(x->b->events, action, source, context, op_origin(x->op));
}

static int spawn(struct exec *x, const struct argv *argv, const struct argv *env, const char *cwd, const int fds[3],
		 struct error *err)
{
	const struct proc_spec spec = {
		.cwd = cwd,
		.argv = (const char *const *)argv->v,
		.env = env ? (const char *const *)env->v : NULL,
		.use_stdin_fd = true, .use_stdout_fd = true, .use_stderr_fd = true,
		.stdin_fd = fds[0], .stdout_fd = fds[1], .stderr_fd = fds[2],
		.controlling_tty = x->tty >= 0,
		.on_exit = exited_cb,
		.data = x,
	};

	x->child = proc_start(x->b->loop, &spec, err);
	return x->child ? 0 : -1;
}

static int spawn_console(struct exec *x, const int fds[3], struct error *err)
{
	AUTO_ARGV struct argv argv = ARGV_INIT;
	AUTO_CLOSE int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null < 0)
		return error_sys(err, errno, "cannot open '/dev/null'");
	lxc_argv_console(&argv, x->b->settings->system_path, json_str_or(x->args, "name", ""));
	if (spawn(x, &argv, NULL, NULL, (const int[]){ fds[0], fds[1], null }, err) < 0)
		return -1;
	tell_started(x, "instance-console", "type", cJSON_CreateString("console"));
	return 0;
}

int exec_spawn(struct exec *x, const int fds[3], struct error *err)
{
	AUTO_ARGV struct argv argv = ARGV_INIT, env = ARGV_INIT;
	const struct lxc_attach at = {
		.lxcpath = x->b->settings->system_path,
		.name = json_str_or(x->args, "name", ""),
		.uid = (uid_t)json_int(x->args, "user", 0),
		.gid = (gid_t)json_int(x->args, "group", 0),
		.cwd = json_str_or(x->args, "cwd", "/"),
		.environment = json_obj(x->args, "environment"),
		.command = json_arr(x->args, "command"),
		.config = json_obj(x->args, "config"),
	};
	const char *cwd;

	if (x->console)
		return spawn_console(x, fds, err);
	cwd = lxc_attach_command(&at, &argv, &env);
	if (spawn(x, &argv, &env, cwd, fds, err) < 0)
		return -1;
	tell_started(x, "instance-exec", "command", cJSON_Duplicate(at.command, true));
	return 0;
}

static void close_fds(int *fds, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

static int nonblocking(int fd)
{
	return fcntl(fd, F_SETFL, O_NONBLOCK);
}

/* ours: to its stdin, from its stdout and stderr */
static int open_pipes(const struct exec *x, int ours[3], int child[3], struct error *err)
{
	int fds[2];

	for (int i = 0; i < 3; i++) {
		if (pipe2(fds, O_CLOEXEC) < 0)
			return error_sys(err, errno, "cannot make a pipe");
		child[i] = fds[i == 0 ? 0 : 1];
		ours[i] = fds[i == 0 ? 1 : 0];
		if (nonblocking(ours[i]) < 0)
			return error_sys(err, errno, "cannot make a pipe");
		exec_own(x, child[i]);
	}
	return 0;
}

static void start_piped(struct exec *x, struct error *err)
{
	int ours[3] = { -1, -1, -1 }, child[3] = { -1, -1, -1 };
	int rc = open_pipes(x, ours, child, err);

	if (rc == 0)
		rc = exec_spawn(x, child, err);
	close_fds(child, 3);
	if (rc < 0) {
		close_fds(ours, 3);
		return;
	}
	x->in = inflow_new(x->b->loop, ours[0], x->sockets, SOCKET_STDIN, NULL, NULL);
	x->out[0] = outflow_new(x->b->loop, ours[1], x->sockets, SOCKET_STDOUT, first_ended_cb, x);
	x->out[1] = outflow_new(x->b->loop, ours[2], x->sockets, SOCKET_STDERR, second_ended_cb, x);
}

/* ---- the child with a terminal */

static void ready_cb(uv_timer_t *timer)
{
	struct exec *x = timer->data;

	if (x->tty >= 0 && x->in && line_mode_is(x->tty))
		return;
	uv_timer_stop(timer);
	if (x->in)
		inflow_hold(x->in, false);
}

/* The client has gone: the terminal hangs up. */
static void hang_up_cb(void *data)
{
	struct exec *x = data;

	x->left = true;
	close_tty(x);
	outflow_stop(x->out[0]);
}

/* The client's stdin ended, who still shows what comes: ^D, which ends the input only where a line begins, else the line. */
static void type_end(struct exec *x)
{
	if (x->mid_line)
		inflow_piece(x->in, END_OF_INPUT, 1);
	inflow_piece(x->in, END_OF_INPUT, 1);
}

static void resize(const struct exec *x, int64_t columns, int64_t rows)
{
	const struct winsize size = { .ws_col = (unsigned short)columns, .ws_row = (unsigned short)rows };

	if (x->tty >= 0 && columns > 0 && rows > 0 && columns <= UINT16_MAX && rows <= UINT16_MAX)
		ioctl(x->tty, TIOCSWINSZ, &size);
}

/* fds: the slave, and three descriptors of the master. */
static int open_terminal(int fds[4], struct error *err)
{
	char name[64];

	fds[1] = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
	if (fds[1] < 0 || grantpt(fds[1]) < 0 || unlockpt(fds[1]) < 0 || ptsname_r(fds[1], name, sizeof(name)) != 0)
		return error_sys(err, errno, "cannot make a terminal");
	fds[0] = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
	fds[2] = fcntl(fds[1], F_DUPFD_CLOEXEC, 3);
	fds[3] = fcntl(fds[1], F_DUPFD_CLOEXEC, 3);
	if (fds[0] < 0 || fds[2] < 0 || fds[3] < 0)
		return error_sys(err, errno, "cannot make a terminal");
	return 0;
}

static void start_on_terminal(struct exec *x, struct error *err)
{
	int64_t columns = json_int(x->args, "width", 0), rows = json_int(x->args, "height", 0);
	int fds[4] = { -1, -1, -1, -1 };

	if (open_terminal(fds, err) < 0) {
		close_fds(fds, 4);
		return;
	}
	x->tty = fds[3];
	line_mode_set(x->tty);
	resize(x, columns > 0 && rows > 0 ? columns : COLUMNS, columns > 0 && rows > 0 ? rows : ROWS);
	if (exec_spawn(x, (const int[]){ fds[0], fds[0], fds[0] }, err) < 0) {
		close_fds(fds, 3);
		return;
	}
	close(fds[0]);
	x->out[0] = outflow_new(x->b->loop, fds[1], x->sockets, SOCKET_STDIN, first_ended_cb, x);
	x->in = inflow_new(x->b->loop, fds[2], x->sockets, SOCKET_STDIN, hang_up_cb, x);
	inflow_hold(x->in, true);
	uv_timer_start(&x->timer, ready_cb, READY_MS, READY_MS);
}

/* ---- the sockets */

void exec_begin(struct exec *x)
{
	struct error err = ERROR_INIT;

	if (interactive(x))
		start_on_terminal(x, &err);
	else
		start_piped(x, &err);
	if (err.code != ERROR_NONE)
		exec_end(x, &err);
	else
		sockets_listen(x->sockets);
}

static void sockets_ready_cb(void *data)
{
	exec_starts_enter(data);
}

static void late_cb(void *data)
{
	struct error err = ERROR_INIT;

	error_set(&err, ERROR_TIMEOUT, "Timed out waiting for websockets to connect");
	exec_end(data, &err);
}

static void piece_cb(void *data, int which, const void *bytes, size_t len)
{
	struct exec *x = data;

	if (which != SOCKET_STDIN || !x->in || len == 0)
		return;
	x->mid_line = memchr("\n\r", ((const char *)bytes)[len - 1], 2) == NULL;
	inflow_piece(x->in, bytes, len);
}

/* {"command": "window-resize", "args": {"width": "80", "height": "25"}} or {"command": "signal", "signal": 2} */
static void control(struct exec *x, const char *text, size_t len)
{
	struct error ignored = ERROR_INIT;
	AUTO_JSON cJSON *v = json_parse(text, len, &ignored);
	const char *command = json_str_or(v, "command", "");
	const cJSON *args = json_obj(v, "args");
	int64_t signum = json_int(v, "signal", 0);

	if (strcmp(command, "window-resize") == 0)
		resize(x, strtol(json_str_or(args, "width", ""), NULL, 10), strtol(json_str_or(args, "height", ""), NULL, 10));
	else if (strcmp(command, "signal") == 0 && x->child && !x->console && signum > 0 && signum < NSIG)
		lxc_attach_signal(proc_pid(x->child), (int)signum);
}

static void text_cb(void *data, int which, const char *text, size_t len)
{
	struct exec *x = data;

	if (which == SOCKET_CONTROL)
		control(x, text, len);
	else if (which == SOCKET_STDIN && x->in && x->tty >= 0 && !x->console)
		type_end(x);
	else if (which == SOCKET_STDIN && x->in)
		inflow_end(x->in);
}

static struct outflow *out_to(const struct exec *x, int which)
{
	for (int i = 0; i < 2; i++)
		if (x->out[i] && stream_of(x, i) == which)
			return x->out[i];
	return NULL;
}

static void written_cb(void *data, int which)
{
	struct exec *x = data;
	struct outflow *out = out_to(x, which);

	exec_starts_leave(x);
	if (out)
		outflow_written(out);
	check_end(x);
}

static void control_closed(struct exec *x)
{
	if (!x->console) {
		lxc_attach_signal(proc_pid(x->child), SIGKILL);
		return;
	}
	x->left = true;
	proc_terminate(x->child);
}

/* Who loses its client's output socket gets SIGPIPE; who loses the control socket is killed, as LXD does it. */
static void closed_cb(void *data, int which)
{
	struct exec *x = data;
	struct outflow *out = out_to(x, which);
	struct error err = ERROR_INIT;

	if (x->over)
		return;
	if (x->waiting) {
		error_set(&err, ERROR_UNAVAILABLE, "the client left before the command was started");
		exec_end(x, &err);
		return;
	}
	if (which == SOCKET_STDIN && x->in)
		inflow_end(x->in);
	if (out)
		outflow_stop(out);
	if (which == SOCKET_CONTROL && x->child)
		control_closed(x);
	check_end(x);
}

const struct sockets_handler exec_sockets_handler = {
	.ready = sockets_ready_cb,
	.late = late_cb,
	.piece = piece_cb,
	.text = text_cb,
	.written = written_cb,
	.closed = closed_cb,
};
