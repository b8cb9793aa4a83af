/* SPDX-License-Identifier: MIT */
/* The fields of a VMConfig that are lists, and what all fields share; private to vmconfig*.c. */
#ifndef BERTH_PANEL_VMCONFIG_FIELD_H
#define BERTH_PANEL_VMCONFIG_FIELD_H

#include "panel/vmconfig.h"

/* A finite number from min to max; panels also send it as a text. */
int vmconfig_number(const char *field, const cJSON *value, double min, double max, double *ret, struct error *err);
void vmconfig_warn(struct vmconfig *c, const char *text);

int vmconfig_nics(const struct settings *s, const char *field, const cJSON *value, struct vmconfig *c, struct error *err);
int vmconfig_volumes(const struct settings *s, const char *field, const cJSON *value, struct vmconfig *c,
		     struct error *err);
int vmconfig_forwards(const struct settings *s, const char *field, const cJSON *value, struct vmconfig *c,
		      struct error *err);

#endif
