/* SPDX-License-Identifier: MIT */
/*
 * berth-template: renders templates of an image into the root folder of a stopped instance, for berthd. Both are hostile:
 * its rights are those of the instance's own root, and no path leads out of the folder. What cannot be rendered or written
 * is left as it is, and a line on standard output says why.
 */
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/pongo.h"
#include "helper/file_path.h"
#include "helper/file_put.h"
#include "helper/no_leak_check.h"
#include "helper/program.h"
#include "helper/rootfs_open.h"

enum { INPUT_MAX = 256 << 20 };

static const char usage_text[] =
	"Usage: berth-template --dir=INSTANCE_DIR [--lower=TREE] --idmap=BASE:SIZE|none [--unshifted] <REQUEST\n"
	"\n"
	"Renders the templates of REQUEST into the stopped instance that lies in INSTANCE_DIR (--lower: on the overlay driver;\n"
	"--unshifted: its files have the ids of the container). REQUEST is JSON: {\"context\": {…}, \"templates\": [{\"name\", \"text\",\n"
	"\"path\", \"create_only\", \"context\": {…}}]}; the context of a template comes on top of the one for all. Prints a line\n"
	"\"NAME:LINE: why\" or \"NAME: why\" for each that could not be rendered or written.\n";

static int parse(void *args, int argc, char **argv, struct error *err);
static int run(void *args, struct error *err);

static const struct program program = { .name = "berth-template", .usage = usage_text, .parse = parse, .run = run };

static int parse(void *args, int argc, char **argv, struct error *err)
{
	static const struct option options[] = { ROOTFS_OPEN_OPTIONS, { 0 } };
	struct rootfs_open *open = args;
	int c, rc = 0;

	opterr = 0;
	while (rc == 0 && (c = getopt_long(argc, argv, "", options, NULL)) != -1)
		rc = rootfs_open_option(open, c, optarg, err);
	if (rc == 0 && argc == optind && open->dir != NULL && rootfs_open_complete(open))
		return 0;
	return rc < 0 ? rc : program_usage(&program, err);
}

static cJSON *read_request(struct error *err)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT;
	char buf[65536];
	ssize_t n;

	while ((n = read(STDIN_FILENO, buf, sizeof(buf))) > 0 && text.len < INPUT_MAX)
		strbuf_add(&text, buf, (size_t)n);
	if (n != 0) {
		error_set(err, ERROR_INVALID, "cannot read the request, or it is larger than %d bytes", INPUT_MAX);
		return NULL;
	}
	return json_parse(text.buf, text.len, err);
}

/* The folders to it, as root's of the instance. */
static int make_folders(int root, const char *path, struct error *err)
{
	for (const char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
		AUTO_FREE char *folder = mem_strndup(path, (size_t)(slash - path));
		struct file_put put = { .root = root, .path = folder, .mode = 0755 };

		if (file_put_folder(&put, err) < 0)
			return -1;
	}
	return 0;
}

static bool is_there(int root, const char *path)
{
	AUTO_CLOSE int fd = file_path_lookup(root, path, false);

	return fd >= 0;
}

static int apply(int root, const cJSON *common, const cJSON *t, struct error *err)
{
	const char *text = json_str_or(t, "text", "");
	AUTO_FREE char *path = file_path_clean(json_str_or(t, "path", ""));
	AUTO_JSON cJSON *context = cJSON_Duplicate(common, true);
	AUTO_STRBUF struct strbuf out = STRBUF_INIT;
	struct file_put put = { .root = root, .path = path, .mode = -1 };
	const cJSON *item;

	if (json_bool(t, "create_only", false) && is_there(root, path))
		return 0;
	cJSON_ArrayForEach(item, json_obj(t, "context"))
		json_set(context, item->string, cJSON_Duplicate(item, true));
	if (pongo_render(json_str_or(t, "name", "?"), text, strlen(text), context, &out, err) < 0)
		return -1;
	if (make_folders(root, path, err) == 0 && file_put_text(&put, out.buf, out.len, err) == 0)
		return 0;
	error_wrap(err, "%s: '%s' is not written", json_str_or(t, "name", "?"), path);
	return -1;
}

static int run(void *args, struct error *err)
{
	const struct rootfs_open *open = args;
	AUTO_JSON cJSON *request = read_request(err);
	int ignored = -1, root = request != NULL ? rootfs_open(open, &ignored, err) : -1;
	const cJSON *t;

	if (root < 0)
		return -1;
	umask(0);
	cJSON_ArrayForEach(t, json_arr(request, "templates")) {
		struct error why = ERROR_INIT;

		if (apply(root, json_obj(request, "context"), t, &why) < 0)
			printf("%s\n", why.msg);
	}
	close(root);
	return fflush(stdout) == 0 ? 0 : error_set(err, ERROR_SYSTEM, "cannot write the answer");
}

int main(int argc, char **argv)
{
	struct rootfs_open open = { 0 };

	return program_main(&program, &open, argc, argv);
}
