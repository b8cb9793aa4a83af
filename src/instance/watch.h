/* SPDX-License-Identifier: MIT */
/* Two small watchers on the loop: the end of a process, and entries of a folder. */
#ifndef BERTH_INSTANCE_WATCH_H
#define BERTH_INSTANCE_WATCH_H

#include <sys/types.h>
#include <uv.h>

#include "base/error.h"

struct pid_watch {
	uv_poll_t poll;
	int fd;
	void (*cb)(void *data);
	void *data;
	void *owner; /* for the callback's use */
};

/* cb when pid ends (it need not be our child); NULL when it is gone already or pidfds are not to be had. */
struct pid_watch *pid_watch_start(uv_loop_t *loop, pid_t pid, void (*cb)(void *data), void *data, void *owner);
void pid_watch_stop(struct pid_watch *w);

struct folder_watch;
/* cb(entry) when an entry of the folder is made, removed or renamed; a burst about one entry comes once. */
struct folder_watch *folder_watch_start(uv_loop_t *loop, const char *path,
					void (*cb)(const char *name, void *data), void *data, struct error *err);
/* Tells of that entry again in a moment: the owner could not look now. */
void folder_watch_again(struct folder_watch *w, const char *name);
void folder_watch_stop(struct folder_watch *w);

#endif
