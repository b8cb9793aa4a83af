/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "cli/image.h"
#include "cli/form.h"
#include "cli/partial.h"

#define PARTS_MAX 2

/* ".tar.xz" of the server's name, "" when it has none; fingerprints have no dots. */
static const char *ending(const char *server_name)
{
	const char *dot = strchr(server_name, '.');

	return dot ? dot : "";
}

/* Path of the result; name is what the server called the file. Caller frees. */
static char *result_path(const struct target *t, const char *name, const char *extra)
{
	const char *end = ending(name);
	size_t len = strlen(t->name), end_len = strlen(end);

	if (t->name[0] == '\0')
		return mem_printf("%s/%s", t->dir, name);
	if (len > end_len && strcmp(t->name + len - end_len, end) == 0)
		end = "";
	return mem_printf("%s/%s%s%s", t->dir, t->name, extra, end);
}

/* Cuts one part out of the received body. */
static int write_part(int from, const struct form_range *part, const char *path, struct error *err)
{
	AUTO_CLOSE int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	off_t at = part->start;
	int saved;

	if (fd < 0)
		return error_sys(err, errno, "cannot write '%s'", path);
	while (at < part->end) {
		ssize_t n = sendfile(fd, from, &at, (size_t)(part->end - at));

		if (n > 0)
			continue;
		saved = n < 0 ? errno : EIO;
		unlink(path);
		return error_sys(err, saved, "cannot write '%s'", path);
	}
	return 0;
}

/* The metadata as TARGET.ending, the tree as TARGET.root.ending, as lxc names them. */
static int write_parts(int fd, const struct target *t, const char *fingerprint, const struct form_range *parts,
		       int n, struct error *err)
{
	int i;

	for (i = 0; i < n; i++) {
		bool root = strncmp(parts[i].name, "rootfs", strlen("rootfs")) == 0;
		const char *name = parts[i].filename[0] ? parts[i].filename : fingerprint;
		AUTO_FREE char *own = t->name[0] ? NULL :
			      mem_printf("%s%s%s", fingerprint, root ? ".root" : "", ending(name));
		AUTO_FREE char *path = result_path(t, own ? own : name, root ? ".root" : "");

		if (write_part(fd, &parts[i], path, err) < 0)
			return -1;
	}
	return 0;
}

static int export_to(struct cli *cli, const char *fingerprint, const char *url, const struct target *t,
		     struct error *err)
{
	struct form_range parts[PARTS_MAX];
	AUTO_CLOSE int fd = partial_open(t->dir, err);
	AUTO_FREE char *name = NULL;
	AUTO_FREE char *path = NULL;
	int n;

	if (fd < 0 || client_download(cli->client, url, fd, &name, err) < 0)
		return -1;
	n = name ? 0 : form_split(fd, parts, PARTS_MAX, err);
	if (n < 0)
		return -1;
	if (n > 0)
		return write_parts(fd, t, fingerprint, parts, n, err);
	path = result_path(t, name && name[0] != '.' ? name : fingerprint, "");
	return partial_keep(fd, path, err);
}

int image_export_cmd(struct cli *cli, int argc, char **argv, struct error *err)
{
	AUTO_OBJECT struct object image = { 0 };
	AUTO_FREE char *url = NULL;
	AUTO_FREE char *name = NULL;
	struct target t;
	int rc = cli_args(cli, &argc, &argv, 1, 2);

	if (rc != 0)
		return rc;
	if (image_object(cli, argv[0], &image, err) < 0)
		return -1;
	url = mem_printf("%s/export", image.path);
	if (argv[1] && strcmp(argv[1], "-") == 0)
		return stdout_is_tty() ? error_set(err, ERROR_INVALID, "an image is nothing for a terminal") :
					 client_download(cli->client, url, STDOUT_FILENO, &name, err);
	target_parse(argv[1], &t);
	rc = export_to(cli, strrchr(image.path, '/') + 1, url, &t, err);
	partial_drop();
	target_clear(&t);
	if (rc == 0 && !cli->quiet)
		puts("Image exported successfully!");
	return rc;
}
