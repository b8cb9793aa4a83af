/* SPDX-License-Identifier: MIT */
/* The command line and the environment of lxc-attach, for commands that clients run in a container. */
#ifndef BERTH_LXC_ATTACH_H
#define BERTH_LXC_ATTACH_H

#include <cjson/cJSON.h>
#include <sys/types.h>

#include "base/argv.h"

struct lxc_attach {
	const char *lxcpath, *name;
	uid_t uid; /* inside */
	gid_t gid;
	const char *cwd;          /* inside; "/" when it is not there */
	const cJSON *environment; /* {"NAME": "value"}: all that the command has, but container=lxc */
	const cJSON *command;     /* ["sh", …]; not empty, strings */
	const cJSON *config;      /* of the instance; NULL: none. LXC prefers its environment.NAME to lxc-attach's own NAME */
};

/*
 * Appends to argv and env (both initialised) and returns the folder that lxc-attach is to be started in. The
 * environment is lxc-attach's own, so that no other user of the host can read it; but names that could steer
 * lxc-attach itself (LD_PRELOAD …), or that LXC would have its own way with, are in argv. argv[0] is a path.
 */
const char *lxc_attach_command(const struct lxc_attach *at, struct argv *argv, struct argv *env);

/* Sends a signal to the command of a running lxc-attach (to lxc-attach while there is none). */
void lxc_attach_signal(pid_t attach, int signum);

#endif
