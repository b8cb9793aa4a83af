/* SPDX-License-Identifier: MIT */
/* Extended attributes of a send stream, whose ids may be those of the host they come from. */
#ifndef BERTH_HELPER_STREAM_XATTR_H
#define BERTH_HELPER_STREAM_XATTR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "image/tar_backup.h"

/* An id as the container has it; nobody's when the map has it not. */
uint64_t stream_shift(const struct tar_shift *shift, uint64_t id);
/* The host's own labels, which say nothing here: security.selinux and the like. */
bool stream_xattr_is_hosts(const char *name);
/* user.*, ACLs, file capabilities, what btrfs itself has. */
bool stream_xattr_is_kept(const char *name);
/* The ids of an ACL, the root of file capabilities; in place, it may become shorter. */
void stream_xattr_shift(const struct tar_shift *shift, const char *name, uint8_t *value, size_t *len);

#endif
