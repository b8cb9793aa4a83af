/* SPDX-License-Identifier: MIT */
/*
 * A tree whose ids are those of the host it came from (an LXD without idmapped mounts shifts them on disk) gets the ids that
 * the container sees: owners, and the root of file capabilities. ACLs do not travel with rsync.
 */
#ifndef BERTH_HELPER_MIGRATE_UNSHIFT_H
#define BERTH_HELPER_MIGRATE_UNSHIFT_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

/* idmap: LXD's, an array of {"Isuid", "Isgid", "Hostid", "Nsid", "Maprange"}; empty, or without a shift: nothing is done. */
int migrate_unshift(const char *tree, const cJSON *idmap, struct error *err);

/*
 * For an instance with mapped ids, which has no device nodes: nothing else stands between it and the host's disks. Those that
 * every container finds in /dev go, the whiteouts of overlays in it stay; ERROR_INVALID for others, as in archives.
 */
int migrate_drop_devices(const char *tree, struct error *err);

/* The container's id for the host's; -1 when the map has none. */
int64_t migrate_unshift_id(const cJSON *idmap, bool gid, uint32_t id);

#endif
