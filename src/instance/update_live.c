/* SPDX-License-Identifier: MIT */
/*
 * The step of an update that changes the running container. What the kernel refuses is no error of this step: it waits for
 * the restart, and is tried again by each update until then. update.c fails for what it gives up among it.
 */
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "instance/applied.h"
#include "instance/update.h"
#include "instance/work.h"
#include "model/key.h"
#include "model/settings.h"

static void move_to_pending(struct work *w, const char *name, const char *why)
{
	cJSON *applied = json_arr(w->scratch, "applied"), *pending = json_arr(w->scratch, "pending"), *item, *next;
	AUTO_FREE char *text = mem_printf("%s: %s", name, why);
	bool known = false;

	for (item = applied->child; item != NULL; item = next) {
		next = item->next;
		if (cJSON_IsString(item) && strcmp(item->valuestring, name) == 0)
			cJSON_Delete(cJSON_DetachItemViaPointer(applied, item));
	}
	cJSON_ArrayForEach(item, pending)
		known = known || strcmp(item->valuestring, name) == 0;
	if (!known)
		cJSON_AddItemToArray(pending, cJSON_CreateString(name));
	cJSON_AddItemToArray(json_arr(w->scratch, "warnings"), cJSON_CreateString(text));
}

bool update_gives_up(const struct work *w, const char *device)
{
	const cJSON *was = json_obj(json_obj(w->args, "was_devices"), device);
	const cJSON *wanted = json_obj(json_obj(json_obj(w->scratch, "wanted"), "devices"), device);

	return !json_bool(w->args, "profile", false) && wanted != NULL &&
	       (was == NULL || (strcmp(json_str_or(wanted, "type", ""), "disk") == 0 && !cJSON_Compare(was, wanted, true)));
}

/* The first command of the list failed. Of a device that is given up, those that follow it are for what is not there. */
static void refuse(struct work *w, const char *device, const char *why)
{
	cJSON *commands = json_arr(w->scratch, "commands"), *item, *next;

	move_to_pending(w, device, why);
	if (json_str(json_obj(w->scratch, "refused"), device) == NULL)
		json_set_str(json_obj(w->scratch, "refused"), device, why);
	for (item = commands->child->next; item != NULL && update_gives_up(w, device); item = next) {
		next = item->next;
		if (strcmp(json_str_or(item, "device", "?"), device) == 0)
			cJSON_Delete(cJSON_DetachItemViaPointer(commands, item));
	}
}

static const char *program_of(const cJSON *command)
{
	const cJSON *path = cJSON_GetArrayItem(json_arr(command, "argv"), 0);
	const char *slash = path != NULL ? strrchr(path->valuestring, '/') : NULL;

	return slash != NULL ? slash + 1 : path != NULL ? path->valuestring : "live change";
}

static enum op_result next_command(struct op *op, struct error *err);

static enum op_result command_done(struct op *op, const struct proc_result *result, struct error *err)
{
	struct work *w = op_data(op);
	cJSON *commands = json_arr(w->scratch, "commands");
	cJSON *command = cJSON_GetArrayItem(commands, 0);
	struct error failed = ERROR_INIT;

	if (proc_check(program_of(command), result, &failed) < 0 && !json_bool(command, "may_fail", false))
		refuse(w, json_str_or(command, "device", "?"), failed.msg);
	if (failed.code == ERROR_NONE) {
		json_set_bool(json_obj(w->scratch, "begun"), json_str_or(command, "device", "?"), true);
		if (json_bool(command, "spares_next", false))
			cJSON_DeleteItemFromArray(commands, 1);
	}
	cJSON_DeleteItemFromArray(commands, 0);
	return next_command(op, err);
}

/* Gives to[name] the value of from[name], also none. */
static void take_back(cJSON *to, const cJSON *from, const char *name)
{
	json_set(to, name, cJSON_Duplicate(cJSON_GetObjectItemCaseSensitive(from, name), true));
}

/*
 * A device that was refused after its first command. What is mounted was unmounted then, and not mounted again; and nobody
 * else's mount must ever be taken for it. Of a nic there may be anything, as when berthd was killed: a second state.
 */
static void note_halves(const struct work *w, cJSON *states, const cJSON *was)
{
	cJSON *now = cJSON_GetArrayItem(states, 0), *maybe = NULL;
	const cJSON *wanted = json_obj(w->scratch, "wanted"), *item;

	cJSON_ArrayForEach(item, json_obj(w->scratch, "refused")) {
		const cJSON *device = json_obj(json_obj(wanted, "devices"), item->string);
		const cJSON *old = json_obj(json_obj(was, "devices"), item->string);

		if (!json_bool(json_obj(w->scratch, "begun"), item->string, false))
			continue;
		if (strcmp(json_str_or(device != NULL ? device : old, "type", ""), "nic") != 0) {
			json_set(json_obj(now, "devices"), item->string, NULL);
			continue;
		}
		if (maybe == NULL)
			maybe = cJSON_Duplicate(now, true);
		take_back(json_obj(maybe, "devices"), json_obj(wanted, "devices"), item->string);
	}
	if (maybe != NULL)
		cJSON_AddItemToArray(states, maybe);
}

/* From now on the container has what was wanted, except for what is pending: that is as it was, or in part. */
static void note_applied(struct work *w, const struct instance *inst)
{
	const cJSON *was = cJSON_GetArrayItem(json_arr(w->scratch, "states"), 0), *item;
	AUTO_JSON cJSON *states = cJSON_CreateArray();
	cJSON *now = cJSON_Duplicate(json_obj(w->scratch, "wanted"), true);
	struct error err = ERROR_INIT;

	cJSON_AddItemToArray(states, now);
	cJSON_ArrayForEach(item, json_arr(w->scratch, "pending")) {
		take_back(json_obj(now, "config"), json_obj(was, "config"), item->valuestring);
		take_back(json_obj(now, "devices"), json_obj(was, "devices"), item->valuestring);
	}
	note_halves(w, states, was);
	if (applied_write(w->b, inst, states, &err) < 0)
		log_warning("instance '%s': %s", w->name, err.msg);
}

static enum op_result finish_live(struct op *op, struct error *err)
{
	struct work *w = op_data(op);
	struct instance *inst = registry_find(w->b->registry, w->name, err);
	cJSON *pending = json_arr(w->scratch, "pending");
	const cJSON *warning;

	if (inst == NULL)
		return OP_FAIL;
	op_metadata_set(op, "applied", cJSON_Duplicate(json_arr(w->scratch, "applied"), true));
	op_metadata_set(op, "pending", cJSON_Duplicate(pending, true));
	op_metadata_set(op, "warnings", cJSON_Duplicate(json_arr(w->scratch, "warnings"), true));
	cJSON_ArrayForEach(warning, json_arr(w->scratch, "warnings"))
		log_warning("instance '%s': not changed live: %s", w->name, warning->valuestring);
	if (cJSON_GetArraySize(pending) > 0 || cJSON_GetArraySize(json_arr(inst->desired, "pending")) > 0) {
		json_set(inst->desired, "pending", cJSON_Duplicate(pending, true));
		if (registry_save(w->b->registry, inst, JSON_DURABLE, err) < 0)
			return OP_FAIL;
	}
	note_applied(w, inst);
	return OP_DONE;
}

static enum op_result next_command(struct op *op, struct error *err)
{
	struct work *w = op_data(op);

	for (;;) {
		const cJSON *command = cJSON_GetArrayItem(json_arr(w->scratch, "commands"), 0);
		struct argv argv = ARGV_INIT;
		struct error failed = ERROR_INIT;
		const cJSON *arg;

		if (command == NULL)
			return finish_live(op, err);
		cJSON_ArrayForEach(arg, json_arr(command, "argv"))
			argv_push(&argv, arg->valuestring);
		if (op_child(op, &argv, command_done, &failed) == OP_WAIT)
			return OP_WAIT;
		refuse(w, json_str_or(command, "device", "?"), failed.msg);
		cJSON_DeleteItemFromArray(json_arr(w->scratch, "commands"), 0);
	}
}

static bool differs(const cJSON *a, const cJSON *b, const char *member, const char *name)
{
	const cJSON *x = cJSON_GetObjectItemCaseSensitive(json_obj(a, member), name);
	const cJSON *y = cJSON_GetObjectItemCaseSensitive(json_obj(b, member), name);

	return (x != NULL || y != NULL) && !cJSON_Compare(x, y, true);
}

/* What already waited goes on waiting, unless it is again as the container has it. */
static void keep_pending(struct work *w, const struct instance *inst, bool known)
{
	const cJSON *was = cJSON_GetArrayItem(json_arr(w->scratch, "states"), 0), *item;
	const cJSON *wanted = json_obj(w->scratch, "wanted");

	cJSON_ArrayForEach(item, json_arr(inst->desired, "pending"))
		if (!known || differs(was, wanted, "config", item->valuestring) ||
		    differs(was, wanted, "devices", item->valuestring))
			cJSON_AddItemToArray(json_arr(w->scratch, "pending"), cJSON_Duplicate(item, true));
}

/*
 * Fills scratch: what the container may have ("states") and shall have ("wanted"), on disk before anything is
 * changed. True in *ret_unsure when it may have been changed before, in part.
 */
static int begin(struct work *w, const struct instance *inst, bool *ret_unsure, struct error *err)
{
	cJSON *states = applied_read(w->b, inst), *wanted = applied_wanted(w->b, inst);
	bool known = states != NULL;

	cJSON_Delete(w->scratch);
	w->scratch = cJSON_CreateObject();
	if (!known) {
		states = cJSON_CreateArray();
		cJSON_AddItemToArray(states, applied_state(json_obj(w->args, "was_config"), json_obj(w->args, "was_devices")));
	}
	*ret_unsure = cJSON_GetArraySize(states) > 1 || (!known && json_bool(w->args, "profile", false)) ||
		      cJSON_GetArraySize(json_arr(inst->desired, "pending")) > 0;
	if (!applied_same(cJSON_GetArrayItem(states, cJSON_GetArraySize(states) - 1), wanted))
		cJSON_AddItemToArray(states, cJSON_Duplicate(wanted, true));
	json_set(w->scratch, "states", states);
	json_set(w->scratch, "wanted", wanted);
	cJSON_AddArrayToObject(w->scratch, "applied");
	cJSON_AddArrayToObject(w->scratch, "pending");
	cJSON_AddArrayToObject(w->scratch, "commands");
	cJSON_AddArrayToObject(w->scratch, "warnings");
	cJSON_AddObjectToObject(w->scratch, "refused");
	cJSON_AddObjectToObject(w->scratch, "begun");
	keep_pending(w, inst, known);
	return cJSON_GetArraySize(states) > 1 ? applied_write(w->b, inst, states, err) : 0;
}

enum op_result step_live(struct op *op, struct error *err)
{
	struct work *w = op_data(op);
	struct instance *inst = registry_find(w->b->registry, w->name, err);
	struct live_change change = { 0 };
	const cJSON *wanted, *state;

	if (inst == NULL)
		return OP_FAIL;
	if (inst->pid == 0)
		return OP_DONE;
	if (begin(w, inst, &change.unsure, err) < 0)
		return OP_FAIL;
	wanted = json_obj(w->scratch, "wanted");
	change.new_config = json_obj(wanted, "config");
	change.new_devices = json_obj(wanted, "devices");
	change.live = (struct live){ .name = w->name, .pid = inst->pid, .probe = w->b->probe, .config = change.new_config };
	change.instance_dir = w->dir;
	change.libexec_dir = w->b->settings->libexec_dir;
	change.applied = json_arr(w->scratch, "applied");
	change.pending = json_arr(w->scratch, "pending");
	change.commands = json_arr(w->scratch, "commands");
	change.warnings = json_arr(w->scratch, "warnings");
	cJSON_ArrayForEach(state, json_arr(w->scratch, "states")) {
		change.old_config = json_obj(state, "config");
		change.old_devices = json_obj(state, "devices");
		if (live_apply(&change, err) < 0)
			return OP_FAIL;
	}
	return next_command(op, err);
}
