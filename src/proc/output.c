/* SPDX-License-Identifier: MIT */
#include "proc/output.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"

static long now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static int spawn(const char *const argv[], int out, pid_t *ret_pid)
{
	const char *path = getenv("PATH");
	char *path_var = mem_printf("PATH=%s", path && *path ? path : "/usr/sbin:/usr/bin:/sbin:/bin");
	char locale[] = "LC_ALL=C";
	char *env[] = { path_var, locale, NULL };
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	sigset_t none, all;
	int rc;

	sigemptyset(&none);
	sigfillset(&all);
	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&files, out, 1);
	posix_spawn_file_actions_addopen(&files, 2, "/dev/null", O_WRONLY, 0);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setsigdefault(&attr, &all);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	rc = posix_spawnp(ret_pid, argv[0], &files, &attr, (char **)(uintptr_t)argv, env);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&files);
	free(path_var);
	return rc;
}

/* Reads to EOF, until the deadline or until the output is absurd; false for the latter two. */
static bool read_all(int fd, const struct output_limits *limits, struct strbuf *out)
{
	long deadline = now_ms() + (long)limits->timeout_ms;
	char buf[4096];

	while (out->len < limits->max) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		long left = deadline - now_ms();
		ssize_t n;

		if (left <= 0)
			return false;
		if (poll(&p, 1, (int)left) <= 0)
			continue;
		n = read(fd, buf, sizeof(buf));
		if (n == 0)
			return true;
		if (n > 0)
			strbuf_add(out, buf, (size_t)n);
		else if (errno != EINTR)
			return false;
	}
	return false;
}

int output_of(const char *const argv[], const struct output_limits *limits, struct strbuf *out, struct error *err)
{
	int fds[2], rc, status = 0;
	bool read_ok;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return error_sys(err, errno, "cannot make a pipe for '%s'", argv[0]);
	rc = spawn(argv, fds[1], &pid);
	close(fds[1]);
	if (rc != 0) {
		close(fds[0]);
		error_set(err, ERROR_TOOL, "cannot run '%s': %s", argv[0], strerror(rc));
		err->sys = rc;
		return -1;
	}
	read_ok = read_all(fds[0], limits, out);
	close(fds[0]);
	if (!read_ok)
		kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (!read_ok)
		return error_set(err, ERROR_TIMEOUT, "'%s %s' did not end, or printed too much", argv[0], argv[1] ? argv[1] : "");
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return error_set(err, ERROR_TOOL, "'%s %s' failed", argv[0], argv[1] ? argv[1] : "");
	return 0;
}
