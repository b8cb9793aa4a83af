/* SPDX-License-Identifier: MIT */
/*
 * An SFTP server, version 3, below one root folder. Both ends are hostile: what the client says is checked, and what is in
 * the tree is only regular files, folders and links to it (helper/file_path.h).
 */
#ifndef BERTH_HELPER_SFTP_H
#define BERTH_HELPER_SFTP_H

#include <stddef.h>

#include "base/error.h"
#include "base/strbuf.h"

struct sftp;

struct sftp *sftp_new(int root); /* borrowed */
void sftp_free(struct sftp *s);  /* closes all handles */
/* One packet without its length; out gets the answer with its length. -1: no more can be made of what follows. */
int sftp_packet(struct sftp *s, const void *data, size_t len, struct strbuf *out, struct error *err);

struct file_link;
/* Serves the connection l->fd, whose first bytes are in early, until its client leaves. */
int sftp_serve(int root, const struct file_link *l, const struct strbuf *early, struct error *err);

#endif
