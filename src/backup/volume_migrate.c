/* SPDX-License-Identifier: MIT */
/* The source writes what the target is told to state_path/operations/.MARK.migrate, and berth-migrate reads the trees. */
#include "backup/volume_migrate_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/ident.h"
#include "base/json.h"
#include "base/mem.h"
#include "instance/migrate_link.h"
#include "lxc/probe.h"
#include "model/settings.h"
#include "pool/custom_work.h"
#include "pool/limit.h"

#define DAY_S 86400

static const char *arg(const struct custom_work *w, const char *key)
{
	return json_str_or(w->args, key, "");
}

static enum op_result connected(struct op *op, struct error *err)
{
	return OP_DONE;
}

void volume_link_cancel(struct op *op)
{
	migrate_link_cancel(((struct custom_work *)op_data(op))->link);
}

/* ---- the source */

static char *spec_of(const struct custom_work *w)
{
	return mem_printf("%s/operations/.%s.migrate", w->b->settings->state_path, arg(w, "mark"));
}

static enum op_result step_connect(struct op *op, struct error *err)
{
	return migrate_link_wait(((struct custom_work *)op_data(op))->link, op, connected, err);
}

static void add_tree(cJSON *trees, const char *name, const char *title, const char *path)
{
	cJSON *v = cJSON_CreateObject();

	json_set_str(v, "name", name);
	json_set_str(v, "title", title);
	json_set_str(v, "data", path);
	json_set_bool(v, "plain", true);
	cJSON_AddItemToArray(trees, v);
}

/* LXD says nothing of times here. */
static void offer_snapshot(cJSON *offer, const cJSON *snapshot)
{
	cJSON *v = cJSON_CreateObject();

	json_set_str(v, "name", json_str_or(snapshot, "name", ""));
	json_set(v, "config", cJSON_Duplicate(json_obj(snapshot, "config"), true));
	cJSON_AddItemToArray(json_arr(offer, "names"), cJSON_CreateString(json_str_or(snapshot, "name", "")));
	cJSON_AddItemToArray(json_arr(offer, "snapshots"), v);
}

static cJSON *index_of(const struct custom_work *w, const cJSON *snapshots, struct error *err)
{
	cJSON *v = cJSON_CreateObject(), *config = cJSON_AddObjectToObject(v, "Config");
	cJSON *volume = custom_get(w->b, w->pool, w->name, err);

	json_set(config, "Volume", volume);
	json_set(config, "VolumeSnapshots", cJSON_Duplicate(snapshots, true));
	if (volume != NULL)
		return v;
	cJSON_Delete(v);
	return NULL;
}

static cJSON *build_spec(const struct custom_work *w, const cJSON *snapshots, struct error *err)
{
	cJSON *spec = cJSON_CreateObject(), *offer = cJSON_AddObjectToObject(spec, "offer");
	cJSON *trees = cJSON_AddArrayToObject(spec, "trees"), *index = index_of(w, snapshots, err);
	const cJSON *item;

	cJSON_AddArrayToObject(offer, "names");
	cJSON_AddArrayToObject(offer, "snapshots");
	cJSON_ArrayForEach(item, snapshots) {
		const char *name = json_str_or(item, "name", "");
		AUTO_FREE char *folder = custom_snapshot_folder(w->meta, name);
		AUTO_FREE char *data = fs_join(folder, "data");
		AUTO_FREE char *title = mem_printf("%s/%s", w->name, name);

		offer_snapshot(offer, item);
		add_tree(trees, name, title, data);
	}
	add_tree(trees, w->name, w->name, w->path);
	json_set(spec, "index", index);
	if (index != NULL)
		return spec;
	cJSON_Delete(spec);
	return NULL;
}

static enum op_result step_facts(struct op *op, struct error *err)
{
	struct custom_work *w = op_data(op);
	AUTO_JSON cJSON *all = custom_snapshot_list(w->b, w->pool, w->name, err);
	AUTO_JSON cJSON *none = cJSON_CreateArray();
	AUTO_FREE char *path = spec_of(w);
	AUTO_JSON cJSON *spec = NULL;

	if (all == NULL)
		return OP_FAIL;
	spec = build_spec(w, json_bool(w->args, "volume_only", false) ? none : all, err);
	return spec == NULL || json_write_file(path, spec, JSON_QUICK, err) < 0 ? OP_FAIL : OP_DONE;
}

static enum op_result step_forget_facts(struct op *op, struct error *err)
{
	AUTO_FREE char *path = spec_of(op_data(op));

	return fs_remove_tree(path, err) < 0 ? OP_FAIL : OP_DONE;
}

static enum op_result step_send(struct op *op, struct error *err)
{
	struct custom_work *w = op_data(op);
	AUTO_FREE char *path = spec_of(w);

	return migrate_link_run(w->link, op, "send", path, NULL, err);
}

static const struct op_step send_steps[] = {
	{ "connect", step_connect, NULL, 60, 0 },
	{ "facts", step_facts, step_forget_facts, 600, 0 },
	{ "send", step_send, NULL, 30 * DAY_S, 0 },
	{ "forget", step_forget_facts, NULL, 600, 0 },
	{ 0 },
};

static const struct op_kind offered_kind = {
	.name = "custom-migrate",
	.description = "Migrating storage volume",
	.steps = send_steps,
	.load = custom_load,
	.unload = custom_unload,
	.undo_later = true,
	.may_cancel = true,
	.patient = true,
	.class_name = "websocket",
	.cancel = volume_link_cancel,
};

static const struct op_kind pushed_kind = {
	.name = "custom-migrate-push",
	.description = "Migrating storage volume",
	.steps = send_steps,
	.load = custom_load,
	.unload = custom_unload,
	.undo_later = true,
	.may_cancel = true,
	.patient = true,
	.cancel = volume_link_cancel,
};

struct op *volume_link_begin(struct berthd *b, const struct op_kind *kind, cJSON *args, struct migrate_link *link,
			     struct error *err)
{
	struct op *op = custom_start(b, kind, args, err);

	if (op != NULL)
		migrate_link_attach(link, op, &((struct custom_work *)op_data(op))->link);
	else
		migrate_link_free(link);
	return op;
}

struct op *volume_migrate(struct berthd *b, const char *pool, const char *name, const cJSON *request, struct error *err)
{
	const cJSON *target = json_obj(request, "target");
	struct migrate_link *link;
	cJSON *args;

	if (custom_find(b, pool, name, err) < 0)
		return NULL;
	if (!b->probe->idmapped_mounts) {
		error_set(err, ERROR_UNSUPPORTED, NO_IDMAPPED_MOUNTS);
		return NULL;
	}
	link = target != NULL ? migrate_link_dial(b->loop, target, err) : migrate_link_new(b->loop);
	if (link == NULL)
		return NULL;
	args = custom_args(pool, name);
	json_set_bool(args, "volume_only", json_bool(request, "volume_only", false));
	return volume_link_begin(b, target != NULL ? &pushed_kind : &offered_kind, args, link, err);
}

void volume_migrate_register(struct op_queue *q)
{
	op_queue_register(q, &offered_kind);
	op_queue_register(q, &pushed_kind);
	volume_receive_register(q);
}
