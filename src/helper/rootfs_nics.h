/* SPDX-License-Identifier: MIT */
/*
 * What nics have on the host (limits, filters, routes, answers on a parent's network) ends with the container. LXC runs
 * script.down of the nics that it was started with, as they were then. What came or changed later stands in
 * INSTANCE_DIR/config: this runs the script.down of that, all of which may be run again.
 */
#ifndef BERTH_HELPER_ROOTFS_NICS_H
#define BERTH_HELPER_ROOTFS_NICS_H

#include "base/error.h"
#include "base/strbuf.h"

/*
 * A line "/…/berth-nic-up ARGUMENTS --device=VETH" for each nic of this config that has that as its script.down; VETH is
 * its veth.pair. Others, such as those of raw.lxc, and what is not written as berth writes it, are left out.
 */
void rootfs_nics_commands(const char *config, struct strbuf *out);

/* Runs them. A missing folder or file is success. */
int rootfs_nics_down(const char *instance_dir, struct error *err);

#endif
