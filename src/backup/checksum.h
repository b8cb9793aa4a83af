/* SPDX-License-Identifier: MIT */
/* An archive, or its sha256, read by a child: it may be ended at any time. */
#ifndef BERTH_BACKUP_CHECKSUM_H
#define BERTH_BACKUP_CHECKSUM_H

#include "base/ident.h"
#include "berthd.h"
#include "proc/op.h"

/* A command of berth-restore that has the archive on its stdin. */
struct archive_read {
	const char *what;    /* "digest", "test", "list" or "member" */
	const char *member;  /* of "member", else NULL */
	unsigned timeout_ms; /* 0: none */
	size_t output_max;   /* of what is captured; 0: proc.h's */
};

/*
 * WAITs as op_child(). An archive may come from anywhere: 7-Zip, which the caller has looked for, reads it as nobody, with
 * no right but to read. A symbolic link is refused.
 */
enum op_result archive_read_start(struct op *op, const struct berthd *b, const char *path, const struct archive_read *how,
				  op_child_cb done, struct error *err);

/* The same; done reads the result by checksum_take(). What of the file is not on the disk is on its way there. */
enum op_result checksum_start(struct op *op, const struct berthd *b, const char *path, op_child_cb done, struct error *err);
int checksum_take(const struct proc_result *result, char out[SHA256_TEXT_SIZE], struct error *err);

#endif
