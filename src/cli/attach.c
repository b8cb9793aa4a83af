/* SPDX-License-Identifier: MIT */
/* Running lxc-attach: its child process and its signals. */
#include "cli/attach.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"
#include "cli/attach_stream.h"

extern char **environ;

struct attach {
	pid_t pid;
	int signals; /* signalfd */
	struct attach_streams streams;
};

static const int forwarded[] = { SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2 };

/* Signals that are ignored here (nohup, background jobs) stay so. */
static void signal_set(sigset_t *set)
{
	struct sigaction act;

	sigemptyset(set);
	sigaddset(set, SIGCHLD);
	sigaddset(set, SIGWINCH);
	for (size_t i = 0; i < sizeof(forwarded) / sizeof(forwarded[0]); i++)
		if (sigaction(forwarded[i], NULL, &act) == 0 && act.sa_handler != SIG_IGN)
			sigaddset(set, forwarded[i]);
}

/* lxc-attach dies of a signal and leaves the command running, so it goes to the command: its only child. */
static void forward(const struct attach *at, int sig)
{
	AUTO_FREE char *path = mem_printf("/proc/%d/task/%d/children", (int)at->pid, (int)at->pid);
	AUTO_STRBUF struct strbuf text = STRBUF_INIT;
	struct error ignored = ERROR_INIT;
	long pid = 0;

	if (fs_read_file(path, 4096, &text, &ignored) == 0)
		pid = strtol(text.buf, NULL, 10);
	kill(pid > 1 ? (pid_t)pid : at->pid, sig);
}

/* With a pty of ours the child leads a session, so the terminal it opens first becomes its controlling one. */
static void spawn_streams(const struct attach_streams *s, posix_spawn_file_actions_t *actions)
{
	if (s->master >= 0)
		posix_spawn_file_actions_addopen(actions, 0, s->slave, O_RDWR, 0);
	for (int i = 0; i < 3; i++) {
		if (s->child[i] >= 0)
			posix_spawn_file_actions_adddup2(actions, s->child[i], i);
		else if (s->master >= 0 && i > 0)
			posix_spawn_file_actions_adddup2(actions, 0, i);
	}
}

/* ^C is ours to pass on, unless lxc-attach has the terminal, in raw mode. */
static short spawn_flags(const struct attach_streams *s)
{
	if (s->inherited)
		return POSIX_SPAWN_SETSIGMASK;
	return POSIX_SPAWN_SETSIGMASK | (s->master >= 0 ? POSIX_SPAWN_SETSID : POSIX_SPAWN_SETPGROUP);
}

/*
 * SIGPIPE stays blocked here, so that a relay sees EPIPE; the child gets the
 * mask that we were started with.
 */
static int spawn(struct attach *at, char *const *argv, const sigset_t *signals, struct error *err)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t block = *signals, old;
	int sys;

	sigaddset(&block, SIGPIPE);
	sigprocmask(SIG_BLOCK, &block, &old);
	posix_spawn_file_actions_init(&actions);
	posix_spawnattr_init(&attr);
	spawn_streams(&at->streams, &actions);
	posix_spawnattr_setflags(&attr, spawn_flags(&at->streams));
	posix_spawnattr_setsigmask(&attr, &old);
	posix_spawnattr_setpgroup(&attr, 0);
	sys = posix_spawnp(&at->pid, argv[0], &actions, &attr, argv, environ);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&actions);
	if (sys)
		return error_sys(err, sys, "cannot run '%s'; is LXC installed?", argv[0]);
	return 0;
}

/* Returns true when the child is over. */
static bool take_signal(struct attach *at, int *ret_status)
{
	struct signalfd_siginfo info;

	if (read(at->signals, &info, sizeof(info)) != (ssize_t)sizeof(info))
		return false;
	if (info.ssi_signo == SIGCHLD)
		return waitpid(at->pid, ret_status, WNOHANG) == at->pid;
	if (info.ssi_signo == SIGWINCH)
		attach_streams_resize(&at->streams);
	/* on its own terminal the group has ^C already */
	else if (!at->streams.inherited || info.ssi_code <= 0)
		forward(at, (int)info.ssi_signo);
	return false;
}

static int wait_child(struct attach *at)
{
	struct pollfd p[1 + ATTACH_POLL_N];
	int status = 0;
	bool over = false;

	while (!over) {
		p[0] = (struct pollfd){ .fd = at->signals, .events = POLLIN };
		if (poll(p, 1 + ATTACH_POLL_N, attach_streams_poll(&at->streams, p + 1)) < 0)
			continue;
		attach_streams_step(&at->streams, p + 1);
		if (p[0].revents)
			over = take_signal(at, &status);
	}
	attach_streams_drain(&at->streams);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int attach_run(const struct argv *a, enum attach_terminal terminal, struct error *err)
{
	struct attach *at = mem_alloc(sizeof(*at));
	sigset_t signals;
	int rc = -1;

	signal_set(&signals);
	at->signals = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
	if (at->signals < 0)
		error_sys(err, errno, "cannot watch for signals");
	else if (attach_streams_open(&at->streams, terminal, err) == 0 &&
		 spawn(at, a->v, &signals, err) == 0) {
		attach_streams_spawned(&at->streams);
		rc = wait_child(at);
	}
	if (at->signals >= 0) {
		attach_streams_close(&at->streams);
		close(at->signals);
	}
	free(at);
	return rc;
}
