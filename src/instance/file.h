/* SPDX-License-Identifier: MIT */
/*
 * A look into an instance's file system, or a change there: berth-file, which is given a socket to us. It waits its turn
 * while other operations work on a stopped instance, which it then holds itself; a running one it does not.
 */
#ifndef BERTH_INSTANCE_FILE_H
#define BERTH_INSTANCE_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/argv.h"
#include "base/error.h"
#include "berthd.h"

struct file_session;
struct instance;

/*
 * The command line of a helper program (helper/rootfs_open.h) on the files of the instance, as far as it says which these
 * are: of a running one, or one that is stopped. ERROR_CONFLICT while it is neither; ERROR_UNSUPPORTED, ERROR_INVALID of
 * one that berth did not make, or cannot understand.
 */
int file_push_helper(struct berthd *b, const char *name, const char *program, struct argv *argv, struct error *err);
/* The options alone, of one that does not run. */
int file_push_stopped(struct berthd *b, const struct instance *inst, struct argv *argv, struct error *err);

/* The program has ended, or could not be run: then err says why. Not called after file_session_close(). */
typedef void (*file_session_cb)(const struct error *err, void *data);

/*
 * An SFTP session of a stopped instance ends when another operation wants it, but one file is refused meanwhile.
 * verb (cleared): berth-file's verb and what follows. NULL with err: it did not begin, cb will not be called.
 */
struct file_session *file_session_open(struct berthd *b, const char *name, struct argv *verb, file_session_cb cb, void *data,
				       struct error *err);
/* Our end, which does not block; chunks, see base/chunk.h. It is there from the beginning and until file_session_close(). */
int file_session_fd(const struct file_session *s);
void file_session_forget(struct file_session *s); /* cb will not be called; file_session_close() is needed still */
/* From now on cb is called again; false: it has ended already. */
bool file_session_watch(struct file_session *s, file_session_cb cb, void *data);
/* Hands a connection over to `berth-file sftp`, with what came on it already (at most CHUNK_MAX bytes). 0 or -1. */
int file_session_hand_over(struct file_session *s, int fd, const void *early, size_t len);
/* Ends what would hold a stopped instance for long: another operation wants it. */
void file_session_make_way(struct berthd *b, const char *name);
/* The same of all: berthd ends. */
void file_sessions_end(struct berthd *b);
/* The program, if it has not ended, drops what it has begun; what it was told the end of it finishes. */
void file_session_close(struct file_session *s);

#endif
