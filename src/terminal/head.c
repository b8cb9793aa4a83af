/* SPDX-License-Identifier: MIT */
#include "terminal/head.h"

#include <http_parser.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static const char *const names[HEAD_FIELDS] = {
	[HEAD_HOST] = "Host",
	[HEAD_ORIGIN] = "Origin",
	[HEAD_COOKIE] = "Cookie",
	[HEAD_ACCEPT_ENCODING] = "Accept-Encoding",
	[HEAD_WS_KEY] = "Sec-WebSocket-Key",
	[HEAD_WS_VERSION] = "Sec-WebSocket-Version",
	[HEAD_WS_PROTOCOL] = "Sec-WebSocket-Protocol",
	[HEAD_WS_EXTENSIONS] = "Sec-WebSocket-Extensions",
};

struct parsing {
	http_parser parser;
	struct head *head;
	struct strbuf target, name, value;
	bool in_value;
	bool upgrade; /* "Upgrade: websocket" */
	bool body;
	bool control; /* a field has control characters */
	const char *wrong; /* the field that came twice */
};

size_t head_end(const char *data, size_t len)
{
	const char *end = memmem(data, len, "\r\n\r\n", 4);

	return end ? (size_t)(end - data) + 4 : 0;
}

/* The parser lets some through, NUL bytes too. */
static bool has_control(const struct strbuf *text)
{
	for (size_t i = 0; i < text->len; i++)
		if (((unsigned char)text->buf[i] < ' ' && text->buf[i] != '\t') || text->buf[i] == 0x7f)
			return true;
	return false;
}

static void field_done(struct parsing *p)
{
	struct head *h = p->head;

	if (!p->in_value)
		return;
	p->in_value = false;
	p->control = p->control || has_control(&p->value);
	for (size_t i = 0; i < HEAD_FIELDS; i++) {
		if (strcasecmp(p->name.buf, names[i]) != 0)
			continue;
		if (h->field[i])
			p->wrong = names[i];
		else
			h->field[i] = mem_strdup(p->value.buf);
	}
	if (strcasecmp(p->name.buf, "Upgrade") == 0)
		p->upgrade = strcasecmp(p->value.buf, "websocket") == 0;
	if (strcasecmp(p->name.buf, "Transfer-Encoding") == 0 ||
	    (strcasecmp(p->name.buf, "Content-Length") == 0 && strcmp(p->value.buf, "0") != 0))
		p->body = true;
	strbuf_reset(&p->name);
	strbuf_reset(&p->value);
}

static int url_cb(http_parser *parser, const char *at, size_t len)
{
	struct parsing *p = parser->data;

	strbuf_add(&p->target, at, len);
	return 0;
}

static int name_cb(http_parser *parser, const char *at, size_t len)
{
	struct parsing *p = parser->data;

	field_done(p);
	strbuf_add(&p->name, at, len);
	return 0;
}

static int value_cb(http_parser *parser, const char *at, size_t len)
{
	struct parsing *p = parser->data;

	p->in_value = true;
	strbuf_add(&p->value, at, len);
	return 0;
}

static int headers_cb(http_parser *parser)
{
	field_done(parser->data);
	return 1; /* no body will be parsed */
}

/* What follows would be taken for one more request. */
static int message_cb(http_parser *parser)
{
	http_parser_pause(parser, 1);
	return 0;
}

static int check(const struct parsing *p, size_t len, size_t parsed, struct error *err)
{
	const char *target = p->target.buf;

	if (HTTP_PARSER_ERRNO(&p->parser) != HPE_PAUSED || parsed != len)
		return error_set(err, ERROR_INVALID, "This is no HTTP request that berth understands.");
	if (p->parser.http_major != 1 || p->parser.http_minor != 1)
		return error_set(err, ERROR_INVALID, "Only HTTP/1.1 is spoken here.");
	if (p->parser.method != HTTP_GET)
		return error_set(err, ERROR_UNSUPPORTED, "Only GET is understood here.");
	if (p->control)
		return error_set(err, ERROR_INVALID, "A header has control characters in it.");
	if (p->wrong)
		return error_set(err, ERROR_INVALID, "The header '%s' is there twice.", p->wrong);
	if (p->body)
		return error_set(err, ERROR_INVALID, "A request with a body is not understood here.");
	if (!p->head->field[HEAD_HOST])
		return error_set(err, ERROR_INVALID, "The header 'Host' is missing.");
	for (size_t i = 0; i < p->target.len; i++)
		if (target[i] <= ' ' || target[i] == 0x7f)
			return error_set(err, ERROR_INVALID, "The address is malformed.");
	return target[0] == '/' ? 0 : error_set(err, ERROR_INVALID, "The address is malformed.");
}

int head_parse(const char *data, size_t len, struct head *ret, struct error *err)
{
	static const http_parser_settings settings = {
		.on_url = url_cb,
		.on_header_field = name_cb,
		.on_header_value = value_cb,
		.on_headers_complete = headers_cb,
		.on_message_complete = message_cb,
	};
	struct parsing p = { .head = ret, .target = STRBUF_INIT, .name = STRBUF_INIT, .value = STRBUF_INIT };
	size_t n;
	int rc;

	*ret = (struct head){ 0 };
	http_parser_init(&p.parser, HTTP_REQUEST);
	p.parser.data = &p;
	rc = check(&p, len, http_parser_execute(&p.parser, &settings, data, len), err);
	n = strcspn(p.target.buf, "?#");
	ret->path = mem_strndup(p.target.buf, n);
	ret->query = mem_strdup(p.target.buf[n] == '?' ? p.target.buf + n + 1 : "");
	ret->websocket = p.upgrade && p.parser.upgrade && ret->field[HEAD_WS_KEY] != NULL;
	strbuf_clear(&p.target);
	strbuf_clear(&p.name);
	strbuf_clear(&p.value);
	if (rc < 0)
		head_clear(ret);
	return rc;
}

void head_clear(struct head *h)
{
	free(h->path);
	free(h->query);
	for (size_t i = 0; i < HEAD_FIELDS; i++)
		free(h->field[i]);
	*h = (struct head){ 0 };
}

/* "name=value" among parts that a character divides; blanks before a part do not count. */
static char *find_part(const char *text, char divider, const char *name)
{
	const char ends[] = { divider, 0 };
	size_t n = strlen(name);

	while (text && *text) {
		size_t len;

		text += strspn(text, " \t");
		len = strcspn(text, ends);
		if (len > n && strncmp(text, name, n) == 0 && text[n] == '=')
			return mem_strndup(text + n + 1, len - n - 1);
		text += len + (text[len] == divider);
	}
	return NULL;
}

char *head_cookie(const struct head *h, const char *name)
{
	return find_part(h->field[HEAD_COOKIE], ';', name);
}

char *head_query(const struct head *h, const char *name)
{
	return find_part(h->query, '&', name);
}

/* ---- towards ttyd and back */

void head_for_ttyd(const struct head *h, struct strbuf *out)
{
	strbuf_addf(out, "GET %s HTTP/1.1\r\nHost: berth\r\n", h->path);
	if (!h->websocket) {
		if (h->field[HEAD_ACCEPT_ENCODING])
			strbuf_addf(out, "Accept-Encoding: %s\r\n", h->field[HEAD_ACCEPT_ENCODING]);
		strbuf_addstr(out, "Connection: close\r\n\r\n");
		return;
	}
	strbuf_addstr(out, "Connection: Upgrade\r\nUpgrade: websocket\r\nOrigin: http://berth\r\n");
	for (size_t i = HEAD_WS_KEY; i <= HEAD_WS_EXTENSIONS; i++)
		if (h->field[i])
			strbuf_addf(out, "%s: %s\r\n", names[i], h->field[i]);
	strbuf_addstr(out, "\r\n");
}

static void add_security(struct strbuf *out, const char *policy, const char *origins)
{
	strbuf_addf(out, "Content-Security-Policy: %sframe-ancestors 'self'%s%s\r\n", policy, *origins ? " " : "",
		    origins);
	strbuf_addstr(out, "Referrer-Policy: no-referrer\r\n"
			   "Cache-Control: no-store\r\n"
			   "X-Content-Type-Options: nosniff\r\n");
}

void head_from_ttyd(struct strbuf *answer, size_t len, const char *origins)
{
	AUTO_STRBUF struct strbuf old = *answer;
	const char *line = memmem(old.buf, len, "\r\n", 2);
	size_t first = (size_t)(line - old.buf) + 2;

	strbuf_init(answer);
	strbuf_add(answer, old.buf, first);
	add_security(answer, "", origins);
	strbuf_add(answer, old.buf + first, old.len - first);
}

/* ---- answers of ours */

static const char *reason(int status)
{
	switch (status) {
	case 303: return "See Other";
	case 400: return "Bad Request";
	case 403: return "Forbidden";
	case 404: return "Not Found";
	case 405: return "Method Not Allowed";
	case 408: return "Request Timeout";
	case 409: return "Conflict";
	case 421: return "Misdirected Request";
	case 431: return "Request Header Fields Too Large";
	case 502: return "Bad Gateway";
	case 503: return "Service Unavailable";
	default: return "Error";
	}
}

static void add_escaped(struct strbuf *out, const char *text)
{
	for (; *text; text++) {
		if (strchr("<>&\"'", *text))
			strbuf_addf(out, "&#%d;", *text);
		else
			strbuf_addch(out, *text);
	}
}

void head_answer(struct strbuf *out, const struct answer *a)
{
	AUTO_STRBUF struct strbuf page = STRBUF_INIT;

	strbuf_addstr(&page, "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>berth</title>");
	if (a->again) {
		strbuf_addstr(&page, "<meta http-equiv=\"refresh\" content=\"0; url=");
		add_escaped(&page, a->again);
		strbuf_addstr(&page, "\">");
	}
	strbuf_addstr(&page, "<style>body{font:16px sans-serif;margin:4em auto;max-width:36em}</style></head>\n<body><p>");
	add_escaped(&page, a->text);
	strbuf_addstr(&page, "</p></body></html>\n");

	strbuf_addf(out, "HTTP/1.1 %d %s\r\n", a->status, reason(a->status));
	add_security(out, "default-src 'none'; style-src 'unsafe-inline'; ", a->origins);
	strbuf_addf(out, "%sContent-Type: text/html; charset=utf-8\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n",
		    a->fields, page.len);
	strbuf_add(out, page.buf, page.len);
}
