/* SPDX-License-Identifier: MIT */
/*
 * The target works as an import (volume_import.c): all is made in the volume's ..new.MARK/, in which received/ has the
 * snapshots' trees. A refresh is made there, too, and changes places as one from a volume of this host (custom_refresh.c).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backup/volume_migrate_private.h"
#include "base/fs.h"
#include "base/ident.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/strmap.h"
#include "pool/limit.h"

#define DAY_S 86400

static enum op_result connected(struct op *op, struct error *err)
{
	return OP_DONE;
}

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

static bool refreshes(const struct custom_work *w)
{
	return json_bool(w->args, "refresh", false);
}

/* Into the folder of a new volume's notes, or to where a refresh finds it. */
static int place_snapshot(const struct custom_work *w, const cJSON *snapshot, int number, struct error *err)
{
	const char *name = json_str_or(snapshot, "name", "");
	AUTO_FREE char *meta = refreshes(w) ? mem_strdup(w->temp) : in_temp(w, "meta");
	AUTO_FREE char *folder = custom_snapshot_folder(meta, name);
	AUTO_FREE char *note = fs_join(folder, CUSTOM_SNAPSHOT_FILE), *data = fs_join(folder, "data");
	AUTO_FREE char *from = mem_printf("%s/received/%d", w->temp, number);
	AUTO_FREE char *own = custom_snapshot_folder(w->meta, name);
	AUTO_JSON cJSON *v = cJSON_CreateObject();
	char now[TIME_TEXT_SIZE];

	if (custom_name_check_snapshot(name, err) < 0)
		return -1;
	if (fs_exists(folder))
		return error_set(err, ERROR_INVALID, "the source has snapshot '%.64s' twice", name);
	if (refreshes(w) && fs_exists(own))
		return error_set(err, ERROR_INVALID, "the source sends snapshot '%.64s', which was not asked for", name);
	time_now(now);
	json_set(v, "config", without_volatile(json_obj(snapshot, "config")));
	json_set_str(v, "description", "");
	json_set_str(v, "created_at", now); /* the source does not say when */
	json_set_str(v, "expires_at", TIME_UNSET);
	if (fs_mkdirs(folder, 0700, err) < 0 || json_write_file(note, v, JSON_DURABLE, err) < 0)
		return -1;
	return rename(from, data) < 0 ? error_sys(err, errno, "cannot rename '%s' to '%s'", from, data) : 0;
}

/* args "fresh" and "gone" as of custom_refresh.c: what came, and what the source has no more. */
struct placing {
	const struct custom_work *w;
	cJSON *fresh, *gone;
};

static void compare(struct placing *p, const cJSON *header)
{
	struct strmap *all = strmap_new(NULL);
	const cJSON *item;

	cJSON_ArrayForEach(item, json_arr(header, "all_names"))
		if (item->valuestring != NULL)
			strmap_put(all, item->valuestring, p);
	cJSON_ArrayForEach(item, json_arr(header, "snapshots"))
		cJSON_AddItemToArray(p->fresh, cJSON_CreateString(json_str_or(item, "name", "")));
	cJSON_ArrayForEach(item, json_arr(p->w->args, "have"))
		if (strmap_get(all, json_str_or(item, "name", "")) == NULL)
			cJSON_AddItemToArray(p->gone, cJSON_CreateString(json_str_or(item, "name", "")));
	strmap_free(all);
}

/* The source may have sent thousands: in a thread, which reads of the operation what does not change meanwhile. */
static int place_fn(void *arg, struct error *err)
{
	struct placing *p = arg;
	AUTO_FREE char *path = in_temp(p->w, "header.json");
	AUTO_JSON cJSON *header = json_read_file(path, err);
	const cJSON *item;
	int number = 0;

	if (header == NULL)
		return -1;
	cJSON_ArrayForEach(item, json_arr(header, "snapshots"))
		if (place_snapshot(p->w, item, number++, err) < 0)
			return -1;
	compare(p, header);
	return 0;
}

static void placing_free(struct custom_work *w)
{
	struct placing *p = w->placing;

	w->placing = NULL;
	cJSON_Delete(p->fresh);
	cJSON_Delete(p->gone);
	free(p);
}

static enum op_result placed(struct op *op, enum op_result result, struct error *err)
{
	struct custom_work *w = op_data(op);

	if (refreshes(w)) {
		json_set(w->args, "fresh", cJSON_Duplicate(w->placing->fresh, true));
		json_set(w->args, "gone", cJSON_Duplicate(w->placing->gone, true));
	}
	placing_free(w);
	return result;
}

static enum op_result received(struct op *op, struct error *err)
{
	struct custom_work *w = op_data(op);
	enum op_result result;

	w->placing = mem_alloc(sizeof(*w->placing));
	w->placing->w = w;
	w->placing->fresh = cJSON_CreateArray();
	w->placing->gone = cJSON_CreateArray();
	result = op_thread_then(op, place_fn, w->placing, placed, err);
	if (result == OP_FAIL)
		placing_free(w);
	return result;
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
	if (refreshes(w)) {
		json_set_bool(v, "refresh", true);
		json_set_bool(v, "by_name", true);
		json_set(v, "have", cJSON_Duplicate(json_arr(w->args, "have"), true));
	}
	return fs_mkdirs(trees, 0700, err) < 0 ? -1 : json_write_file(path, v, JSON_QUICK, err);
}

static enum op_result step_build(struct op *op, struct error *err)
{
	struct custom_work *w = op_data(op);
	AUTO_FREE char *data = in_temp(w, "data");

	if (custom_make_temp(w, err) < 0 || (!refreshes(w) && custom_write_new(w, err) < 0) || pool_tree_create(w->driver, data, err) < 0 ||
	    write_spec(w, data, err) < 0)
		return OP_FAIL;
	return migrate_link_wait(w->link, op, start, err);
}

static enum op_result step_tell(struct op *op, struct error *err)
{
	struct custom_work *w = op_data(op);

	return json_bool(w->args, "push", false) && w->link != NULL ? migrate_link_say_done(w->link, op, connected, err) : OP_DONE;
}

/* Which snapshots there are; by name alone, since LXD does not say when one was made. */
static enum op_result step_check_refresh(struct op *op, struct error *err)
{
	struct custom_work *w = op_data(op);
	cJSON *own;

	if (custom_refresh_check(w, err) < 0)
		return OP_FAIL;
	if (json_bool(w->args, "volume_only", false))
		return OP_DONE; /* then none comes, and none is to go */
	own = custom_snapshot_list(w->b, w->pool, w->name, err);
	json_set(w->args, "have", own);
	return own != NULL ? OP_DONE : OP_FAIL;
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

/* The volume's own description and configuration stay, as in LXD. */
static const struct op_step refresh_steps[] = {
	{ "check", step_check_refresh, NULL, 0, 0 },
	{ "build", step_build, step_custom_untemp, 30 * DAY_S, 0 },
	{ "limit", step_custom_limit, NULL, 0, 0 },
	{ "swap", step_custom_swap, NULL, 0, OP_COMMIT },
	{ "snapshots", step_custom_swap_snapshots, NULL, 0, 0 },
	{ "sweep", step_custom_untemp, NULL, 3600, 0 },
	{ "tell", step_tell, NULL, 60, OP_REPORTS },
	{ 0 },
};

static const struct op_kind taken_kind = {
	.name = "custom-receive",
	.description = "Creating storage volume",
	.steps = receive_steps,
	.load = custom_load,
	.unload = custom_unload,
	.undo_later = true,
	.retries = true,
	.may_cancel = true,
	.patient = true,
};

static const struct op_kind awaited_kind = {
	.name = "custom-receive-pushed",
	.description = "Creating storage volume",
	.steps = receive_steps,
	.load = custom_load,
	.unload = custom_unload,
	.undo_later = true,
	.retries = true,
	.may_cancel = true,
	.patient = true,
	.class_name = "websocket",
	.cancel = volume_link_cancel,
};

static const struct op_kind refresh_taken_kind = {
	.name = "custom-receive-refresh",
	.description = "Copying storage volume",
	.steps = refresh_steps,
	.load = custom_load,
	.unload = custom_unload,
	.undo_later = true,
	.may_cancel = true,
	.patient = true,
};

static const struct op_kind refresh_awaited_kind = {
	.name = "custom-receive-refresh-pushed",
	.description = "Copying storage volume",
	.steps = refresh_steps,
	.load = custom_load,
	.unload = custom_unload,
	.undo_later = true,
	.may_cancel = true,
	.patient = true,
	.class_name = "websocket",
	.cancel = volume_link_cancel,
};

void volume_receive_register(struct op_queue *q)
{
	op_queue_register(q, &taken_kind);
	op_queue_register(q, &awaited_kind);
	op_queue_register(q, &refresh_taken_kind);
	op_queue_register(q, &refresh_awaited_kind);
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
	if (!json_bool(source, "refresh", false))
		return error_set(err, ERROR_CONFLICT, "Volume by that name already exists");
	return custom_is_owned(b, pool, name) ?
		error_set(err, ERROR_INVALID, "the volume '%s' belongs to an instance, and is not refreshed from another", name) : 0;
}

struct op *volume_receive(struct berthd *b, const char *pool, const cJSON *request, struct error *err)
{
	const cJSON *source = json_obj(request, "source");
	AUTO_JSON cJSON *config = config_of(b, pool, request);
	bool push = strcmp(json_str_or(source, "mode", ""), "push") == 0, refresh;
	const struct op_kind *kind;
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
	json_set_bool(args, "volume_only", json_bool(source, "volume_only", false));
	refresh = json_bool(source, "refresh", false) && custom_exists(b, pool, json_str(request, "name"));
	if (refresh)
		json_set_bool(args, "refresh", true);
	kind = refresh ? (push ? &refresh_awaited_kind : &refresh_taken_kind) : push ? &awaited_kind : &taken_kind;
	return volume_link_begin(b, kind, args, link, err);
}
