/* SPDX-License-Identifier: MIT */
/*
 * vfork and exec with what libuv's spawn cannot do: the child dies with its
 * parent (PR_SET_PDEATHSIG), so that after kill -9 of the daemon no tool goes
 * on changing what the next daemon is undoing.  The child leads its own
 * session, has default signal dispositions, an empty mask, and of the
 * descriptors only those it was given.
 */
#ifndef BERTH_PROC_SPAWN_H
#define BERTH_PROC_SPAWN_H

#include <stdbool.h>
#include <sys/types.h>

enum { SPAWN_FDS_MAX = 4 };

struct spawn {
	const char *const *argv; /* a name without '/' is looked for in the PATH of env */
	const char *const *env;
	const char *cwd;
	int fd[SPAWN_FDS_MAX]; /* become 0, 1, … in the child */
	int fd_count;
	bool controlling_tty; /* descriptor 0 becomes the terminal of its session */
	bool use_ids; /* groups are dropped then */
	uid_t uid;
	gid_t gid;
};

/*
 * From now on this process may have as many descriptors open as the host's administrator allows; its children keep the
 * limit that it was started with.  Returns how many that are.
 */
unsigned spawn_raise_nofile(void);

/* 0, or -errno when it could not be run: then there is no child. The caller reaps. */
int spawn_child(const struct spawn *s, pid_t *ret_pid);

#endif
