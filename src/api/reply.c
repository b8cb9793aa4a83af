/* SPDX-License-Identifier: MIT */
/* LXD's envelopes (lxd/response): sync, async, error; one JSON object and a newline. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/request.h"
#include "api/requestor.h"
#include "base/ident.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"

/* A second reply to one request is a mistake of ours: the first one counts. */
static bool may_reply(const struct request *r)
{
	if (r->reply.status == 0)
		return true;
	log_error("%s %s was replied to twice", r->method, r->path);
	return false;
}

static void send_text(struct request *r, unsigned status, struct strbuf *text)
{
	r->reply.status = status;
	r->reply.len = text->len;
	r->reply.text = strbuf_detach(text);
	r->transport->send(r);
}

static void envelope_sync(struct strbuf *out, const char *metadata, size_t len)
{
	strbuf_grow(out, len + 160);
	strbuf_addstr(out, "{\"type\":\"sync\",\"status\":\"Success\",\"status_code\":200,\"operation\":\"\","
			   "\"error_code\":0,\"error\":\"\",\"metadata\":");
	strbuf_add(out, metadata, len);
	strbuf_addstr(out, "}\n");
}

void reply_sync_text(struct request *r, const char *metadata_json, size_t len)
{
	struct strbuf text = STRBUF_INIT;

	if (!may_reply(r))
		return;
	envelope_sync(&text, metadata_json, len);
	send_text(r, 200, &text);
}

void reply_sync(struct request *r, cJSON *metadata_taken)
{
	char *text = metadata_taken ? json_text(metadata_taken) : mem_strdup("{}");

	cJSON_Delete(metadata_taken);
	reply_sync_text(r, text, strlen(text));
	free(text);
}

void reply_sync_etag(struct request *r, cJSON *metadata_taken, const char *etag)
{
	if (r->reply.status == 0)
		r->reply.etag = mem_strdup(etag);
	reply_sync(r, metadata_taken);
}

void reply_created(struct request *r, const char *location)
{
	struct strbuf text = STRBUF_INIT;

	if (!may_reply(r))
		return;
	r->reply.location = mem_strdup(location);
	envelope_sync(&text, "null", 4);
	send_text(r, 201, &text);
}

void reply_operation(struct request *r, struct op *op)
{
	struct strbuf text = STRBUF_INIT;
	cJSON *object;
	char *json;

	if (!may_reply(r))
		return;
	op_set_origin(op, requestor_of(r));
	object = op_json(op);
	json = json_text(object);
	r->reply.location = mem_printf("/1.0/operations/%s", op_id(op));
	strbuf_addf(&text,
		    "{\"type\":\"async\",\"status\":\"Operation created\",\"status_code\":100,"
		    "\"operation\":\"%s\",\"error_code\":0,\"error\":\"\",\"metadata\":%s}\n",
		    r->reply.location, json);
	free(json);
	cJSON_Delete(object);
	send_text(r, 202, &text);
}

void reply_json(struct request *r, unsigned status, cJSON *body_taken)
{
	AUTO_FREE char *json = json_text(body_taken);
	struct strbuf text = STRBUF_INIT;

	cJSON_Delete(body_taken);
	if (!may_reply(r))
		return;
	strbuf_addf(&text, "%s\n", json);
	send_text(r, status, &text);
}

void reply_error(struct request *r, const struct error *err)
{
	struct strbuf text = STRBUF_INIT;
	unsigned status = (unsigned)error_http_status(err->code);
	cJSON *message;
	char *json;

	if (!may_reply(r))
		return;
	if (r->refuse != NULL) {
		r->refuse(r, err);
		return;
	}
	if (status < 400) { /* an error that nobody set is a mistake of ours */
		log_error("%s %s failed without saying why", r->method, r->path);
		status = 500;
	}
	message = cJSON_CreateStringReference(*err->msg ? err->msg : "internal error");
	json = json_text(message);
	strbuf_addf(&text,
		    "{\"type\":\"error\",\"status\":\"\",\"status_code\":0,\"operation\":\"\","
		    "\"error_code\":%u,\"error\":%s,\"metadata\":null}\n",
		    status, json);
	free(json);
	cJSON_Delete(message);
	send_text(r, status, &text);
}

void reply_op(struct request *r, struct op *op, const struct error *err)
{
	if (op != NULL)
		reply_operation(r, op);
	else
		reply_error(r, err);
}

/* Who waits for an operation to reply with what came of it. */
struct late {
	struct request *request; /* NULL: the client left */
	char *location; /* or NULL */
};

static void late_ended(struct op *op, void *data)
{
	struct late *l = data;
	struct request *r = l->request;

	if (r != NULL) {
		request_on_gone(r, NULL);
		if (op_status(op) != OP_SUCCESS)
			reply_error(r, op_error(op));
		else if (l->location != NULL)
			reply_created(r, l->location);
		else
			reply_sync(r, NULL);
	}
	free(l->location);
	free(l);
}

static void late_gone(struct request *r)
{
	((struct late *)request_data(r))->request = NULL;
}

void reply_op_ended(struct request *r, struct op *op, const char *location_or_null, const struct error *err)
{
	struct late *l;

	if (op == NULL) {
		reply_error(r, err);
		return;
	}
	l = mem_alloc(sizeof(*l));
	*l = (struct late){ .request = r, .location = location_or_null != NULL ? mem_strdup(location_or_null) : NULL };
	request_set_data(r, l);
	request_on_gone(r, late_gone);
	op_set_origin(op, requestor_of(r));
	op_on_end(op, late_ended, l);
}

void reply_errorf(struct request *r, enum error_code code, const char *fmt, ...)
{
	struct error err = { .code = code };
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(err.msg, sizeof(err.msg), fmt, ap);
	va_end(ap);
	reply_error(r, &err);
}

/* What may stand in a header unquoted, whatever a client called its file. */
static char *harmless_filename(const char *name)
{
	char *s = mem_strdup(name), *p;

	for (p = s; *p; p++)
		if (!strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._+-", *p))
			*p = '_';
	return s;
}

void reply_file(struct request *r, int fd_taken, const char *name)
{
	struct stat st;

	if (fstat(fd_taken, &st) < 0 || !S_ISREG(st.st_mode)) {
		close(fd_taken);
		reply_errorf(r, ERROR_TOOL, "what was to be sent is not a regular file");
		return;
	}
	if (!may_reply(r)) {
		close(fd_taken);
		return;
	}
	r->reply.fd = fd_taken;
	r->reply.size = st.st_size;
	r->reply.filename = name ? harmless_filename(name) : NULL;
	r->reply.status = 200;
	r->transport->send(r);
}

void reply_stream(struct request *r, const struct reply_stream *stream, const char *filename)
{
	if (!may_reply(r)) {
		stream->on_end(stream->data);
		return;
	}
	r->reply.stream = *stream;
	r->reply.content_type = mem_strdup(stream->content_type);
	r->reply.filename = filename ? harmless_filename(filename) : NULL;
	r->reply.status = 200;
	r->transport->send(r);
}

void reply_file_modified(struct request *r, const char *modified)
{
	if (r->reply.status == 0)
		r->reply.modified = mem_strdup(modified);
}

void reply_file_type(struct request *r, const char *type, unsigned mode, unsigned uid, unsigned gid)
{
	if (r->reply.status != 0)
		return;
	r->reply.type = type;
	r->reply.mode = mode;
	r->reply.uid = uid;
	r->reply.gid = gid;
}

void reply_parts_clear(struct reply_part *parts, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (!parts[i].text)
			close(parts[i].fd);
		free(parts[i].text);
	}
}

/* False: one of them is no regular file. */
static bool measure(struct reply_part *parts, size_t n)
{
	struct stat st;

	for (size_t i = 0; i < n; i++) {
		if (!parts[i].text && (fstat(parts[i].fd, &st) < 0 || !S_ISREG(st.st_mode)))
			return false;
		parts[i].size = parts[i].text ? strlen(parts[i].text) : (uint64_t)st.st_size;
	}
	return true;
}

void reply_multipart(struct request *r, const struct reply_part *parts_taken, size_t n, const char *boundary)
{
	struct reply_part parts[REPLY_PARTS_MAX] = { 0 };

	memcpy(parts, parts_taken, n * sizeof(*parts));
	if (!measure(parts, n) || !may_reply(r)) {
		reply_parts_clear(parts, n);
		if (r->reply.status == 0)
			reply_errorf(r, ERROR_TOOL, "what was to be sent is not a regular file");
		return;
	}
	memcpy(r->reply.parts, parts, sizeof(parts));
	r->reply.n_parts = n;
	r->reply.content_type = mem_printf("multipart/form-data; boundary=%s", boundary);
	r->reply.status = 200;
	r->transport->send(r);
}

void etag_of(const cJSON *v, char out[65])
{
	cJSON *sorted = cJSON_Duplicate(v, true);
	struct digest *d = digest_new();
	char *text;

	json_sort(sorted);
	text = json_text(sorted);
	digest_update(d, text, strlen(text));
	digest_finish(d, out);
	free(text);
	cJSON_Delete(sorted);
}

/* One member of an If-Match list, quoted or (LXD takes that too) bare. */
static bool etag_is(const char *s, size_t len, const char *etag)
{
	if (len >= 2 && s[0] == '"' && s[len - 1] == '"') {
		s++;
		len -= 2;
	}
	return (len == 1 && *s == '*') || (len == strlen(etag) && memcmp(s, etag, len) == 0);
}

bool request_etag_ok(struct request *r, const char *etag)
{
	const char *given = request_header(r, "If-Match"), *s;

	if (!given || !*given)
		return true;
	for (s = given; *s;) {
		size_t len = strcspn(s, ", ");

		if (len && etag_is(s, len, etag))
			return true;
		s += len;
		s += strspn(s, ", ");
	}
	reply_errorf(r, ERROR_PRECONDITION, "ETag doesn't match: %s vs %.200s", etag, given);
	return false;
}
