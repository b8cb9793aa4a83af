/* SPDX-License-Identifier: MIT */
/* The sha256 of an archive, taken by a child: it may be ended at any time. */
#ifndef BERTH_BACKUP_CHECKSUM_H
#define BERTH_BACKUP_CHECKSUM_H

#include "base/ident.h"
#include "berthd.h"
#include "proc/op.h"

/* WAITs as op_child(); done reads the result by checksum_take(). What of the file is not on the disk is on its way there. */
enum op_result checksum_start(struct op *op, const struct berthd *b, const char *path, op_child_cb done, struct error *err);
int checksum_take(const struct proc_result *result, char out[SHA256_TEXT_SIZE], struct error *err);

#endif
