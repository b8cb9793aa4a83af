/* SPDX-License-Identifier: MIT */
/*
 * berth-file's side of the socket to berthd: chunks (base/chunk.h) both ways. What berthd says is the contents of an
 * upload; what we say is one chunk of JSON (doc/HACKING.md: "status", …), then the contents of a download.
 *
 * Whoever waits here also waits for the end of the container, of berthd and for SIGTERM: then it is an error.
 */
#ifndef BERTH_HELPER_FILE_LINK_H
#define BERTH_HELPER_FILE_LINK_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/strbuf.h"

struct file_link {
	int fd;
	int pidfd; /* of the container's init, or -1 */
	int watch; /* -1, or what ends us as soon as anything happens to it: berthd's socket while fd is another's */
	bool told; /* file_link_json() was called: the answer has begun */
};

/* SIGTERM interrupts from now on, and ends us 5 s later whatever we wait for; SIGPIPE is ignored. */
void file_link_signals(void);

/* Ready for events (poll(2)): 0; the other end is gone, the container has ended, we are to end: -1 with ERROR_CANCELLED. */
int file_link_wait(const struct file_link *l, int fd, short events, struct error *err);
int file_link_write(const struct file_link *l, const void *data, size_t len, struct error *err); /* a chunk <= CHUNK_MAX */
int file_link_json(struct file_link *l, cJSON *taken, struct error *err);
/* The next chunk, into buf of CHUNK_MAX; 0: the end. -1 also when berthd closed before it. */
ssize_t file_link_read(const struct file_link *l, void *buf, struct error *err);
/* A descriptor that berthd hands over, and a chunk of what came on it already. */
int file_link_receive(const struct file_link *l, int *ret_fd, struct strbuf *early, struct error *err);

/* Text of the container's as JSON takes it: what is no UTF-8 becomes U+FFFD. Caller frees. */
char *file_link_text(const char *s);

#endif
