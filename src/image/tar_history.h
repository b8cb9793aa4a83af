/* SPDX-License-Identifier: MIT */
/*
 * The tree that the tar stream of a backup builds, entry by entry. Like tar_tree.h no entry may reach through a link or
 * lie below a file; but here a second pass may follow the first (freeze mode): each path may come once more, of another
 * type too, and a list of the paths that exist ends it. What is decided here is done by others (tar_backup.h).
 */
#ifndef BERTH_IMAGE_TAR_HISTORY_H
#define BERTH_IMAGE_TAR_HISTORY_H

#include <stdbool.h>

#include "base/error.h"
#include "base/strbuf.h"
#include "image/tar_reader.h"

struct tar_history;

struct tar_history *tar_history_new(bool second_pass);
void tar_history_free(struct tar_history *h);

enum history_verdict {
	HISTORY_SKIP,    /* a hard link to itself */
	HISTORY_NEW,     /* nothing was there */
	HISTORY_AGAIN,   /* replaces what the first pass made, as unpacking does by itself */
	HISTORY_REPLACE, /* a folder where a file was, or the other way round: what is there must be removed before */
	HISTORY_REFUSED, /* err */
};
/* e->name (and for a hard link e->link) are canonical; *ret_freed is the size of the file that is replaced. */
enum history_verdict tar_history_add(struct tar_history *h, const struct tar_entry *e, uint64_t *ret_freed,
				     struct error *err);
bool tar_history_second(const struct tar_history *h); /* has the second pass begun? */

/* A path that exists at the end; unknown ones (sockets) are passed over. Those above it exist too. */
void tar_history_keep(struct tar_history *h, const char *path);
/* After the last tar_history_keep(): calls with the topmost paths that are gone. -1 when an entry of the second pass is
 * not among those kept, or when gone() fails. */
int tar_history_sweep(struct tar_history *h, int (*gone)(const char *path, void *data, struct error *err), void *data,
		      struct error *err);
/* Folders whose time was changed by what the second pass did in them, and that did not come again themselves. */
int tar_history_touched(struct tar_history *h, int (*again)(const struct tar_entry *folder, void *data, struct error *err),
			void *data, struct error *err);

#endif
