/* SPDX-License-Identifier: MIT */
/* What exec.c and exec_session.c share. */
#ifndef BERTH_API_EXEC_SESSION_H
#define BERTH_API_EXEC_SESSION_H

#include <sys/queue.h>

#include "api/exec.h"
#include "api/relay.h"
#include "api/sockets.h"

struct exec {
	struct sockets *sockets; /* NULL: recorded */
	struct berthd *b;
	struct op *op;           /* since its step */
	const cJSON *args;       /* the operation's */
	struct proc *child;
	bool console;            /* lxc-console instead of a command */
	bool left;               /* … and its client has gone */
	bool exited, over;       /* the child; all of it */
	int status;              /* of the command, once exited */
	int tty;                 /* master of its terminal, or -1 */
	bool mid_line;           /* the last that was typed there is no end of a line */
	struct inflow *in;
	struct outflow *out[2];  /* stdout (or the terminal), stderr */
	uv_timer_t timer;        /* until lxc-attach has its terminal */
	bool waiting, starting;  /* exec_starts.c */
	TAILQ_ENTRY(exec) link;
	uv_timer_t start_timer;
	int handles;             /* not closed yet */
};

/*
 * exec_starts.c: at most 32 at once are on their way from lxc-attach to the command, however many are asked for: more
 * would take the processor from those who connect, and are not faster. exec_begin() comes when there is room, maybe at once.
 */
void exec_starts_enter(struct exec *x);
void exec_starts_leave(struct exec *x); /* it runs, or has ended; also for one that never entered */

/* exec_session.c */
void exec_begin(struct exec *x); /* starts the child between the sockets */
extern const struct sockets_handler exec_sockets_handler;
void exec_own(const struct exec *x, int fd); /* the command's user may open it anew (/dev/stdout) */
int exec_spawn(struct exec *x, const int fds[3], struct error *err); /* the child, with these (borrowed) */
void exec_end(struct exec *x, const struct error *err); /* NULL: well */
void exec_stop(struct exec *x); /* cancelled: kills the command; the end follows */

#endif
