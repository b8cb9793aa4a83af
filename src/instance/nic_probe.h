/* SPDX-License-Identifier: MIT */
/* Before a routed nic gets its addresses: has somebody on its parent's network one of them? By hooks/berth-nic-probe. */
#ifndef BERTH_INSTANCE_NIC_PROBE_H
#define BERTH_INSTANCE_NIC_PROBE_H

#include "instance/instance.h"
#include "proc/op.h"

/*
 * Asks for those of devices (expanded) that are not in old (NULL: none) as they are, with a parent and without
 * ipvN.neighbor_probe=false. OP_DONE: there is none to ask for, and done is not called; else it is, with what
 * nic_probed() understands.
 */
enum op_result nic_probe(struct op *op, const struct berthd *b, const cJSON *devices, const cJSON *old, op_child_cb done,
			 struct error *err);
/* -1: `Failed to start device "r": IP address "10.0.0.5" in use on parent network "eth0"` */
int nic_probed(const struct proc_result *result, struct error *err);

#endif
