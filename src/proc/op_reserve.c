/* SPDX-License-Identifier: MIT */
/*
 * A little room on the disk, kept for the journal of operations that make room (op_kind.frees): on a full disk
 * nothing else could be deleted any more. The file is given up for them, and made again when one ends.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "proc/op_private.h"

#define RESERVE_BYTES (64 * 1024)

void op_reserve_make(struct op_queue *q)
{
	int fd;

	if (q->reserve == NULL || q->reserved)
		return;
	fd = open(q->reserve, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return;
	q->reserved = posix_fallocate(fd, 0, RESERVE_BYTES) == 0;
	close(fd);
	if (!q->reserved)
		(void)unlink(q->reserve);
}

void op_queue_reserve(struct op_queue *q, const char *path)
{
	free(q->reserve);
	q->reserve = mem_strdup(path);
	q->reserved = false;
	op_reserve_make(q);
}

bool op_reserve_use(struct op_queue *q, const struct error *why)
{
	if (!q->reserved || (why->sys != ENOSPC && why->sys != EDQUOT))
		return false;
	q->reserved = false;
	return unlink(q->reserve) == 0;
}
