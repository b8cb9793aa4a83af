/* SPDX-License-Identifier: MIT */
/* berth host load and unload. */
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/ident.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "hook/hook.h"
#include "host/host_private.h"
#include "instance/instance.h"
#include "model/settings.h"

#define UNLOADED "the host is unloaded: berth host load"

/* Run-time data of both operations; lives until what it waits for has answered, which may be after the operation. */
struct job {
	struct host *h;
	struct op *op; /* NULL once the operation is over */
	unsigned open; /* answers still to come */
	struct host_check *check;
	cJSON *warnings; /* array */
	bool was_loaded;
	bool drained;
};

static void *job_load(void *ctx, cJSON *args, struct error *err)
{
	struct berthd *b = ctx;
	struct job *j = mem_alloc(sizeof(*j));

	j->h = b->host;
	j->warnings = cJSON_CreateArray();
	return j;
}

static void job_free(struct job *j)
{
	cJSON_Delete(j->warnings);
	free(j);
}

static void job_unload(void *data)
{
	struct job *j = data;

	if (j == NULL)
		return;
	if (j->check != NULL)
		host_check_cancel(j->check);
	j->check = NULL;
	j->op = NULL;
	if (j->open == 0)
		job_free(j);
}

/* An answer has come: is there somebody who waits for it? */
static bool answered(struct job *j)
{
	j->open--;
	if (j->op != NULL)
		return true;
	if (j->open == 0)
		job_free(j);
	return false;
}

static void warn(struct job *j, const char *msg)
{
	cJSON_AddItemToArray(j->warnings, cJSON_CreateString(msg));
}

/* ---- load */

static enum op_result step_folders(struct op *op, struct error *err)
{
	struct job *j = op_data(op);
	const struct settings *s = j->h->b->settings;
	const struct {
		const char *path;
		mode_t mode;
	} folders[] = { { s->system_path, 0711 }, { s->images_path, 0700 }, { s->backup_path, 0700 },
			{ s->extern_path, 0700 }, { s->run_path, 0755 },    { s->state_path, 0700 } };

	j->was_loaded = j->h->loaded;
	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
		if (fs_mkdirs(folders[i].path, folders[i].mode, err) < 0)
			return OP_FAIL;
	return OP_DONE;
}

static void network_up(const struct error *err, void *data)
{
	struct job *j = data;

	if (!answered(j))
		return;
	if (err->code != ERROR_NONE)
		warn(j, err->msg);
	op_resume(j->op, OP_DONE, NULL);
}

static enum op_result step_network(struct op *op, struct error *err)
{
	struct job *j = op_data(op);

	j->op = op;
	j->open++;
	keeper_bring_up(j->h->keeper, network_up, j);
	return OP_WAIT;
}

static void synced(void *data)
{
	struct job *j = data;

	if (answered(j))
		op_resume(j->op, OP_DONE, NULL);
}

static void tell_scan(struct op *op, const struct registry_scan *found, const char *key)
{
	cJSON *v = cJSON_CreateObject();

	json_set_int(v, "scanned", found->scanned);
	json_set_int(v, "added", found->added);
	json_set_int(v, "removed", found->removed);
	op_metadata_set(op, key, v);
}

static enum op_result step_instances(struct op *op, struct error *err)
{
	struct job *j = op_data(op);
	struct registry *r = j->h->b->registry;
	struct registry_scan found;

	if (registry_watch(r, err) < 0 || registry_scan(r, NULL, &found, err) < 0)
		return OP_FAIL;
	tell_scan(op, &found, "instances");
	j->op = op;
	j->open++;
	registry_sync(r, synced, j);
	return OP_WAIT;
}

static void stop_watching(struct host *h)
{
	host_parts_unload(h);
	keeper_rest(h->keeper);
	registry_unwatch(h->b->registry);
}

/* A load that failed leaves an unloaded host unloaded. */
static enum op_result undo_instances(struct op *op, struct error *err)
{
	struct job *j = op_data(op);

	if (!j->was_loaded)
		stop_watching(j->h);
	return OP_DONE;
}

static void parts_loaded(struct host_bringup *result, void *data)
{
	struct job *j = data;
	const cJSON *item;

	if (!answered(j))
		return;
	cJSON_ArrayForEach(item, result->warnings)
		warn(j, item->valuestring);
	while ((item = result->facts->child) != NULL) {
		cJSON *one = cJSON_DetachItemViaPointer(result->facts, (cJSON *)(uintptr_t)item);

		op_metadata_set(j->op, one->string, one);
	}
	op_resume(j->op, OP_DONE, NULL);
}

static enum op_result step_parts(struct op *op, struct error *err)
{
	struct job *j = op_data(op);

	j->open++;
	host_parts_load(j->h, parts_loaded, j);
	return OP_WAIT;
}

static enum op_result step_autostart(struct op *op, struct error *err)
{
	struct job *j = op_data(op);
	struct berthd *b = j->h->b;

	if (!j->h->loaded)
		log_info("the host is loaded");
	j->h->loaded = true;
	time_now(j->h->loaded_at);
	op_queue_refuse(b->ops, NULL);
	if (!j->was_loaded)
		instance_bring_in_line(b);
	if (b->autostart == NULL && !j->h->starting)
		instance_autostart(b);
	return OP_DONE;
}

static void note_findings(struct job *j, const cJSON *findings)
{
	const cJSON *f;

	cJSON_ArrayForEach(f, findings) {
		AUTO_FREE char *text = mem_printf("%s: %s", json_str_or(f, "name", ""), json_str_or(f, "message", ""));

		if (strcmp(json_str_or(f, "status", ""), "ok") != 0)
			warn(j, text);
	}
	op_metadata_set(j->op, "checks", cJSON_Duplicate(findings, true));
}

static void checked(const cJSON *findings, const struct error *err, void *data)
{
	struct job *j = data;

	j->check = NULL;
	if (!answered(j))
		return;
	if (findings != NULL)
		note_findings(j, findings);
	else
		warn(j, err->msg);
	op_resume(j->op, OP_DONE, NULL);
}

static enum op_result step_check(struct op *op, struct error *err)
{
	struct job *j = op_data(op);

	j->check = host_check_run(j->h->b, checked, j, err);
	if (j->check == NULL) {
		warn(j, err->msg);
		error_clear(err);
		return OP_DONE;
	}
	j->open++;
	return OP_WAIT;
}

static enum op_result step_tell(struct op *op, struct error *err)
{
	struct job *j = op_data(op);
	cJSON *server = cJSON_CreateObject();

	host_server_facts(j->h->b, server);
	op_metadata_set(op, "server", server);
	op_metadata_set(op, "warnings", cJSON_Duplicate(j->warnings, true));
	return OP_DONE;
}

static const struct op_step load_steps[] = {
	{ "folders", step_folders, NULL, 0, 0 },
	{ "network", step_network, NULL, 150, 0 },
	{ "instances", step_instances, undo_instances, 120, 0 },
	{ "parts", step_parts, NULL, 120, 0 },
	{ "autostart", step_autostart, NULL, 0, 0 },
	{ "check", step_check, NULL, 90, 0 },
	{ "tell", step_tell, NULL, 0, 0 },
	{ "host-load", step_hook, NULL, 3600, 0 },
	{ 0 },
};
static const struct op_kind load_kind = {
	.name = "host-load",
	.description = "Loading host",
	.steps = load_steps,
	.load = job_load,
	.unload = job_unload,
	.volatile_ = true,
	.always = true,
	.patient = true,
};

/* ---- unload */

static enum op_result step_refuse(struct op *op, struct error *err)
{
	struct job *j = op_data(op);

	j->was_loaded = j->h->loaded;
	op_metadata_set(op, "already_unloaded", cJSON_CreateBool(!j->was_loaded));
	j->h->loaded = false;
	op_queue_refuse(j->h->b->ops, UNLOADED);
	instance_autostart_stop(j->h->b);
	return OP_DONE;
}

static enum op_result undo_refuse(struct op *op, struct error *err)
{
	struct job *j = op_data(op);

	j->h->loaded = j->was_loaded;
	if (j->was_loaded)
		op_queue_refuse(j->h->b->ops, NULL);
	return OP_DONE;
}

static void one_ended(struct op *other, void *data)
{
	struct job *j = data;

	if (answered(j) && j->open == 0 && j->drained)
		op_resume(j->op, OP_DONE, NULL);
}

static void wait_for(struct op *other, void *data)
{
	struct job *j = data;

	if (other == j->op || op_final(other) || op_is_endless(other))
		return;
	j->open++;
	op_on_end(other, one_ended, j);
}

/* What runs needs the monitor to see its container start and stop; somebody's shell does not. */
static enum op_result step_drain(struct op *op, struct error *err)
{
	struct job *j = op_data(op);

	j->op = op;
	j->drained = false;
	op_foreach(j->h->b->ops, wait_for, j);
	j->drained = true;
	return j->open == 0 ? OP_DONE : OP_WAIT;
}

static enum op_result step_stop(struct op *op, struct error *err)
{
	struct job *j = op_data(op);

	stop_watching(j->h);
	if (j->was_loaded)
		log_info("the host is unloaded: containers go on running");
	return OP_DONE;
}

/* Of what is unloaded already, hooks hear nothing. */
static enum op_result step_unload_hook(struct op *op, struct error *err)
{
	const struct job *j = op_data(op);

	return j->h->loaded ? step_hook(op, err) : OP_DONE;
}

static const struct op_step unload_steps[] = {
	{ "host-unload", step_unload_hook, NULL, 3600, 0 },
	{ "refuse", step_refuse, undo_refuse, 0, 0 },
	{ "drain", step_drain, NULL, 600, 0 },
	{ "stop", step_stop, NULL, 0, 0 },
	{ 0 },
};
static const struct op_kind unload_kind = {
	.name = "host-unload",
	.description = "Unloading host",
	.steps = unload_steps,
	.load = job_load,
	.unload = job_unload,
	.volatile_ = true,
	.always = true,
	.patient = true,
	.may_cancel = true,
};

/* ---- both */

static struct op *begin(struct berthd *b, const struct op_kind *kind, struct error *err)
{
	static const char *const locks[] = { "host", NULL };
	struct op_options options = { .locks = locks };

	return op_start(b->ops, kind, cJSON_CreateObject(), &options, err);
}

struct op *host_load(struct berthd *b, const cJSON *request, struct error *err)
{
	return begin(b, &load_kind, err);
}

struct op *host_unload(struct berthd *b, const cJSON *request, struct error *err)
{
	return begin(b, &unload_kind, err);
}
