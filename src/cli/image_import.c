/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "cli/image.h"
#include "cli/form.h"

#define FILES_MAX 2

struct import {
	const char *files[FILES_MAX]; /* one: unified; two: metadata, rootfs */
	int fds[FILES_MAX];
	int n_files;
	cJSON *properties;
	struct argv aliases;
	bool public;
};

/* key=value, unless a file of that name is there. */
static int parse_argument(struct import *im, const char *arg, struct error *err)
{
	const char *eq = strchr(arg, '=');

	if (eq && eq != arg && !fs_exists(arg)) {
		AUTO_FREE char *key = mem_strndup(arg, (size_t)(eq - arg));

		json_set_str(im->properties, key, eq + 1);
		return 0;
	}
	if (im->n_files == FILES_MAX)
		return error_set(err, ERROR_INVALID, "'%s' is one file too many: an image is one file, or metadata and rootfs",
				 arg);
	if (im->n_files == 1 && (strcmp(arg, "-") == 0 || strcmp(im->files[0], "-") == 0))
		return error_set(err, ERROR_INVALID, "an image of two files cannot come from stdin");
	im->files[im->n_files++] = arg;
	return 0;
}

static int open_files(struct import *im, struct error *err)
{
	int i;

	for (i = 0; i < im->n_files; i++) {
		struct stat st;

		/* NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker): there are n_files */
		if (strcmp(im->files[i], "-") == 0)
			im->fds[i] = STDIN_FILENO;
		else
			im->fds[i] = open(im->files[i], O_RDONLY | O_CLOEXEC);
		if (im->fds[i] < 0 || fstat(im->fds[i], &st) < 0)
			return error_sys(err, errno, "cannot open '%s'", im->files[i]);
		if (S_ISDIR(st.st_mode))
			return error_set(err, ERROR_INVALID,
					 "'%s' is a folder; pack it first: tar cz --numeric-owner -C %s . | berth image import -",
					 im->files[i], im->files[i]);
		if (isatty(im->fds[i]))
			return error_set(err, ERROR_INVALID, "no image comes from a terminal");
	}
	return 0;
}

/* The last component, without what a header cannot carry. */
static char *bare_name(const char *path)
{
	/* NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker): a file is named */
	const char *slash = strrchr(path, '/');
	char *name = mem_strdup(slash ? slash + 1 : path), *p;

	for (p = name; *p; p++)
		if ((unsigned char)*p < ' ' || *p == '"' || *p == '\\' || *p == 0x7f)
			*p = '_';
	return name;
}

static void headers_make(const struct import *im, struct argv *headers)
{
	AUTO_STRBUF struct strbuf encoded = STRBUF_INIT;
	const cJSON *item;

	/* NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker): there is at least one */
	if (strcmp(im->files[0], "-") != 0) {
		AUTO_FREE char *name = bare_name(im->files[0]);

		argv_pushf(headers, "X-LXD-filename: %s", name);
	}
	cJSON_ArrayForEach(item, im->properties) {
		AUTO_FREE char *key = client_escape(item->string);
		AUTO_FREE char *value = client_escape(item->valuestring);

		strbuf_addf(&encoded, "%s%s=%s", encoded.len ? "&" : "", key, value);
	}
	if (encoded.len)
		argv_pushf(headers, "X-LXD-properties: %s", encoded.buf);
	if (im->public)
		argv_push(headers, "X-LXD-public: 1");
}

static cJSON *upload(struct cli *cli, struct import *im, struct error *err)
{
	AUTO_ARGV struct argv headers = ARGV_INIT;
	struct form_part parts[FILES_MAX];
	struct form *m;
	cJSON *op;

	headers_make(im, &headers);
	if (im->n_files == 1)
		return client_upload(cli->client, "/1.0/images", im->fds[0], (const char *const *)headers.v, err);
	parts[0] = (struct form_part){ "metadata", bare_name(im->files[0]), im->fds[0] };
	parts[1] = (struct form_part){ "rootfs", bare_name(im->files[1]), im->fds[1] };
	m = form_start(parts, FILES_MAX, err);
	free(parts[0].filename);
	free(parts[1].filename);
	if (!m)
		return NULL;
	argv_pushf(&headers, "Content-Type: multipart/form-data; boundary=%s", form_boundary(m));
	op = client_upload(cli->client, "/1.0/images", form_fd(m), (const char *const *)headers.v, err);
	if (form_finish(m, op ? err : NULL) < 0 && op) {
		cJSON_Delete(op);
		return NULL;
	}
	return op;
}

int image_alias_point(struct cli *cli, const char *alias, const char *fingerprint, struct error *err)
{
	AUTO_JSON cJSON *body = cJSON_CreateObject();
	AUTO_JSON cJSON *created = NULL, *changed = NULL;
	AUTO_FREE char *segment = client_escape(alias);
	AUTO_FREE char *path = mem_printf("/1.0/images/aliases/%s", segment);

	json_set_str(body, "name", alias);
	json_set_str(body, "target", fingerprint);
	json_set_str(body, "description", "");
	json_set_str(body, "type", "container");
	created = client_change(cli->client, "POST", "/1.0/images/aliases", body, NULL, err);
	if (created)
		return 0;
	if (err->code == ERROR_CONFLICT) {
		error_clear(err);
		json_set_str(body, "name", NULL);
		json_set_str(body, "type", NULL);
		changed = client_change(cli->client, "PUT", path, body, NULL, err);
	}
	return changed ? 0 : error_wrap(err, "the image %s is there, but not its alias '%s'", fingerprint, alias);
}

static int import_run(struct cli *cli, struct import *im, struct error *err)
{
	AUTO_JSON cJSON *op = NULL;
	const char *fingerprint;
	size_t i;

	if (open_files(im, err) < 0)
		return -1;
	op = upload(cli, im, err);
	if (!op)
		return -1;
	fingerprint = json_str(json_obj(op, "metadata"), "fingerprint");
	if (!fingerprint)
		return error_set(err, ERROR_TOOL, "berthd did not say the fingerprint of the image");
	for (i = 0; i < im->aliases.n; i++) {
		if (image_alias_point(cli, im->aliases.v[i], fingerprint, err) < 0)
			return -1;
	}
	printf("Image imported with fingerprint: %s\n", fingerprint);
	return 0;
}

static int import_options(struct cli *cli, struct import *im, int argc, char **argv, struct error *err)
{
	static const struct option options[] = { { "alias", required_argument, NULL, 'a' },
						 { "public", no_argument, NULL, 'p' },
						 { 0 } };
	int c;

	while ((c = cli_getopt(cli, argc, argv, "", options)) != -1) {
		if (c == 'a')
			argv_push(&im->aliases, optarg);
		else if (c == 'p')
			im->public = true;
		else
			return CLI_USAGE;
	}
	if (cli_argc(cli, argc, 1, -1) != 0)
		return CLI_USAGE;
	for (; optind < argc; optind++) {
		if (parse_argument(im, argv[optind], err) < 0)
			return cli_usage(cli, "%s", err->msg);
	}
	return im->n_files ? 0 : cli_usage(cli, "a file is needed, or - for stdin");
}

int image_import_cmd(struct cli *cli, int argc, char **argv, struct error *err)
{
	struct import im = { .fds = { -1, -1 }, .properties = cJSON_CreateObject() };
	int i, rc = import_options(cli, &im, argc, argv, err);

	if (rc == 0)
		rc = import_run(cli, &im, err);
	for (i = 0; i < im.n_files; i++)
		if (im.fds[i] > STDIN_FILENO)
			close(im.fds[i]);
	argv_clear(&im.aliases);
	cJSON_Delete(im.properties);
	return rc;
}
