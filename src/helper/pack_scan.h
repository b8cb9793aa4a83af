/* SPDX-License-Identifier: MIT */
/*
 * What lies in the working folder, in an order that two scans share: each folder before what is in it, names within a
 * folder by their bytes. Nothing is followed, no mount is crossed (none is there), nothing is opened but folders.
 *
 * A scan may leave records behind, "T CTIME.NSEC INODE PATH\0"; a later one tells by them what is new or has changed.
 */
#ifndef BERTH_HELPER_PACK_SCAN_H
#define BERTH_HELPER_PACK_SCAN_H

#include <stdint.h>
#include <stdio.h>

#include "base/error.h"

struct pack_scan {
	char *const *exclude; /* n_exclude patterns "./var/cache/…", as tar --anchored --wildcards-match-slash has them */
	int n_exclude;
	FILE *records;  /* written, or NULL */
	FILE *old;      /* of an earlier scan, or NULL */
	FILE *manifest; /* with old: "T PATH\0" of everything */
	FILE *changed;  /* with old: "PATH\0" of what old lacks, or has otherwise, or that changed since its `since` */
	int64_t since;  /* ctime in seconds from which on a file counts as changed whatever old says */

	/* results */
	uint64_t entries;
	uint64_t bytes;  /* on disk, a file with several names once */
	uint64_t stream; /* about how long a tar of it is */
};

int pack_scan(struct pack_scan *s, struct error *err);

/* The order of two paths in it: < 0, 0, > 0. */
int pack_scan_order(const char *a, const char *b);

#endif
