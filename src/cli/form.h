/* SPDX-License-Identifier: MIT */
/*
 * multipart/form-data (RFC 7578), both ways, for split images. Sending: a child
 * process writes the parts into a pipe that client_upload() reads. Receiving:
 * a downloaded file is cut into its parts.
 */
#ifndef BERTH_CLI_FORM_H
#define BERTH_CLI_FORM_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/error.h"

struct form_part {
	const char *name;
	char *filename; /* no quotes, no control characters */
	int fd;
};

struct form;
struct form *form_start(const struct form_part *parts, size_t n, struct error *err);
const char *form_boundary(const struct form *m);
int form_fd(const struct form *m);
/* Waits for the child and frees m. err may be NULL: an upload that failed anyway. */
int form_finish(struct form *m, struct error *err);

/* One part of a received body: where its bytes lie in the file. */
struct form_range {
	char name[64];
	char filename[256]; /* bare, or "" */
	off_t start, end;
};
/* How many parts were found, at most max; 0: the file is no multipart body; -1: it begins as one and is broken. */
int form_split(int fd, struct form_range *ret, int max, struct error *err);

#endif
