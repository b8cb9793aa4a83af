/* SPDX-License-Identifier: MIT */
#include "instance/remains.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"

/* With the names that base/fs.h writes them under before they are renamed. */
static const char *const notes[] = {
	"berth.json", ".berth.json.tmp", "live.json", ".live.json.tmp", "started.json", ".started.json.tmp", NULL,
};

static bool is_note(const char *name)
{
	for (const char *const *n = notes; *n != NULL; n++)
		if (strcmp(*n, name) == 0)
			return true;
	return false;
}

static bool only_notes(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *d;
	bool only = dir != NULL;

	while (only && (d = readdir(dir)) != NULL)
		only = strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0 ||
		       (d->d_type != DT_DIR && is_note(d->d_name));
	if (dir != NULL)
		closedir(dir);
	return only;
}

bool remains_remove(const char *dir)
{
	AUTO_CLOSE int fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0 || !only_notes(dir))
		return false;
	for (const char *const *n = notes; *n != NULL; n++)
		(void)unlinkat(fd, *n, 0);
	if (rmdir(dir) == 0)
		return true;
	log_warning("'%s' is left of a container that was destroyed: %s", dir, strerror(errno));
	return false;
}
