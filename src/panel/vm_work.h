/* SPDX-License-Identifier: MIT */
/* What creating and updating share; private to vm*.c. */
#ifndef BERTH_PANEL_VM_WORK_H
#define BERTH_PANEL_VM_WORK_H

#include "panel/vm.h"

/* args: {"name","os_name","config","nics","volumes","forwards","dns","speeds","size","fingerprint",…} */
struct vm {
	struct berthd *b;
	cJSON *args; /* the operation's */
	const char *name;
	char *password; /* never in args, which are journalled; NULL: none */
	int volume;     /* the one that is being attached or detached */
	cJSON *warnings, *applied, *pending;
};

void *vm_load(void *ctx, cJSON *args, struct error *err);
void vm_unload(void *data);
struct op *vm_start(struct berthd *b, const struct op_kind *kind, cJSON *args_taken, const char *password,
		    struct error *err);
cJSON *vm_args(const struct vmconfig *c);
void vm_warn(struct vm *vm, const char *part, const char *text);

void vm_create_register(struct op_queue *q); /* vm_create.c: the only one that is journalled */

/* The devices of `nics` with the speeds of `speeds`; those of `present` that are nics of the profiles only: hidden. */
void vm_nic_devices(const struct vm *vm, cJSON *devices, const cJSON *inherited);

/* The root disk of `inherited`, with args.size, among devices; a warning where its pool cannot limit it. */
void vm_root_size(struct vm *vm, cJSON *devices, const cJSON *inherited);

enum op_result step_vm_template(struct op *op, struct error *err); /* args.os_name -> args.fingerprint */
enum op_result step_vm_volumes(struct op *op, struct error *err);  /* attaches those of args.volumes */
enum op_result step_vm_forwards(struct op *op, struct error *err);
enum op_result step_vm_password(struct op *op, struct error *err);
enum op_result step_vm_dns(struct op *op, struct error *err); /* of a running one; a failure is a warning */
enum op_result step_vm_report(struct op *op, struct error *err);

#endif
