/* SPDX-License-Identifier: MIT */
/* berth scan: what is there, compared with what is known. */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "host/host_private.h"
#include "instance/instance.h"
#include "model/settings.h"

enum { PREFIX_MAX = 63 };
#define PREFIX_CHARS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-"

struct scan {
	struct berthd *b;
	struct op *op; /* NULL once the operation is over */
	bool waiting;
};

static void *scan_load(void *ctx, cJSON *args, struct error *err)
{
	struct scan *s = mem_alloc(sizeof(*s));

	s->b = ctx;
	return s;
}

static void scan_unload(void *data)
{
	struct scan *s = data;

	if (s == NULL)
		return;
	s->op = NULL;
	if (!s->waiting)
		free(s);
}

static void synced(void *data)
{
	struct scan *s = data;

	s->waiting = false;
	if (s->op != NULL)
		op_resume(s->op, OP_DONE, NULL);
	else
		free(s);
}

static enum op_result step_scan(struct op *op, struct error *err)
{
	struct scan *s = op_data(op);
	const char *prefix = json_str_or(op_args(op), "filter_name", "");
	struct registry_scan found;

	if (registry_scan(s->b->registry, prefix, &found, err) < 0)
		return OP_FAIL;
	op_metadata_set(op, "scanned", cJSON_CreateNumber(found.scanned));
	op_metadata_set(op, "added", cJSON_CreateNumber(found.added));
	op_metadata_set(op, "removed", cJSON_CreateNumber(found.removed));
	op_metadata_set(op, "prefix_filter",
			cJSON_CreateString(prefix[0] != '\0' ? prefix : s->b->settings->filter_name));
	return OP_DONE;
}

/* The states of all: of new ones, and of what was changed while nobody looked. */
static enum op_result step_states(struct op *op, struct error *err)
{
	struct scan *s = op_data(op);

	s->op = op;
	s->waiting = true;
	registry_sync(s->b->registry, synced, s);
	return OP_WAIT;
}

static const struct op_step scan_steps[] = {
	{ "scan", step_scan, NULL, 120, 0 },
	{ "states", step_states, NULL, 120, 0 },
	{ 0 },
};
static const struct op_kind scan_kind = {
	.name = "scan",
	.description = "Scanning for instances",
	.steps = scan_steps,
	.load = scan_load,
	.unload = scan_unload,
	.volatile_ = true,
};

struct op *host_scan(struct berthd *b, const cJSON *request, struct error *err)
{
	const cJSON *prefix = cJSON_GetObjectItemCaseSensitive(request, "filter_name");
	const char *text = cJSON_IsString(prefix) ? prefix->valuestring : "";
	cJSON *args;

	if (prefix != NULL && !cJSON_IsString(prefix) && !cJSON_IsNull(prefix)) {
		error_set(err, ERROR_INVALID, "filter_name must be a string: what names start with");
		return NULL;
	}
	if (strlen(text) > PREFIX_MAX || text[strspn(text, PREFIX_CHARS)] != '\0') {
		error_set(err, ERROR_INVALID, "filter_name: '%.80s' must have at most %d of the characters A-Z a-z 0-9 . _ -",
			  text, PREFIX_MAX);
		return NULL;
	}
	args = cJSON_CreateObject();
	json_set_str(args, "filter_name", text);
	return op_start(b->ops, &scan_kind, args, NULL, err);
}
