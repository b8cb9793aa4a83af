/* SPDX-License-Identifier: MIT */
#include "base/sysfs.h"

#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

__attribute__((format(printf, 3, 0)))
static void read_line(char *buf, size_t size, const char *fmt, va_list ap)
{
	char path[PATH_MAX];
	ssize_t n = -1;
	int fd;

	vsnprintf(path, sizeof(path), fmt, ap);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		n = read(fd, buf, size - 1);
		close(fd);
	}
	buf[n > 0 ? n : 0] = 0;
	buf[strcspn(buf, "\n")] = 0;
}

void sysfs_text(char *buf, size_t size, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	read_line(buf, size, fmt, ap);
	va_end(ap);
}

int64_t sysfs_int(int64_t def, const char *fmt, ...)
{
	char text[64], *end;
	va_list ap;
	long long v;

	va_start(ap, fmt);
	read_line(text, sizeof(text), fmt, ap);
	va_end(ap);
	v = strtoll(text, &end, 10);
	return end == text ? def : v;
}

void sysfs_link(char *buf, size_t size, const char *fmt, ...)
{
	char path[PATH_MAX], target[PATH_MAX], *slash;
	va_list ap;
	ssize_t n;

	va_start(ap, fmt);
	vsnprintf(path, sizeof(path), fmt, ap);
	va_end(ap);
	n = readlink(path, target, sizeof(target) - 1);
	target[n > 0 ? n : 0] = 0;
	slash = strrchr(target, '/');
	snprintf(buf, size, "%s", slash ? slash + 1 : target);
}
