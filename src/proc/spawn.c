/* SPDX-License-Identifier: MIT */
#include "proc/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"

#define NOFILE_MAX 65536
#define SPAWN_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static struct rlimit nofile; /* of our starter; rlim_max 0: not changed */

unsigned spawn_raise_nofile(void)
{
	struct rlimit now;

	if (getrlimit(RLIMIT_NOFILE, &now) < 0)
		return 1024;
	if (nofile.rlim_max == 0)
		nofile = now;
	now.rlim_cur = now.rlim_max < NOFILE_MAX ? now.rlim_max : NOFILE_MAX;
	if (now.rlim_cur > nofile.rlim_cur && setrlimit(RLIMIT_NOFILE, &now) == 0)
		return (unsigned)now.rlim_cur;
	nofile.rlim_max = 0;
	return nofile.rlim_cur < NOFILE_MAX ? (unsigned)nofile.rlim_cur : NOFILE_MAX;
}

/* Where execvp would find it, by the child's PATH; NULL with errno. */
static char *find_program(const struct spawn *s)
{
	const char *path = SPAWN_PATH;
	int reason = ENOENT;

	if (strchr(s->argv[0], '/'))
		return mem_strdup(s->argv[0]);
	for (size_t i = 0; s->env[i]; i++)
		if (strncmp(s->env[i], "PATH=", 5) == 0)
			path = s->env[i] + 5;
	while (*s->argv[0] && *path) {
		size_t len = strcspn(path, ":");
		char *file = mem_printf("%.*s/%s", (int)len, path, s->argv[0]);

		if (len > 0 && access(file, X_OK) == 0)
			return file;
		if (errno == EACCES)
			reason = EACCES;
		free(file);
		path += len + (path[len] == ':');
	}
	errno = reason;
	return NULL;
}

static int become(uid_t uid, gid_t gid)
{
	/* not glibc's: those tell every thread, and here we still share the parent's memory */
	if (syscall(SYS_setgroups, 0, NULL) < 0 || syscall(SYS_setresgid, gid, gid, gid) < 0)
		return -1;
	return (int)syscall(SYS_setresuid, uid, uid, uid);
}

/* The kernel's own call: glibc's refuses the two signals that it keeps for itself, and those may be ignored too. */
static void default_action(int signum)
{
	struct {
		void (*handler)(int);
		unsigned long flags;
		void (*restorer)(void);
		uint64_t mask;
	} action = { .handler = SIG_DFL };

	syscall(SYS_rt_sigaction, signum, &action, NULL, sizeof(action.mask));
}

static int place_fds(const struct spawn *s)
{
	int high[SPAWN_FDS_MAX];

	for (int i = 0; i < s->fd_count; i++) {
		high[i] = fcntl(s->fd[i], F_DUPFD_CLOEXEC, SPAWN_FDS_MAX);
		if (high[i] < 0)
			return -1;
	}
	for (int i = 0; i < s->fd_count; i++)
		if (dup2(high[i], i) < 0)
			return -1;
	/* whatever our own starter left open without O_CLOEXEC; kernels before 5.11 pass it on */
	syscall(SYS_close_range, s->fd_count, ~0u, CLOSE_RANGE_CLOEXEC);
	return 0;
}

static int take_tty(const struct spawn *s)
{
	return s->controlling_tty ? ioctl(0, TIOCSCTTY, 0) : 0;
}

/* Of this process alone: limits are not shared as the memory is. */
static int restore_nofile(void)
{
	return nofile.rlim_max > 0 ? (int)syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, &nofile, NULL) : 0;
}

/* After vfork: system calls only, and no memory of the parent's is written but this stack. */
__attribute__((noinline)) static void run_child(const struct spawn *s, const char *program, int report,
						pid_t parent)
{
	sigset_t none;
	int reason;

	for (int signum = 1; signum < NSIG; signum++)
		default_action(signum);
	if (setsid() >= 0 && (!s->use_ids || become(s->uid, s->gid) == 0) && chdir(s->cwd) == 0 &&
	    prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && place_fds(s) == 0 && take_tty(s) == 0 && restore_nofile() == 0) {
		if (getppid() != parent)
			_exit(127); /* it died before prctl could tell us */
		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		execve(program, (char *const *)s->argv, (char *const *)s->env);
	}
	reason = errno;
	while (write(report, &reason, sizeof(reason)) < 0 && errno == EINTR)
		;
	_exit(127);
}

/* 0 once the child has gone through exec, else its errno. */
static int read_report(int fd)
{
	int reason = 0;
	ssize_t n;

	do {
		n = read(fd, &reason, sizeof(reason));
	} while (n < 0 && errno == EINTR);
	return n == (ssize_t)sizeof(reason) ? reason : 0;
}

int spawn_child(const struct spawn *s, pid_t *ret_pid)
{
	AUTO_FREE char *program = find_program(s);
	pid_t pid, parent = getpid();
	int report[2], reason;
	sigset_t all, old;

	if (!program || pipe2(report, O_CLOEXEC) < 0)
		return -errno;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old); /* no handler of ours may run in the child */
	pid = vfork();
	if (pid == 0)
		run_child(s, program, report[1], parent);
	reason = pid < 0 ? errno : 0;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	close(report[1]);
	if (pid > 0)
		reason = read_report(report[0]);
	close(report[0]);
	if (pid > 0 && reason)
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			;
	if (reason == 0)
		*ret_pid = pid;
	return -reason;
}
