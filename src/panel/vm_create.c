/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "instance/instance.h"
#include "instance/volume.h"
#include "model/profile.h"
#include "panel/vm_work.h"

/* ---- the instance */

static cJSON *profile_devices(const struct vm *vm)
{
	const cJSON *profile = profile_get(vm->b->profiles, "default");

	return json_obj(profile, "devices");
}

static cJSON *create_request(struct vm *vm)
{
	cJSON *request = cJSON_CreateObject(), *source, *devices;
	cJSON *config = cJSON_Duplicate(json_obj(vm->args, "config"), true), *item, *next;

	for (item = config->child; item != NULL; item = next) {
		next = item->next;
		if (item->valuestring[0] == '\0') /* no limit: not set */
			cJSON_Delete(cJSON_DetachItemViaPointer(config, item));
	}
	json_set_str(request, "name", vm->name);
	json_set(request, "config", config);
	devices = cJSON_AddObjectToObject(request, "devices");
	vm_nic_devices(vm, devices, profile_devices(vm));
	vm_root_size(vm, devices, profile_devices(vm));
	source = cJSON_AddObjectToObject(request, "source");
	json_set_str(source, "type", "image");
	json_set_str(source, "fingerprint", json_str(vm->args, "fingerprint"));
	return request;
}

static enum op_result created(struct op *op, struct op *create, struct error *err)
{
	struct vm *vm = op_data(op);
	struct error saved = ERROR_INIT;

	if (err->code == ERROR_NONE)
		return OP_DONE;
	json_set_bool(vm->args, "made", false); /* whatever has the name now is another's */
	return op_save(op, &saved) < 0 || err->code != ERROR_NONE ? OP_FAIL : OP_DONE;
}

/*
 * Noted before it is started: nobody has the name, and nobody waits for it, so what has it after a crash was made by
 * the launch that we started.
 */
static enum op_result step_create(struct op *op, struct error *err)
{
	struct vm *vm = op_data(op);
	AUTO_FREE char *lock = mem_printf("instance/%s", vm->name);
	AUTO_JSON cJSON *request = create_request(vm);

	if (registry_get(vm->b->registry, vm->name) != NULL || op_locked(vm->b->ops, lock)) {
		error_set(err, ERROR_CONFLICT, "an instance '%s' exists already", vm->name);
		return OP_FAIL;
	}
	json_set_bool(vm->args, "made", true);
	if (op_save(op, err) < 0)
		return OP_FAIL;
	return op_follow(op, instance_create(vm->b, request, err), created, err);
}

static enum op_result deleted(struct op *op, struct op *delete, struct error *err)
{
	return err->code == ERROR_NONE || err->code == ERROR_NOT_FOUND ? OP_DONE : OP_FAIL;
}

static enum op_result step_uncreate(struct op *op, struct error *err)
{
	struct vm *vm = op_data(op);

	if (!json_bool(vm->args, "made", false) || registry_get(vm->b->registry, vm->name) == NULL)
		return OP_DONE;
	return op_follow(op, instance_delete(vm->b, vm->name, true, err), deleted, err);
}

/* ---- its volumes: those that this operation makes go with it when it fails */

static bool volume_exists(struct berthd *b, const char *owner, const char *name)
{
	struct error ignored = ERROR_INIT;
	AUTO_JSON cJSON *volume = volume_get(b, owner, name, &ignored);

	return volume != NULL;
}

static bool volume_is_own(const cJSON *volume)
{
	return json_str(volume, "source") == NULL;
}

static enum op_result step_volumes(struct op *op, struct error *err)
{
	struct vm *vm = op_data(op);
	cJSON *made = cJSON_CreateArray(), *volume;

	cJSON_ArrayForEach(volume, json_arr(vm->args, "volumes")) {
		const char *name = json_str_or(volume, "name", "");

		if (volume_is_own(volume) && !volume_exists(vm->b, vm->name, name))
			cJSON_AddItemToArray(made, cJSON_CreateString(name));
	}
	json_set(vm->args, "made_volumes", made);
	return op_save(op, err) < 0 ? OP_FAIL : step_vm_volumes(op, err);
}

static enum op_result remove_next(struct op *op, struct error *err);

static enum op_result removed(struct op *op, struct op *remove, struct error *err)
{
	if (err->code != ERROR_NONE && err->code != ERROR_NOT_FOUND)
		log_warning("%s", err->msg);
	((struct vm *)op_data(op))->volume++;
	return remove_next(op, err);
}

static enum op_result remove_next(struct op *op, struct error *err)
{
	struct vm *vm = op_data(op);
	const cJSON *name;

	for (; (name = cJSON_GetArrayItem(json_arr(vm->args, "made_volumes"), vm->volume)) != NULL; vm->volume++)
		if (cJSON_IsString(name) && volume_exists(vm->b, vm->name, name->valuestring))
			return op_follow(op, volume_delete(vm->b, vm->name, name->valuestring, err), removed, err);
	return OP_DONE;
}

static enum op_result step_unvolumes(struct op *op, struct error *err)
{
	((struct vm *)op_data(op))->volume = 0;
	return remove_next(op, err);
}

/* ---- start */

static enum op_result step_start_vm(struct op *op, struct error *err)
{
	struct vm *vm = op_data(op);
	struct power_options options = { .action = POWER_START, .timeout_s = -1 };

	return op_follow(op, instance_power(vm->b, vm->name, &options, err), NULL, err);
}

static const struct op_step create_steps[] = {
	{ "template", step_vm_template, NULL, 0, 0 },
	{ "create", step_create, step_uncreate, 0, 0 },
	{ "volumes", step_volumes, step_unvolumes, 0, 0 },
	{ "forwards", step_vm_forwards, NULL, 0, 0 },
	{ "password", step_vm_password, NULL, 0, 0 },
	{ "start", step_start_vm, NULL, 0, 0 },
	{ "dns", step_vm_dns, NULL, 60, 0 },
	{ "report", step_vm_report, NULL, 0, 0 },
	{ 0 },
};

static const struct op_kind create_kind = {
	.name = "vm-create",
	.description = "Creating instance for a panel",
	.steps = create_steps,
	.load = vm_load,
	.unload = vm_unload,
	.undo_later = true,
	.may_cancel = true,
	.coordinator = true,
};

void vm_create_register(struct op_queue *q)
{
	op_queue_register(q, &create_kind);
}

struct op *vm_create(struct berthd *b, const struct vmconfig *c, struct error *err)
{
	if (c->name == NULL) {
		error_set(err, ERROR_INVALID, "vm_uuid is missing: the name of the instance");
		return NULL;
	}
	if (c->os_name == NULL) {
		error_set(err, ERROR_INVALID, "os_name is missing: a template or an image");
		return NULL;
	}
	return vm_start(b, &create_kind, vm_args(c), c->os_pass, err);
}
