/* SPDX-License-Identifier: MIT */
/*
 * All instances in memory: filled at start from system_path, kept true by
 * lxc-monitor, inotify and a pidfd on every init. What is written lies in
 * system_path/NAME/: `config` (LXC syntax, rendered, complete) and `berth.json`
 * (LXD's field names).
 */
#ifndef BERTH_INSTANCE_REGISTRY_H
#define BERTH_INSTANCE_REGISTRY_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "base/error.h"
#include "base/json.h"
#include "berthd.h"
#include "lxc/tools.h"

#define DESIRED_FILE "berth.json" /* struct instance, desired */

struct registry;

/* Of snapshot_list.c: what it read when. */
struct instance_snapshots {
	cJSON *list; /* NULL: not read yet */
	struct timespec changed;
	ino_t inode;
	time_t read_at;
};

struct instance {
	char *name;
	cJSON *desired;       /* berth.json: architecture, config, devices, profiles, description, ephemeral,
			       * created_at, last_used_at, driver, pending[] */
	enum lxc_state state; /* written by registry_set_state() only */
	pid_t pid;            /* init, 0 unless running or frozen */
	bool adopted;         /* made by others: no berth.json */
	char *note;           /* why its folder cannot be understood, or NULL */
	char *text;           /* cached JSON of instance_text(), NULL when stale */
	char etag[65];        /* of what PUT may change, "" when stale */
	struct instance_snapshots snapshots;
	struct pid_watch *watch;
	struct timespec read_from; /* when the file that desired was read from was changed */
	bool told_running;    /* hook_watch.c: its post-start hooks have had their turn, its post-stop hooks not */
	bool ended;           /* its last run was ended by us: no reboot from inside counts, of which LXC may tell later */
	uint64_t told;        /* the registry's clock when its state was last set */
	bool complete;        /* with the process that is init, which is watched: nothing is left to ask */
};

/* Reads system_path, starts lxc-monitor and inotify. States are known after registry_sync(). */
struct registry *registry_open(struct berthd *b, struct error *err);
void registry_free(struct registry *r);
/* Asks LXC for every active container; ready fires once, when the answers are in, see instance/ask.h. */
void registry_sync(struct registry *r, void (*ready)(void *data), void *data);

/* lxc-monitor and inotify, which run from registry_open() on: without them only the end of what runs is seen. */
int registry_watch(struct registry *r, struct error *err); /* what is watched already goes on */
void registry_unwatch(struct registry *r);

struct registry_scan {
	unsigned scanned; /* containers found */
	unsigned added;   /* of them not known before */
	unsigned removed; /* known and gone */
};
/*
 * Looks at every folder whose name starts with prefix (NULL: all) as the setting filter_name demands: (re)reads what
 * is new or changed, forgets what is gone. What an operation holds is left to it. New ones are STOPPED until asked.
 */
int registry_scan(struct registry *r, const char *prefix, struct registry_scan *ret, struct error *err);
/* May an instance be called so here? The setting filter_name says which ones are managed. */
int registry_check_name(const struct registry *r, const char *name, struct error *err);
/* Called after each change of what instances there are and of what they should be; up to four. cb NULL: no more of data's. */
void registry_on_change(struct registry *r, void (*cb)(void *data), void *data);

struct instance *registry_get(const struct registry *r, const char *name); /* or NULL */
/* The same, with "Instance not found". */
struct instance *registry_find(const struct registry *r, const char *name, struct error *err);
const char **registry_names(const struct registry *r); /* sorted; free the array */
/* The same, but who runs comes first, then who is older: of two with one address, as a copy and its source, the first has it. */
const char **registry_names_by_claim(const struct registry *r);
size_t registry_count(const struct registry *r);
bool registry_uses_image(const char *fingerprint, void *registry);
bool registry_uses_profile(const struct registry *r, const char *profile);
/* Two of one MAC address on a bridge lose each other's packets. */
bool registry_uses_hwaddr(const struct registry *r, const char *hwaddr);

/* An instance whose folder exists: (re)reads berth.json. NULL when the folder is no container. */
struct instance *registry_load(struct registry *r, const char *name);
void registry_remove(struct registry *r, const char *name);
/* Writes berth.json anew; JSON_QUICK is for last use and last state. ERROR_NOT_FOUND when there is none any more. */
int registry_save(struct registry *r, struct instance *inst, enum json_write how, struct error *err);
/* desired or something that its JSON shows has changed: drops the caches. */
void registry_touch(struct instance *inst);

/* The only place that changes state; pid 0 keeps a known one while the container is active. */
void registry_set_state(struct registry *r, struct instance *inst, enum lxc_state state, pid_t pid);
/* Asks LXC for one. */
void registry_refresh(struct registry *r, const char *name);
/* Counts each call of registry_set_state(). */
uint64_t registry_clock(const struct registry *r);
/* Called after each change of state; up to four. */
void registry_on_state(struct registry *r, void (*cb)(struct instance *inst, enum lxc_state old, void *data), void *data);

bool instance_uses_profile(const struct instance *inst, const char *profile);
bool instance_active(const struct instance *inst); /* anything but STOPPED */
char *instance_dir(const struct berthd *b, const char *name); /* caller frees */

#endif
