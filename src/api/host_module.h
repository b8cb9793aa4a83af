/* SPDX-License-Identifier: MIT */
/*
 * POST /1.0/host/OPERATION: the eighteen operations of a hosting panel's LXC host module, by its names, with its answer
 * shape: {"success","action","actions","message","results","execute"}. Each calls the function behind the resource
 * and the command of its own; doc/host-module.md maps them.
 */
#ifndef BERTH_API_HOST_MODULE_H
#define BERTH_API_HOST_MODULE_H

#include "api/router.h"

struct panel_call {
	struct berthd *b;
	const cJSON *in;  /* the request's body, {} when there was none */
	bool done;        /* nothing to wait for: results and message are there */
	cJSON *results;   /* NULL: {} */
	char *message;    /* NULL: the operation's own */
};

struct panel_operation {
	const char *name;    /* "VMCreate"; NULL ends the table */
	const char *inputs;  /* names, by blanks; NULL: what the function behind it takes */
	const char *message; /* of a success */
	bool idle;           /* also while the host is unloaded */
	/* The operation to wait for; or NULL: c->done, or err. */
	struct op *(*begin)(struct panel_call *c, struct error *err);
	void (*end)(struct panel_call *c, struct op *op); /* of a success: fills results; may be NULL */
	void (*ready)(struct berthd *b, void (*cb)(void *data), void *data); /* to wait for before begin; may be NULL */
};
extern const struct panel_operation panel_operations[];

/* reply_error() in the host module's shape. */
void host_module_refuse(struct request *r, const struct error *err);

#endif
