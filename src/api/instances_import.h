/* SPDX-License-Identifier: MIT */
/* POST /1.0/instances with an archive as its body: a backup in LXD's format becomes an instance. */
#ifndef BERTH_API_INSTANCES_IMPORT_H
#define BERTH_API_INSTANCES_IMPORT_H

#include "api/router.h"

/* For the row of POST /1.0/instances: JSON goes to the row's handler. Headers: X-LXD-name, X-LXD-pool. */
extern const struct route_upload instance_import_body;

#endif
