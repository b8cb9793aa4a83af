/* SPDX-License-Identifier: MIT */
/*
 * What an administrator should know and nobody asked about at the time: one entry per type and what it is about, counted
 * when it comes again, "resolved" when it is over. In <state_path>/warnings.json; an entry is LXD's warning object
 * {"uuid","location","project","type","count","first_seen_at","last_seen_at","last_message","severity","entity_url",
 * "status": "new"|"acknowledged"|"resolved"}.
 */
#ifndef BERTH_MODEL_WARNINGS_H
#define BERTH_MODEL_WARNINGS_H

#include <cjson/cJSON.h>

#include "base/error.h"

struct warnings;

enum warning_severity { WARNING_LOW, WARNING_MODERATE, WARNING_HIGH };

struct warnings *warnings_open(const char *path, struct error *err); /* a missing file is empty */
void warnings_free(struct warnings *w); /* NULL is fine */
/* entity: "/1.0/instances/c1", or "" for the host. w NULL: nothing happens. What cannot be written is logged. */
void warning_raise(struct warnings *w, const char *type, const char *entity, enum warning_severity severity,
		   const char *message);
void warning_resolve(struct warnings *w, const char *type, const char *entity); /* if there is one */
/* Findings of host/check.h: raised, and resolved where they are fine. */
void warnings_of_checks(struct warnings *w, const cJSON *findings);

const cJSON *warnings_list(const struct warnings *w); /* borrowed array; NULL for none */
const cJSON *warning_find(const struct warnings *w, const char *uuid); /* or NULL */
/* "new" or "acknowledged". -1: ERROR_INVALID, or it cannot be written. */
int warning_set_status(struct warnings *w, const char *uuid, const char *status, struct error *err);
int warning_delete(struct warnings *w, const char *uuid, struct error *err);

#endif
