/* SPDX-License-Identifier: MIT */
/*
 * The source writes what the target is told to state_path/operations/.MARK.migrate, and berth-migrate reads the trees. The
 * target works as an import (volume_import.c): all is made in the volume's ..new.MARK/, in which received/ has the snapshots' trees.
 */
#include "backup/volume_migrate.h"

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
#define NO_IDMAPPED_MOUNTS "volumes cannot go between servers here: this kernel has no idmapped mounts"

static const char *arg(const struct custom_work *w, const char *key)
{
	return json_str_or(w->args, key, "");
}

static enum op_result connected(struct op *op, struct error *err)
{
	return OP_DONE;
}

static void cancel(struct op *op)
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
	.cancel = cancel,
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
	.cancel = cancel,
};

static struct op *begin(struct berthd *b, const struct op_kind *kind, cJSON *args, struct migrate_link *link, struct error *err)
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
	return begin(b, target != NULL ? &pushed_kind : &offered_kind, args, link, err);
}

/* ---- the target */

/* What is volatile belongs to the volume as it was there. */
static cJSON *without_volatile(const cJSON *config)
{
	cJSON *v = cJSON_CreateObject();
	const cJSON *item;

	cJSON_ArrayForEach(item, config)
		if (strncmp(item->string, "volatile.", 9) != 0)
			json_set(v, item->string, cJSON_Duplicate(item, true));
	return v;
}

static char *in_temp(const struct custom_work *w, const char *name)
{
	return fs_join(w->temp, name);
}

static int place_snapshot(const struct custom_work *w, const cJSON *snapshot, int number, struct error *err)
{
	const char *name = json_str_or(snapshot, "name", "");
	AUTO_FREE char *meta = in_temp(w, "meta");
	AUTO_FREE char *folder = custom_snapshot_folder(meta, name);
	AUTO_FREE char *note = fs_join(folder, CUSTOM_SNAPSHOT_FILE), *data = fs_join(folder, "data");
	AUTO_FREE char *from = mem_printf("%s/received/%d", w->temp, number);
	AUTO_JSON cJSON *v = cJSON_CreateObject();
	char now[TIME_TEXT_SIZE];

	if (custom_name_check_snapshot(name, err) < 0)
		return -1;
	if (fs_exists(folder))
		return error_set(err, ERROR_INVALID, "the source has snapshot '%.64s' twice", name);
	time_now(now);
	json_set(v, "config", without_volatile(json_obj(snapshot, "config")));
	json_set_str(v, "description", "");
	json_set_str(v, "created_at", now); /* the source does not say when */
	json_set_str(v, "expires_at", TIME_UNSET);
	if (fs_mkdirs(folder, 0700, err) < 0 || json_write_file(note, v, JSON_DURABLE, err) < 0)
		return -1;
	return rename(from, data) < 0 ? error_sys(err, errno, "cannot rename '%s' to '%s'", from, data) : 0;
}

static enum op_result received(struct op *op, struct error *err)
{
	const struct custom_work *w = op_data(op);
	AUTO_FREE char *path = in_temp(w, "header.json");
	AUTO_JSON cJSON *header = json_read_file(path, err);
	const cJSON *item;
	int number = 0;

	if (header == NULL)
		return OP_FAIL;
	cJSON_ArrayForEach(item, json_arr(header, "snapshots"))
		if (place_snapshot(w, item, number++, err) < 0)
			return OP_FAIL;
	return OP_DONE;
}

static enum op_result start(struct op *op, struct error *err)
{
	struct custom_work *w = op_data(op);
	AUTO_FREE char *spec = in_temp(w, "spec.json");

	return migrate_link_run(w->link, op, "receive", spec, received, err);
}

static int write_spec(const struct custom_work *w, const char *data, struct error *err)
{
	AUTO_FREE char *path = in_temp(w, "spec.json");
	AUTO_FREE char *header = in_temp(w, "header.json");
	AUTO_FREE char *trees = in_temp(w, "received");
	AUTO_JSON cJSON *v = cJSON_CreateObject();

	json_set_str(v, "title", w->name);
	json_set_str(v, "data", data);
	json_set_str(v, "snapshots", trees);
	json_set_str(v, "header", header);
	json_set_str(v, "idmap", json_str(w->args, "idmap"));
	json_set_bool(v, "silent", json_bool(w->args, "push", false));
	return fs_mkdirs(trees, 0700, err) < 0 ? -1 : json_write_file(path, v, JSON_QUICK, err);
}

static enum op_result step_build(struct op *op, struct error *err)
{
	struct custom_work *w = op_data(op);
	AUTO_FREE char *data = in_temp(w, "data");

	if (custom_make_temp(w, err) < 0 || custom_write_new(w, err) < 0 || pool_tree_create(w->driver, data, err) < 0 ||
	    write_spec(w, data, err) < 0)
		return OP_FAIL;
	return migrate_link_wait(w->link, op, start, err);
}

static enum op_result step_tell(struct op *op, struct error *err)
{
	struct custom_work *w = op_data(op);

	return json_bool(w->args, "push", false) && w->link != NULL ? migrate_link_say_done(w->link, op, connected, err) : OP_DONE;
}

static const struct op_step receive_steps[] = {
	{ "check", step_custom_check_new, NULL, 0, 0 },
	{ "build", step_build, step_custom_untemp, 30 * DAY_S, 0 },
	{ "limit", step_custom_limit_new, NULL, 0, 0 },
	{ "place", step_custom_place_new, NULL, 0, OP_COMMIT },
	{ "tidy", step_custom_untemp, NULL, 3600, OP_UNRECORDED },
	{ "tell", step_tell, NULL, 60, OP_REPORTS },
	{ 0 },
};

static const struct op_kind taken_kind = {
	.name = "custom-receive",
	.description = "Creating storage volume",
	.steps = receive_steps,
	.load = custom_load,
	.unload = custom_unload,
	.may_cancel = true,
	.patient = true,
};

static const struct op_kind awaited_kind = {
	.name = "custom-receive-pushed",
	.description = "Creating storage volume",
	.steps = receive_steps,
	.load = custom_load,
	.unload = custom_unload,
	.may_cancel = true,
	.patient = true,
	.class_name = "websocket",
	.cancel = cancel,
};

void volume_migrate_register(struct op_queue *q)
{
	op_queue_register(q, &offered_kind);
	op_queue_register(q, &pushed_kind);
	op_queue_register(q, &taken_kind);
	op_queue_register(q, &awaited_kind);
}

bool volume_receive_asked(const cJSON *request)
{
	return strcmp(json_str_or(json_obj(request, "source"), "type", ""), "migration") == 0;
}

/* What a client sends along of the source is LXD's, or berth's. */
static cJSON *config_of(const struct berthd *b, const char *pool, const cJSON *request)
{
	cJSON *config = without_volatile(json_obj(request, "config"));
	struct error ignored = ERROR_INIT;

	if (limit_possible(b, pool, "", &ignored) < 0)
		json_set(config, "size", NULL); /* which only the pool can limit where it was */
	return config;
}

static int check(struct berthd *b, const char *pool, const cJSON *request, const cJSON *config, struct error *err)
{
	const cJSON *source = json_obj(request, "source");
	const char *mode = json_str_or(source, "mode", ""), *name = json_str_or(request, "name", "");
	const char *content = json_str_or(request, "content_type", "");

	if (strcmp(mode, "pull") != 0 && strcmp(mode, "push") != 0)
		return error_set(err, ERROR_UNSUPPORTED, "Mode \"%.40s\" not implemented", mode);
	if (content[0] != '\0' && strcmp(content, "filesystem") != 0)
		return error_set(err, ERROR_UNSUPPORTED, "Volume content type \"%.40s\" is not supported", content);
	if (!b->probe->idmapped_mounts)
		return error_set(err, ERROR_UNSUPPORTED, NO_IDMAPPED_MOUNTS);
	if (pool_usable(b, pool, err) < 0 || custom_name_check(name, err) < 0 ||
	    custom_config_check(b, pool, name, config, err) < 0)
		return -1;
	if (!custom_exists(b, pool, name))
		return 0;
	return json_bool(source, "refresh", false) ?
		error_set(err, ERROR_UNSUPPORTED, "'%s' is there already: volumes are not refreshed from other servers", name) :
		error_set(err, ERROR_CONFLICT, "Volume by that name already exists");
}

struct op *volume_receive(struct berthd *b, const char *pool, const cJSON *request, struct error *err)
{
	const cJSON *source = json_obj(request, "source");
	AUTO_JSON cJSON *config = config_of(b, pool, request);
	bool push = strcmp(json_str_or(source, "mode", ""), "push") == 0;
	struct migrate_link *link;
	cJSON *args;

	if (check(b, pool, request, config, err) < 0)
		return NULL;
	link = push ? migrate_link_new(b->loop) : migrate_link_dial(b->loop, source, err);
	if (link == NULL)
		return NULL;
	args = custom_args(pool, json_str(request, "name"));
	json_set(args, "config", cJSON_Duplicate(config, true));
	json_set_str(args, "description", json_str_or(request, "description", ""));
	json_set_str(args, "idmap", json_str(json_obj(request, "config"), "volatile.idmap.last")); /* how its files lie there */
	json_set_bool(args, "push", push);
	return begin(b, push ? &awaited_kind : &taken_kind, args, link, err);
}
