/* SPDX-License-Identifier: MIT */
/*
 * The lxc-* command lines as pure functions: each appends to argv.  lxcpath is
 * always absolute and always spelled the same (LXC's command socket is named
 * by it).  And the parsers of what the tools print; input is hostile.
 * lxc-start logs at DEBUG: only there is what a failing hook printed, and it
 * takes no longer than INFO.
 */
#ifndef BERTH_LXC_TOOLS_H
#define BERTH_LXC_TOOLS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/argv.h"
#include "base/error.h"

enum lxc_state {
	LXC_STOPPED,
	LXC_STARTING,
	LXC_RUNNING,
	LXC_STOPPING,
	LXC_ABORTING,
	LXC_FREEZING,
	LXC_FROZEN,
	LXC_THAWED,
};

const char *lxc_state_name(enum lxc_state s); /* "RUNNING" */
bool lxc_state_parse(const char *name, enum lxc_state *ret);

/* -t none: an empty container with this configuration. */
void lxc_argv_create(struct argv *a, const char *lxcpath, const char *name, const char *config_file);
void lxc_argv_destroy(struct argv *a, const char *lxcpath, const char *name);
/* -d */
void lxc_argv_start(struct argv *a, const char *lxcpath, const char *name, const char *log_file);
void lxc_argv_kill(struct argv *a, const char *lxcpath, const char *name); /* lxc-stop -k */
/* lxc-stop --nokill -t N; below 0: waits without limit; 0: only asks. */
void lxc_argv_shutdown(struct argv *a, const char *lxcpath, const char *name, int timeout_s);
void lxc_argv_freeze(struct argv *a, const char *lxcpath, const char *name);
void lxc_argv_unfreeze(struct argv *a, const char *lxcpath, const char *name);
void lxc_argv_info(struct argv *a, const char *lxcpath, const char *name); /* state and pid */
/* State, pid and name of all active ones; about 4 ms each, since lxc-ls looks at their addresses too. */
void lxc_argv_list_active(struct argv *a, const char *lxcpath);
/* Its console, as long as nobody else has it; no key leaves it. Says that it is connected on stderr. */
void lxc_argv_console(struct argv *a, const char *lxcpath, const char *name);
void lxc_argv_monitor(struct argv *a, const char *lxcpath);
void lxc_argv_cgroup_set(struct argv *a, const char *lxcpath, const char *name, const char *key,
			 const char *value);
void lxc_argv_device(struct argv *a, const char *lxcpath, const char *name, bool add, const char *host_path,
		     const char *guest_path);

struct lxc_status {
	char name[256];
	enum lxc_state state;
	pid_t pid; /* init in the host's pid namespace; 0 when unknown */
};

/* Output of lxc_argv_info. ERROR_TOOL when it cannot be understood. */
int lxc_parse_info(const char *out, struct lxc_status *ret, struct error *err);
/* Output of lxc_argv_list_active: cb per line understood; returns lines refused. */
int lxc_parse_list(const char *out, void (*cb)(const struct lxc_status *st, void *data), void *data);
/* "'NAME' changed state to [RUNNING]" -> 1; "'NAME' exited with status [0]" and noise -> 0. */
int lxc_parse_monitor_line(const char *line, struct lxc_status *ret);

/*
 * The cause in an lxc.log (or in what lxc-start printed): the deepest ERROR line
 * that is not a consequence ("Failed to spawn", "Received container state
 * ABORTING" …), reworded shortly where well known (missing bridge, missing
 * rootfs, cgroup value refused, no such interface, memory too small, hook
 * failed + its output).  Returns false when nothing was found.
 */
bool lxc_log_cause(const char *log, char *buf, size_t size);

#endif
