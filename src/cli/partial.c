/* SPDX-License-Identifier: MIT */
#include "cli/partial.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

static char partial[PATH_MAX];

static void drop_partial(int signal_number)
{
	if (partial[0])
		unlink(partial);
	signal(signal_number, SIG_DFL);
	raise(signal_number);
}

int partial_open(const char *dir, struct error *err)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
	struct sigaction action = { .sa_handler = drop_partial };
	char name[PATH_MAX];
	sigset_t block, before;
	size_t i;
	int fd;

	if (snprintf(name, sizeof(name), "%s/.berth-export.XXXXXX", dir) >= (int)sizeof(name))
		return error_set(err, ERROR_INVALID, "'%s' is too long for a path", dir);
	sigemptyset(&block);
	for (i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		sigaction(signals[i], &action, NULL);
		sigaddset(&block, signals[i]);
	}
	sigprocmask(SIG_BLOCK, &block, &before); /* a file whose name nobody has noted would stay */
	fd = mkostemp(name, O_CLOEXEC);
	if (fd >= 0)
		memcpy(partial, name, sizeof(name));
	else
		error_sys(err, errno, "cannot write in '%s'", dir);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return fd;
}

void partial_drop(void)
{
	if (partial[0])
		unlink(partial);
	partial[0] = '\0';
}

/* mkstemp makes files private: the result is as the umask says. */
static void set_mode(int fd)
{
	mode_t mask = umask(0);

	umask(mask);
	(void)fchmod(fd, 0666 & ~mask);
}

int partial_keep(int fd, const char *path, struct error *err)
{
	set_mode(fd);
	if (rename(partial, path) < 0)
		return error_sys(err, errno, "cannot write '%s'", path);
	partial[0] = '\0';
	return 0;
}

void target_parse(const char *arg, struct target *t)
{
	const char *slash = arg ? strrchr(arg, '/') : NULL;
	struct stat st;

	if (!arg || (stat(arg, &st) == 0 && S_ISDIR(st.st_mode))) {
		t->dir = mem_strdup(arg ? arg : ".");
		t->name = mem_strdup("");
		return;
	}
	if (slash)
		t->dir = slash == arg ? mem_strdup("/") : mem_strndup(arg, (size_t)(slash - arg));
	else
		t->dir = mem_strdup(".");
	t->name = mem_strdup(slash ? slash + 1 : arg);
}

void target_clear(struct target *t)
{
	free(t->dir);
	free(t->name);
}
