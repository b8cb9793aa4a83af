/* SPDX-License-Identifier: MIT */
/* What a child's standard descriptors can be, beside pipes. All close-on-exec. */
#ifndef BERTH_PROC_STDIO_H
#define BERTH_PROC_STDIO_H

/* A raw pty (no echo, no "\r\n"): fds[0] is ours and nonblocking, fds[1] the child's. 0 or -errno. */
int stdio_pty(int fds[2]);

#endif
