/* SPDX-License-Identifier: MIT */
/* What the steps of operations on an instance share: for the rooms instance and backup. */
#ifndef BERTH_INSTANCE_WORK_H
#define BERTH_INSTANCE_WORK_H

#include "instance/instance.h"
#include "model/key.h"

/* Run-time data of every instance operation, built from its args {"name": …, …}. */
struct work {
	struct berthd *b;
	cJSON *args;       /* the operation's */
	char *name;
	char *dir;         /* system_path/NAME, or where that link leads (place.h) */
	long log_offset;   /* lxc.log before a start */
	bool made;         /* dir, by this very operation (a recovered one looks for its mark) */
	uint64_t size;     /* of size.c, for its thread */
	bool size_staged;
	char *image_tree, *image_volume; /* of storage.c, for its thread */
	cJSON *scratch;    /* of the one operation that needs it; freed with the work */
	char *doomed;      /* for a thread that removes it: places are told on the loop, by the pools */
	struct migrate_link *link; /* of a migration from or to another server; freed with the work */
	struct placing *placing;   /* of receive_snapshots.c, while its thread runs */
};

void *work_load(void *ctx, cJSON *args, struct error *err);
void work_unload(void *data);
/* args "description": instead of the kind's. */
struct op *work_start(struct berthd *b, const struct op_kind *kind, cJSON *args_taken, struct error *err);

/* In an operation's args: an array of fingerprints of images that must keep their trees until it ends or drops it. */
#define WORK_HOLDS "holds_images"

/* In an operation's args: the storage pool of an instance that is being made, where that is not the default one. */
#define WORK_POOL "in_pool"

/* create.c */
/* {"alias"} or {"fingerprint"} of a request's source: args "fingerprint". */
int create_take_image(struct berthd *b, const cJSON *source, cJSON *args, struct error *err);
void create_image_properties(struct berthd *b, cJSON *config, const char *fingerprint); /* image.*, where not set */
/* Volatile keys that another server brings along are ours to choose; but for volatile.base_image. */
void create_drop_volatile(cJSON *config);

/* request_check.c */
/* What LXD's decoder refuses before there is an operation: "config" and "devices" (NULL is fine) that do not hold strings. */
int request_check_members(const cJSON *request, struct error *err);
/* An empty value of a device's property is none, as LXD stores it. */
void request_drop_empty_properties(cJSON *devices);
/* Profiles that are not there: before there is an operation, too. */
int request_check_profiles(const struct berthd *b, const cJSON *list, struct error *err);
/*
 * Of the volatile keys of a request for a new instance, the MAC addresses stay and volatile.base_image; what else berth has
 * is berth's to choose, and what nobody has is refused.
 */
int request_take_volatile(cJSON *config, struct error *err);

/* hardware.c */
/*
 * desired's architecture as the request says (or the host's), and its "instance_type": "c2-m4", cores and GiB of memory,
 * becomes limits.cpu and limits.memory where the config has none. desired has its config already.
 */
int create_take_hardware(const struct berthd *b, cJSON *desired, const cJSON *request, struct error *err);

/* storage.c */
struct storage_spec {
	const char *driver; /* "overlay" or "dir" */
	const char *fingerprint; /* "" for an empty instance */
	uint32_t idmap_base; /* 0: privileged */
	uint32_t idmap_size;
	const char *dir; /* where the folders go; NULL: w->dir (swap.h: NAME/.new) */
};
const char *storage_pool(const cJSON *expanded_devices); /* as the root disk names it; or "default" */
int storage_choose(const struct berthd *b, const cJSON *expanded_devices, const char **ret_driver, struct error *err);
/* Folders below spec->dir, and the tree for "dir". May WAIT. */
enum op_result storage_prepare(struct op *op, struct work *w, const struct storage_spec *spec, struct error *err);
/* While it runs; or for want of who would have unmounted it. */
bool storage_mounted(const struct work *w);
enum op_result storage_unmount(struct op *op, struct work *w, op_child_cb done, struct error *err); /* WAITs */
/* Unmounts, then removes w->dir whole. WAITs. */
enum op_result storage_remove(struct op *op, struct work *w, struct error *err);

/* size.c: the size of the root disk */
uint64_t size_of(const cJSON *expanded_devices); /* bytes; 0: no limit */
int size_check(const struct berthd *b, const cJSON *expanded_devices, struct error *err); /* can its pool limit it? */
enum op_result step_size(struct op *op, struct error *err);      /* of a tree that was just made: args "new" or "desired" */
enum op_result step_swap_size(struct op *op, struct error *err); /* of the one that waits in NAME/.new (swap.h) */
enum op_result step_resize(struct op *op, struct error *err);    /* of the one in place, if it changes: args "new", "was_devices" */
enum op_result step_unresize(struct op *op, struct error *err);  /* undo of both: as it was */

/* idmap.c: where this instance's ids lie; fills volatile.idmap.* in desired->config, "0" for privileged. */
int idmap_assign(struct berthd *b, cJSON *desired, const cJSON *expanded_config, const char *own_name, struct error *err);
/*
 * LXD's keys that say the same: volatile.idmap.current and .next, and volatile.last_state.idmap, "[]", since whoever copies
 * the instance gets files with its own ids. An LXD wants all of them in what `copy --refresh` puts. Made for views, never kept.
 */
void idmap_show(const struct berthd *b, cJSON *config);
bool idmap_is_shown(const char *key);
void idmap_of(const struct berthd *b, const cJSON *config, uint32_t *ret_base, uint32_t *ret_size);
/* At a start: are the host's ids of raw.idmap (volatile.idmap.raw) root's to give? ERROR_INVALID names one that is not. */
int idmap_check_granted(const cJSON *config, struct error *err);

/* config.c */
int work_check(struct berthd *b, const cJSON *desired, struct error *err); /* keys, devices, profiles, root disk */
int work_check_devices(const cJSON *devices, struct error *err); /* expanded ones: each, and the root disk */
void work_fill_volatile(struct berthd *b, cJSON *desired);
/* Renders desired into dir/config when it differs from what is there; gives the folder its owner. */
int work_render(struct berthd *b, const char *name, const char *dir, const cJSON *desired, struct error *err);

/* monitor_end.c */
bool work_active(const struct work *w); /* by LXC's command socket; true also when that cannot be told */
/* Waits until LXC's monitor process has ended, which is killed after 10 s or at once; then done. */
enum op_result monitor_end(struct op *op, struct work *w, bool at_once, op_fn done, struct error *err);

/* start.c: also the start of a launch */
enum op_result step_start(struct op *op, struct error *err);
/* Before it: the files may have to get other owners, which takes as long as there are files (shift.h). */
enum { SHIFT_S = 6 * 3600 };
enum op_result step_shift(struct op *op, struct error *err);
/* The same, for who goes on when it fails: OP_FAIL at once with err, else done is called, which calls power_started(). */
enum op_result power_start(struct op *op, op_child_cb done, struct error *err);
enum op_result power_started(struct op *op, const struct proc_result *result, struct error *err);
/* Undo of a start. An lxc-start that ended by itself has cleaned up; or the container that it found running is another's. */
enum op_result step_unstart_cut_short(struct op *op, struct error *err);
char *power_pid_file(const struct work *w); /* where lxc-start leaves the pid of the monitor process; caller frees */

/* power.c: also the stop of a delete */
enum op_result step_power_stop(struct op *op, struct error *err); /* args: force, timeout, restart (the notes are not touched) */
enum op_result step_power_settle(struct op *op, struct error *err); /* after it: unmounts what nobody unmounted */
enum op_result step_proxies_gone(struct op *op, struct error *err); /* after it: its proxy devices' programs have ended */
enum op_result step_kill(struct op *op, struct error *err); /* success when it does not run */
/* For a moment, by lxc-freeze, which finds its processes stopped (lxc/freezer.h). As op_child(). */
enum op_result power_freeze(struct op *op, struct berthd *b, const char *name, op_child_cb done, struct error *err);
/* What was frozen goes on, by lxc-unfreeze: also when the lxc-freeze before it came to no end (lxc/freezer.h). As op_child(). */
enum op_result power_thaw(struct op *op, struct berthd *b, const char *name, op_child_cb done, struct error *err);
/* step_hook() for what is stopped and started again on the way: only if args "ran" */
enum op_result step_power_hook(struct op *op, struct error *err);
void power_stopped(struct work *w); /* it is: state and notes */
/* Gives up asking it to shut down, or also to start (which may take for ever): the caller ends it by force. */
void power_overtake(struct berthd *b, const char *name, bool starts);

/* sweep.c: removes what is left of an end that LXC did not see; the step, if there is any and nobody is to use it */
enum op_result sweep_cgroups(struct op *op, struct error *err); /* these alone */
enum op_result step_sweep_remains(struct op *op, struct error *err);

/* unstart.c: a start that is given up half-way leaves nothing behind */
void unstart_prepare(struct work *w, const struct instance *inst); /* before it: notes what is there already */
enum op_result step_unstart(struct op *op, struct error *err);

#endif
