/* SPDX-License-Identifier: MIT */
#include "helper/unpack_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "image/tar_writer.h"

enum { PIPE_SIZE = 1024 * 1024, REPORT_CHUNK = 65536, REPORT_MAX = 8 * 1024 * 1024 };

const char *part_program = "berth-unpack";

_Noreturn void part_die(const char *what)
{
	fprintf(stderr, "%s: %s: %s\n", part_program, what, strerror(errno));
	exit(2);
}

void part_pipe(int fds[2])
{
	if (pipe2(fds, O_CLOEXEC))
		part_die("cannot make a pipe");
	(void)fcntl(fds[1], F_SETPIPE_SZ, PIPE_SIZE);
}

pid_t part_fork(void)
{
	pid_t pid = fork();

	if (pid < 0)
		part_die("cannot fork");
	return pid;
}

_Noreturn void part_become(const char *const *argv, int in, int out, int errs)
{
	static const char *const env[] = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
					  "LC_ALL=C", NULL};

	if (dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(errs, 2) < 0)
		_exit(127);
	execvpe(argv[0], (char *const *)argv, (char *const *)env);
	dprintf(2, "cannot run '%s': %s\n", argv[0], strerror(errno));
	_exit(127);
}

_Noreturn void part_become_tar(const char *into, int in, int errs, pid_t parent)
{
	const char *argv[] = { "tar", "-x", "-p", "-f", "-", "-b", "512", "--numeric-owner", "--same-owner",
			       "--xattrs", "--xattrs-include=*", "--acls", "--delay-directory-restore",
			       "--warning=no-timestamp", "-C", into, NULL };

	umask(022);
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) || getppid() != parent)
		_exit(127);
	part_become(argv, in, STDOUT_FILENO, errs);
}

int part_wait(pid_t pid)
{
	int status = 0;

	while (pid && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return status;
}

bool tail_read(struct tail *t, int fd)
{
	char buf[1024];
	ssize_t n = read(fd, buf, sizeof(buf));
	size_t over;

	if (n <= 0)
		return false;
	if (t->len + (size_t)n > TAIL_MAX - 1) {
		over = t->len + (size_t)n - (TAIL_MAX - 1);
		memmove(t->text, t->text + over, t->len - over);
		t->len -= over;
	}
	memcpy(t->text + t->len, buf, (size_t)n);
	t->len += (size_t)n;
	t->text[t->len] = 0;
	return true;
}

bool tail_full_disk(const struct tail *t)
{
	return strstr(t->text, "No space left on device") || strstr(t->text, "Disk quota exceeded");
}

/* "tar: Exiting with failure status due to previous errors" says nothing: the line before it does. */
static void drop_summary(struct tail *t)
{
	char *line = strstr(t->text, "tar: Exiting with failure status");

	if (line && line > t->text) {
		*line = 0;
		t->len = (size_t)(line - t->text);
	}
}

const char *tail_last_line(struct tail *t, const char *otherwise)
{
	char *line, *nul;

	while ((nul = memchr(t->text, 0, t->len)))
		*nul = '?';
	drop_summary(t);
	while (t->len && t->text[t->len - 1] == '\n')
		t->text[--t->len] = 0;
	line = strrchr(t->text, '\n');
	line = line ? line + 1 : t->text;
	return *line ? line : otherwise;
}

bool report_read(struct report *r, int fd)
{
	ssize_t n;

	r->text = mem_realloc(r->text, r->len + REPORT_CHUNK, 1);
	n = read(fd, r->text + r->len, REPORT_CHUNK);
	if (n > 0)
		r->len += (size_t)n;
	return n > 0 && r->len <= REPORT_MAX;
}

cJSON *report_parse(const struct report *r, struct error *err)
{
	if (r->len > 0)
		return json_parse(r->text, r->len, err);
	error_set(err, ERROR_TOOL, "the archive could not be read: its reader said nothing");
	return NULL;
}

int report_write(int fd, cJSON *report)
{
	struct error err = ERROR_INIT;
	char *text = json_text(report);
	int rc = tar_sink_fd(&fd, text, strlen(text), &err);

	free(text);
	cJSON_Delete(report);
	return rc;
}

cJSON *report_error(const struct error *err)
{
	cJSON *report = cJSON_CreateObject();

	json_set_str(report, "error", err->msg);
	json_set_int(report, "code", err->code);
	return report;
}

int report_finish(const char *path, cJSON *report)
{
	const char *refused = json_str(report, "error");
	int rc = refused ? EXIT_REFUSED : 0, fd;

	if (refused)
		fprintf(stderr, "%s: %s\n", part_program, refused);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || report_write(fd, report))
		part_die(path);
	return rc;
}
