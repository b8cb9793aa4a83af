/* SPDX-License-Identifier: MIT */
#include "instance/templates.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "instance/file.h"
#include "instance/metadata.h"
#include "model/settings.h"
#include "model/warnings.h"

#define KEY "volatile.apply_template"
#define WARNING "Template not applied"
#define PATIENCE_MS 30000
#define WARNINGS_MAX 20
#define TEXTS_MAX (8 << 20) /* of all that is rendered at once: an image may name one file a thousand times */
#define COST 1024	    /* of one beside its text */

void templates_defer(cJSON *desired, const char *trigger)
{
	cJSON *config = json_obj(desired, "config");

	if (json_str(config, KEY) == NULL)
		json_set_str(config, KEY, trigger);
}

static void warn(const struct work *w, const char *why, struct strbuf *all)
{
	char clean[512];

	proc_clean_text(why, strlen(why), clean, sizeof(clean));
	log_warning("instance '%s': template %s", w->name, clean);
	strbuf_addf(all, "%s%s", all->len > 0 ? "; " : "", clean);
}

static void tell(const struct work *w, const struct strbuf *all)
{
	AUTO_FREE char *url = mem_printf("/1.0/instances/%s", w->name);

	if (all->len > 0)
		warning_raise(w->b->warnings, WARNING, url, WARNING_LOW, all->buf);
	else
		warning_resolve(w->b->warnings, WARNING, url);
}

static void warn_lines(const struct work *w, const char *text, struct strbuf *all)
{
	unsigned n = 0;

	while (*text != '\0') {
		size_t len = strcspn(text, "\n");
		AUTO_FREE char *line = mem_strndup(text, len);

		if (n < WARNINGS_MAX)
			warn(w, line, all);
		else if (n == WARNINGS_MAX)
			warn(w, "… and others", all);
		n++;
		text += len + (text[len] == '\n');
	}
}

static bool is_when(const cJSON *t, const char *trigger)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, json_arr(t, "when"))
		if (cJSON_IsString(item) && strcmp(item->valuestring, trigger) == 0)
			return true;
	return false;
}

/* False: no more of them are taken. */
static bool add_template(const struct work *w, const struct instance *inst, const cJSON *t, const char *trigger, cJSON *list,
			 size_t *left, struct strbuf *all)
{
	const char *name = json_str_or(t, "template", "");
	AUTO_STRBUF struct strbuf text = STRBUF_INIT;
	struct error err = ERROR_INIT;
	cJSON *v, *context;

	if (metadata_template_read(w->b, inst, name, &text, &err) < 0) {
		warn(w, err.msg, all);
		return true;
	}
	if (text.len + COST > *left) {
		warn(w, "and others are left out: too many, or too large together", all);
		return false;
	}
	*left -= text.len + COST;
	v = cJSON_CreateObject();
	json_set_str(v, "name", name);
	json_set_str(v, "text", text.buf);
	json_set_str(v, "path", t->string);
	json_set_bool(v, "create_only", json_bool(t, "create_only", false));
	context = cJSON_AddObjectToObject(v, "context");
	json_set_str(context, "path", t->string);
	json_set_str(context, "trigger", trigger);
	if (json_obj(t, "properties") != NULL)
		json_set(context, "properties", cJSON_Duplicate(json_obj(t, "properties"), true));
	cJSON_AddItemToArray(list, v);
	return true;
}

static cJSON *context_of(const struct work *w, const struct instance *inst)
{
	cJSON *v = cJSON_CreateObject(), *own = cJSON_AddObjectToObject(v, "instance");
	cJSON *config = NULL, *devices = NULL;

	instance_expand(w->b, inst->desired, &config, &devices);
	json_set_str(own, "name", inst->name);
	json_set_str(own, "type", "container");
	json_set_str(own, "architecture", json_str_or(inst->desired, "architecture", ""));
	json_set_str(own, "ephemeral", json_bool(inst->desired, "ephemeral", false) ? "true" : "false");
	json_set_str(own, "privileged", strcmp(json_str_or(config, "security.privileged", ""), "true") == 0 ? "true" : "false");
	json_set(v, "container", cJSON_Duplicate(own, true));
	json_set(v, "config", config);
	json_set(v, "devices", devices);
	return v;
}

/* What is to be rendered now; empty: nothing. */
static cJSON *collect(const struct work *w, const struct instance *inst, struct strbuf *all)
{
	const char *since = json_str(json_obj(inst->desired, "config"), KEY);
	const char *triggers[] = { since != NULL ? since : "start", "start" };
	struct error err = ERROR_INIT;
	AUTO_JSON cJSON *metadata = metadata_get(w->b, inst, &err);
	cJSON *list = cJSON_CreateArray();
	size_t left = TEXTS_MAX;
	bool more = true;
	const cJSON *t;

	if (metadata == NULL)
		warn(w, err.msg, all);
	for (size_t i = since != NULL ? 0 : 1; i < 2; i++)
		cJSON_ArrayForEach(t, json_obj(metadata, "templates"))
			if (more && is_when(t, triggers[i]))
				more = add_template(w, inst, t, triggers[i], list, &left, all);
	return list;
}

/* The change is saved with the start, or by it when that fails: it may be rendered twice, but never not at all. */
static void applied_all(struct work *w, struct strbuf *all)
{
	struct instance *inst = registry_get(w->b->registry, w->name);

	if (inst != NULL)
		json_set_str(json_obj(inst->desired, "config"), KEY, NULL);
	tell(w, all);
}

struct applying {
	struct work *w;
	op_fn next;
	struct strbuf warnings;
};

static void applying_free(void *data)
{
	struct applying *a = data;

	strbuf_clear(&a->warnings);
	free(a);
}

static enum op_result rendered(struct op *op, const struct proc_result *result, struct error *err)
{
	struct applying *a = op_attached(op);
	struct error failed = ERROR_INIT;
	op_fn next = a->next;

	if (proc_check("berth-template", result, &failed) < 0)
		warn(a->w, failed.msg, &a->warnings);
	warn_lines(a->w, result->out, &a->warnings);
	applied_all(a->w, &a->warnings);
	op_attach(op, NULL, NULL);
	return next(op, err);
}

static enum op_result run(struct op *op, struct applying *a, const struct instance *inst, cJSON *list, struct error *err)
{
	AUTO_JSON cJSON *request = cJSON_CreateObject();
	AUTO_ARGV struct argv argv = ARGV_INIT;
	AUTO_FREE char *input = NULL;
	struct proc_spec spec = { .timeout_ms = PATIENCE_MS };

	json_set(request, "templates", cJSON_Duplicate(list, true));
	json_set(request, "context", context_of(a->w, inst));
	input = json_text(request);
	argv_pushf(&argv, "%s/berth-template", a->w->b->settings->libexec_dir);
	if (file_push_stopped(a->w->b, inst, &argv, err) < 0)
		return OP_FAIL;
	spec.argv = (const char *const *)argv.v;
	spec.input = input;
	spec.input_len = strlen(input);
	return op_child_spec(op, &spec, rendered, err);
}

enum op_result templates_apply(struct op *op, op_fn next, struct error *err)
{
	struct work *w = op_data(op);
	struct instance *inst = registry_get(w->b->registry, w->name);
	AUTO_JSON cJSON *list = NULL;
	struct applying *a;

	if (inst == NULL || inst->adopted || inst->note != NULL)
		return OP_DONE;
	a = mem_alloc(sizeof(*a));
	a->w = w;
	a->next = next;
	strbuf_init(&a->warnings);
	list = collect(w, inst, &a->warnings);
	if (list->child != NULL && run(op, a, inst, list, err) == OP_WAIT) {
		op_attach(op, a, applying_free);
		return OP_WAIT;
	}
	if (list->child != NULL)
		warn(w, err->msg, &a->warnings);
	error_clear(err);
	applied_all(w, &a->warnings);
	applying_free(a);
	return OP_DONE;
}
