/* SPDX-License-Identifier: MIT */
/*
 * Hardware that comes and goes (usb, unix-hotplug and gpu devices): while an instance that has such a device runs, the
 * kernel's uevents are heard, and what the instance was given is compared with what there is. An update of the instance
 * makes good the difference.
 */
#ifndef BERTH_INSTANCE_HOTPLUG_H
#define BERTH_INSTANCE_HOTPLUG_H

#include "instance/instance.h"

struct hotplug;

void hotplug_start(struct berthd *b); /* before proxies_start(), which has the instances looked at */
void hotplug_stop(struct berthd *b);
/* devices: expanded, of one that runs; NULL: it does not. Before hotplug_start() nothing. */
void hotplug_reconcile(struct berthd *b, const struct instance *inst, const cJSON *devices);
void hotplug_instance_gone(struct berthd *b, const char *name);

/* For tests: does this datagram of the kernel tell of a device node? */
bool hotplug_is_node_event(const char *datagram, size_t len);

#endif
