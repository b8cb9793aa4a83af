/* SPDX-License-Identifier: MIT */
/* Bytes of the server in an editor: files of instances, templates. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"
#include "cli/edit.h"

static int upload(struct cli *cli, const char *url, int fd, const char *const *headers, struct error *err)
{
	AUTO_JSON cJSON *answer = client_upload(cli->client, url, fd, headers, err);

	return answer ? 0 : -1;
}

/* The file is given an old date first: whatever writes it, or another of that name, changes that. */
static int edit_and_upload(struct cli *cli, const char *url, const char *path, const char *const *headers, struct error *err)
{
	static const struct timespec old[2] = { { .tv_sec = 1 }, { .tv_sec = 1 } };
	AUTO_CLOSE int fd = -1;
	struct stat st;

	if (utimensat(AT_FDCWD, path, old, 0) < 0)
		return error_sys(err, errno, "cannot date '%s'", path);
	if (editor_run(path, err) < 0)
		return -1;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return error_sys(err, errno, "cannot read '%s'", path);
	return st.st_mtim.tv_sec == old[1].tv_sec ? 0 : upload(cli, url, fd, headers, err);
}

int edit_remote(struct cli *cli, const char *url, const char *const *headers, struct error *err)
{
	struct download_info info = { "", 0 };
	AUTO_FREE char *path = NULL;
	int fd, rc;

	if (!stdin_is_tty())
		return upload(cli, url, STDIN_FILENO, headers, err);
	fd = editor_file("", &path, err);
	if (fd < 0)
		return -1;
	rc = client_download_info(cli->client, url, fd, &info, err);
	if (rc == 0 && strcmp(info.type, "directory") == 0)
		rc = error_set(err, ERROR_INVALID, "a folder cannot be edited");
	if (rc == 0 && strcmp(info.type, "symlink") == 0)
		rc = error_set(err, ERROR_INVALID, "it is a symbolic link: edit the file that it leads to");
	if (close(fd) < 0 && rc == 0)
		rc = error_sys(err, errno, "cannot write '%s'", path);
	if (rc == 0)
		rc = edit_and_upload(cli, url, path, headers, err);
	unlink(path);
	return rc;
}
