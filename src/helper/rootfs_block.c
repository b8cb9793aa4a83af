/* SPDX-License-Identifier: MIT */
#include "helper/rootfs_block.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/mem.h"
#include "helper/rootfs_sys.h"

enum { TYPE_MAX = 64, SAID_MAX = 256, BLKID_S = 10 };

static const struct {
	const char *name;
	uint64_t attr;
} flags[] = {
	{ "ro", MOUNT_ATTR_RDONLY },	   { "rw", 0 },		      { "nosuid", MOUNT_ATTR_NOSUID },
	{ "suid", 0 },			   { "nodev", MOUNT_ATTR_NODEV }, { "dev", 0 },
	{ "noexec", MOUNT_ATTR_NOEXEC },   { "exec", 0 },	      { "noatime", MOUNT_ATTR_NOATIME },
	{ "relatime", 0 },		   { "nodiratime", MOUNT_ATTR_NODIRATIME },
	{ "defaults", 0 },
};

static bool take_flag(const char *option, uint64_t *attrs)
{
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		if (strcmp(option, flags[i].name) != 0)
			continue;
		*attrs |= flags[i].attr;
		return true;
	}
	return false;
}

void block_take_flags(char *options, uint64_t *attrs)
{
	char *option = options, *next, *end = options;

	do {
		size_t len;

		next = strchr(option, ',');
		if (next)
			*next++ = '\0';
		len = strlen(option);
		if (len > 0 && !take_flag(option, attrs)) {
			if (end > options)
				*end++ = ',';
			memmove(end, option, len);
			end += len;
		}
		option = next;
	} while (option);
	*end = '\0';
}

/* One that hangs (a disk that does not answer) is ended by its alarm clock. */
static void become_blkid(int out, const char *path)
{
	char *argv[] = { (char *)(uintptr_t) "blkid", (char *)(uintptr_t) "-p", (char *)(uintptr_t) "-o", (char *)(uintptr_t) "value",
			 (char *)(uintptr_t) "-s", (char *)(uintptr_t) "TYPE", (char *)(uintptr_t)path, NULL };
	sigset_t clock;

	sigemptyset(&clock);
	sigaddset(&clock, SIGALRM);
	if (signal(SIGALRM, SIG_DFL) != SIG_ERR && sigprocmask(SIG_UNBLOCK, &clock, NULL) == 0 && dup2(out, STDOUT_FILENO) >= 0) {
		alarm(BLKID_S);
		execvp("blkid", argv);
	}
	_exit(127);
}

static void read_all(int fd, char text[TYPE_MAX])
{
	size_t len = 0;
	ssize_t n;

	while (len < TYPE_MAX - 1 && (n = read(fd, text + len, TYPE_MAX - 1 - len)) != 0)
		if (n > 0)
			len += (size_t)n;
		else if (errno != EINTR)
			break;
	text[len] = '\0';
}

/* What blkid prints; it has no part of our input or output but for that. */
static int ask_blkid(const char *path, char type[TYPE_MAX], struct error *err)
{
	int ends[2], status = -1;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return error_sys(err, errno, "cannot make a pipe");
	pid = fork();
	if (pid == 0)
		become_blkid(ends[1], path);
	close(ends[1]);
	read_all(ends[0], type);
	close(ends[0]);
	type[strcspn(type, "\n")] = '\0';
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (pid < 0 || (WIFEXITED(status) && WEXITSTATUS(status) == 127))
		return error_set(err, ERROR_TOOL, "cannot run 'blkid', which says what is on '%s'", path);
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
		return error_set(err, ERROR_TOOL, "'blkid' did not say within %d s what is on '%s'", BLKID_S, path);
	if (status != 0 || *type == '\0')
		return error_set(err, ERROR_INVALID, "no file system was found on the block device '%s'", path);
	return 0;
}

/* With what the file system itself says of it: lines "e TEXT". */
static int refused(int fs, int sys, const char *type, const char *path, struct error *err)
{
	char said[SAID_MAX];
	ssize_t n = read(fs, said, sizeof(said) - 1);

	said[n > 0 ? n : 0] = '\0';
	said[strcspn(said, "\n")] = '\0';
	if (strlen(said) > 2 && said[1] == ' ')
		return error_set(err, ERROR_INVALID, "cannot mount the %s on '%s': %s (%s)", type, path, strerror(sys), said + 2);
	return error_sys(err, sys, "cannot mount the %s on '%s'", type, path);
}

static int set_options(int fs, char *options)
{
	char *save = NULL;

	for (char *option = strtok_r(options, ",", &save); option; option = strtok_r(NULL, ",", &save)) {
		char *value = strchr(option, '=');

		if (value)
			*value++ = '\0';
		if (sys_fsconfig(fs, value ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG, option, value, 0) < 0)
			return -1;
	}
	return 0;
}

static int open_mount(const struct rootfs_attach *a, const char *type, struct error *err)
{
	AUTO_FREE char *options = mem_strdup(a->options ? a->options : "");
	uint64_t attrs = a->readonly ? MOUNT_ATTR_RDONLY : 0;
	AUTO_CLOSE int fs = sys_fsopen(type, FSOPEN_CLOEXEC);
	int tree;

	if (fs < 0)
		return error_sys(err, errno, "this kernel does not mount a %s, which is on '%s'", type, a->source);
	block_take_flags(options, &attrs);
	if (sys_fsconfig(fs, FSCONFIG_SET_STRING, "source", a->source, 0) < 0 ||
	    ((attrs & MOUNT_ATTR_RDONLY) && sys_fsconfig(fs, FSCONFIG_SET_FLAG, "ro", NULL, 0) < 0) || set_options(fs, options) < 0 ||
	    sys_fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return refused(fs, errno, type, a->source, err);
	tree = sys_fsmount(fs, FSMOUNT_CLOEXEC, (unsigned)attrs);
	return tree < 0 ? refused(fs, errno, type, a->source, err) : tree;
}

static int map_ids(const struct rootfs_attach *a, int tree, struct error *err)
{
	AUTO_CLOSE int userns = idmap_open_userns(&a->map, err);

	return userns < 0 ? -1 : idmap_set_attrs(tree, a->source, userns, 0, err);
}

int block_open_tree(const struct rootfs_attach *a, struct error *err)
{
	char type[TYPE_MAX];
	int tree;

	if (ask_blkid(a->source, type, err) < 0)
		return -1;
	tree = open_mount(a, type, err);
	if (tree < 0 || a->map.size == 0 || map_ids(a, tree, err) == 0)
		return tree;
	if (a->or_plain && err->code == ERROR_UNSUPPORTED) {
		error_clear(err);
		return tree;
	}
	close(tree);
	return -1;
}
