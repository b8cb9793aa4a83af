/* SPDX-License-Identifier: MIT */
/* A process by a name that is never used again, as its pid is. */
#ifndef BERTH_BASE_PROCESS_H
#define BERTH_BASE_PROCESS_H

#include <sys/types.h>

/*
 * "BOOT PID START": the kernel's boot id, and field 22 of /proc/PID/stat (proc(5)), in clock ticks since the boot.
 * NULL when it has ended. Its parent's pid goes to *ret_parent, which may be NULL.
 */
char *process_id(pid_t pid, pid_t *ret_parent);

/* The process whose pid the file says, if it has this word in its command line; else 0. */
pid_t process_of_pid_file(const char *path, const char *word);

#endif
