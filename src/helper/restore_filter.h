/* SPDX-License-Identifier: MIT */
/*
 * The part of `berth-restore tree` that reads hostile bytes: nobody, without system calls but read and write, it judges
 * every entry of the tar stream on its stdin (image/tar_backup.h) and lets through what tar may see.
 */
#ifndef BERTH_HELPER_RESTORE_FILTER_H
#define BERTH_HELPER_RESTORE_FILTER_H

#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "helper/restore_options.h"

/* What it says to the parent: one letter, then for 'r' a path and a NUL. Answered by one byte, 'y' or 'n'. */
enum { ASK_NEXT = 'n', ASK_REMOVE = 'r' };
/* Its error when the answer was 'n'; why, the parent knows. */
#define RESTORE_UNANSWERED "what the first pass made could not be changed"

struct restore_filter {
	int out, next; /* the pipes to the first and second tar */
	int parent;    /* what is asked there is answered there */
	int progress;  /* gets lines "progress BYTES" */
	struct timespec shown;
	volatile uint64_t *moved; /* what the parent sees of it: bytes */
};

/*
 * In the child: the report (JSON, with "error" and "code" when it refused) goes to report_fd. Returns the exit status, of
 * unpack_parts.h.
 */
int restore_filter(const struct restore_options *o, struct restore_filter *f, pid_t parent, int report_fd);

#endif
