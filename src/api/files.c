/* SPDX-License-Identifier: MIT */
/*
 * /1.0/instances/{name}/files?path=: files of an instance, running or stopped. Contents pass through in both directions as
 * fast as the other end takes them.
 */
#include <stdlib.h>
#include <string.h>

#include "api/events.h"
#include "api/file_talk.h"
#include "api/files_head.h"
#include "api/request.h"
#include "base/json.h"
#include "base/mem.h"
#include "instance/file.h"
#include "instance/registry.h"

/* One request and its talk. */
struct access {
	struct request *request;
	struct file_talk *talk;
	const char *action; /* the lifecycle event of a success */
	char *path, *source;
	struct error err;   /* of an upload that is refused half-way */
	bool waits;         /* for the answer: the whole upload is out */
};

static void access_free(struct access *a)
{
	free(a->path);
	free(a->source);
	free(a);
}

static void access_abort(void *state)
{
	struct access *a = state;

	if (a->talk != NULL)
		file_talk_close(a->talk);
	access_free(a);
}

static void tell_all(const struct access *a)
{
	cJSON *context = cJSON_CreateObject();

	json_set_strf(context, "path", "/%s", a->path + strspn(a->path, "/")); /* as LXD */
	events_request(a->request, a->action, a->source, context);
}

/* NULL: the request is wrong. */
static struct access *access_new(struct request *r, const char *action, struct error *err)
{
	const char *path = request_query(r, "path"), *name = request_param(r, "name");
	struct access *a;

	if (registry_find(request_berthd(r)->registry, name, err) == NULL)
		return NULL;
	if (path == NULL || *path == '\0') {
		error_set(err, ERROR_INVALID, "Missing path argument");
		return NULL;
	}
	if (strlen(path) >= 4096) {
		error_set(err, ERROR_INVALID, "a path has at most 4095 bytes");
		return NULL;
	}
	a = mem_alloc(sizeof(*a));
	a->request = r;
	a->action = action;
	a->path = mem_strdup(path);
	a->source = mem_printf("/1.0/instances/%s", name);
	return a;
}

static int access_begin(struct access *a, struct argv *verb, const struct file_talk_handler *handler, struct error *err)
{
	struct request *r = a->request;

	argv_pushl(verb, "--", a->path, NULL);
	a->talk = file_talk_open(request_berthd(r), request_param(r, "name"), verb, handler, a, err);
	return a->talk != NULL ? 0 : -1;
}

static void gone(struct request *r)
{
	access_abort(request_data(r));
}

/* For requests without a body: waits for the answer. */
static void ask(struct request *r, const char *verb, const char *action, const struct file_talk_handler *handler)
{
	struct error err = ERROR_INIT;
	AUTO_ARGV struct argv argv = ARGV_INIT;
	struct access *a = access_new(r, action, &err);

	if (a == NULL) {
		reply_error(r, &err);
		return;
	}
	argv_push(&argv, verb);
	if (access_begin(a, &argv, handler, &err) < 0) {
		access_free(a);
		reply_error(r, &err);
		return;
	}
	request_set_data(r, a);
	request_on_gone(r, gone);
}

/* ---- GET */

static void sent_cb(void *data)
{
	file_session_close(data);
}

static void reply_contents(struct access *a, const cJSON *head)
{
	struct request *r = a->request;
	const char *type = json_str_or(head, "type", "file"), *modified = json_str(head, "modified");
	const char *slash = strrchr(a->path, '/');
	bool folder = strcmp(type, "directory") == 0;
	struct reply_stream stream = {
		.size = json_int(head, "size", -1),
		.content_type = folder ? "application/json" : "application/octet-stream",
		.before = folder ? "{\"type\":\"sync\",\"status\":\"Success\",\"status_code\":200,\"operation\":\"\","
				   "\"error_code\":0,\"error\":\"\",\"metadata\":" : NULL,
		.after = folder ? "}\n" : NULL,
		.on_end = sent_cb,
	};

	reply_file_type(r, folder ? "directory" : strcmp(type, "symlink") == 0 ? "symlink" : "file",
			(unsigned)json_int(head, "mode", 0), (unsigned)json_int(head, "uid", 0),
			(unsigned)json_int(head, "gid", 0));
	if (modified != NULL)
		reply_file_modified(r, modified);
	stream.data = file_talk_take(a->talk);
	stream.fd = file_session_fd(stream.data);
	reply_stream(r, &stream, folder ? NULL : slash != NULL ? slash + 1 : a->path);
}

static void got_cb(const cJSON *head, const struct error *err, void *data)
{
	struct access *a = data;

	request_on_gone(a->request, NULL);
	if (head == NULL) {
		reply_error(a->request, err);
		access_abort(a);
		return;
	}
	tell_all(a);
	reply_contents(a, head);
	access_free(a);
}

static void get_file(struct request *r)
{
	static const struct file_talk_handler handler = { got_cb, NULL };

	ask(r, "get", "instance-file-retrieved", &handler);
}

/* ---- DELETE */

static void finish(struct access *a, const cJSON *head, const struct error *err)
{
	request_on_gone(a->request, NULL);
	if (head != NULL) {
		tell_all(a);
		reply_sync(a->request, NULL);
	} else {
		reply_error(a->request, err);
	}
	access_abort(a);
}

static void deleted_cb(const cJSON *head, const struct error *err, void *data)
{
	finish(data, head, err);
}

static void delete_file(struct request *r)
{
	static const struct file_talk_handler handler = { deleted_cb, NULL };

	ask(r, "delete", "instance-file-deleted", &handler);
}

/* ---- POST */

static void put_cb(const cJSON *head, const struct error *err, void *data)
{
	struct access *a = data;

	if (a->waits) {
		finish(a, head, err);
		return;
	}
	/* refused in the middle: the next piece of the body, or its end, is told so */
	a->err = *err;
	if (head != NULL)
		error_set(&a->err, ERROR_TOOL, "berth-file ended too early");
	request_go_on(a->request);
}

static void drained_cb(void *data)
{
	struct access *a = data;

	request_go_on(a->request);
}

static void *begin_put(struct request *r, struct error *err)
{
	static const struct file_talk_handler handler = { put_cb, drained_cb };
	AUTO_ARGV struct argv verb = ARGV_INIT;
	struct access *a = access_new(r, "instance-file-pushed", err);

	if (a == NULL)
		return NULL;
	argv_push(&verb, "put");
	if (files_head_push(r, &verb, err) < 0 || access_begin(a, &verb, &handler, err) < 0) {
		access_free(a);
		return NULL;
	}
	return a;
}

static int put_data(void *state, const void *data, size_t len, struct error *err)
{
	struct access *a = state;

	if (a->err.code != ERROR_NONE) {
		*err = a->err;
		return -1;
	}
	if (len > 0 && !file_talk_send(a->talk, data, len))
		request_pause(a->request);
	return 0;
}

static void end_put(struct request *r, void *state)
{
	struct access *a = state;

	if (a->err.code != ERROR_NONE) {
		finish(a, NULL, &a->err);
		return;
	}
	a->waits = true;
	request_set_data(r, a);
	request_on_gone(r, gone);
	(void)file_talk_send(a->talk, "", 0);
}

static const struct route_upload put_upload = {
	.begin = begin_put,
	.data = put_data,
	.end = end_put,
	.abort = access_abort,
};

const struct route file_routes[] = {
	{ "GET", "/1.0/instances/{name}/files", get_file, NULL },
	{ "POST", "/1.0/instances/{name}/files", NULL, &put_upload },
	{ "DELETE", "/1.0/instances/{name}/files", delete_file, NULL },
	{ .method = NULL },
};
