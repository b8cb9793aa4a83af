/* SPDX-License-Identifier: MIT */
/* What the pipelines of berth-unpack and berth-restore are made of. "die" means exit 2 with a message. */
#ifndef BERTH_HELPER_UNPACK_PARTS_H
#define BERTH_HELPER_UNPACK_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include <cjson/cJSON.h>

#include "base/error.h"

enum { TAIL_MAX = 4096 };
enum { EXIT_REFUSED = 1, EXIT_READER_LEFT = 3 }; /* the archive is no good; who reads our output went away */

/* The end of what the programs of a pipeline say. */
struct tail {
	char text[TAIL_MAX];
	size_t len;
};

extern const char *part_program; /* for messages: "berth-unpack" */

_Noreturn void part_die(const char *what);
void part_pipe(int fds[2]); /* close-on-exec, large; or dies */
pid_t part_fork(void);	    /* or dies */
/* In the child: execs, or exits with 127. */
_Noreturn void part_become(const char *const *argv, int in, int out, int errs);
/* In the child: GNU tar, as root, dying with `parent`, unpacks what comes on `in` into a folder. */
_Noreturn void part_become_tar(const char *into, int in, int errs, pid_t parent);
int part_wait(pid_t pid); /* waitpid's status; 0 for pid 0 */

bool tail_read(struct tail *t, int fd); /* false: end of file */
bool tail_full_disk(const struct tail *t);
const char *tail_last_line(struct tail *t, const char *otherwise); /* changes the text */

/* What a child reports, so far. */
struct report {
	char *text; /* freed by its owner */
	size_t len;
};
bool report_read(struct report *r, int fd); /* false: end of file, or far too much */
cJSON *report_parse(const struct report *r, struct error *err); /* ERROR_TOOL: it said nothing; ERROR_INVALID: no JSON */
int report_write(int fd, cJSON *report_taken);
cJSON *report_error(const struct error *err); /* {"error","code"} */
/*
 * The end of both programs: the report goes into this file (or we die), its error, if it has one, to stderr too; the exit
 * status is 0, or EXIT_REFUSED when there was one.
 */
int report_finish(const char *path, cJSON *report_taken);

#endif
