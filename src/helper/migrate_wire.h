/* SPDX-License-Identifier: MIT */
/*
 * What LXD's servers say to each other on the control connection of a migration (lxd/migration/migrate.proto, protobuf),
 * as JSON:
 *
 *   header: {"fs": 0 (rsync), "criu": 0..2 if sent, "idmap": [{"Isuid", "Isgid", "Hostid", "Nsid", "Maprange"}],
 *            "names": [of snapshots], "snapshots": [{"name", "config", "profiles", "ephemeral", "devices", "architecture":
 *            LXD's number, "stateful", "created", "used", "expires": seconds since 1970}], "predump",
 *            "rsync": {"xattrs", "delete", "compress", "bidirectional"} if sent, "refresh", "index_version"}
 *   control: {"success", "message"}
 *
 * What else there may be (of other storage drivers) is passed over. What comes is hostile.
 */
#ifndef BERTH_HELPER_MIGRATE_WIRE_H
#define BERTH_HELPER_MIGRATE_WIRE_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/strbuf.h"

enum { MIGRATE_FS_RSYNC = 0, MIGRATE_CRIU_NONE = 2 };

/* NULL: ERROR_INVALID. Text that is no UTF-8, or holds a NUL, is refused. */
cJSON *migrate_header_read(const void *data, size_t len, struct error *err);
cJSON *migrate_control_read(const void *data, size_t len, struct error *err);

/* Appended. Missing members are left out. */
void migrate_header_write(const cJSON *header, struct strbuf *out);
void migrate_control_write(bool success, const char *message, struct strbuf *out);

#endif
