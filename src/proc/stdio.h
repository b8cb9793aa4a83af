/* SPDX-License-Identifier: MIT */
/* What a child's standard descriptors can be, beside pipes. All close-on-exec. */
#ifndef BERTH_PROC_STDIO_H
#define BERTH_PROC_STDIO_H

#include <stddef.h>

/*
 * A file in memory to read from: a child that does not read it raises no
 * SIGPIPE and blocks nobody. -1 with errno.
 */
int stdio_memory(const void *data, size_t len);

/* A raw pty (no echo, no "\r\n"): fds[0] is ours and nonblocking, fds[1] the child's. 0 or -errno. */
int stdio_pty(int fds[2]);

#endif
