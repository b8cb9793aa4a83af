/* SPDX-License-Identifier: MIT */
#include "lxc/freezer.h"

#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "lxc/cgroup.h"

#define FROZEN "FROZEN"

static bool is_frozen(const char *path)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT;
	struct error ignored = ERROR_INIT;

	return fs_read_file(path, 64, &text, &ignored) < 0 || strncmp(text.buf, FROZEN, strlen(FROZEN)) == 0;
}

/* A pid may have become another's meanwhile. */
static bool is_of(const char *path, const char *name)
{
	const char *last = strrchr(path, '/');

	return last && strncmp(last + 1, "lxc.payload.", 12) == 0 && strcmp(last + 13, name) == 0;
}

void freezer_ahead(const char *name, pid_t pid, enum cgroup_layout layout, unsigned wait_ms)
{
	const struct timespec pause = { .tv_nsec = 500000 };
	AUTO_STRBUF struct strbuf text = STRBUF_INIT;
	AUTO_FREE char *path = NULL;
	AUTO_CLOSE int fd = -1;
	struct error ignored = ERROR_INIT;
	struct cgroup_dir dir;

	if (pid <= 0 || cgroup_load(pid, &text, &ignored) < 0 || !cgroup_find(text.buf, "freezer", layout, &dir) || dir.unified ||
	    !is_of(dir.path, name))
		return;
	path = fs_join(dir.path, "freezer.state");
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, FROZEN, strlen(FROZEN)) < 0)
		return;
	for (unsigned i = 0; i < 2 * wait_ms && !is_frozen(path); i++)
		nanosleep(&pause, NULL);
}
