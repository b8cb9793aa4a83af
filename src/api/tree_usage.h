/* SPDX-License-Identifier: MIT */
/* What a folder's files take of the disk, counted in a thread for a request that waits. */
#ifndef BERTH_API_TREE_USAGE_H
#define BERTH_API_TREE_USAGE_H

#include "api/router.h"
#include "base/error.h"

/* Enough for what fits a request; one of the few threads is busy as long. */
#define TREE_USAGE_MS 2000

/* r: NULL when the client has left. bytes: NULL when counting failed or took over the milliseconds given, as err says. */
typedef void tree_usage_done(struct request *r, void *data, const unsigned long long *bytes, const struct error *err);

/* Calls done once, later, whatever happens: data, which may be NULL, can be freed there. The request has no other data. */
void tree_usage(struct request *r, const char *path, unsigned ms, tree_usage_done *done, void *data);

#endif
