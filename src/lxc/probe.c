/* SPDX-License-Identifier: MIT */
#include "lxc/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statfs.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "lxc/subid.h"

enum {
	PROBE_TOOL_MS = 5000,
	PROBE_OUTPUT_MAX = 4096,
	PROBE_FILE_MAX = 1024 * 1024,
};

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
static bool read_all(int fd, struct strbuf *out)
{
	long deadline = now_ms() + PROBE_TOOL_MS;
	char buf[512];

	while (out->len < PROBE_OUTPUT_MAX) {
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

/* Synchronous: the loop does not run yet. Appends stdout; 0 only when the tool exited 0. */
static int tool_output(const char *const argv[], struct strbuf *out, struct error *err)
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
	read_ok = read_all(fds[0], out);
	close(fds[0]);
	if (!read_ok)
		kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (!read_ok)
		return error_set(err, ERROR_TIMEOUT, "'%s %s' did not end", argv[0], argv[1]);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return error_set(err, ERROR_TOOL, "'%s %s' failed", argv[0], argv[1]);
	return 0;
}

static int probe_version(struct probe *p, struct error *err)
{
	static const char *const argv[] = { "lxc-start", "--version", NULL };
	AUTO_STRBUF struct strbuf out = STRBUF_INIT;
	size_t len;

	if (tool_output(argv, &out, err) < 0) {
		if (err->sys == ENOENT)
			return error_set(err, ERROR_TOOL,
					 "'lxc-start' is not in PATH: install the package 'lxc'");
		return -1;
	}
	len = strspn(out.buf, "0123456789.");
	if (len == 0 || len >= sizeof(p->lxc_version))
		return error_set(err, ERROR_TOOL, "'lxc-start --version' printed no version");
	memcpy(p->lxc_version, out.buf, len);
	return 0;
}

/* Without the program, or when it fails, the host cannot do it: other storage is used then. */
static void probe_mounts(struct probe *p, const char *dir, const char *libexec)
{
	AUTO_FREE char *program = fs_join(libexec, "berth-rootfs");
	const char *argv[] = { program, "probe", dir, NULL };
	AUTO_STRBUF struct strbuf out = STRBUF_INIT;
	struct error err = ERROR_INIT;

	if (tool_output(argv, &out, &err) < 0) {
		log_warning("%s: no overlays and no idmapped mounts", err.msg);
		return;
	}
	p->idmapped_mounts = strstr(out.buf, "idmapped=1") != NULL;
	p->overlay_idmapped = strstr(out.buf, "overlay=1") != NULL;
}

static bool is_cgroup2(const char *path)
{
	struct statfs fs;

	return statfs(path, &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC;
}

static enum cgroup_layout probe_cgroups(void)
{
	if (is_cgroup2("/sys/fs/cgroup"))
		return CGROUP_UNIFIED;
	return is_cgroup2("/sys/fs/cgroup/unified") ? CGROUP_HYBRID : CGROUP_LEGACY;
}

static void probe_subids(struct probe *p)
{
	AUTO_STRBUF struct strbuf uids = STRBUF_INIT;
	AUTO_STRBUF struct strbuf gids = STRBUF_INIT;
	struct error ignored = ERROR_INIT;

	fs_read_file("/etc/subuid", PROBE_FILE_MAX, &uids, &ignored);
	fs_read_file("/etc/subgid", PROBE_FILE_MAX, &gids, &ignored);
	subid_range(uids.buf, gids.buf, &p->idmap_base, &p->idmap_size);
}

static bool apparmor_enabled(void)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT;
	struct error ignored = ERROR_INIT;

	return fs_read_file("/sys/module/apparmor/parameters/enabled", 16, &text, &ignored) == 0 &&
	       text.buf[0] == 'Y';
}

static void text_copy(char *dst, size_t size, const char *src)
{
	size_t len = strnlen(src, size - 1);

	memcpy(dst, src, len);
	dst[len] = '\0';
}

struct probe *probe_host(const char *dir, const char *libexec, struct error *err)
{
	struct probe *p = mem_alloc(sizeof(*p));
	struct utsname uts;

	if (probe_version(p, err) < 0) {
		probe_free(p);
		return NULL;
	}
	p->cgroups = probe_cgroups();
	p->apparmor = apparmor_enabled();
	p->seccomp = fs_exists("/proc/sys/kernel/seccomp/actions_avail");
	p->lxcfs = fs_exists("/var/lib/lxcfs/proc");
	probe_mounts(p, dir, libexec);
	probe_subids(p);
	if (uname(&uts) == 0) {
		text_copy(p->kernel_version, sizeof(p->kernel_version), uts.release);
		text_copy(p->architecture, sizeof(p->architecture), uts.machine);
	}
	return p;
}

void probe_free(struct probe *p)
{
	free(p);
}
