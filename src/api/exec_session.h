/* SPDX-License-Identifier: MIT */
/* What exec.c and exec_session.c share. */
#ifndef BERTH_API_EXEC_SESSION_H
#define BERTH_API_EXEC_SESSION_H

#include "api/exec.h"
#include "api/relay.h"
#include "api/sockets.h"

struct exec {
	struct sockets *sockets; /* NULL: recorded */
	struct berthd *b;
	struct op *op;           /* since its step */
	const cJSON *args;       /* the operation's */
	struct proc *child;
	bool started, exited, over; /* the child; all of it */
	int status;              /* of the command, once exited */
	int tty;                 /* master of its terminal, or -1 */
	struct inflow *in;
	struct outflow *out[2];  /* stdout (or the terminal), stderr */
	uv_timer_t timer;        /* until lxc-attach has its terminal */
};

/* exec_session.c */
extern const struct sockets_handler exec_sockets_handler;
void exec_own(const struct exec *x, int fd); /* the command's user may open it anew (/dev/stdout) */
int exec_spawn(struct exec *x, const int fds[3], struct error *err); /* the child, with these (borrowed) */
void exec_end(struct exec *x, const struct error *err); /* NULL: well */
void exec_stop(struct exec *x); /* cancelled: kills the command; the end follows */

#endif
