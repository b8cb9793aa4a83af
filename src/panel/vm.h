/* SPDX-License-Identifier: MIT */
/*
 * What a hosting panel asks for in one call and berth does in several operations: an instance with its image,
 * volumes, port forwards and password; all of them changed together. Each is one operation that follows the others.
 */
#ifndef BERTH_PANEL_VM_H
#define BERTH_PANEL_VM_H

#include "berthd.h"
#include "panel/vmconfig.h"
#include "proc/op.h"

void vm_register(struct op_queue *q);

/*
 * Creates and starts it; on any failure nothing is left, new volumes included. Needs vm_uuid and os_name. Metadata:
 * {"warnings"}. c is only read; what it says is copied.
 */
struct op *vm_create(struct berthd *b, const struct vmconfig *c, struct error *err);

struct vm_update_options {
	bool restart;   /* a running one, when something waits for it */
	bool reinstall; /* when os_name is another image than its own; else that waits, in "pending" */
};
/*
 * Changes what c names and leaves the rest. What was done stays when a later part fails; the error says which part.
 * Metadata: {"applied":[key],"pending":[key],"warnings":[text]}.
 */
struct op *vm_update(struct berthd *b, const struct vmconfig *c, const struct vm_update_options *options,
		     struct error *err);
/* Replaces its root file system by a fresh one of os_name (NULL: of its own image); a running one runs again. */
struct op *vm_reinstall(struct berthd *b, const char *name, const char *os_name, struct error *err);

/* Stops and deletes it; its volumes stay, its backups too unless `backups`. */
struct op *vm_delete(struct berthd *b, const char *name, bool backups, struct error *err);

#endif
