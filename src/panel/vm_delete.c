/* SPDX-License-Identifier: MIT */
#include "backup/backup.h"
#include "base/json.h"
#include "instance/instance.h"
#include "panel/vm_work.h"

static enum op_result step_delete(struct op *op, struct error *err)
{
	struct vm *vm = op_data(op);

	return op_follow(op, instance_delete(vm->b, vm->name, true, err), NULL, err);
}

/* After the instance: one that could not be deleted keeps them. */
static enum op_result step_backups(struct op *op, struct error *err)
{
	struct vm *vm = op_data(op);

	if (!json_bool(vm->args, "backups", false) || backup_delete_all(vm->b, vm->name, err) == 0)
		return OP_DONE;
	return OP_FAIL;
}

static const struct op_step delete_steps[] = {
	{ "delete", step_delete, NULL, 0, 0 },
	{ "backups", step_backups, NULL, 0, 0 },
	{ 0 },
};

static const struct op_kind delete_kind = {
	.name = "vm-delete",
	.description = "Deleting instance for a panel",
	.steps = delete_steps,
	.load = vm_load,
	.unload = vm_unload,
	.volatile_ = true,
	.coordinator = true,
};

struct op *vm_delete(struct berthd *b, const char *name, bool backups, struct error *err)
{
	cJSON *args;

	if (registry_find(b->registry, name, err) == NULL)
		return NULL;
	args = cJSON_CreateObject();
	json_set_str(args, "name", name);
	json_set_bool(args, "backups", backups);
	return vm_start(b, &delete_kind, args, NULL, err);
}
