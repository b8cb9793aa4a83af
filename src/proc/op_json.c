/* SPDX-License-Identifier: MIT */
/* How operations look to clients: LXD's operation object (doc/api.md). */
#include <stdarg.h>
#include <string.h>

#include "base/json.h"
#include "base/strbuf.h"
#include "proc/op_private.h"

enum op_status op_status(const struct op *op)
{
	switch (op->told ? OP_PHASE_FINAL : op->phase) {
	case OP_PHASE_WAITING:
		return OP_PENDING;
	case OP_PHASE_FORWARD:
		return op->cancel ? OP_CANCELLING : OP_RUNNING;
	case OP_PHASE_UNDO:
		return op->cancel ? OP_CANCELLING : OP_RUNNING;
	case OP_PHASE_FINAL:
		break;
	}
	if (op->err.code == ERROR_NONE)
		return OP_SUCCESS;
	return op->err.code == ERROR_CANCELLED ? OP_CANCELLED : OP_FAILURE;
}

static const char *status_name(enum op_status status)
{
	switch (status) {
	case OP_PENDING:
		return "Pending";
	case OP_RUNNING:
		return "Running";
	case OP_CANCELLING:
		return "Cancelling";
	case OP_SUCCESS:
		return "Success";
	case OP_FAILURE:
		return "Failure";
	case OP_CANCELLED:
		return "Cancelled";
	}
	return "Failure";
}

cJSON *op_json(struct op *op)
{
	cJSON *v = cJSON_CreateObject();
	enum op_status status = op_status(op);
	char text[TIME_TEXT_SIZE];
	bool on = op->phase == OP_PHASE_FORWARD && !op->told;

	json_set_str(v, "id", op->id);
	json_set_str(v, "class", op_class(op));
	json_set_str(v, "description", op->description);
	time_rfc3339(op->created, text);
	json_set_str(v, "created_at", text);
	time_rfc3339(op->updated, text);
	json_set_str(v, "updated_at", text);
	json_set_str(v, "status", status_name(status));
	json_set_int(v, "status_code", status);
	json_set(v, "resources", op->resources != NULL ? cJSON_Duplicate(op->resources, true) : cJSON_CreateNull());
	json_set(v, "metadata", op->metadata != NULL ? cJSON_Duplicate(op->metadata, true) : cJSON_CreateNull());
	json_set_bool(v, "may_cancel", op_may_cancel(op));
	json_set_str(v, "err", op->err.msg);
	json_set_str(v, "location", "none");
	if (on || op->phase == OP_PHASE_UNDO) {
		const char *step = op->kind->steps[op->step].name;

		json_set_str(v, "step", step != NULL ? step : "");
		json_set_bool(v, "undoing", op->phase == OP_PHASE_UNDO);
	}
	return v;
}

void op_resource(cJSON *resources, const char *kind, const char *url, ...)
{
	cJSON *list = cJSON_GetObjectItemCaseSensitive(resources, kind);
	AUTO_STRBUF struct strbuf text = STRBUF_INIT;
	va_list ap;

	va_start(ap, url);
	strbuf_vaddf(&text, url, ap);
	va_end(ap);
	if (list == NULL)
		list = cJSON_AddArrayToObject(resources, kind);
	cJSON_AddItemToArray(list, cJSON_CreateString(text.buf));
}

void op_metadata_set(struct op *op, const char *key, cJSON *value_taken)
{
	if (op->metadata == NULL)
		op->metadata = cJSON_CreateObject();
	json_set(op->metadata, key, value_taken);
}

void op_progress(struct op *op, const char *stage, int percent, const char *text)
{
	uint64_t now = uv_now(op->q->loop);
	char key[80];
	cJSON *p;

	if (percent < 100 && now - op->last_progress_ms < 100)
		return;
	op->last_progress_ms = now;
	snprintf(key, sizeof(key), "%s_progress", stage);
	p = cJSON_CreateObject();
	json_set_str(p, "stage", stage);
	json_set_strf(p, "percent", "%d", percent);
	op_metadata_set(op, key, cJSON_CreateString(text));
	op_metadata_set(op, "progress", p);
	op_changed(op);
}
