/* SPDX-License-Identifier: MIT */
/*
 * PUT and PATCH of an instance. What the kernel can change in a running
 * container is changed now, the rest is kept and named in "pending" until the
 * next start.
 */
#include "instance/nic_probe.h"
#include "instance/update.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/json_merge.h"
#include "base/log.h"
#include "base/mem.h"
#include "host/forward.h"
#include "hook/hook.h"
#include "instance/address.h"
#include "instance/proxy.h"
#include "instance/applied.h"
#include "instance/cloud_init.h"
#include "instance/place.h"
#include "instance/raw_probe.h"
#include "instance/shift.h"
#include "instance/work.h"
#include "model/key_types.h"
#include "model/profile.h"
#include "model/settings.h"
#include "model/volatile.h"
#include "pool/pool.h"

static bool has_prefix(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

/*
 * The configuration of another instance, as `lxc copy --refresh` puts it after the copy: of its addresses and names this one
 * takes none. Nor has it a key of those that are only shown.
 */
static void drop_others(cJSON *config, const cJSON *old_config)
{
	const char *uuid = json_str(config, "volatile.uuid"), *own = json_str(old_config, "volatile.uuid");
	const bool others = uuid != NULL && own != NULL && strcmp(uuid, own) != 0;
	cJSON *item, *next;

	for (item = config->child; item != NULL; item = next) {
		next = item->next;
		if (others ? has_prefix(item->string, "volatile.") : idmap_is_shown(item->string))
			cJSON_Delete(cJSON_DetachItemViaPointer(config, item));
	}
}

/*
 * What a client sends back of berth's own keys is what it read a moment ago, not a change; what it leaves out
 * stays. A volatile key that berth does not have is a mistake.
 */
static int keep_volatile(cJSON *config, const cJSON *old_config, struct error *err)
{
	const cJSON *item;

	drop_others(config, old_config);
	cJSON_ArrayForEach(item, config)
		if (has_prefix(item->string, "volatile.") && !volatile_may_be_chosen(item->string) &&
		    cJSON_GetObjectItemCaseSensitive(old_config, item->string) == NULL)
			return volatile_is_known(item->string) ?
				error_set(err, ERROR_INVALID, "%s is set by berth, not by clients", item->string) :
				error_set(err, ERROR_INVALID, "Unknown configuration key: %s", item->string);
	cJSON_ArrayForEach(item, old_config) {
		if (!has_prefix(item->string, "volatile."))
			continue;
		if (!volatile_may_be_chosen(item->string) || cJSON_GetObjectItemCaseSensitive(config, item->string) == NULL)
			json_set(config, item->string, cJSON_Duplicate(item, true));
	}
	return 0;
}

/* An empty value unsets a key (LXD's clients send that), also for PATCH. */
static void drop_empty(cJSON *config)
{
	cJSON *item, *next;

	for (item = config->child; item != NULL; item = next) {
		next = item->next;
		if (cJSON_IsNull(item) || (cJSON_IsString(item) && item->valuestring[0] == '\0'))
			cJSON_Delete(cJSON_DetachItemViaPointer(config, item));
	}
}

static int take_member(cJSON *desired, const cJSON *change, const char *key, bool patch, struct error *err)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(change, key);
	bool is_list = strcmp(key, "profiles") == 0;

	if (v == NULL || cJSON_IsNull(v)) {
		if (!patch)
			json_set(desired, key, is_list ? cJSON_CreateArray() : cJSON_CreateObject());
		return 0;
	}
	if (is_list ? !cJSON_IsArray(v) : !cJSON_IsObject(v))
		return error_set(err, ERROR_INVALID, "'%s' must be an %s", key, is_list ? "array" : "object");
	if (patch && !is_list)
		json_merge(json_obj(desired, key), v);
	else
		json_set(desired, key, cJSON_Duplicate(v, true));
	return 0;
}

static cJSON *changed(const cJSON *old, const cJSON *change, bool patch, struct error *err)
{
	cJSON *v = cJSON_Duplicate(old, true);
	const cJSON *flag = cJSON_GetObjectItemCaseSensitive(change, "ephemeral");

	if (take_member(v, change, "config", patch, err) < 0 || take_member(v, change, "devices", patch, err) < 0 ||
	    take_member(v, change, "profiles", patch, err) < 0 ||
	    keep_volatile(json_obj(v, "config"), json_obj(old, "config"), err) < 0) {
		cJSON_Delete(v);
		return NULL;
	}
	drop_empty(json_obj(v, "config"));
	request_drop_empty_properties(json_obj(v, "devices"));
	if (json_str(change, "description") != NULL || !patch)
		json_set_str(v, "description", json_str_or(change, "description", ""));
	if (cJSON_IsBool(flag))
		json_set_bool(v, "ephemeral", cJSON_IsTrue(flag));
	return v;
}

/* ---- check */

/* A pool that is a storage driver's name decides at creation only. */
static int check_pool(struct work *w, const cJSON *old, const cJSON *devices, struct error *err)
{
	const char *driver = json_str_or(old, "driver", ""), *pool;
	const cJSON *dev;

	if (strcmp(place_wanted(w->b, devices), json_str_or(old, "pool", "default")) != 0)
		return error_set(err, ERROR_INVALID, "Cannot update root disk device pool name to \"%s\"",
				 place_wanted(w->b, devices));

	cJSON_ArrayForEach(dev, devices) {
		pool = json_str_or(dev, "pool", "default");
		if (strcmp(json_str_or(dev, "path", ""), "/") == 0 && pool_get(w->b, pool) == NULL &&
		    strcmp(pool, driver) != 0)
			return error_set(err, ERROR_INVALID, "Cannot update root disk device pool name to \"%s\": '%s' was made "
					 "with the storage driver \"%s\"", pool, w->name, driver);
	}
	return 0;
}

int update_check(struct work *w, const struct instance *inst, cJSON *new, struct error *err)
{
	AUTO_JSON cJSON *expanded = NULL;
	AUTO_JSON cJSON *devices = NULL;

	if (inst->adopted)
		return error_set(err, ERROR_UNSUPPORTED,
				 "'%s' was not made by berth: change '%s/config' by hand", w->name, w->dir);
	if (work_check(w->b, new, err) < 0)
		return -1;
	work_fill_volatile(w->b, new);
	instance_expand(w->b, new, &expanded, &devices);
	if (devices_check_added(json_obj(w->args, "was_devices"), devices, err) < 0 ||
	    (inst->pid != 0 && devices_check_hardware(json_obj(w->args, "was_devices"), devices, err) < 0) ||
	    proxy_check_nat(devices, err) < 0 || check_pool(w, inst->desired, devices, err) < 0 ||
	    address_check(w->b, new, inst->desired, w->name, err) < 0)
		return -1;
	if (cloud_init_differs(json_obj(w->args, "was_config"), json_obj(w->args, "was_devices"), expanded, devices))
		cloud_init_renew(json_obj(new, "config"));
	return shift_defer(w->b, inst, new, expanded, err);
}

static int check_update(struct work *w, struct instance *inst, struct error *err)
{
	const cJSON *change = json_obj(w->args, "change");
	cJSON *new;

	new = changed(inst->desired, change, json_bool(w->args, "patch", false), err);
	if (new == NULL)
		return -1;
	json_set(w->args, "new", new);
	json_set(w->args, "old", cJSON_Duplicate(inst->desired, true));
	return update_check(w, inst, new, err);
}

/* What it runs with now, before profiles change under it. */
void update_note_running(struct work *w, const struct instance *inst)
{
	cJSON *config, *devices;

	if (json_obj(w->args, "was_config") != NULL)
		return;
	instance_expand(w->b, inst->desired, &config, &devices);
	json_set(w->args, "was_config", config);
	json_set(w->args, "was_devices", devices);
}

/* LXD's first words: those of a device that the host cannot give now stand alone. */
static void say_what(struct error *err)
{
	static const char *const alone[] = { "Duplicate profile", "Failed add", "Failed to get ID map", "Failed to start device",
					     "Invalid devices", "Invalid expanded devices" };

	if (has_prefix(err->msg, "Device")) {
		error_wrap(err, "Invalid devices");
		return;
	}
	for (size_t i = 0; i < sizeof(alone) / sizeof(alone[0]); i++)
		if (has_prefix(err->msg, alone[i]))
			return;
	error_wrap(err, "Invalid config");
}

static enum op_result step_check(struct op *op, struct error *err)
{
	struct work *w = op_data(op);
	struct instance *inst = registry_find(w->b->registry, w->name, err);
	AUTO_JSON cJSON *config = NULL;
	AUTO_JSON cJSON *devices = NULL;

	if (inst == NULL)
		return OP_FAIL;
	update_note_running(w, inst);
	if (check_update(w, inst, err) < 0) {
		say_what(err);
		return OP_FAIL;
	}
	instance_expand(w->b, json_obj(w->args, "new"), &config, &devices);
	return raw_probe(op, config, json_obj(w->args, "was_config"), err);
}

/* ---- write */

int update_put(struct work *w, const cJSON *desired, struct error *err)
{
	struct instance *inst = registry_find(w->b->registry, w->name, err);

	if (inst == NULL)
		return -1;
	if (desired == NULL) /* a journal that was damaged */
		return error_set(err, ERROR_INVALID, "the operation does not say what '%s' was", w->name);
	if (work_render(w->b, w->name, w->dir, desired, err) < 0)
		return -1;
	cJSON_Delete(inst->desired);
	inst->desired = cJSON_Duplicate(desired, true);
	forward_reconcile(w->b);
	return registry_save(w->b->registry, inst, JSON_DURABLE, err);
}

static enum op_result step_write(struct op *op, struct error *err)
{
	struct work *w = op_data(op);

	return update_put(w, json_obj(w->args, "new"), err) < 0 ? OP_FAIL : OP_DONE;
}

static enum op_result step_unwrite(struct op *op, struct error *err)
{
	struct work *w = op_data(op);

	if (update_put(w, json_obj(w->args, "old"), err) < 0)
		return OP_FAIL;
	proxy_reconcile(w->b, registry_get(w->b->registry, w->name));
	return step_live(op, err);
}

/* Before anything else is changed in the container: one that cannot listen is a reason to change nothing. */
static enum op_result step_proxies(struct op *op, struct error *err)
{
	struct work *w = op_data(op);
	struct instance *inst = registry_find(w->b->registry, w->name, err);

	if (inst == NULL)
		return OP_FAIL;
	proxy_reconcile(w->b, inst);
	return proxy_wait(op, w->b, w->name, !json_bool(w->args, "profile", false), err);
}

/* What the running container did not take. */
static enum op_result step_verify(struct op *op, struct error *err)
{
	const struct work *w = op_data(op);
	const cJSON *why;

	cJSON_ArrayForEach(why, json_obj(w->scratch, "refused")) {
		if (!update_gives_up(w, why->string))
			continue;
		error_set(err, ERROR_TOOL, "Failed to start device \"%s\": %s", why->string, why->valuestring);
		return OP_FAIL;
	}
	return OP_DONE;
}

/* That a profile changed is nothing of the instance's: it can only be told of that. */
static enum op_result step_pre_update(struct op *op, struct error *err)
{
	return json_bool(op_args(op), "profile", false) ? OP_DONE : step_hook(op, err);
}

static enum op_result probed(struct op *op, const struct proc_result *result, struct error *err)
{
	const struct work *w = op_data(op);
	struct error found = ERROR_INIT;

	if (!json_bool(w->args, "profile", false))
		return nic_probed(result, err) < 0 ? OP_FAIL : OP_DONE;
	if (nic_probed(result, &found) < 0) {
		log_warning("instance '%s': %s", w->name, found.msg);
		op_metadata_set(op, "failed", cJSON_CreateString(found.msg));
	}
	return OP_DONE;
}

/* Before anything is changed: are the addresses free that routed nics of a running one are to get? */
static enum op_result step_probe(struct op *op, struct error *err)
{
	struct work *w = op_data(op);
	const struct instance *inst = registry_find(w->b->registry, w->name, err);
	AUTO_JSON cJSON *config = NULL;
	AUTO_JSON cJSON *devices = NULL;

	if (inst == NULL)
		return OP_FAIL;
	if (inst->pid == 0)
		return OP_DONE;
	instance_expand(w->b, json_obj(w->args, "new"), &config, &devices);
	return nic_probe(op, w->b, devices, json_obj(w->args, "was_devices"), probed, err);
}

static const struct op_step update_steps[] = {
	{ "check", step_check, NULL, 0, 0 },
	{ "probe", step_probe, NULL, 60, OP_UNRECORDED },
	{ "pre-update", step_pre_update, NULL, 3600, 0 },
	{ "size", step_resize, step_unresize, 3600, OP_UNRECORDED },
	{ "write", step_write, step_unwrite, 0, 0 },
	{ "proxies", step_proxies, NULL, 0, 0 },
	{ "live", step_live, NULL, 120, 0 },
	{ "verify", step_verify, NULL, 0, 0 },
	{ "post-update", step_hook, NULL, 3600, 0 },
	{ 0 },
};

const struct op_kind update_kind = {
	.name = "update",
	.description = "Updating instance",
	.steps = update_steps,
	.load = work_load,
	.unload = work_unload,
};

void update_register(struct op_queue *q)
{
	op_queue_register(q, &update_kind);
}

/* Before there is an operation, as LXD has it. */
static int check_profiles_exist(const struct berthd *b, const cJSON *change, struct error *err)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(change, "profiles")) {
		if (cJSON_IsString(item) && profile_get(b->profiles, item->valuestring) == NULL)
			return error_set(err, ERROR_NOT_FOUND, "Profile not found");
	}
	return 0;
}

struct op *instance_update(struct berthd *b, const char *name, const cJSON *change, bool patch, struct error *err)
{
	cJSON *args;

	if (registry_find(b->registry, name, err) == NULL)
		return NULL;
	if (!cJSON_IsObject(change)) {
		error_set(err, ERROR_INVALID, "the request body must be an object");
		return NULL;
	}
	if (json_str_or(change, "restore", "")[0] != '\0') {
		error_set(err, ERROR_INVALID, "Can't call PATCH in restore mode");
		return NULL;
	}
	if (check_profiles_exist(b, change, err) < 0 || request_check_members(change, err) < 0)
		return NULL;
	args = cJSON_CreateObject();
	json_set_str(args, "name", name);
	json_set_bool(args, "patch", patch);
	json_set(args, "change", cJSON_Duplicate(change, true));
	return work_start(b, &update_kind, args, err);
}
