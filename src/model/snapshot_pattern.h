/* SPDX-License-Identifier: MIT */
/*
 * Names of snapshots. snapshots.pattern is a text with, at most once, %d (the next free number), and any number of
 * {{ creation_date }} or {{ creation_date|date:'2006-01-02_15-04-05' }}: the moment in Go's notation, in which a layout
 * shows how Monday January 2 15:04:05 2006 is to look.
 */
#ifndef BERTH_MODEL_SNAPSHOT_PATTERN_H
#define BERTH_MODEL_SNAPSHOT_PATTERN_H

#include <stdbool.h>
#include <time.h>

#include "base/error.h"

#define SNAPSHOT_PATTERN_DEFAULT "snap%d"

/* A name: UTF-8, no '/', no control characters, not "." or "..", at most 200 bytes. "Invalid snapshot name: …" */
int name_validate_snapshot(const char *name, struct error *err);

/*
 * The name the pattern gives at this time (local time zone). taken says whether a name is in use; one that is, of a
 * pattern without %d, gets "-0", "-1", … Caller frees; NULL with ERROR_INVALID.
 */
char *snapshot_pattern_name(const char *pattern, time_t now, bool (*taken)(const char *name, void *data), void *data,
			    struct error *err);
int snapshot_pattern_check(const char *pattern, struct error *err);

#endif
