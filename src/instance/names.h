/* SPDX-License-Identifier: MIT */
/* Names for instances nobody named: "ready-heron". */
#ifndef BERTH_INSTANCE_NAMES_H
#define BERTH_INSTANCE_NAMES_H

#include "instance/registry.h"

char *name_generate(const struct registry *r, const char *prefix); /* free one; caller frees */

#endif
