/* SPDX-License-Identifier: MIT */
/*
 * The programs behind devices of type proxy (src/helper/berth-proxy.c): one for each such device of each running
 * instance, started again when it ends, gone with the instance. They die with berthd and are there again when it is.
 */
#ifndef BERTH_INSTANCE_PROXY_H
#define BERTH_INSTANCE_PROXY_H

#include "instance/instance.h"
#include "proc/op.h"

struct proxies;

void proxies_start(struct berthd *b); /* from now on, and for all that run */
void proxies_stop(struct berthd *b);

/* What runs is what the instance's devices say: after each change of them and of its init. Before proxies_start() nothing. */
void proxy_reconcile(struct berthd *b, const struct instance *inst);
void proxy_instance_gone(struct berthd *b, const char *name);

/*
 * Ends the step when those that were just started listen, and those that were ended are gone. must: one that cannot fails the step, with
 * `Failed to start device "px": …`; else that is only logged, said in
 * the operation's metadata ("failed"), and tried again for ever. OP_DONE: there is nothing to
 * wait for.
 */
enum op_result proxy_wait(struct op *op, struct berthd *b, const char *name, bool must, struct error *err);

/*
 * Before a start: are the host's addresses free (but for what its own programs still have, that are on their way out), and
 * has the nic the address that nat needs? devices: expanded.
 */
int proxy_check(struct berthd *b, const char *name, const cJSON *devices, struct error *err);
/* Without the look at what is free: for devices that are changed. */
int proxy_check_nat(const cJSON *devices, struct error *err);

#endif
