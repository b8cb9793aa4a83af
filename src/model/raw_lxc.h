/* SPDX-License-Identifier: MIT */
/*
 * raw.lxc: lines "lxc.x = y", comments and blanks, put at the end of the
 * rendered config. Whoever sets it is root on the host anyway (hooks); what is
 * refused are lines that would make berth's picture of the instance untrue:
 * its name, tree, id map, log and the clearing of hooks or whole sections.
 */
#ifndef BERTH_MODEL_RAW_LXC_H
#define BERTH_MODEL_RAW_LXC_H

#include <stdbool.h>

#include "base/error.h"

int raw_lxc_validate(const char *text, struct error *err);
bool raw_lxc_has_network(const char *text, unsigned index); /* a "lxc.net.INDEX." line */
bool raw_lxc_has_networks(const char *text); /* any "lxc.net." line */

#endif
