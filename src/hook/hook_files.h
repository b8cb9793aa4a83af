/* SPDX-License-Identifier: MIT */
/*
 * What lies in hooks_path/EVENT, and what of it may run. As root runs it, only
 * root may be able to change it: see hook_files_read().
 */
#ifndef BERTH_HOOK_HOOK_FILES_H
#define BERTH_HOOK_HOOK_FILES_H

#include <stddef.h>

struct hook_file {
	char *name;
	char *path;    /* hooks_path/EVENT/NAME */
	char *skipped; /* the rule that keeps it from running ("it is not executable"), or NULL */
};

struct hook_files {
	struct hook_file *v; /* in name order, as strcmp has it */
	size_t n;
};

#define HOOK_FILES_INIT { .v = NULL, .n = 0 }

/*
 * All files of the folder but hidden ones. Skipped is, in this order: a name with anything but A-Z a-z 0-9 _ - in it
 * (as run-parts does: no editor's or package manager's leftovers), what is no regular file (links are followed), what
 * does not belong to root, what group or others may write, what nobody may execute, and what is reached through a
 * folder, from "/" on and by way of links, that another than root could put something else into. No folder: no files.
 */
void hook_files_read(const char *hooks_path, const char *event, struct hook_files *ret);
void hook_files_clear(struct hook_files *files);

#endif
