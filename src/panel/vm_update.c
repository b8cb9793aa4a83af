/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "image/template.h"
#include "instance/instance.h"
#include "instance/volume.h"
#include "panel/vm_work.h"

static struct instance *find(const struct vm *vm, struct error *err)
{
	return registry_find(vm->b->registry, vm->name, err);
}

static void push(cJSON *list, const char *text)
{
	cJSON_AddItemToArray(list, cJSON_CreateString(text));
}

/* ---- configuration and NICs: one PUT of the whole instance */

/* What a panel does not say about a nic stays, unless it went to another bridge. */
static void keep_of_nic(cJSON *nic, const cJSON *old)
{
	static const char *const kept[] = { "hwaddr", "ipv4.address", "ipv4.gateway", "ipv6.address", "ipv6.gateway",
					    "name", "limits.ingress", "limits.egress", NULL };

	if (strcmp(json_str_or(nic, "parent", ""), json_str_or(old, "parent", json_str_or(old, "network", ""))) != 0)
		return;
	for (const char *const *key = kept; *key != NULL; key++)
		if (json_str(nic, *key) == NULL)
			json_set_str(nic, *key, json_str(old, *key));
}

static void set_nics(const struct vm *vm, cJSON *devices, const cJSON *old_devices)
{
	const cJSON *nics = json_obj(vm->args, "nics");
	cJSON *item, *next, *nic;
	const cJSON *old;

	for (item = devices->child; nics != NULL && item != NULL; item = next) {
		next = item->next;
		if (strcmp(json_str_or(item, "type", ""), "nic") == 0)
			cJSON_Delete(cJSON_DetachItemViaPointer(devices, item));
	}
	vm_nic_devices(vm, devices, old_devices);
	if (nics == NULL)
		return;
	cJSON_ArrayForEach(old, old_devices) {
		nic = json_obj(nics, old->string) != NULL ? json_obj(devices, old->string) : NULL;
		if (nic != NULL && strcmp(json_str_or(old, "type", ""), "nic") == 0)
			keep_of_nic(nic, old);
	}
}

static cJSON *put_request(struct vm *vm, const struct instance *inst)
{
	static const char *const members[] = { "architecture", "config", "devices", "profiles", "description", "ephemeral",
					       NULL };
	cJSON *request = cJSON_CreateObject();
	AUTO_JSON cJSON *config = NULL;
	AUTO_JSON cJSON *devices = NULL;
	const cJSON *item;

	for (const char *const *m = members; *m != NULL; m++)
		json_set(request, *m, cJSON_Duplicate(cJSON_GetObjectItemCaseSensitive(inst->desired, *m), true));
	instance_expand(vm->b, inst->desired, &config, &devices);
	cJSON_ArrayForEach(item, json_obj(vm->args, "config"))
		json_set_str(json_obj(request, "config"), item->string, item->valuestring[0] != '\0' ? item->valuestring : NULL);
	set_nics(vm, json_obj(request, "devices"), devices);
	vm_root_size(vm, json_obj(request, "devices"), devices);
	return request;
}

static void append(cJSON *list, const cJSON *more)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, more)
		cJSON_AddItemToArray(list, cJSON_Duplicate(item, true));
}

static enum op_result updated(struct op *op, struct op *update, struct error *err)
{
	struct vm *vm = op_data(op);
	AUTO_JSON cJSON *object = op_json(update);
	const cJSON *metadata = json_obj(object, "metadata");

	append(vm->applied, json_arr(metadata, "applied"));
	append(vm->pending, json_arr(metadata, "pending"));
	append(vm->warnings, json_arr(metadata, "warnings"));
	return err->code == ERROR_NONE ? OP_DONE : OP_FAIL;
}

/* A stopped instance has nothing that waits: the next start has it all. */
static enum op_result updated_stopped(struct op *op, struct op *update, struct error *err)
{
	struct vm *vm = op_data(op);
	const cJSON *item;

	if (err->code != ERROR_NONE)
		return OP_FAIL;
	cJSON_ArrayForEach(item, json_obj(vm->args, "config"))
		push(vm->applied, item->string);
	cJSON_ArrayForEach(item, json_obj(vm->args, "nics"))
		push(vm->applied, item->string);
	if (json_obj(vm->args, "speeds") != NULL)
		push(vm->applied, "speed");
	if (json_str(vm->args, "size") != NULL)
		push(vm->applied, "size");
	return OP_DONE;
}

static enum op_result step_update(struct op *op, struct error *err)
{
	struct vm *vm = op_data(op);
	struct instance *inst = find(vm, err);
	AUTO_JSON cJSON *request = NULL;

	if (inst == NULL)
		return OP_FAIL;
	if (cJSON_GetArraySize(json_obj(vm->args, "config")) == 0 && json_obj(vm->args, "nics") == NULL &&
	    json_obj(vm->args, "speeds") == NULL && json_str(vm->args, "size") == NULL)
		return OP_DONE;
	request = put_request(vm, inst);
	return op_follow(op, instance_update(vm->b, vm->name, request, false, err),
			 inst->pid != 0 ? updated : updated_stopped, err);
}

/* ---- volumes: those that are listed are attached, its others detached */

static const cJSON *listed(const struct vm *vm, const char *device)
{
	const cJSON *volume;

	cJSON_ArrayForEach(volume, json_arr(vm->args, "volumes"))
		if (strcmp(json_str_or(volume, "name", ""), device) == 0)
			return volume;
	return NULL;
}

/* The devices of this instance that are volumes: [{"device","path","readonly"}]. */
static cJSON *attachments(struct vm *vm, struct error *err)
{
	AUTO_JSON cJSON *all = volume_list(vm->b, NULL, err);
	const cJSON *volume, *use;
	cJSON *own;

	if (all == NULL)
		return NULL;
	own = cJSON_CreateArray();
	cJSON_ArrayForEach(volume, all)
		cJSON_ArrayForEach(use, json_arr(volume, "attached"))
			if (strcmp(json_str_or(use, "instance", ""), vm->name) == 0)
				cJSON_AddItemToArray(own, cJSON_Duplicate(use, true));
	return own;
}

static bool same_attachment(const cJSON *volume, const cJSON *use)
{
	const char *path = json_str(volume, "path");
	AUTO_FREE char *usual = mem_printf("/mnt/%s", json_str_or(volume, "name", ""));

	return strcmp(path != NULL ? path : usual, json_str_or(use, "path", "")) == 0 &&
	       json_bool(volume, "readonly", false) == json_bool(use, "readonly", false);
}

static enum op_result detach_next(struct op *op, struct error *err);

static enum op_result detached(struct op *op, struct op *detach, struct error *err)
{
	if (err->code != ERROR_NONE)
		return OP_FAIL;
	((struct vm *)op_data(op))->volume++;
	return detach_next(op, err);
}

static enum op_result detach_next(struct op *op, struct error *err)
{
	struct vm *vm = op_data(op);
	AUTO_JSON cJSON *request = NULL;
	const cJSON *name = cJSON_GetArrayItem(json_arr(vm->args, "detach"), vm->volume);

	if (name == NULL)
		return step_vm_volumes(op, err);
	request = cJSON_CreateObject();
	json_set_str(request, "name", name->valuestring);
	return op_follow(op, volume_detach(vm->b, vm->name, request, err), detached, err);
}

static void drop_volume(struct vm *vm, const char *name)
{
	cJSON *list = json_arr(vm->args, "volumes");

	for (int i = cJSON_GetArraySize(list) - 1; i >= 0; i--)
		if (strcmp(json_str_or(cJSON_GetArrayItem(list, i), "name", ""), name) == 0)
			cJSON_DeleteItemFromArray(list, i);
}

static enum op_result step_volumes(struct op *op, struct error *err)
{
	struct vm *vm = op_data(op);
	AUTO_JSON cJSON *uses = NULL;
	cJSON *detach;
	const cJSON *use;

	if (json_arr(vm->args, "volumes") == NULL)
		return OP_DONE;
	uses = attachments(vm, err);
	if (uses == NULL)
		return OP_FAIL;
	detach = cJSON_CreateArray();
	cJSON_ArrayForEach(use, uses) {
		const char *device = json_str_or(use, "device", "");
		const cJSON *volume = listed(vm, device);

		if (volume != NULL && same_attachment(volume, use))
			drop_volume(vm, device); /* as it is */
		else
			push(detach, device);
	}
	json_set(vm->args, "detach", detach);
	vm->volume = 0;
	return detach_next(op, err);
}

/* ---- another system, restart */

static enum op_result restarted(struct op *op, struct op *restart, struct error *err)
{
	struct vm *vm = op_data(op);

	if (err->code != ERROR_NONE)
		return OP_FAIL;
	append(vm->applied, vm->pending);
	cJSON_Delete(vm->pending);
	vm->pending = cJSON_CreateArray();
	return OP_DONE;
}

static enum op_result step_os(struct op *op, struct error *err)
{
	struct vm *vm = op_data(op);
	const struct instance *inst = find(vm, err);
	const char *wanted = json_str(vm->args, "fingerprint");
	AUTO_JSON cJSON *request = NULL;
	cJSON *source;

	if (inst == NULL)
		return OP_FAIL;
	if (wanted == NULL ||
	    (!json_bool(vm->args, "always", false) &&
	     strcmp(wanted, json_str_or(json_obj(inst->desired, "config"), "volatile.base_image", "")) == 0))
		return OP_DONE;
	if (!json_bool(vm->args, "reinstall", false)) {
		json_set_bool(vm->args, "os_waits", true); /* not for a restart: for reinstall */
		return OP_DONE;
	}
	request = cJSON_CreateObject();
	json_set_bool(request, "force", true);
	source = cJSON_AddObjectToObject(request, "source");
	json_set_str(source, "type", "image");
	json_set_str(source, "fingerprint", wanted);
	push(vm->applied, "os_name");
	return op_follow(op, instance_rebuild(vm->b, vm->name, request, err), restarted, err);
}

static enum op_result step_restart(struct op *op, struct error *err)
{
	struct vm *vm = op_data(op);
	const struct instance *inst = find(vm, err);
	struct power_options options = { .action = POWER_RESTART, .timeout_s = 30 };

	if (inst == NULL)
		return OP_FAIL;
	if (!json_bool(vm->args, "restart", false) || inst->pid == 0 || cJSON_GetArraySize(vm->pending) == 0)
		return OP_DONE;
	return op_follow(op, instance_power(vm->b, vm->name, &options, err), restarted, err);
}

static const struct op_step update_steps[] = {
	{ "template", step_vm_template, NULL, 0, 0 },
	{ "update", step_update, NULL, 0, 0 },
	{ "volumes", step_volumes, NULL, 0, 0 },
	{ "forwards", step_vm_forwards, NULL, 0, 0 },
	{ "os", step_os, NULL, 0, 0 },
	{ "password", step_vm_password, NULL, 0, 0 },
	{ "restart", step_restart, NULL, 0, 0 },
	{ "dns", step_vm_dns, NULL, 60, 0 },
	{ "report", step_vm_report, NULL, 0, 0 },
	{ 0 },
};

/* Each operation that is followed finishes or undoes itself; what was done before it stays. */
static const struct op_kind update_kind = {
	.name = "vm-update",
	.description = "Updating instance for a panel",
	.steps = update_steps,
	.load = vm_load,
	.unload = vm_unload,
	.volatile_ = true,
	.coordinator = true,
};

struct op *vm_update(struct berthd *b, const struct vmconfig *c, const struct vm_update_options *o, struct error *err)
{
	cJSON *args;

	if (c->name == NULL) {
		error_set(err, ERROR_INVALID, "vm_uuid is missing: the name of the instance");
		return NULL;
	}
	if (registry_find(b->registry, c->name, err) == NULL)
		return NULL;
	args = vm_args(c);
	json_set_bool(args, "restart", o->restart);
	json_set_bool(args, "reinstall", o->reinstall);
	return vm_start(b, &update_kind, args, c->os_pass, err);
}

struct op *vm_reinstall(struct berthd *b, const char *name, const char *os_name, struct error *err)
{
	const struct instance *inst = registry_find(b->registry, name, err);
	const char *base = inst != NULL ? json_str(json_obj(inst->desired, "config"), "volatile.base_image") : NULL;
	cJSON *args;

	if (inst == NULL)
		return NULL;
	if (os_name == NULL && base == NULL) {
		error_set(err, ERROR_INVALID, "os_name is missing: '%s' was made of no image", name);
		return NULL;
	}
	args = cJSON_CreateObject();
	json_set_str(args, "name", name);
	if (os_name != NULL)
		json_set_str(args, "os_name", os_name);
	else
		json_set_str(args, "fingerprint", base);
	json_set_bool(args, "reinstall", true);
	json_set_bool(args, "always", true);
	return vm_start(b, &update_kind, args, NULL, err);
}
