/* SPDX-License-Identifier: MIT */
/*
 * volatile.cloud-init.instance-id: what cloud-init in the instance knows it by. With another one it does its first boot
 * again (cloud-init: "instance-id"). As LXD has it, it is new for a new instance, after a rename, and when something
 * changes that cloud-init acts upon. Templates of images hand it over.
 */
#ifndef BERTH_INSTANCE_CLOUD_INIT_H
#define BERTH_INSTANCE_CLOUD_INIT_H

#include <cjson/cJSON.h>
#include <stdbool.h>

#define CLOUD_INIT_ID "volatile.cloud-init.instance-id"

void cloud_init_fill(cJSON *config); /* a new one, if it has none */
void cloud_init_renew(cJSON *config);
/* Would cloud-init act upon it? Its keys are others, or the names of nics in the instance. All are expanded. */
bool cloud_init_differs(const cJSON *old_config, const cJSON *old_devices, const cJSON *config, const cJSON *devices);

#endif
