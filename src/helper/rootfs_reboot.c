/* SPDX-License-Identifier: MIT */
#include "helper/rootfs_reboot.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

static bool is_there(int dir)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	AUTO_CLOSE int fd = openat(dir, ".berthd", O_RDWR | O_NOFOLLOW | O_CLOEXEC);

	return fd >= 0 && fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

bool rootfs_reboot(const char *dir)
{
	const char *target = getenv("LXC_TARGET"), *name = getenv("LXC_NAME");
	AUTO_CLOSE int at = open(dir, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	AUTO_CLOSE int fd = -1;

	if (target == NULL || strcmp(target, "reboot") != 0 || name == NULL || name[0] == '\0' || name[0] == '.' ||
	    strchr(name, '/') != NULL || at < 0 || !is_there(at))
		return false;
	fd = openat(at, name, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	return fd >= 0;
}
