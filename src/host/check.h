/* SPDX-License-Identifier: MIT */
/*
 * What is wrong with this host, and the command that mends it: `berthd --check`. Synchronous: it runs tools and waits
 * for them, so the daemon has it done by a child (host_check_run). It changes nothing.
 */
#ifndef BERTH_HOST_CHECK_H
#define BERTH_HOST_CHECK_H

#include <cjson/cJSON.h>
#include <stdbool.h>

#include "model/settings.h"

/* [{"name", "status": "ok"|"warning"|"error", "message", "fix"}]; fix is "" where nothing is to be done. */
cJSON *host_check_all(const struct settings *s);
/* Is there an error among them? */
bool host_check_failed(const cJSON *findings);

/* ---- for the files of the check */
enum check_status { CHECK_OK, CHECK_WARNING, CHECK_ERROR };
struct check {
	const struct settings *s;
	cJSON *findings;
	int family; /* of the distribution: 0 Debian, 1 Fedora, 2 Alpine */
};
/* fix may be NULL. */
void check_add(struct check *c, const char *name, enum check_status status, const char *fix, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));
char *check_install(const struct check *c, const char *const packages[3]); /* "apt-get install X"; caller frees */
void check_tools(struct check *c);
void check_network(struct check *c);

#endif
