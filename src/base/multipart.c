/* SPDX-License-Identifier: MIT */
#include "base/multipart.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/strbuf.h"

#define HEADERS_MAX 4096
#define BOUNDARY_MAX 70 /* RFC 2046 5.1.1 */

enum multipart_state {
	MULTIPART_PREAMBLE, /* before the first boundary: ignored */
	MULTIPART_BODY,
	MULTIPART_LINE,     /* the rest of a boundary's line */
	MULTIPART_HEADERS,
	MULTIPART_EPILOGUE,
};

struct multipart {
	enum multipart_state state;
	const struct multipart_handler *handler;
	void *data;
	char delimiter[BOUNDARY_MAX + 5]; /* "\r\n--boundary"; '\r' is nowhere but at its start */
	size_t delimiter_len;
	size_t matched; /* bytes of the delimiter seen */
	size_t implied; /* of these: not in the body, the line break before it counts */
	struct strbuf text; /* of a boundary's line, of headers */
};

bool multipart_is(const char *content_type)
{
	static const char type[] = "multipart/form-data";

	return content_type && strncasecmp(content_type, type, sizeof(type) - 1) == 0 &&
	       strchr(" ;\t", content_type[sizeof(type) - 1]);
}

/*
 * The value of a parameter ("; boundary=…", quoted or a token). Returns a copy
 * or NULL. The name is matched behind ';' and blanks only, outside of quotes.
 */
static char *parameter(const char *s, const char *name)
{
	size_t n = strlen(name);
	struct strbuf out = STRBUF_INIT;
	bool quoted = false;

	for (; *s; s++) {
		if (*s == '\\' && quoted && s[1])
			s++;
		else if (*s == '"')
			quoted = !quoted;
		else if (*s == ';' && !quoted) {
			s += 1 + strspn(s + 1, " \t");
			if (strncasecmp(s, name, n) == 0 && s[n] == '=')
				break;
			s--;
		}
	}
	if (!*s)
		return NULL;
	s += n + 1;
	if (*s != '"')
		return mem_strndup(s, strcspn(s, "; \t\r\n"));
	for (s++; *s && *s != '"'; s++) {
		if (*s == '\\' && s[1])
			s++;
		strbuf_addch(&out, *s);
	}
	return strbuf_detach(&out);
}

struct multipart *multipart_new(const char *content_type, const struct multipart_handler *handler, void *data,
				struct error *err)
{
	char *boundary = parameter(content_type, "boundary");
	size_t n = boundary ? strlen(boundary) : 0, i;
	struct multipart *m = NULL;

	for (i = 0; i < n; i++)
		if ((unsigned char)boundary[i] < 0x20 || (unsigned char)boundary[i] >= 0x7f)
			n = 0;
	if (n == 0 || n > BOUNDARY_MAX) {
		error_set(err, ERROR_INVALID, "multipart/form-data without a valid boundary");
	} else {
		m = mem_alloc(sizeof(*m));
		m->handler = handler;
		m->data = data;
		memcpy(m->delimiter, "\r\n--", 4);
		memcpy(m->delimiter + 4, boundary, n);
		m->delimiter_len = n + 4;
		m->matched = m->implied = 2; /* the first boundary may be the first line */
		strbuf_init(&m->text);
	}
	free(boundary);
	return m;
}

void multipart_free(struct multipart *m)
{
	if (!m)
		return;
	strbuf_clear(&m->text);
	free(m);
}

static int give(struct multipart *m, const char *bytes, size_t len, struct error *err)
{
	if (m->state == MULTIPART_PREAMBLE || len == 0)
		return 0;
	return m->handler->bytes(m->data, bytes, len, err);
}

/* Gives bytes away up to the next delimiter; returns how many were read, -1 on error. */
static ssize_t feed_body(struct multipart *m, const char *s, size_t len, struct error *err)
{
	size_t i = 0, plain, skip;

	while (i < len) {
		if (m->matched == 0) {
			const char *cr = memchr(s + i, '\r', len - i);

			plain = cr ? (size_t)(cr - s) - i : len - i;
			if (give(m, s + i, plain, err) < 0)
				return -1;
			i += plain;
			m->matched = cr ? 1 : 0;
			i += cr ? 1 : 0;
		} else if (s[i] == m->delimiter[m->matched]) {
			i++;
			if (++m->matched < m->delimiter_len)
				continue;
			m->matched = m->implied = 0;
			m->state = MULTIPART_LINE;
			return (ssize_t)i;
		} else {
			skip = m->implied;
			plain = m->matched - skip;
			m->matched = m->implied = 0;
			if (give(m, m->delimiter + skip, plain, err) < 0)
				return -1;
		}
	}
	return (ssize_t)len;
}

/* Collects text up to and with end; *ret_done when it is there. */
static ssize_t feed_text(struct multipart *m, const char *s, size_t len, const char *end, bool *ret_done,
			 struct error *err)
{
	size_t i, n = strlen(end);

	for (i = 0; i < len; i++) {
		if (m->text.len == HEADERS_MAX)
			return error_set(err, ERROR_INVALID, "the headers of a part are longer than %d bytes",
					 HEADERS_MAX);
		if (!s[i])
			return error_set(err, ERROR_INVALID, "a part has a NUL byte in its headers");
		strbuf_addch(&m->text, s[i]);
		if (m->text.len >= n && memcmp(m->text.buf + m->text.len - n, end, n) == 0) {
			*ret_done = true;
			return (ssize_t)i + 1;
		}
	}
	return (ssize_t)len;
}

static ssize_t feed_line(struct multipart *m, const char *s, size_t len, struct error *err)
{
	bool done = false;
	ssize_t n = feed_text(m, s, len, "\n", &done, err);

	if (m->text.len >= 2 && memcmp(m->text.buf, "--", 2) == 0) {
		m->state = MULTIPART_EPILOGUE;
		return (ssize_t)len;
	}
	if (n < 0 || !done)
		return n;
	if (strspn(m->text.buf, " \t\r\n") != m->text.len)
		return error_set(err, ERROR_INVALID, "text behind a part's boundary");
	/* so that a part without headers ("\r\n" at once) ends its headers too */
	strbuf_reset(&m->text);
	strbuf_addstr(&m->text, "\r\n");
	m->state = MULTIPART_HEADERS;
	return n;
}

static int start_part(struct multipart *m, struct error *err)
{
	static const char header[] = "Content-Disposition:";
	char *line = m->text.buf, *value = NULL, *name, *filename;
	int ret;

	while ((line = strstr(line, "\r\n"))) {
		line += 2;
		if (strncasecmp(line, header, sizeof(header) - 1) == 0)
			value = line + sizeof(header) - 1;
	}
	if (value)
		value[strcspn(value, "\r\n")] = 0;
	name = value ? parameter(value, "name") : NULL;
	filename = value ? parameter(value, "filename") : NULL;
	if (name)
		ret = m->handler->part(m->data, name, filename, err);
	else
		ret = error_set(err, ERROR_INVALID, "a part has no name");
	free(name);
	free(filename);
	return ret;
}

static ssize_t feed_headers(struct multipart *m, const char *s, size_t len, struct error *err)
{
	bool done = false;
	ssize_t n = feed_text(m, s, len, "\r\n\r\n", &done, err);

	if (n < 0 || !done)
		return n;
	if (start_part(m, err) < 0)
		return -1;
	strbuf_reset(&m->text);
	m->state = MULTIPART_BODY;
	m->matched = m->implied = 2; /* an empty part: its boundary follows the headers' last line */
	return n;
}

int multipart_feed(struct multipart *m, const void *data, size_t len, struct error *err)
{
	const char *s = data;

	while (len > 0 && m->state != MULTIPART_EPILOGUE) {
		ssize_t n;

		if (m->state == MULTIPART_LINE)
			n = feed_line(m, s, len, err);
		else if (m->state == MULTIPART_HEADERS)
			n = feed_headers(m, s, len, err);
		else
			n = feed_body(m, s, len, err);
		if (n < 0)
			return -1;
		s += n;
		len -= (size_t)n;
	}
	return 0;
}

int multipart_finish(const struct multipart *m, struct error *err)
{
	if (m->state == MULTIPART_EPILOGUE)
		return 0;
	return error_set(err, ERROR_INVALID, "the multipart body ends before its closing boundary");
}
