/* SPDX-License-Identifier: MIT */
#include "lxc/freezer.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "lxc/cgroup.h"

#define FROZEN "FROZEN"
#define THAWED "THAWED"
#define STATE_FILE "freezer.state"

enum { WAIT_MS = 10 };

static bool has_state(const char *path, bool otherwise)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT;
	struct error ignored = ERROR_INIT;

	return fs_read_file(path, 64, &text, &ignored) < 0 ? otherwise : strncmp(text.buf, FROZEN, strlen(FROZEN)) == 0;
}

/* A pid may have become another's meanwhile. */
static bool is_of(const char *path, const char *name)
{
	const char *last = strrchr(path, '/');

	return last && strncmp(last + 1, "lxc.payload.", 12) == 0 && strcmp(last + 13, name) == 0;
}

static bool find(const char *name, pid_t pid, enum cgroup_layout layout, struct cgroup_dir *ret)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT;
	struct error ignored = ERROR_INIT;

	return pid > 0 && cgroup_load(pid, &text, &ignored) == 0 && cgroup_find(text.buf, "freezer", layout, ret) &&
	       is_of(ret->path, name);
}

bool freezer_is_frozen(const char *name, pid_t pid, enum cgroup_layout layout, bool otherwise)
{
	AUTO_FREE char *path = NULL;
	struct cgroup_dir dir;
	uint64_t frozen = 0;

	if (!find(name, pid, layout, &dir))
		return otherwise;
	if (dir.unified)
		return cgroup_read_key(&dir, "cgroup.events", "frozen", &frozen) ? frozen != 0 : otherwise;
	path = fs_join(dir.path, STATE_FILE);
	return has_state(path, otherwise);
}

/* The state file, opened to be written; -1: none, as on cgroup v2, where LXC's monitor freezes and thaws by itself. */
static int open_state(const char *name, pid_t pid, enum cgroup_layout layout, char **path)
{
	struct cgroup_dir dir;

	if (!find(name, pid, layout, &dir) || dir.unified)
		return -1;
	*path = fs_join(dir.path, STATE_FILE);
	return open(*path, O_WRONLY | O_CLOEXEC);
}

void freezer_ahead(const char *name, pid_t pid, enum cgroup_layout layout)
{
	const struct timespec pause = { .tv_nsec = 500000 };
	AUTO_FREE char *path = NULL;
	AUTO_CLOSE int fd = open_state(name, pid, layout, &path);

	if (fd < 0 || write(fd, FROZEN, strlen(FROZEN)) < 0)
		return;
	for (unsigned i = 0; i < 2 * WAIT_MS && !has_state(path, true); i++)
		nanosleep(&pause, NULL);
}

void freezer_thaw(const char *name, pid_t pid, enum cgroup_layout layout)
{
	AUTO_FREE char *path = NULL;
	AUTO_CLOSE int fd = open_state(name, pid, layout, &path);

	if (fd >= 0 && write(fd, THAWED, strlen(THAWED)) < 0)
		log_warning("cannot write '%s': %s", path, strerror(errno));
}
