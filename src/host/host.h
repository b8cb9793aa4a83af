/* SPDX-License-Identifier: MIT */
/*
 * The host as a whole. berthd's start loads it: bridges, our nftables table and dnsmasq are brought up (where
 * host-init made them for this root), parts (network.h) are started, autostart instances are started. Unloaded,
 * nothing is watched and nothing is changed: containers go on running, reads answer what was known last.
 */
#ifndef BERTH_HOST_HOST_H
#define BERTH_HOST_HOST_H

#include <cjson/cJSON.h>
#include <stdbool.h>

#include "base/error.h"
#include "berthd.h"
#include "model/settings.h"
#include "proc/op.h"

/* After registry_open(). source: how this daemon was started, for the check, which is a child; copied. */
void host_open(struct berthd *b, const struct settings_source *source);
void host_close(struct berthd *b); /* before registry_free() */
/* The implicit load of berthd's start, no operation: returns at once. */
void host_start(struct berthd *b);

/*
 * Operation, also when it is loaded. request is ignored. Metadata: {"server": {name, type, version, kernel,
 * lxc_version, architecture}, "warnings": ["…"], "instances": {"scanned", "added", "removed"}, "checks": [findings],
 * and a member for each part with facts}. What cannot be brought up is a warning.
 */
struct op *host_load(struct berthd *b, const cJSON *request, struct error *err);
/*
 * Operation, idempotent: refuses changes from now on, waits for running operations, stops the parts and the watchers.
 * Metadata: {"already_unloaded": bool}. request is ignored.
 */
struct op *host_unload(struct berthd *b, const cJSON *request, struct error *err);
/*
 * Operation: looks at every folder below system_path: adopts unknown containers, forgets vanished ones. request:
 * {"filter_name": PREFIX}: only names that start so (and with the setting filter_name); NULL: the setting's. Metadata:
 * {"scanned": n, "added": m, "removed": k, "prefix_filter": PREFIX}.
 */
struct op *host_scan(struct berthd *b, const cJSON *request, struct error *err);

bool host_loaded(const struct berthd *b);
bool host_starting(const struct berthd *b); /* it is loaded by berthd's start, not by hand */
/* 0, or -1 with "the host is unloaded: berth host load" (ERROR_UNAVAILABLE): for changes that are no operation. */
int host_check_loaded(const struct berthd *b, struct error *err);
/* GET /1.0/host: {"loaded", "loaded_at", "server", "instances": {STATE: n}, "networks": {…}, "checks": last findings or null}. */
cJSON *host_status(struct berthd *b);

/*
 * Runs the checks of host/check.h in a child (they run tools and wait for them); cb once, from the loop, with
 * [findings] or NULL and err; they are kept for host_status(). Returns a handle for host_check_cancel().
 */
struct host_check;
struct host_check *host_check_run(struct berthd *b, void (*cb)(const cJSON *findings, const struct error *err, void *data),
				  void *data, struct error *err);
void host_check_cancel(struct host_check *check); /* only before cb */

#endif
