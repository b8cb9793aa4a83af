/* SPDX-License-Identifier: MIT */
#ifndef BERTH_HELPER_FILE_PUT_H
#define BERTH_HELPER_FILE_PUT_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"
#include "helper/file_link.h"

struct file_put {
	int root;
	const char *path; /* clean */
	uid_t uid;        /* of what is made new; what is there keeps its own */
	gid_t gid;
	long mode;        /* likewise; -1: 0644, of a folder 0750 */
	bool append;
};

/*
 * All contents are there before anything is changed. An existing file is replaced by a rename; what other names, mounts
 * or attributes hold on to gets the contents in its place. Links at the end are followed. append: to a file that exists.
 */
int file_put(const struct file_put *p, const struct file_link *l, struct error *err);
int file_put_text(const struct file_put *p, const char *text, size_t len, struct error *err); /* likewise, of this text */
/* The contents are where it leads. One that leads there already is fine. */
int file_put_link(const struct file_put *p, const struct file_link *l, struct error *err);
/* A folder that is there stays as it is. */
int file_put_folder(const struct file_put *p, struct error *err);
/* A file or an empty folder; a link itself. */
int file_delete(int root, const char *path, struct error *err);

#endif
