/* SPDX-License-Identifier: MIT */
#include "helper/migrate_rsync.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/argv.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "helper/unpack_parts.h"

enum { PROGRESS_MS = 200, EXIT_VANISHED = 24 };

/* ---- progress */

struct meter {
	const char *name;
	uint64_t bytes;
	int64_t started, shown; /* ms */
};

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void size_text(uint64_t bytes, char out[32])
{
	static const char *const units[] = { "kB", "MB", "GB", "TB", "PB", "EB" };
	double v = (double)bytes;
	int i = -1;

	for (; v >= 1000 && i < 5; i++)
		v /= 1000;
	if (i < 0)
		snprintf(out, 32, "%uB", (unsigned)bytes);
	else
		snprintf(out, 32, "%.2f%s", v, units[i]);
}

static void show(struct meter *m)
{
	int64_t now = now_ms(), passed = now - m->started;
	char done[32], speed[32];

	if (now - m->shown < PROGRESS_MS)
		return;
	m->shown = now;
	size_text(m->bytes, done);
	size_text(passed > 0 ? m->bytes * 1000 / (uint64_t)passed : m->bytes, speed);
	printf("progress %s: %s (%s/s)\n", m->name, done, speed);
	(void)fflush(stdout);
}

/* ---- between rsync and the websocket */

struct pump {
	struct channel *c;
	int fd, errs;        /* rsync's socket; its stderr, -1 at its end */
	bool sends;
	char out[CHANNEL_PIECE_MAX];
	bool busy, last;     /* a frame is on its way out; it is the end of the stream */
	bool out_done, in_done;
	struct channel_piece in;
	bool has_in;
	struct tail tail;
	struct meter meter;
};

static bool read_rsync(struct pump *p)
{
	ssize_t n;

	if (p->busy || p->last)
		return false;
	n = read(p->fd, p->out, sizeof(p->out));
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	p->last = n <= 0;
	p->busy = true;
	channel_begin(p->c, p->last, p->out, n > 0 ? (size_t)n : 0);
	if (p->sends && n > 0)
		p->meter.bytes += (uint64_t)n;
	return true;
}

static bool write_rsync(struct pump *p)
{
	ssize_t n;

	if (!p->has_in)
		return false;
	n = send(p->fd, p->in.data, p->in.len, MSG_NOSIGNAL);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n < 0)
		n = (ssize_t)p->in.len; /* it has ended: what is still sent to it is for nobody */
	p->in.data = (const char *)p->in.data + n;
	p->in.len -= (size_t)n;
	p->has_in = p->in.len > 0;
	if (!p->sends)
		p->meter.bytes += (uint64_t)n;
	return true;
}

/* 1: something moved; 0: nothing; -1: broken */
static int pull(struct pump *p)
{
	int rc;

	if (p->has_in || p->in_done)
		return 0;
	rc = channel_pull(p->c, &p->in);
	if (rc <= 0)
		return rc;
	if (!p->in.text) {
		p->has_in = p->in.len > 0;
	} else if (p->in.end) {
		(void)shutdown(p->fd, SHUT_WR);
		p->in_done = true;
	}
	return 1;
}

static int push(struct pump *p)
{
	int rc = channel_push(p->c);

	if (rc < 0 || !p->busy)
		return rc < 0 ? -1 : 0;
	if (rc == 0)
		return 0;
	p->busy = false;
	p->out_done = p->last;
	return 1;
}

static void wait_any(struct pump *p)
{
	struct pollfd f[3] = { { .fd = p->c->fd }, { .fd = p->fd }, { .fd = p->errs, .events = POLLIN } };

	f[0].events = (short)((p->busy || p->c->owes_pong ? POLLOUT : 0) | (p->has_in || p->in_done ? 0 : POLLIN));
	f[1].events = (short)((p->busy || p->last ? 0 : POLLIN) | (p->has_in ? POLLOUT : 0));
	for (int i = 0; i < 2; i++)
		if (f[i].events == 0)
			f[i].fd = -1;
	if (poll(f, 3, -1) > 0 && f[2].revents != 0 && !tail_read(&p->tail, p->errs)) {
		close(p->errs);
		p->errs = -1;
	}
}

static int run_pump(struct pump *p)
{
	while (!p->out_done || !p->in_done) {
		bool moved = read_rsync(p);
		int pushed = push(p), pulled = pushed < 0 ? -1 : pull(p);

		if (pulled < 0)
			return -1;
		moved |= write_rsync(p) || pushed > 0 || pulled > 0;
		show(&p->meter);
		if (!moved)
			wait_any(p);
	}
	while (p->errs >= 0 && tail_read(&p->tail, p->errs))
		;
	return 0;
}

/* ---- rsync itself */

static void push_features(const cJSON *features, struct argv *argv)
{
	if (json_bool(features, "xattrs", false))
		argv_pushl(argv, "--xattrs", "--filter=-x security.selinux", NULL);
	if (json_bool(features, "delete", false))
		argv_push(argv, "--delete");
	if (json_bool(features, "compress", false))
		argv_pushl(argv, "--compress", "--compress-level=2", NULL);
}

static void sender_argv(const struct transfer *t, struct argv *argv)
{
	argv_pushl(argv, "rsync", "-ar", "--devices", "--numeric-ids", "--partial", "--sparse", NULL);
	push_features(t->features, argv);
	argv_pushl(argv, "/data/", "berth:/", "-e", JAIL_SELF " relay", NULL);
}

static void receiver_argv(const struct transfer *t, struct argv *argv)
{
	argv_pushl(argv, "rsync", "--server", "-vlogDtpre.iLsfx", "--numeric-ids", "--devices", "--partial", "--sparse", NULL);
	push_features(t->features, argv);
	if (json_bool(t->features, "xattrs", false))
		argv_push(argv, "--filter=-x trusted.*"); /* of the host that they left: as for archives */
	argv_pushl(argv, ".", "/data/", NULL);
}

static pid_t start(const struct transfer *t, bool sends, struct pump *p, struct error *err)
{
	AUTO_ARGV struct argv argv = ARGV_INIT;
	int sock[2], errs[2], null;
	pid_t pid;

	(sends ? sender_argv : receiver_argv)(t, &argv);
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null < 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sock) < 0)
		return error_sys(err, errno, "cannot make a socket");
	part_pipe(errs);
	pid = fork();
	if (pid == 0) {
		const int send_fds[4] = { null, null, errs[1], sock[1] }, receive_fds[4] = { sock[1], sock[1], errs[1], -1 };

		jail_run(t->jail, argv.v, sends ? send_fds : receive_fds);
	}
	close(null);
	close(sock[1]);
	close(errs[1]);
	p->fd = sock[0];
	p->errs = errs[0];
	(void)fcntl(p->fd, F_SETFL, O_NONBLOCK);
	return pid > 0 ? pid : error_sys(err, errno, "cannot start a process");
}

static int judge(const struct transfer *t, struct pump *p, int status, struct error *err)
{
	char safe[128], *line;

	if (WIFEXITED(status) && (WEXITSTATUS(status) == 0 || (WEXITSTATUS(status) == EXIT_VANISHED && t->may_vanish)))
		return 0;
	line = mem_strdup(tail_last_line(&p->tail, "it said nothing"));
	for (char *c = line; *c != '\0'; c++)
		if ((unsigned char)*c < ' ' || (unsigned char)*c > '~')
			*c = '?';
	snprintf(safe, sizeof(safe), "exit status %d", WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
	error_set(err, ERROR_TOOL, "Rsync %s failed: %s: [%s] (%.400s)", p->sends ? "send" : "receive", t->name, safe, line);
	free(line);
	return -1;
}

static int transfer(const struct transfer *t, bool sends, struct error *err)
{
	static struct pump p;
	int status, rc;
	pid_t pid;

	p = (struct pump){ .c = t->channel, .fd = -1, .errs = -1, .sends = sends,
			   .meter = { .name = t->name, .started = now_ms(), .shown = now_ms() } };
	pid = start(t, sends, &p, err);
	if (pid < 0)
		return -1;
	rc = run_pump(&p);
	close(p.fd);
	if (p.errs >= 0)
		close(p.errs);
	if (rc < 0)
		kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (rc < 0)
		return error_set(err, ERROR_TOOL, "the other server has closed the connection");
	return judge(t, &p, status, err);
}

int migrate_rsync_send(const struct transfer *t, struct error *err)
{
	return transfer(t, true, err);
}

int migrate_rsync_receive(const struct transfer *t, struct error *err)
{
	return transfer(t, false, err);
}

cJSON *migrate_rsync_features(const cJSON *theirs)
{
	static const char *const names[] = { "xattrs", "delete", "compress", "bidirectional" };
	bool old = !json_bool(theirs, "bidirectional", false);
	cJSON *v = cJSON_CreateObject();

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		json_set_bool(v, names[i], old ? i < 3 : json_bool(theirs, names[i], false));
	return v;
}

/* ---- in place of ssh */

/* One direction in a process of its own: neither can hold up the other. */
static void copy(int from, int to)
{
	static char buf[CHANNEL_PIECE_MAX];
	ssize_t n;

	while ((n = read(from, buf, sizeof(buf))) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 || fs_write_all(to, buf, (size_t)n) < 0)
			break;
	}
}

int migrate_rsync_relay(void)
{
	pid_t pid;

	signal(SIGPIPE, SIG_IGN);
	pid = fork();
	if (pid < 0)
		return 1;
	if (pid == 0) {
		close(STDOUT_FILENO);
		copy(STDIN_FILENO, 3);
		(void)shutdown(3, SHUT_WR);
		_exit(0);
	}
	close(STDIN_FILENO);
	copy(3, STDOUT_FILENO);
	close(STDOUT_FILENO);
	kill(pid, SIGKILL); /* as ssh does: when the other side has ended, it is over. rsync waits for that */
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return 0;
}
