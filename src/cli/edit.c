/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"
#include "cli/edit.h"

#define TEXT_MAX (4u << 20)

static const char *editor_line(void)
{
	static const char *const names[] = { "VISUAL", "EDITOR" };

	for (size_t i = 0; i < 2; i++) {
		const char *s = getenv(names[i]);

		if (s && s[strspn(s, " \t")])
			return s;
	}
	return access("/usr/bin/editor", X_OK) == 0 ? "editor" : "vi";
}

/* The editor may have options ("code --wait"): words are split at blanks, no shell is involved. */
static void editor_argv(struct argv *a, const char *file)
{
	AUTO_FREE char *line = mem_strdup(editor_line());
	char *rest = NULL;

	for (char *word = strtok_r(line, " \t", &rest); word; word = strtok_r(NULL, " \t", &rest))
		argv_push(a, word);
	argv_push(a, file);
}

int editor_run(const char *file, struct error *err)
{
	AUTO_ARGV struct argv a = ARGV_INIT;
	int status;

	editor_argv(&a, file);
	status = terminal_child(&a);
	if (status < 0)
		return error_sys(err, errno, "cannot run the editor '%s'", a.v[0]);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		return error_set(err, ERROR_TOOL, "cannot run the editor '%s'; set VISUAL or EDITOR", a.v[0]);
	return error_set(err, ERROR_CANCELLED, "the editor '%s' failed; nothing was changed", a.v[0]);
}

/* Parses and applies. 1: the text was wrong or refused, err says why. */
static int try_apply(const struct strbuf *text, int (*apply)(const cJSON *v, void *data, struct error *err),
		     void *data, struct error *err)
{
	cJSON *v = yaml_parse(text->buf, text->len, err);
	int rc;

	if (!v) {
		error_wrap(err, "cannot read the YAML");
		return 1;
	}
	rc = apply(v, data, err);
	cJSON_Delete(v);
	return rc < 0 ? 1 : 0;
}

static int read_fd(int fd, struct strbuf *out, struct error *err)
{
	char buf[16384];
	ssize_t n;

	while ((n = read(fd, buf, sizeof(buf))) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_sys(err, errno, "cannot read standard input");
		strbuf_add(out, buf, (size_t)n);
		if (out->len > TEXT_MAX)
			return error_set(err, ERROR_TOO_LARGE, "standard input is larger than %u MiB",
					 TEXT_MAX >> 20);
	}
	return 0;
}

static bool ask_again(const struct error *err)
{
	int c;

	fputs("Error: ", stderr);
	text_print(stderr, err->msg);
	fputs("\nPress enter to open the editor again or ctrl+c to abort change\n", stderr);
	while ((c = getchar()) != '\n')
		if (c == EOF)
			return false;
	return true;
}

static int edit_file(const char *file, const char *before,
		     int (*apply)(const cJSON *v, void *data, struct error *err), void *data,
		     struct error *err)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT;
	int rc;

	do {
		error_clear(err);
		strbuf_reset(&text);
		if (editor_run(file, err) < 0 || fs_read_file(file, TEXT_MAX, &text, err) < 0)
			return -1;
		if (!strcmp(text.buf, before))
			return 0;
		rc = try_apply(&text, apply, data, err);
	} while (rc > 0 && ask_again(err));
	return rc > 0 ? -1 : 0;
}

int editor_file(const char *suffix, char **ret_path, struct error *err)
{
	const char *dir = getenv("TMPDIR");
	int fd;

	*ret_path = mem_printf("%s/berth-XXXXXX%s", dir && dir[0] == '/' ? dir : "/tmp", suffix);
	fd = mkostemps(*ret_path, (int)strlen(suffix), O_CLOEXEC);
	return fd < 0 ? error_sys(err, errno, "cannot make '%s'", *ret_path) : fd;
}

int edit_yaml(const char *text, int (*apply)(const cJSON *v, void *data, struct error *err), void *data,
	      struct error *err)
{
	AUTO_STRBUF struct strbuf in = STRBUF_INIT;
	AUTO_FREE char *file = NULL;
	int fd, rc;

	if (!stdin_is_tty()) {
		if (read_fd(STDIN_FILENO, &in, err) < 0)
			return -1;
		return try_apply(&in, apply, data, err) ? -1 : 0;
	}
	fd = editor_file(".yaml", &file, err);
	if (fd < 0)
		return -1;
	rc = fs_write_all(fd, text, strlen(text)) < 0 ? error_sys(err, errno, "cannot write the file to edit") : 0;
	close(fd);
	if (rc == 0)
		rc = edit_file(file, text, apply, data, err);
	unlink(file);
	return rc;
}
