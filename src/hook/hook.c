/* SPDX-License-Identifier: MIT */
#include "hook/hook.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/strmap.h"
#include "hook/hook_files.h"
#include "hook/hook_input.h"
#include "hook/hook_output.h"
#include "model/settings.h"

#define WARNED_MAX 1000
#define OUTPUT_MAX 16384 /* of each stream: the tail */
#define HOOK_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static const char *const events[] = {
	"pre-create",  "post-create",  "pre-start",	"post-start",	 "pre-stop",	"post-stop",	"pre-delete",
	"post-delete", "pre-update",   "post-update",	"pre-rename",	 "post-rename",	"pre-snapshot", "post-snapshot",
	"pre-backup",  "post-backup",  "pre-restore",	"post-restore",	 "pre-rebuild", "post-rebuild", "host-load",
	"host-unload",
};

/* The hooks of one operation: attached to it. */
struct run {
	struct hook_files files; /* of the event that is on */
	size_t next;             /* the one after the one that runs */
	uint64_t began_ns;
	char *input;
	cJSON *results;          /* of all events so far: metadata "hooks" */
};

static void run_free(void *data)
{
	struct run *r = data;

	hook_files_clear(&r->files);
	cJSON_Delete(r->results);
	free(r->input);
	free(r);
}

static bool may_refuse(const char *event)
{
	return strncmp(event, "pre-", 4) == 0;
}

/* ---- skipped files: each is warned about once for each reason, not at every start of every instance */

static void warn_once(const struct hook_file *f)
{
	static struct strmap *warned;
	AUTO_FREE char *key = mem_printf("%s: %s", f->path, f->skipped);

	if (warned == NULL)
		warned = strmap_new(NULL);
	if (strmap_get(warned, key) != NULL || strmap_count(warned) >= WARNED_MAX)
		return;
	strmap_put(warned, key, &warned);
	log_warning("hook '%s' is not run: %s", f->path, f->skipped);
}

/* ---- one hook */

static void keep_result(struct op *op, struct run *r, cJSON *result_taken)
{
	cJSON_AddItemToArray(r->results, result_taken);
	op_metadata_set(op, "hooks", cJSON_Duplicate(r->results, true));
}

static enum op_result failed(struct op *op, const struct hook_file *f, const struct error *why, struct error *err)
{
	const char *event = op_step_name(op);

	if (!may_refuse(event)) {
		log_warning("hook '%s' of %s failed: %s", f->name, event, why->msg);
		return OP_DONE;
	}
	error_set(err, why->code, "hook '%s' refused %s: %s", f->name, event, why->msg);
	return OP_FAIL;
}

static enum op_result run_next(struct op *op, struct error *err);

static enum op_result hook_ended(struct op *op, const struct proc_result *result, struct error *err)
{
	struct run *r = op_attached(op);
	const struct hook_file *f = &r->files.v[r->next - 1];
	const struct settings *s = ((struct berthd *)op_ctx(op))->settings;
	struct error why = ERROR_INIT;
	cJSON *kept = hook_result(op_step_name(op), f->name, result);
	uint64_t took_ms = (uv_hrtime() - r->began_ns) / 1000000;

	json_set(kept, "seconds", cJSON_CreateNumber((double)took_ms / 1000));
	keep_result(op, r, kept);
	if (hook_check(result, (unsigned)s->hook_timeout_s, &why) < 0 && failed(op, f, &why, err) == OP_FAIL)
		return OP_FAIL;
	return run_next(op, err);
}

static enum op_result start_hook(struct op *op, struct run *r, const struct hook_file *f, struct error *err)
{
	struct berthd *b = op_ctx(op);
	AUTO_ARGV struct argv env = ARGV_INIT;
	const char *const argv[] = { f->path, NULL };
	const char *path = getenv("PATH");
	struct proc_spec spec = {
		.argv = argv,
		.input = r->input,
		.input_len = strlen(r->input),
		.output_max = OUTPUT_MAX,
		.timeout_ms = (unsigned)b->settings->hook_timeout_s * 1000,
	};

	hook_environment(op, f->name, &env);
	argv_pushf(&env, "PATH=%s", path != NULL && *path != '\0' ? path : HOOK_PATH);
	spec.env = (const char *const *)env.v;
	r->began_ns = uv_hrtime();
	if (op_child_spec(op, &spec, hook_ended, err) == OP_FAIL)
		return OP_FAIL;
	op_child_expendable(op);
	return OP_WAIT;
}

/* A hook that was removed since the folder was read is as one that was never there. */
static enum op_result start_or_skip(struct op *op, struct run *r, const struct hook_file *f, struct error *err)
{
	struct error why = ERROR_INIT;
	enum op_result result = start_hook(op, r, f, &why);
	cJSON *kept;

	if (result != OP_FAIL)
		return result;
	if (!fs_exists(f->path))
		return OP_DONE;
	kept = hook_result(op_step_name(op), f->name, NULL);
	json_set_str(kept, "output", why.msg);
	keep_result(op, r, kept);
	return failed(op, f, &why, err);
}

static enum op_result run_next(struct op *op, struct error *err)
{
	struct run *r = op_attached(op);
	enum op_result result = OP_DONE;

	while (result == OP_DONE && r->next < r->files.n) {
		const struct hook_file *f = &r->files.v[r->next++];

		if (op_status(op) == OP_CANCELLING)
			return OP_DONE; /* the operation looks at that itself */
		if (f->skipped != NULL)
			warn_once(f);
		else
			result = start_or_skip(op, r, f, err);
	}
	return result;
}

/* ---- an event */

static struct run *run_of(struct op *op)
{
	struct run *r = op_attached(op);

	if (r == NULL) {
		r = mem_alloc(sizeof(*r));
		r->results = cJSON_CreateArray();
		op_attach(op, r, run_free);
	}
	return r;
}

enum op_result step_hook(struct op *op, struct error *err)
{
	struct berthd *b = op_ctx(op);
	const char *event = op_step_name(op);
	struct hook_files files;
	struct run *r;

	/* past the point of no return nothing can be refused any more */
	if (may_refuse(event) && op_recovering(op))
		return OP_DONE;
	if (strcmp(event, "pre-delete") == 0 && hook_any(b, "post-delete"))
		hook_input_keep(op);
	hook_files_read(b->settings->hooks_path, event, &files);
	if (files.n == 0)
		return OP_DONE;
	r = run_of(op);
	hook_files_clear(&r->files);
	r->files = files;
	r->next = 0;
	free(r->input);
	r->input = hook_input(op);
	return run_next(op, err);
}

bool hook_any(const struct berthd *b, const char *event)
{
	struct hook_files files;
	bool any;

	hook_files_read(b->settings->hooks_path, event, &files);
	any = files.n > 0;
	hook_files_clear(&files);
	return any;
}

/* ---- what is there */

static bool is_event(const char *name)
{
	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++)
		if (strcmp(name, events[i]) == 0)
			return true;
	return false;
}

static void add_to_list(cJSON *list, const char *event, const struct hook_file *f)
{
	cJSON *v = cJSON_CreateObject();

	json_set_str(v, "event", event);
	json_set_str(v, "name", f->name);
	json_set_str(v, "path", f->path);
	json_set_bool(v, "active", f->skipped == NULL);
	json_set_str(v, "reason", f->skipped != NULL ? f->skipped : "");
	cJSON_AddItemToArray(list, v);
}

static void list_event(const struct berthd *b, const char *event, cJSON *list)
{
	struct hook_files files;

	hook_files_read(b->settings->hooks_path, event, &files);
	for (size_t i = 0; i < files.n; i++)
		add_to_list(list, event, &files.v[i]);
	hook_files_clear(&files);
}

/* Folders (and files) beside those of the events: "prestart", and nobody would ever know. */
static void list_strangers(const struct berthd *b, cJSON *list)
{
	static char reason[] = "there is no event of that name";
	struct hook_files files;

	hook_files_read(b->settings->hooks_path, ".", &files);
	for (size_t i = 0; i < files.n; i++) {
		AUTO_FREE char *path = fs_join(b->settings->hooks_path, files.v[i].name);
		struct hook_file f = { .name = files.v[i].name, .path = path, .skipped = reason };

		if (!is_event(f.name))
			add_to_list(list, "", &f);
	}
	hook_files_clear(&files);
}

cJSON *hook_list(const struct berthd *b, const char *event, struct error *err)
{
	cJSON *list;

	if (event != NULL && !is_event(event)) {
		error_set(err, ERROR_NOT_FOUND, "no event '%.64s': see berth-hooks(7)", event);
		return NULL;
	}
	list = cJSON_CreateArray();
	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++)
		if (event == NULL || strcmp(event, events[i]) == 0)
			list_event(b, events[i], list);
	if (event == NULL)
		list_strangers(b, list);
	return list;
}
