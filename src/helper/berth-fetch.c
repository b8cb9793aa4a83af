/* SPDX-License-Identifier: MIT */
/*
 * berth-fetch: images of other servers. What it is to do is a JSON object on stdin (secrets have no place in a command
 * line).
 *
 *   berth-fetch resolve              a source (fetch_resolve.h) on stdin; on stdout what it means now
 *   berth-fetch download --into=DIR --max-bytes=N
 *                                    the answer of resolve with the source's "certificate"; makes image, or image.metadata
 *                                    and image.rootfs, in DIR (the others stay empty); "progress BYTES TOTAL" on stdout
 *   berth-fetch push --file=PATH [--file=PATH]
 *                                    sends an image to another server (fetch_push.h); "progress BYTES TOTAL" on stdout
 *
 * It is nobody as soon as these files are open, so no root process reads what strange servers send. It ends with
 * EXIT_ERRORS + the number of the error (base/error.h), whose text is on stderr.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "base/units.h"
#include "helper/fetch_file.h"
#include "helper/fetch_push.h"
#include "helper/fetch_resolve.h"
#include "helper/no_leak_check.h"
#include "helper/program.h"
#include "helper/unpack_sandbox.h"

enum { EXIT_USAGE = 2, EXIT_ERRORS = 10, SPEC_MAX = 1024 * 1024 };

static _Noreturn void usage(const char *why)
{
	fprintf(stderr, "berth-fetch: %s\n"
			"usage: berth-fetch resolve <SOURCE\n"
			"       berth-fetch download --into=DIR --max-bytes=N <ANSWER\n"
			"       berth-fetch push --file=PATH [--file=PATH] <TARGET\n", why);
	exit(EXIT_USAGE);
}

/* One line: some of it is what a server says. */
static _Noreturn void fail(struct error *err)
{
	for (char *c = err->msg; *c; c++)
		if ((unsigned char)*c < ' ')
			*c = ' ';
	fprintf(stderr, "%s\n", err->msg);
	exit(EXIT_ERRORS + (int)err->code);
}

static int give_up_rights(pid_t parent, uint64_t max_bytes, struct error *err)
{
	struct rlimit none = { 0, 0 }, size = { max_bytes, max_bytes };

	signal(SIGXFSZ, SIG_IGN);
	if (setrlimit(RLIMIT_CORE, &none) || setrlimit(RLIMIT_FSIZE, &size))
		return error_sys(err, errno, "cannot limit resources");
	if (sandbox_drop_ids(parent, err) < 0)
		return -1;
	if (prctl(PR_SET_DUMPABLE, 0) || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return error_sys(err, errno, "cannot give up privileges");
	return 0;
}

static int resolve(const cJSON *spec, struct error *err)
{
	struct http *h = http_new(spec, err);
	cJSON *v = h != NULL ? fetch_resolve(h, spec, err) : NULL;

	http_free(h);
	if (v == NULL)
		return -1;
	AUTO_FREE char *text = json_text(v);

	puts(text);
	cJSON_Delete(v);
	return fflush(stdout) == 0 ? 0 : error_sys(err, errno, "cannot answer");
}

static int download(const cJSON *spec, const struct fetch_files *files, struct error *err)
{
	struct http *h = http_new(spec, err);
	int rc = h != NULL ? fetch_download(h, files, json_arr(spec, "files"), err) : -1;

	http_free(h);
	return rc;
}

static int push(const cJSON *spec, const struct push_files *files, struct error *err)
{
	struct http *h = http_new(spec, err);
	int rc = h != NULL ? fetch_push(h, spec, files, err) : -1;

	http_free(h);
	return rc;
}

static int run(const char *command, const char *into, uint64_t max_bytes, const struct push_files *sent, struct error *err)
{
	struct fetch_files files = { .max_bytes = max_bytes };
	const pid_t parent = getppid();
	AUTO_JSON cJSON *spec = NULL;

	if (into != NULL && fetch_files_open(&files, into, err) < 0)
		return -1;
	if (give_up_rights(parent, into != NULL ? max_bytes : SPEC_MAX, err) < 0)
		return -1;
	spec = program_read_json(SPEC_MAX, err);
	if (spec == NULL)
		return -1;
	if (sent->n > 0)
		return push(spec, sent, err);
	return strcmp(command, "resolve") == 0 ? resolve(spec, err) : download(spec, &files, err);
}

int main(int argc, char **argv)
{
	static const struct option options[] = { { "into", 1, NULL, 'i' }, { "max-bytes", 1, NULL, 'm' },
						{ "file", 1, NULL, 'f' }, { 0 } };
	const char *into = NULL, *command = argc > 1 ? argv[1] : "";
	struct push_files sent = { .n = 0 };
	struct error err = ERROR_INIT;
	int64_t max_bytes = 0;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'i')
			into = optarg;
		else if (c == 'f' && push_files_open(&sent, optarg, &err) < 0)
			fail(&err);
		else if (c != 'f' && (c != 'm' || units_parse_int(optarg, 1, INT64_MAX / 2, &max_bytes, &err) < 0))
			usage("--max-bytes is a number, --into a folder, --file a file");
	}
	if (optind + 1 != argc || (strcmp(command, "resolve") != 0 && strcmp(command, "download") != 0 && strcmp(command, "push") != 0))
		usage("resolve, download or push");
	if ((strcmp(command, "download") == 0) != (into != NULL && max_bytes > 0))
		usage("download needs --into and --max-bytes, the others do not");
	if ((strcmp(command, "push") == 0) != (sent.n > 0))
		usage("push needs --file, the others do not");
	if (run(command, into, (uint64_t)max_bytes, &sent, &err) < 0)
		fail(&err);
	return 0;
}
