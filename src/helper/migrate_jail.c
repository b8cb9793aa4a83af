/* SPDX-License-Identifier: MIT */
#include "helper/migrate_jail.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"
#include "helper/rootfs_sys.h"

#define ROOT "/sys" /* is everywhere, and the new root hides it from ourselves alone */
#define NO_EXEC 0x08 /* MOUNT_ATTR_NOEXEC */

enum { LAST_CAP = 63 };

/* ---- the root folder */

static int bind(int tree, const char *to, struct error *err)
{
	if (tree >= 0 && sys_move_mount(tree, "", AT_FDCWD, to, MOVE_MOUNT_F_EMPTY_PATH) == 0)
		return 0;
	return tree < 0 ? -1 : error_sys(err, errno, "cannot mount '%s'", to);
}

static int bind_path(const char *path, const char *to, uint64_t attrs, struct error *err)
{
	const struct idmap none = { 0 };
	AUTO_CLOSE int tree = idmap_open_tree(path, &none, attrs, err);

	return bind(tree, to, err);
}

static int make_file(const char *path, struct error *err)
{
	AUTO_CLOSE int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);

	return fd < 0 ? error_sys(err, errno, "cannot make '%s'", path) : 0;
}

/* "bin", "lib64" …: links into usr today, folders yesterday, not there at all. */
static int add_system(const char *name, struct error *err)
{
	AUTO_FREE char *from = mem_printf("/%s", name);
	AUTO_FREE char *to = mem_printf(ROOT "/%s", name);
	char target[256];
	struct stat st;
	ssize_t n;

	if (lstat(from, &st) < 0)
		return 0;
	if (S_ISLNK(st.st_mode)) {
		n = readlink(from, target, sizeof(target) - 1);
		if (n < 0)
			return error_sys(err, errno, "cannot read '%s'", from);
		target[n] = '\0';
		return symlink(target, to) < 0 ? error_sys(err, errno, "cannot make '%s'", to) : 0;
	}
	if (!S_ISDIR(st.st_mode))
		return 0;
	if (mkdir(to, 0755) < 0)
		return error_sys(err, errno, "cannot make '%s'", to);
	return bind_path(from, to, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, err);
}

/* Where libraries are, beside the usual places. */
static int add_file(const char *path, const char *to, uint64_t attrs, struct error *err)
{
	AUTO_FREE char *at = mem_printf(ROOT "%s", to);

	return make_file(at, err) < 0 ? -1 : bind_path(path, at, attrs, err);
}

static int add_data(const struct jail *j, struct error *err)
{
	const uint64_t attrs = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | NO_EXEC | (j->readonly ? MOUNT_ATTR_RDONLY : 0);
	const struct sys_mount_attr attr = { .attr_set = attrs };

	if (mkdir(ROOT "/data", 0755) < 0)
		return error_sys(err, errno, "cannot make '/data'");
	if (bind_path(j->data, ROOT "/data", attrs, err) < 0)
		return -1;
	if (j->rootfs < 0)
		return 0;
	if (sys_mount_setattr(j->rootfs, "", AT_EMPTY_PATH, &attr) < 0)
		return error_sys(err, errno, "cannot set the mount attributes of the root file system");
	return bind(j->rootfs, ROOT "/data/rootfs", err);
}

static int build(const struct jail *j, struct error *err)
{
	static const char *const system_dirs[] = { "usr", "bin", "sbin", "lib", "lib32", "lib64", "libx32", NULL };
	char exe[4096];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);

	if (n < 0)
		return error_sys(err, errno, "cannot find our own program");
	exe[n] = '\0';
	if (mount("berth", ROOT, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755,size=64k,nr_inodes=64") < 0)
		return error_sys(err, errno, "cannot mount a tmpfs");
	for (const char *const *name = system_dirs; *name != NULL; name++)
		if (add_system(*name, err) < 0)
			return -1;
	if (mkdir(ROOT "/etc", 0755) < 0 || mkdir(ROOT "/dev", 0755) < 0)
		return error_sys(err, errno, "cannot make '/etc'");
	if (access("/etc/ld.so.cache", R_OK) == 0 && add_file("/etc/ld.so.cache", "/etc/ld.so.cache", MOUNT_ATTR_RDONLY, err) < 0)
		return -1;
	if (add_file("/dev/null", "/dev/null", 0, err) < 0 ||
	    add_file(exe, JAIL_SELF, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, err) < 0)
		return -1;
	return add_data(j, err);
}

static int enter_root(struct error *err)
{
	const struct sys_mount_attr readonly = { .attr_set = MOUNT_ATTR_RDONLY };

	if (chdir(ROOT) < 0 || syscall(SYS_pivot_root, ".", ".") < 0 || umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
		return error_sys(err, errno, "cannot enter the new root");
	if (sys_mount_setattr(AT_FDCWD, "/", 0, &readonly) < 0)
		return error_sys(err, errno, "cannot make the new root read-only");
	return 0;
}

/* ---- rights */

static int take_ids(int userns, struct error *err)
{
	if (setns(userns, CLONE_NEWUSER) < 0 || setgroups(0, NULL) < 0 || setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)
		return error_sys(err, errno, "cannot take the ids of the instance");
	return 0;
}

/* What is not in keep is gone for good. */
static int keep_rights(uint64_t keep, struct error *err)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { 0 };

	for (unsigned long cap = 0; cap <= LAST_CAP; cap++)
		if ((keep & 1ull << cap) == 0 && prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0 && errno != EINVAL)
			return error_sys(err, errno, "cannot give up rights");
	data[0].effective = data[0].permitted = (uint32_t)keep;
	data[1].effective = data[1].permitted = (uint32_t)(keep >> 32);
	if (syscall(SYS_capset, &header, data) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return error_sys(err, errno, "cannot give up rights");
	return 0;
}

static uint64_t rights_of(const struct jail *j)
{
	if (j->readonly)
		return 1ull << CAP_DAC_READ_SEARCH;
	return 1ull << CAP_CHOWN | 1ull << CAP_DAC_OVERRIDE | 1ull << CAP_FOWNER | 1ull << CAP_FSETID | 1ull << CAP_MKNOD |
	       1ull << CAP_SETFCAP;
}

/* ---- all of it */

static _Noreturn void fail(int errs, const struct error *err)
{
	dprintf(errs, "%s\n", err->msg);
	_exit(127);
}

static void place_fds(const int fds[4])
{
	int high[4];

	for (int i = 0; i < 4; i++)
		high[i] = fds[i] >= 0 ? fcntl(fds[i], F_DUPFD_CLOEXEC, 10) : -1;
	for (int i = 0; i < 4; i++)
		if (high[i] >= 0 && dup2(high[i], i) < 0)
			_exit(127);
}

static int enter(const struct jail *j, struct error *err)
{
	if (unshare(CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWPID) < 0)
		return error_sys(err, errno, "cannot make namespaces");
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return error_sys(err, errno, "cannot make the mounts private");
	return build(j, err) < 0 ? -1 : enter_root(err);
}

/* The first process of its namespace: all others end with it. */
static _Noreturn void become(const struct jail *j, char *const *argv, const char *path, int userns, const int fds[4])
{
	static const char *const env[] = { "PATH=/usr/bin:/bin:/usr/sbin:/sbin", "LC_ALL=C", NULL };
	const struct rlimit none = { 0, 0 };
	struct error err = ERROR_INIT;

	(void)setrlimit(RLIMIT_CORE, &none);
	signal(SIGPIPE, SIG_DFL);
	if ((userns >= 0 && take_ids(userns, &err) < 0) || keep_rights(rights_of(j), &err) < 0)
		fail(fds[2], &err);
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	place_fds(fds);
	if (j->run != NULL || path == NULL)
		_exit(j->run != NULL ? j->run(j->arg) : 127);
	execve(path, argv, (char *const *)env);
	error_sys(&err, errno, "cannot run '%s'", path);
	fail(STDERR_FILENO, &err);
}

static _Noreturn void pass_on(int status)
{
	if (WIFSIGNALED(status))
		_exit(128 + WTERMSIG(status));
	_exit(WEXITSTATUS(status));
}

void jail_run(const struct jail *j, char *const *argv, const int fds[4])
{
	AUTO_FREE char *path = j->run == NULL ? fs_find_program(argv[0]) : NULL;
	struct error err = ERROR_INIT;
	int userns = -1, status;
	pid_t pid;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (path == NULL && j->run == NULL) {
		error_set(&err, ERROR_TOOL, "cannot run '%s': it is not in PATH", argv[0]);
		fail(fds[2], &err);
	}
	if (j->map.size > 0 && (userns = idmap_open_userns(&j->map, &err)) < 0)
		fail(fds[2], &err);
	if (enter(j, &err) < 0)
		fail(fds[2], &err);
	pid = fork();
	if (pid == 0)
		become(j, argv, path, userns, fds);
	for (int i = 0; i < 4; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	if (pid < 0)
		_exit(127);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	pass_on(status);
}
