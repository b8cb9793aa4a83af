/* SPDX-License-Identifier: MIT */
/* Short values from /sys and /proc; a missing file gives "" or the default. */
#ifndef BERTH_BASE_SYSFS_H
#define BERTH_BASE_SYSFS_H

#include <stddef.h>
#include <stdint.h>

/* The first line of the file at the formatted path. */
void sysfs_text(char *buf, size_t size, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
int64_t sysfs_int(int64_t def, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The last part of what the link at the formatted path points to ("virtio_net" for …/driver). */
void sysfs_link(char *buf, size_t size, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

#endif
