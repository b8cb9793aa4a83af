/* SPDX-License-Identifier: MIT */
/*
 * berth-passwd: sets the password of a user of a container. It is read from standard input, all of it, and is nowhere
 * else: not in arguments, not in the environment, in no message. Its rights are those of the container's own root.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/mem.h"
#include "helper/no_leak_check.h"
#include "helper/passwd_set.h"
#include "helper/program.h"
#include "helper/rootfs_open.h"

struct args {
	struct rootfs_open open;
	const char *user;
};

static const char usage_text[] =
	"Usage: berth-passwd --pid=PID USER <PASSWORD\n"
	"       berth-passwd --dir=INSTANCE_DIR [--lower=TREE] --idmap=BASE:SIZE|none [--unshifted] USER <PASSWORD\n"
	"\n"
	"Sets the password of USER in the running container whose init is PID, or in the stopped one that lies in\n"
	"INSTANCE_DIR (--lower: on the overlay driver; --unshifted: its files have the ids of the container). Standard input is the password, without a newline.\n";

static int parse(void *args, int argc, char **argv, struct error *err);
static int run(void *args, struct error *err);

static const struct program program = { .name = "berth-passwd", .usage = usage_text, .parse = parse, .run = run };

static int parse(void *args, int argc, char **argv, struct error *err)
{
	static const struct option options[] = { ROOTFS_OPEN_OPTIONS, { 0 } };
	struct args *a = args;
	int c, rc = 0;

	opterr = 0;
	while (rc == 0 && (c = getopt_long(argc, argv, "", options, NULL)) != -1)
		rc = rootfs_open_option(&a->open, c, optarg, err);
	if (rc != 0 || argc - optind != 1 || !rootfs_open_complete(&a->open))
		return rc < 0 ? rc : program_usage(&program, err);
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

static int run(void *args, struct error *err)
{
	const struct args *a = args;
	char password[PASSWD_MAX + 2];
	AUTO_CLOSE int root = -1;
	AUTO_CLOSE int pidfd = -1;
	int rc = -1;

	umask(022);
	if (read_password(password, sizeof(password), err) == 0) {
		root = rootfs_open(&a->open, &pidfd, err);
		if (root >= 0)
			rc = passwd_set(root, a->user, password, err);
	}
	explicit_bzero(password, sizeof(password));
	return rc;
}

int main(int argc, char **argv)
{
	struct args args = { 0 };

	return program_main(&program, &args, argc, argv);
}
