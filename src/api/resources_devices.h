/* SPDX-License-Identifier: MIT */
/* The network cards and disks of GET /1.0/resources: those that are hardware, not bridges, veths or loops. */
#ifndef BERTH_API_RESOURCES_DEVICES_H
#define BERTH_API_RESOURCES_DEVICES_H

#include <cjson/cJSON.h>

cJSON *resources_network_json(void); /* {"cards":[…],"total":n} */
cJSON *resources_storage_json(void); /* {"disks":[…],"total":n} */

#endif
