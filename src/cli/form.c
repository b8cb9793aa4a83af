/* SPDX-License-Identifier: MIT */
#include "cli/form.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/ident.h"
#include "base/mem.h"
#include "base/strbuf.h"

struct form {
	char boundary[49];
	int fd;
	pid_t child;
};

/* ---- sending */

static bool copy(int from, int to)
{
	static char buf[128 << 10];
	ssize_t n;

	while ((n = read(from, buf, sizeof(buf))) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 || fs_write_all(to, buf, (size_t)n) < 0)
			return false;
	}
	return true;
}

/* In the child: ends it. The closing boundary is missing when a file could not be read: the server then refuses. */
static void __attribute__((noreturn))
send_parts(const struct form *m, const struct form_part *parts, size_t n, int fd)
{
	struct strbuf text = STRBUF_INIT;
	size_t i;

	signal(SIGPIPE, SIG_DFL);
	for (i = 0; i < n; i++) {
		strbuf_reset(&text);
		strbuf_addf(&text,
			    "%s--%s\r\nContent-Disposition: form-data; name=\"%s\"; filename=\"%s\"\r\n"
			    "Content-Type: application/octet-stream\r\n\r\n",
			    i ? "\r\n" : "", m->boundary, parts[i].name, parts[i].filename);
		if (fs_write_all(fd, text.buf, text.len) < 0 || !copy(parts[i].fd, fd))
			_exit(1);
	}
	strbuf_reset(&text);
	strbuf_addf(&text, "\r\n--%s--\r\n", m->boundary);
	_exit(fs_write_all(fd, text.buf, text.len) < 0 ? 1 : 0);
}

struct form *form_start(const struct form_part *parts, size_t n, struct error *err)
{
	struct form *m = mem_alloc(sizeof(*m));
	int fds[2];

	ident_random_hex(m->boundary, (sizeof(m->boundary) - 1) / 2);
	if (pipe2(fds, O_CLOEXEC) < 0) {
		error_sys(err, errno, "cannot make a pipe");
		free(m);
		return NULL;
	}
	m->child = fork();
	if (m->child == 0) {
		close(fds[0]);
		send_parts(m, parts, n, fds[1]);
	}
	close(fds[1]);
	m->fd = fds[0];
	if (m->child > 0)
		return m;
	error_sys(err, errno, "cannot fork");
	close(m->fd);
	free(m);
	return NULL;
}

const char *form_boundary(const struct form *m)
{
	return m->boundary;
}

int form_fd(const struct form *m)
{
	return m->fd;
}

int form_finish(struct form *m, struct error *err)
{
	int status = 0;
	bool ok;

	close(m->fd);
	while (waitpid(m->child, &status, 0) < 0 && errno == EINTR)
		;
	ok = WIFEXITED(status) && WEXITSTATUS(status) == 0;
	free(m);
	if (ok)
		return 0;
	return err ? error_set(err, ERROR_SYSTEM, "cannot read the files of the image to their end") : -1;
}

/* ---- receiving */

struct body {
	const char *data, *end;
	char mark[132]; /* "\r\n--boundary" */
	size_t mark_len;
};

/* The value of a quoted or bare parameter in a header line. */
static void parameter(const char *line, size_t len, const char *name, char *ret, size_t size)
{
	AUTO_FREE char *text = mem_strndup(line, len);
	AUTO_FREE char *wanted = mem_printf(" %s=", name);
	const char *value = strcasestr(text, wanted), *slash;
	size_t n;

	ret[0] = '\0';
	if (!value)
		return;
	value += strlen(wanted);
	n = *value == '"' ? strcspn(++value, "\"") : strcspn(value, "; \r");
	slash = memrchr(value, '/', n);
	if (slash) {
		n -= (size_t)(slash + 1 - value);
		value = slash + 1;
	}
	if (n < size && !(n == 1 && *value == '.') && !(n == 2 && !strncmp(value, "..", 2))) {
		memcpy(ret, value, n);
		ret[n] = '\0';
	}
}

/* Reads the header lines of a part; returns its first byte, or NULL. */
static const char *part_head(const struct body *b, const char *p, struct form_range *ret)
{
	while (p < b->end) {
		const char *eol = memmem(p, (size_t)(b->end - p), "\r\n", 2);

		if (!eol)
			return NULL;
		if (eol == p)
			return eol + 2;
		if (strncasecmp(p, "Content-Disposition:", strlen("Content-Disposition:")) == 0) {
			parameter(p, (size_t)(eol - p), "name", ret->name, sizeof(ret->name));
			parameter(p, (size_t)(eol - p), "filename", ret->filename, sizeof(ret->filename));
		}
		p = eol + 2;
	}
	return NULL;
}

static int find_parts(struct body *b, struct form_range *ret, int max)
{
	const char *p = b->data + b->mark_len - 2; /* behind the first boundary, which has no line before it */
	int n = 0;

	while (b->end - p >= 2 && strncmp(p, "\r\n", 2) == 0 && n < max) {
		const char *start, *mark;

		ret[n] = (struct form_range){ 0 };
		start = part_head(b, p + 2, &ret[n]);
		mark = start ? memmem(start, (size_t)(b->end - start), b->mark, b->mark_len) : NULL;
		if (!mark)
			return -1;
		ret[n].start = start - b->data;
		ret[n].end = mark - b->data;
		n++;
		p = mark + b->mark_len;
	}
	return b->end - p >= 2 && strncmp(p, "--", 2) == 0 ? n : -1;
}

int form_split(int fd, struct form_range *ret, int max, struct error *err)
{
	struct body b = { 0 };
	const char *eol;
	struct stat st;
	void *map;
	int n = 0;

	if (fstat(fd, &st) < 0)
		return error_sys(err, errno, "cannot look at what was received");
	if (st.st_size < 8)
		return 0;
	map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (map == MAP_FAILED)
		return error_sys(err, errno, "cannot read what was received");
	b.data = map;
	b.end = b.data + st.st_size;
	eol = memmem(b.data, st.st_size < 128 ? (size_t)st.st_size : 128, "\r\n", 2);
	if (strncmp(b.data, "--", 2) == 0 && eol && eol - b.data > 2) {
		b.mark_len = (size_t)(eol - b.data) + 2;
		memcpy(b.mark, "\r\n", 2);
		memcpy(b.mark + 2, b.data, b.mark_len - 2);
		n = find_parts(&b, ret, max);
	}
	munmap(map, (size_t)st.st_size);
	return n < 0 ? error_set(err, ERROR_TOOL, "the parts of the image came incomplete") : n;
}
