/* SPDX-License-Identifier: MIT */
#include "instance/remains.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "instance/applied.h"
#include "instance/place.h"
#include "instance/reboot.h"
#include "instance/registry.h"

#define WHILE_WRITTEN(file) "." file ".tmp" /* fs_write_atomic() */

static const char *const notes[] = {
	DESIRED_FILE, WHILE_WRITTEN(DESIRED_FILE), APPLIED_FILE, WHILE_WRITTEN(APPLIED_FILE),
	STARTED_FILE, WHILE_WRITTEN(STARTED_FILE), NULL,
};

static bool is_note(const struct dirent *d)
{
	for (const char *const *n = notes; *n != NULL; n++)
		if (strcmp(*n, d->d_name) == 0)
			return d->d_type != DT_DIR;
	return false;
}

static bool only_notes(DIR *dir)
{
	const struct dirent *d;

	while ((d = readdir(dir)) != NULL)
		if (strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0 && !is_note(d))
			return false;
	return true;
}

bool remains_remove(const struct berthd *b, const char *name)
{
	AUTO_FREE char *path = instance_dir(b, name);
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	struct error err = ERROR_INIT;
	bool removed = false;

	if (dir != NULL && only_notes(dir)) {
		for (const char *const *n = notes; *n != NULL; n++)
			(void)unlinkat(fd, *n, 0);
		removed = rmdir(path) == 0;
		if (!removed)
			log_warning("'%s' is left of a container that was destroyed: %s", path, strerror(errno));
		else if (place_unlink(b, name, path, &err) < 0) /* lxc-destroy does not remove a link */
			log_warning("%s", err.msg);
	}
	if (dir != NULL)
		closedir(dir);
	else if (fd >= 0)
		close(fd);
	return removed;
}
