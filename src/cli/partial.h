/* SPDX-License-Identifier: MIT */
/* The one file that is being received: under a temporary name, which no end of this program but SIGKILL leaves behind. */
#ifndef BERTH_CLI_PARTIAL_H
#define BERTH_CLI_PARTIAL_H

#include "base/error.h"

int partial_open(const char *dir, struct error *err); /* for reading and writing; caller closes */
/* It gets that name, in the same file system, and the mode that the umask says. */
int partial_keep(int fd, const char *path, struct error *err);
void partial_drop(void); /* if there is one */

/* Where the result goes: a folder, and the wished name ("": as the server, or the contents, say). */
struct target {
	char *dir;
	char *name;
};
void target_parse(const char *arg, struct target *t); /* NULL: the working directory */
void target_clear(struct target *t);

#endif
