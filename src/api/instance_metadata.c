/* SPDX-License-Identifier: MIT */
/* /1.0/instances/{name}/metadata and its templates: what an instance has of its image beside the tree. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/events.h"
#include "api/request.h"
#include "api/router.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "instance/metadata.h"
#include "instance/registry.h"

static void announce(struct request *r, const char *action, const char *file)
{
	AUTO_STRBUF struct strbuf source = STRBUF_INIT;
	cJSON *context = NULL;

	strbuf_addf(&source, "/1.0/instances/%s/metadata%s", request_param(r, "name"), file != NULL ? "/templates" : "");
	if (file != NULL) {
		context = cJSON_CreateObject();
		json_set_str(context, "path", file);
	}
	events_request(r, action, source.buf, context);
}

/* A container that berth did not make has no metadata to keep. NULL: replied. */
static struct instance *own_instance(struct request *r)
{
	struct instance *inst = request_instance(r);

	if (inst == NULL || (!inst->adopted && inst->note == NULL))
		return inst;
	reply_errorf(r, ERROR_UNSUPPORTED, "'%s' was not made by berth, or cannot be understood: it has no metadata", inst->name);
	return NULL;
}

/* ---- metadata */

static void get_metadata(struct request *r)
{
	struct instance *inst = own_instance(r);
	struct error err = ERROR_INIT;
	cJSON *v, *t;
	char etag[65];

	if (inst == NULL)
		return;
	v = metadata_get(request_berthd(r), inst, &err);
	if (v == NULL) {
		reply_error(r, &err);
		return;
	}
	etag_of(v, etag);
	cJSON_ArrayForEach(t, json_obj(v, "templates"))
		if (json_obj(t, "properties") == NULL)
			json_set(t, "properties", cJSON_CreateNull());
	announce(r, "instance-metadata-retrieved", NULL);
	reply_sync_etag(r, v, etag);
}

/* PATCH: the members that are given; of properties and templates each by itself. */
static void merge(cJSON *onto, const cJSON *change)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, change) {
		cJSON *there = cJSON_GetObjectItemCaseSensitive(onto, item->string);

		if (cJSON_IsObject(there) && cJSON_IsObject(item) && strcmp(item->string, "properties") == 0)
			merge(there, item);
		else
			json_set(onto, item->string, cJSON_Duplicate(item, true));
	}
}

static void change(struct request *r, bool patch)
{
	struct berthd *b = request_berthd(r);
	struct instance *inst = own_instance(r);
	struct error err = ERROR_INIT;
	AUTO_JSON cJSON *now = inst != NULL ? metadata_get(b, inst, &err) : NULL;
	char etag[65];

	if (inst == NULL)
		return;
	if (now == NULL) {
		reply_error(r, &err);
		return;
	}
	etag_of(now, etag);
	if (!request_etag_ok(r, etag))
		return;
	if (patch)
		merge(now, request_body(r));
	if (metadata_put(b, inst, patch ? now : request_body(r), &err) < 0) {
		reply_error(r, &err);
		return;
	}
	announce(r, "instance-metadata-updated", NULL);
	reply_sync(r, NULL);
}

static void put_metadata(struct request *r)
{
	change(r, false);
}

static void patch_metadata(struct request *r)
{
	change(r, true);
}

/* ---- templates */

static void reply_template(struct request *r, const struct instance *inst, const char *path)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT;
	struct error err = ERROR_INIT;
	int fd = -1;

	if (metadata_template_read(request_berthd(r), inst, path, &text, &err) == 0) {
		fd = fs_memory_file(text.buf, text.len);
		if (fd < 0)
			error_sys(&err, errno, "cannot hand the template on");
	}
	if (err.code == ERROR_NONE) {
		reply_file(r, fd, path);
		return;
	}
	reply_error(r, &err);
}

static void get_templates(struct request *r)
{
	struct instance *inst = own_instance(r);
	const char *path = request_query(r, "path");

	if (inst == NULL)
		return;
	if (path != NULL && path[0] != '\0')
		reply_template(r, inst, path);
	else
		reply_sync(r, metadata_templates(request_berthd(r), inst));
}

static void delete_template(struct request *r)
{
	struct instance *inst = own_instance(r);
	const char *path = request_query(r, "path");
	struct error err = ERROR_INIT;

	if (inst == NULL)
		return;
	if (path == NULL || path[0] == '\0') {
		reply_errorf(r, ERROR_INVALID, "missing path argument");
		return;
	}
	if (metadata_template_delete(request_berthd(r), inst, path, &err) < 0) {
		reply_error(r, &err);
		return;
	}
	announce(r, "instance-metadata-template-deleted", path);
	reply_sync(r, NULL);
}

/* ---- a template's text is the body, whatever it is called */

static void *begin(struct request *r, struct error *err)
{
	struct strbuf *text = mem_alloc(sizeof(*text));

	strbuf_init(text);
	return text;
}

static int data(void *state, const void *bytes, size_t len, struct error *err)
{
	struct strbuf *text = state;

	if (text->len + len > METADATA_TEMPLATE_MAX)
		return error_set(err, ERROR_TOO_LARGE, "a template has at most %d bytes", METADATA_TEMPLATE_MAX);
	strbuf_add(text, bytes, len);
	return 0;
}

static void drop(void *state)
{
	strbuf_clear(state);
	free(state);
}

static void end(struct request *r, void *state)
{
	const struct strbuf *text = state;
	struct instance *inst = own_instance(r);
	const char *path = request_query(r, "path");
	struct error err = ERROR_INIT;

	if (inst != NULL && (path == NULL || path[0] == '\0'))
		reply_errorf(r, ERROR_INVALID, "missing path argument");
	else if (inst != NULL &&
		 metadata_template_write(request_berthd(r), inst, path, text->len > 0 ? text->buf : "", text->len, &err) < 0)
		reply_error(r, &err);
	else if (inst != NULL) {
		announce(r, "instance-metadata-template-created", path);
		reply_sync(r, NULL);
	}
	drop(state);
}

static const struct route_upload template_body = { .begin = begin, .data = data, .end = end, .abort = drop };

const struct route instance_metadata_routes[] = {
	{ "GET", "/1.0/instances/{name}/metadata", get_metadata, NULL },
	{ "PUT", "/1.0/instances/{name}/metadata", put_metadata, NULL },
	{ "PATCH", "/1.0/instances/{name}/metadata", patch_metadata, NULL },
	{ "GET", "/1.0/instances/{name}/metadata/templates", get_templates, NULL },
	{ "POST", "/1.0/instances/{name}/metadata/templates", get_templates, &template_body },
	{ "DELETE", "/1.0/instances/{name}/metadata/templates", delete_template, NULL },
	{ 0 },
};
