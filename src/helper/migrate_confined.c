/* SPDX-License-Identifier: MIT */
#include "helper/migrate_confined.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/json.h"
#include "base/strbuf.h"
#include "helper/unpack_sandbox.h"

enum { TEXT_MAX = 256 * 1024 * 1024, PART = 64 * 1024 };

/* ---- the child */

static bool write_all(int fd, const char *text, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, text, len);

		if (n < 0 && errno != EINTR)
			return false;
		text += n > 0 ? n : 0;
		len -= n > 0 ? (size_t)n : 0;
	}
	return true;
}

/* Nothing stays open but where the result goes, and stderr. */
static int confine(int out, pid_t parent, struct error *err)
{
	if (dup2(out, STDOUT_FILENO) < 0 || close(STDIN_FILENO) < 0 || close_range(STDERR_FILENO + 1, ~0U, 0) < 0)
		return error_sys(err, errno, "cannot close what is not needed");
	return sandbox_drop_ids(parent, err) < 0 ? -1 : sandbox_enter(err);
}

static _Noreturn void run(int out, pid_t parent, confined_fn parse, const void *data, size_t len)
{
	cJSON *result = cJSON_CreateObject(), *v = NULL;
	struct error err = ERROR_INIT;
	char *text;

	if (confine(out, parent, &err) == 0)
		v = parse(data, len, &err);
	if (v != NULL)
		json_set(result, "value", v);
	else
		json_set_str(result, "error", err.msg);
	json_set_int(result, "code", err.code);
	text = json_text(result);
	_exit(write_all(STDOUT_FILENO, text, strlen(text)) ? 0 : 1);
}

/* ---- its parent */

static int read_all(int fd, struct strbuf *text, struct error *err)
{
	char part[PART];
	ssize_t n;

	while ((n = read(fd, part, sizeof(part))) != 0) {
		if (n < 0 && errno != EINTR)
			return error_sys(err, errno, "cannot read what the other side said");
		if (n > 0)
			strbuf_add(text, part, (size_t)n);
		if (text->len > TEXT_MAX)
			return error_set(err, ERROR_TOO_LARGE, "the other side says too much");
	}
	return 0;
}

static cJSON *result_of(const struct strbuf *text, struct error *err)
{
	struct error ignored = ERROR_INIT;
	AUTO_JSON cJSON *result = text->len > 0 ? json_parse(text->buf, text->len, &ignored) : NULL;
	cJSON *v = cJSON_DetachItemFromObjectCaseSensitive(result, "value");
	int64_t code = json_int(result, "code", 0);

	if (v != NULL)
		return v;
	error_set(err, code > 0 && code <= ERROR_SYSTEM ? (enum error_code)code : ERROR_TOOL, "%s",
		  json_str_or(result, "error", "what the other side said could not be read"));
	return NULL;
}

cJSON *confined_parse(confined_fn parse, const void *data, size_t len, struct error *err)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT;
	const pid_t self = getpid();
	int fds[2], rc;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0 || (pid = fork()) < 0) {
		error_sys(err, errno, "cannot start a process");
		return NULL;
	}
	if (pid == 0)
		run(fds[1], self, parse, data, len);
	close(fds[1]);
	rc = read_all(fds[0], &text, err);
	close(fds[0]); /* what it has not written yet ends it */
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return rc == 0 ? result_of(&text, err) : NULL;
}
