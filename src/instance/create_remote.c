/* SPDX-License-Identifier: MIT */
#include "instance/create_remote.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "image/download.h"
#include "instance/instance.h"

enum { LONG_TIME_S = 24 * 3600 };

struct remote {
	struct berthd *b;
	cJSON *args; /* name, request */
};

static void *remote_load(void *ctx, cJSON *args, struct error *err)
{
	struct remote *v = mem_alloc(sizeof(*v));

	v->b = ctx;
	v->args = args;
	return v;
}

/* From here on it is an image of our own. */
static enum op_result fetched(struct op *op, struct op *download, struct error *err)
{
	struct remote *v = op_data(op);
	cJSON *request = json_obj(v->args, "request"), *source;

	if (err->code != ERROR_NONE)
		return OP_FAIL;
	source = cJSON_CreateObject();
	json_set_str(source, "type", "image");
	json_set_str(source, "fingerprint", json_str_or(op_args(download), "fingerprint", ""));
	json_set(request, "source", source);
	return OP_DONE;
}

static enum op_result step_image(struct op *op, struct error *err)
{
	struct remote *v = op_data(op);
	const cJSON *source = json_obj(json_obj(v->args, "request"), "source");
	AUTO_JSON cJSON *options = cJSON_CreateObject();
	struct image_download d = { .source = source, .options = options, .shown_by = op_id(op),
				    .prefer_cached = json_bool(source, "prefer_cached", false) };

	json_set_bool(options, "cached", true);
	json_set_bool(options, "auto_update", json_bool(source, "auto_update", true));
	return op_follow(op, image_download(v->b, &d, err), fetched, err);
}

static enum op_result step_create(struct op *op, struct error *err)
{
	struct remote *v = op_data(op);

	return op_follow(op, instance_create(v->b, json_obj(v->args, "request"), err), NULL, err);
}

static const struct op_step steps[] = {
	{ "image", step_image, NULL, LONG_TIME_S, 0 },
	{ "create", step_create, NULL, LONG_TIME_S, 0 },
	{ 0 },
};

static const struct op_kind remote_kind = {
	.name = "launch-remote",
	.description = "Creating instance",
	.steps = steps,
	.load = remote_load,
	.unload = free,
	.volatile_ = true, /* what it starts is in the journal by itself */
	.may_cancel = true,
	.coordinator = true,
};

bool create_remote_asked(const cJSON *request)
{
	const cJSON *source = json_obj(request, "source");

	return strcmp(json_str_or(source, "type", ""), "image") == 0 && *json_str_or(source, "server", "") != '\0';
}

struct op *create_remote(struct berthd *b, const cJSON *request, const char *name, struct error *err)
{
	AUTO_FREE char *lock = mem_printf("launch-remote/%s", name); /* the instance's own is the launch's */
	const char *locks[] = { lock, NULL };
	struct op_options options = { .locks = locks, .resources = instance_resources(name) };
	cJSON *args = cJSON_CreateObject(), *copy = cJSON_Duplicate(request, true);

	json_set_str(copy, "name", name);
	json_set(args, "request", copy);
	json_set_str(args, "name", name);
	return op_start(b->ops, &remote_kind, args, &options, err);
}
