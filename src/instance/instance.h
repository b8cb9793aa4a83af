/* SPDX-License-Identifier: MIT */
/*
 * What can be done with instances. Functions that return an operation check
 * what can be checked at once (404, 400) and do the rest in steps; the
 * operation holds the lock "instance/NAME".
 */
#ifndef BERTH_INSTANCE_INSTANCE_H
#define BERTH_INSTANCE_INSTANCE_H

#include <cjson/cJSON.h>
#include <stdbool.h>

#include "base/error.h"
#include "base/strbuf.h"
#include "berthd.h"
#include "instance/registry.h"
#include "proc/op.h"

/* ---- views (view.c); LXD's objects */
/* Of a view: takes out what is kept in the configuration and LXD does not know, so that an LXD takes what clients read here. */
void instance_hide_own(cJSON *v);
const char *instance_text(struct berthd *b, struct instance *inst); /* recursion=1; cached, valid until the next change */
void instance_full_text(struct berthd *b, struct instance *inst, struct strbuf *out); /* recursion=2 */
cJSON *instance_state(struct berthd *b, struct instance *inst);
const char *instance_etag(struct instance *inst);
/* Profiles and the instance's own merged; both results are new. */
void instance_expand(const struct berthd *b, const cJSON *desired, cJSON **ret_config, cJSON **ret_devices);
/* The same as clients see it: without the paths of volumes and the nodes of hardware, which instance_expand() looks for on
 * the disk and in /sys. For who wants nics or keys only, too. */
void instance_expand_shown(const struct berthd *b, const cJSON *desired, cJSON **ret_config, cJSON **ret_devices);
/* The storage pool it lies in. Borrowed. */
const char *instance_pool(const struct berthd *b, const struct instance *inst);
/* One key of that config, without making all of it; NULL: not set. Borrowed. */
const char *instance_value(const struct berthd *b, const cJSON *desired, const char *key);
/* Fingerprint of the image whose tree it (or a snapshot) lies on: with the driver overlay. NULL: none. Borrowed. */
const char *instance_image(const cJSON *desired);
const char *instance_status(const struct instance *inst, int *ret_code); /* "Running", 103; "Error", 112 with a note */

/* ---- changes */
/* POST /1.0/instances (LXD's InstancesPost, plus Incus's "start"). */
struct op *instance_create(struct berthd *b, const cJSON *request, struct error *err);

/* Does an instance lie on this image's tree, or is one being made of it? */
bool instance_uses_image(struct berthd *b, const char *fingerprint);

enum power_action { POWER_START, POWER_STOP, POWER_RESTART, POWER_FREEZE, POWER_UNFREEZE };
struct power_options {
	enum power_action action;
	int timeout_s; /* of a clean stop; < 0: for ever */
	bool force;
	bool host_down; /* a stop that is the host's, not its user's: volatile.last_state.power stays */
};
int power_action_parse(const char *name, enum power_action *ret, struct error *err);
const char *power_description(enum power_action action); /* "Starting instance" */
struct op *instance_power(struct berthd *b, const char *name, const struct power_options *options, struct error *err);
/* The same for all it makes sense for, as one operation whose err names those that failed. */
struct op *instance_power_all(struct berthd *b, const struct power_options *options, struct error *err);

/* The resources of an operation on it, as LXD names them: a new {"containers":[URL],"instances":[URL]}. */
cJSON *instance_resources(const char *name);
struct op *instance_delete(struct berthd *b, const char *name, bool force, struct error *err);
/* PUT (replace) or PATCH (merge) of config, devices, profiles, description, ephemeral. */
struct op *instance_update(struct berthd *b, const char *name, const cJSON *change, bool patch, struct error *err);
struct op *instance_rename(struct berthd *b, const char *name, const char *new_name, struct error *err);

/*
 * Another tree in place of its own: {"source": {"type": "image", "alias" or "fingerprint"} or {"type": "none"}, "force":
 * false}. Name, configuration, devices, volumes, profiles and snapshots stay; image.* and the storage driver are chosen
 * anew. A running one is refused unless forced; then it is stopped, and started again. The old tree goes last: until
 * then, also when the new one does not start, everything is put back.
 */
struct op *instance_rebuild(struct berthd *b, const char *name, const cJSON *request, struct error *err);

/* Running instances that have not, or not for certain, what their configuration says: berthd was killed meanwhile. */
void instance_bring_in_line(struct berthd *b);
/* boot.autostart: once per boot of the host, by priority. */
void instance_autostart(struct berthd *b);
void instance_autostart_stop(struct berthd *b); /* no more of it: berthd ends */
/* Removes what a killed daemon left in system_path: half-made folders without an owner in the journal. */
void instance_register(struct op_queue *q);

#endif
