/* SPDX-License-Identifier: MIT */
/*
 * berth-file: one file of an instance, for berthd. What it sees is the instance's, and hostile; its rights are those of
 * the instance's own root. It talks on fd 0, a socket: see helper/file_link.h.
 *
 * The answer begins with {"status": 200, …} or {"status": 404, "error": "Not Found"}.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/units.h"
#include "helper/file_get.h"
#include "helper/file_path.h"
#include "helper/file_put.h"
#include "helper/no_leak_check.h"
#include "helper/program.h"
#include "helper/rootfs_open.h"
#include "helper/sftp.h"

enum { LINK_FD = 0 };

struct args {
	struct rootfs_open open;
	const char *verb, *type;
	char *path;
	struct file_put put;
};

static const char usage_text[] =
	"Usage: berth-file --pid=PID VERB PATH\n"
	"       berth-file --dir=INSTANCE_DIR [--lower=TREE] --idmap=BASE:SIZE|none [--unshifted] VERB PATH\n"
	"\n"
	"  get PATH     what is there\n"
	"  put [--type=file|symlink|directory] [--uid=N] [--gid=N] [--mode=OCTAL] [--append] PATH\n"
	"  delete PATH  a file or an empty folder\n"
	"  sftp /       an SFTP server, on a connection that comes through the socket\n"
	"\n"
	"in the running container whose init is PID, or in the stopped one that lies in INSTANCE_DIR (--lower: on the\n"
	"overlay driver; --unshifted: its files have the ids of the container). Standard input is a socket to berthd.\n";

static int parse(void *args, int argc, char **argv, struct error *err);
static int run(void *args, struct error *err);

static const struct program program = { .name = "berth-file", .usage = usage_text, .parse = parse, .run = run };

static int number(const char *text, int base, long max, long *ret, struct error *err)
{
	char *end;

	errno = 0;
	*ret = strtol(text, &end, base);
	if (errno != 0 || *end != '\0' || end == text || *ret < 0 || *ret > max)
		return error_set(err, ERROR_INVALID, "invalid number '%s'", text);
	return 0;
}

static int parse_option(struct args *a, int c, struct error *err)
{
	long n = 0;
	int rc = rootfs_open_option(&a->open, c, optarg, err);

	if (rc <= 0)
		return rc;
	switch (c) {
	case 't':
		a->type = optarg;
		return 0;
	case 'u':
		rc = number(optarg, 10, 4294967294, &n, err);
		a->put.uid = (uid_t)n;
		return rc;
	case 'g':
		rc = number(optarg, 10, 4294967294, &n, err);
		a->put.gid = (gid_t)n;
		return rc;
	case 'm':
		return number(optarg, 8, 07777, &a->put.mode, err);
	case 'a':
		a->put.append = true;
		return 0;
	default:
		return program_usage(&program, err);
	}
}

static int parse(void *args, int argc, char **argv, struct error *err)
{
	static const struct option options[] = {
		ROOTFS_OPEN_OPTIONS,
		{ "type", required_argument, NULL, 't' }, { "uid", required_argument, NULL, 'u' },
		{ "gid", required_argument, NULL, 'g' },  { "mode", required_argument, NULL, 'm' },
		{ "append", no_argument, NULL, 'a' },
		{ 0 },
	};
	struct args *a = args;
	int c;

	a->verb = "";
	a->type = "file";
	a->put.mode = -1;
	opterr = 0;
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1)
		if (parse_option(a, c, err) < 0)
			return -1;
	if (argc - optind != 2 || !rootfs_open_complete(&a->open))
		return program_usage(&program, err);
	a->verb = argv[optind];
	a->path = file_path_clean(argv[optind + 1]);
	a->put.path = a->path;
	return 0;
}

static int put(const struct args *a, const struct file_link *l, struct error *err)
{
	if (strcmp(a->type, "symlink") == 0)
		return file_put_link(&a->put, l, err);
	if (strcmp(a->type, "directory") == 0)
		return file_put_folder(&a->put, err);
	return file_put(&a->put, l, err);
}

static int serve(int root, struct file_link *l, struct error *err)
{
	AUTO_STRBUF struct strbuf early = STRBUF_INIT;
	AUTO_CLOSE int fd = -1;
	struct file_link client = { .pidfd = l->pidfd, .watch = l->fd };
	cJSON *head = cJSON_CreateObject();
	int rc;

	json_set_int(head, "status", 200);
	if (file_link_json(l, head, err) < 0 || file_link_receive(l, &fd, &early, err) < 0)
		return -1;
	client.fd = fd;
	if (fcntl(fd, F_SETFL, O_NONBLOCK) < 0)
		return error_sys(err, errno, "cannot set up the connection");
	rc = sftp_serve(root, &client, &early, err);
	return rc < 0 && err->code == ERROR_CANCELLED ? 0 : rc;
}

static int act(struct args *a, struct file_link *l, struct error *err)
{
	if (strcmp(a->verb, "get") == 0)
		return file_get(a->put.root, a->path, l, err);
	if (strcmp(a->verb, "put") == 0)
		return put(a, l, err);
	if (strcmp(a->verb, "delete") == 0)
		return file_delete(a->put.root, a->path, err);
	if (strcmp(a->verb, "sftp") == 0)
		return serve(a->put.root, l, err);
	return error_set(err, ERROR_INVALID, "unknown verb '%s', see 'berth-file --help'", a->verb);
}

static int answer(struct file_link *l, int rc, const struct error *err)
{
	cJSON *head = cJSON_CreateObject();
	struct error ignored = ERROR_INIT;

	json_set_int(head, "status", rc == 0 ? 200 : error_http_status(err->code));
	if (rc < 0)
		json_set_str(head, "error", err->msg);
	return file_link_json(l, head, &ignored);
}

static int run(void *args, struct error *err)
{
	struct args *a = args;
	struct file_link l = { .fd = LINK_FD, .pidfd = -1, .watch = -1 };
	int rc;

	file_link_signals();
	umask(0);
	a->put.root = rootfs_open(&a->open, &l.pidfd, err);
	rc = a->put.root < 0 ? -1 : act(a, &l, err);
	if (!l.told) /* else the missing end tells */
		return answer(&l, rc, err) == 0 ? 0 : -1;
	return rc;
}

int main(int argc, char **argv)
{
	struct args args = { 0 };

	return program_main(&program, &args, argc, argv);
}
