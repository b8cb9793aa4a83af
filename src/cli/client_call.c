/* SPDX-License-Identifier: MIT */
/* Requests with their envelopes and operations. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "cli/client_impl.h"

/* A body with a password in it is for nobody to see. */
static void debug_request(const struct client *c, const char *method, const char *path, const char *body)
{
	if (body && strstr(body, "\"password\":"))
		body = "(not shown)";
	if (c->debug)
		fprintf(stderr, "> %s %s%s%s\n", method, path, body ? " " : "", body ? body : "");
}

static void debug_answer(const struct client *c, const struct response *r)
{
	if (c->debug)
		fprintf(stderr, "< %d %s\n", r->status, r->raw);
}

static int request_text(struct strbuf *sb, const char *method, const char *path, const char *body,
			const char *if_match, struct error *err)
{
	if (client_head(sb, method, path, err) < 0)
		return -1;
	if (if_match)
		strbuf_addf(sb, "If-Match: %s\r\n", if_match);
	if (body)
		strbuf_addstr(sb, "Content-Type: application/json\r\n");
	if (body || strcmp(method, "GET") != 0)
		strbuf_addf(sb, "Content-Length: %zu\r\n", body ? strlen(body) : 0);
	strbuf_addstr(sb, "\r\n");
	if (body)
		strbuf_addstr(sb, body);
	return 0;
}

static int send_text(struct client *c, const struct strbuf *text, struct error *err)
{
	if (client_connect(c, err) < 0)
		return -1;
	if (client_send(c, text->buf, text->len, err) == 0)
		return 0;
	client_close(c);
	return -1;
}

/* *ret_stale: a kept connection ended before a byte of the answer: the server closed it just now. */
static int exchange(struct client *c, const struct strbuf *text, struct exchange *x, bool *ret_stale,
		    struct error *err)
{
	int rc;

	exchange_init(x);
	*ret_stale = false;
	if (client_connect(c, err) < 0)
		return -1;
	*ret_stale = c->kept;
	rc = client_send(c, text->buf, text->len, err);
	if (rc == 0)
		rc = client_receive(c, x, err);
	else
		client_close(c);
	*ret_stale = *ret_stale && rc < 0 && !x->started;
	return rc;
}

int client_request(struct client *c, const char *method, const char *path, const cJSON *body,
		   const char *if_match, struct response *ret, struct error *err)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT;
	AUTO_FREE char *json = body ? json_text(body) : NULL;
	struct exchange x;
	bool stale;
	int rc;

	*ret = (struct response){ 0 };
	if (if_match && strpbrk(if_match, "\r\n"))
		return error_set(err, ERROR_INVALID, "an ETag has no line breaks");
	if (request_text(&text, method, path, json, if_match, err) < 0)
		return -1;
	debug_request(c, method, path, json);
	rc = exchange(c, &text, &x, &stale, err);
	if (rc < 0 && stale && !strcmp(method, "GET")) {
		exchange_clear(&x);
		error_clear(err);
		rc = exchange(c, &text, &x, &stale, err);
	}
	if (rc == 0) {
		client_response(&x, ret);
		debug_answer(c, ret);
	}
	exchange_clear(&x);
	return rc;
}

static enum error_code code_of_status(int status)
{
	for (int code = ERROR_INVALID; code <= ERROR_UNAVAILABLE; code++)
		if (error_http_status((enum error_code)code) == status)
			return (enum error_code)code;
	return ERROR_TOOL;
}

int client_check(const struct response *r, const char *method, const char *path, struct error *err)
{
	const char *type = json_str(r->envelope, "type");
	const char *text = json_str(r->envelope, "error");

	if (r->status < 400 && type && (!strcmp(type, "sync") || !strcmp(type, "async")))
		return 0;
	if (text && text[0])
		return error_set(err, code_of_status(r->status), "%s", text);
	if (r->status >= 400)
		return error_set(err, code_of_status(r->status), "berthd answered %s %s with HTTP status %d",
				 method, path, r->status);
	return error_set(err, ERROR_TOOL, "the answer of berthd to %s %s is not what its API promises",
			 method, path);
}

static int call(struct client *c, const char *method, const char *path, const cJSON *body,
		const char *if_match, struct response *ret, struct error *err)
{
	if (client_request(c, method, path, body, if_match, ret, err) < 0)
		return -1;
	if (client_check(ret, method, path, err) == 0)
		return 0;
	response_clear(ret);
	return -1;
}

static cJSON *take_metadata(struct response *r)
{
	cJSON *m = cJSON_DetachItemFromObjectCaseSensitive(r->envelope, "metadata");

	return m ? m : cJSON_CreateNull();
}

cJSON *client_get(struct client *c, const char *path, char **ret_etag, struct error *err)
{
	struct response r;
	cJSON *m;

	if (ret_etag)
		*ret_etag = NULL;
	if (call(c, "GET", path, NULL, NULL, &r, err) < 0)
		return NULL;
	m = take_metadata(&r);
	if (ret_etag) {
		*ret_etag = r.etag;
		r.etag = NULL;
	}
	response_clear(&r);
	return m;
}

static bool is_operation_id(const char *id)
{
	return id && id[0] && strlen(id) < 128 && strspn(id, "0123456789abcdefABCDEF-") == strlen(id);
}

char *client_operation_id(const struct response *r)
{
	const char *type = json_str(r->envelope, "type");
	const char *id = json_str(json_obj(r->envelope, "metadata"), "id");
	const char *url = json_str(r->envelope, "operation");

	if (!type || strcmp(type, "async") != 0)
		return NULL;
	if (!is_operation_id(id) && url && strrchr(url, '/'))
		id = strrchr(url, '/') + 1;
	return is_operation_id(id) ? mem_strdup(id) : NULL;
}

/* *ret_id NULL: a sync answer, its metadata is in *ret_metadata. */
static int begin(struct client *c, const char *method, const char *path, const cJSON *body,
		 const char *if_match, char **ret_id, cJSON **ret_metadata, struct error *err)
{
	struct response r;
	int rc = 0;

	*ret_id = NULL;
	*ret_metadata = NULL;
	if (call(c, method, path, body, if_match, &r, err) < 0)
		return -1;
	*ret_id = client_operation_id(&r);
	if (!*ret_id && !strcmp(json_str_or(r.envelope, "type", ""), "async"))
		rc = error_set(err, ERROR_TOOL, "berthd began an operation without a usable id");
	else if (!*ret_id)
		*ret_metadata = take_metadata(&r);
	response_clear(&r);
	return rc;
}

char *client_begin(struct client *c, const char *method, const char *path, const cJSON *body,
		   const char *if_match, struct error *err)
{
	cJSON *metadata;
	char *id;

	error_clear(err);
	if (begin(c, method, path, body, if_match, &id, &metadata, err) < 0)
		return NULL;
	cJSON_Delete(metadata);
	return id;
}

cJSON *client_change(struct client *c, const char *method, const char *path, const cJSON *body,
		     const char *if_match, struct error *err)
{
	AUTO_FREE char *id = NULL;
	cJSON *metadata;

	if (begin(c, method, path, body, if_match, &id, &metadata, err) < 0)
		return NULL;
	return id ? client_wait(c, id, err) : metadata;
}

int client_wait_send(struct client *c, const char *operation_id, struct error *err)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT;
	AUTO_FREE char *path = mem_printf("/1.0/operations/%s/wait?timeout=-1", operation_id);

	if (request_text(&text, "GET", path, NULL, NULL, err) < 0)
		return -1;
	debug_request(c, "GET", path, NULL);
	return send_text(c, &text, err);
}

/* The final operation object, or NULL with its error. */
static cJSON *operation_result(cJSON *op, struct error *err)
{
	const char *text = json_str_or(op, "err", "");
	int64_t status = json_int(op, "status_code", 0);

	if (status < 300 && !text[0])
		return op;
	error_set(err, status == 401 ? ERROR_CANCELLED : ERROR_TOOL, "%s",
		  text[0] ? text : status == 401 ? "the operation was cancelled" : "the operation failed");
	cJSON_Delete(op);
	return NULL;
}

cJSON *client_wait_receive(struct client *c, struct error *err)
{
	struct response r = { 0 };
	struct exchange x;
	cJSON *op = NULL;
	int rc;

	exchange_init(&x);
	rc = client_receive(c, &x, err);
	if (rc == 0) {
		client_response(&x, &r);
		debug_answer(c, &r);
		rc = client_check(&r, "GET", "an operation", err);
	}
	exchange_clear(&x);
	if (rc == 0)
		op = operation_result(take_metadata(&r), err);
	response_clear(&r);
	return op;
}

cJSON *client_wait(struct client *c, const char *operation_id, struct error *err)
{
	cJSON *op;

	do {
		if (client_wait_send(c, operation_id, err) < 0 || client_follow(c, operation_id, err) < 0)
			return NULL;
		op = client_wait_receive(c, err);
	} while (op && json_int(op, "status_code", 200) < 200 && (cJSON_Delete(op), true));
	return op;
}

char *client_escape(const char *segment)
{
	struct strbuf sb = STRBUF_INIT;

	strbuf_adduri(&sb, segment);
	return strbuf_detach(&sb);
}
