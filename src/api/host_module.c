/* SPDX-License-Identifier: MIT */
#include "api/host_module.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/similar.h"
#include "host/host.h"

struct pending {
	struct panel_call call;
	const struct panel_operation *operation;
	struct request *request; /* NULL: the client left before begin() */
	struct op_wait *wait;    /* NULL: not yet, or it fired */
};

static cJSON *answer(const char *action, bool success, const char *message, cJSON *results, const char *error)
{
	cJSON *v = cJSON_CreateObject();

	json_set_bool(v, "success", success);
	json_set_str(v, "action", action); /* some callers read this one, */
	json_set_str(v, "actions", action); /* others that one */
	json_set_str(v, "message", message);
	json_set(v, "results", results != NULL ? results : cJSON_CreateObject());
	json_set(v, "execute", error != NULL ? cJSON_CreateString(error) : cJSON_CreateNull());
	return v;
}

void host_module_refuse(struct request *r, const struct error *err)
{
	unsigned status = (unsigned)error_http_status(err->code);
	const char *message = err->msg[0] != '\0' ? err->msg : "internal error";
	const char *action = request_param(r, "operation");

	reply_json(r, status < 400 ? 500 : status, answer(action, false, message, NULL, message));
}

static void pending_free(struct pending *p)
{
	cJSON_Delete(p->call.results);
	free(p->call.message);
	free(p);
}

static void reply_success(struct pending *p)
{
	const char *message = p->call.message != NULL ? p->call.message : p->operation->message;
	cJSON *results = p->call.results;

	p->call.results = NULL;
	reply_json(p->request, 200, answer(p->operation->name, true, message, results, NULL));
	pending_free(p);
}

static void ended_cb(struct op *op, void *data)
{
	struct pending *p = data;

	p->wait = NULL;
	if (op_error(op)->code != ERROR_NONE) {
		host_module_refuse(p->request, op_error(op));
		pending_free(p);
		return;
	}
	if (p->operation->end != NULL)
		p->operation->end(&p->call, op);
	reply_success(p);
}

static void gone_cb(struct request *r)
{
	struct pending *p = request_data(r);

	p->request = NULL;
	if (p->wait == NULL)
		return; /* begin_cb() comes */
	op_wait_cancel(p->wait);
	pending_free(p);
}

/* The answer, at once or when the operation has ended. */
static void begin_cb(void *data)
{
	AUTO_JSON cJSON *nothing = cJSON_CreateObject();
	struct pending *p = data;
	struct request *r = p->request;
	struct error err = ERROR_INIT;
	struct op *op;

	if (r == NULL) {
		pending_free(p);
		return;
	}
	p->call.in = request_body(r) != NULL ? request_body(r) : nothing;
	op = p->operation->begin(&p->call, &err);
	p->call.in = NULL;
	if (op != NULL) {
		p->wait = op_on_end(op, ended_cb, p);
	} else if (p->call.done) {
		reply_success(p);
	} else {
		host_module_refuse(r, &err);
		pending_free(p);
	}
}

static const struct panel_operation *find(const char *name, struct error *err)
{
	const struct panel_operation *o;
	const char *nearest = NULL;
	size_t best = SIMILAR_MAX + 1;

	for (o = panel_operations; o->name != NULL; o++) {
		if (strcmp(o->name, name) == 0)
			return o;
		if (similar_better(name, o->name, &best))
			nearest = o->name;
	}
	if (nearest != NULL)
		error_set(err, ERROR_NOT_FOUND, "unknown operation '%.64s' (did you mean '%s'?)", name, nearest);
	else
		error_set(err, ERROR_NOT_FOUND, "unknown operation '%.64s'", name);
	return NULL;
}

static bool has_word(const char *words, const char *word)
{
	size_t len = strlen(word), n;

	for (; *words != '\0'; words += n + (words[n] == ' ')) {
		n = strcspn(words, " ");
		if (n == len && memcmp(words, word, n) == 0)
			return true;
	}
	return false;
}

static int check_inputs(const struct panel_operation *o, const cJSON *in, struct error *err)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, in) {
		if (o->inputs != NULL && !has_word(o->inputs, item->string))
			return error_set(err, ERROR_INVALID, "unknown field '%.64s'; %s takes: %s", item->string, o->name,
					 o->inputs[0] != '\0' ? o->inputs : "none");
	}
	return 0;
}

static void post_operation(struct request *r)
{
	struct error err = ERROR_INIT;
	const struct panel_operation *o = find(request_param(r, "operation"), &err);
	struct pending *p;

	if (o == NULL || check_inputs(o, request_body(r), &err) < 0 ||
	    (!o->idle && host_check_loaded(request_berthd(r), &err) < 0)) {
		host_module_refuse(r, &err);
		return;
	}
	p = mem_alloc(sizeof(*p));
	p->operation = o;
	p->request = r;
	p->call.b = request_berthd(r);
	request_set_data(r, p);
	request_on_gone(r, gone_cb);
	if (o->ready != NULL)
		o->ready(p->call.b, begin_cb, p);
	else
		begin_cb(p);
}

const struct route host_module_routes[] = {
	{ "POST", "/1.0/host/{operation}", post_operation, NULL },
	{ NULL, NULL, NULL, NULL },
};
