/* SPDX-License-Identifier: MIT */
/* What the files about /1.0/networks share; the first two also of use for forwards. */
#ifndef BERTH_API_NETWORKS_H
#define BERTH_API_NETWORKS_H

#include <cjson/cJSON.h>
#include <stdbool.h>

#include "berthd.h"

struct request;

bool network_managed(const struct berthd *b, const char *name); /* one of ours, or of the two bridges of berth.conf */
const char *network_driver(const struct berthd *b, const char *name); /* of a managed one: its type */
void network_etag(const cJSON *object, char etag[65]); /* of its config and description */
bool network_sys_has(const char *name, const char *file); /* in /sys/class/net/NAME */

/* networks_change.c */
void networks_post(struct request *r);
void networks_put_one(struct request *r);
void networks_patch_one(struct request *r);
void networks_post_one(struct request *r);
void networks_delete_one(struct request *r);

/* networks_state.c */
void network_state_get(struct request *r);
void network_leases_get(struct request *r);

#endif
