/* SPDX-License-Identifier: MIT */
/*
 * Which containers of one lxcpath are active, without asking a tool: LXC's
 * monitor process of each listens on the abstract socket
 * "LXCPATH/NAME/command" (lxc/commands_utils.c), which /proc/net/unix shows.
 */
#ifndef BERTH_LXC_ACTIVE_H
#define BERTH_LXC_ACTIVE_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/strmap.h"

/* The names as keys, from the text of /proc/net/unix. */
struct strmap *lxc_active_names(const char *net_unix, const char *lxcpath);
/* The same from the kernel; empty when it cannot be read. */
struct strmap *lxc_active_now(const char *lxcpath);
/* False when it certainly is not: where the socket's name would be too long, LXC makes a hash of it. */
bool lxc_active_may_be(const struct strmap *names, const char *lxcpath, const char *name);
/* The same for one, from the kernel. */
bool lxc_may_be_active(const char *lxcpath, const char *name);
/*
 * The monitor process, found by its title "[lxc monitor] LXCPATH NAME"; it
 * leads a process group, which its hooks are in. 0 when there is none. Looks
 * through /proc: for the rare case that the tools do not help.
 */
pid_t lxc_monitor_process(const char *lxcpath, const char *name);

#endif
