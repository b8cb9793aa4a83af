/* SPDX-License-Identifier: MIT */
/*
 * berth-passwd: sets the password of a user of a container. It is read from standard input, all of it, and is nowhere
 * else: not in arguments, not in the environment, in no message. A running container's files are changed as its own
 * root, in its namespaces; the overlay of a stopped one is mounted where nobody else sees it.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fs.h"
#include "base/mem.h"
#include "helper/no_leak_check.h"
#include "helper/passwd_set.h"
#include "helper/rootfs_guest.h"
#include "helper/rootfs_idmap.h"
#include "helper/rootfs_mount.h"
#include "helper/rootfs_sys.h"

enum { EXIT_USAGE = 2 };

struct args {
	pid_t pid;
	const char *dir, *lower, *user;
	bool mapped;
	struct idmap map;
};

static const char usage_text[] =
	"Usage: berth-passwd --pid=PID USER <PASSWORD\n"
	"       berth-passwd --dir=INSTANCE_DIR [--lower=TREE --idmap=BASE:SIZE|none] USER <PASSWORD\n"
	"\n"
	"Sets the password of USER in the running container whose init is PID, or in the stopped one that lies in\n"
	"INSTANCE_DIR (--lower: on the overlay driver). Standard input is the password, without a newline.\n";

static int parse(struct args *a, int argc, char **argv, struct error *err)
{
	static const struct option options[] = {
		{ "pid", required_argument, NULL, 'p' },   { "dir", required_argument, NULL, 'd' },
		{ "lower", required_argument, NULL, 'l' }, { "idmap", required_argument, NULL, 'i' },
		{ 0 },
	};
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'p')
			a->pid = (pid_t)strtol(optarg, NULL, 10);
		else if (c == 'd')
			a->dir = optarg;
		else if (c == 'l')
			a->lower = optarg;
		else if (c == 'i' && idmap_parse(optarg, &a->map, err) == 0)
			a->mapped = true;
		else
			return error_set(err, ERROR_INVALID, "wrong usage, see 'berth-passwd --help'");
	}
	if (argc - optind != 1 || (a->pid > 0) == (a->dir != NULL) || (a->lower != NULL) != a->mapped)
		return error_set(err, ERROR_INVALID, "wrong usage, see 'berth-passwd --help'");
	a->user = argv[optind];
	return 0;
}

static int read_password(char *buf, size_t size, struct error *err)
{
	size_t len = 0;
	ssize_t n;

	while (len < size && (n = read(STDIN_FILENO, buf + len, size - len)) != 0) {
		if (n < 0 && errno != EINTR)
			return error_sys(err, errno, "cannot read the password");
		len += n > 0 ? (size_t)n : 0;
	}
	if (len == 0 || len == size || memchr(buf, 0, len) != NULL || memchr(buf, '\n', len) != NULL)
		return error_set(err, ERROR_INVALID, "a password has 1 to %d bytes and is one line", PASSWD_MAX);
	buf[len] = '\0';
	return 0;
}

/* The root folder of a running container, as its root. */
static int enter(pid_t pid, struct error *err)
{
	struct guest g = GUEST_INIT;
	int root = -1;

	if (guest_open(&g, pid, err) < 0) {
		if (g.root >= 0) {
			*err = (struct error)ERROR_INIT;
			error_set(err, ERROR_NOT_FOUND, "the container has just ended");
		}
	} else if (guest_become_root(&g, err) == 0) {
		root = g.root;
		g.root = -1;
	}
	guest_close(&g);
	return root;
}

/* The root folder of a stopped one; an overlay is mounted in a mount namespace that goes with us. */
static int open_stopped(const struct args *a, struct error *err)
{
	AUTO_FREE char *rootfs = fs_join(a->dir, "rootfs");
	int root;

	if (a->lower != NULL) {
		if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
			return error_sys(err, errno, "cannot make a mount namespace");
		if (rootfs_mount(a->dir, a->lower, &a->map, err) < 0)
			return -1;
	}
	root = open(rootfs, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return root < 0 ? error_sys(err, errno, "cannot open '%s'", rootfs) : root;
}

static int run(const struct args *a, struct error *err)
{
	char password[PASSWD_MAX + 2];
	AUTO_CLOSE int root = -1;
	int rc = -1;

	umask(022);
	if (read_password(password, sizeof(password), err) == 0) {
		root = a->pid > 0 ? enter(a->pid, err) : open_stopped(a, err);
		if (root >= 0)
			rc = passwd_set(root, a->user, password, err);
	}
	explicit_bzero(password, sizeof(password));
	return rc;
}

int main(int argc, char **argv)
{
	struct args args = { 0 };
	struct error err = ERROR_INIT;

	if (argc == 2 && strcmp(argv[1], "--help") == 0) {
		fputs(usage_text, stdout);
		return EXIT_SUCCESS;
	}
	if (argc == 2 && strcmp(argv[1], "--version") == 0) {
		puts("berth-passwd " BERTH_VERSION);
		return EXIT_SUCCESS;
	}
	if (parse(&args, argc, argv, &err) < 0) {
		fprintf(stderr, "berth-passwd: %s\n", err.msg);
		return EXIT_USAGE;
	}
	if (run(&args, &err) == 0)
		return EXIT_SUCCESS;
	fprintf(stderr, "berth-passwd: %s\n", err.msg);
	return EXIT_FAILURE;
}
