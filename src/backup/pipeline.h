/* SPDX-License-Identifier: MIT */
/*
 * The way of a tree into its archive: sources, one after the other, write tar streams into a pipe; berth-pack joins and
 * counts them, 7-Zip (or another packer) compresses. berthd only starts them: no byte of it passes through here.
 *
 * Its parts live through several steps of an operation; whichever fails first is the reason, and all others are ended
 * with it. Nothing moved for settings->backup_stall_s: likewise. A cancelled operation is noticed within half a second.
 */
#ifndef BERTH_BACKUP_PIPELINE_H
#define BERTH_BACKUP_PIPELINE_H

#include <cjson/cJSON.h>
#include <stdint.h>

#include "backup/format.h"
#include "base/argv.h"
#include "base/error.h"
#include "proc/op.h"

struct pipeline;

/* Where the stream goes instead of into a 7-Zip archive. */
struct pipeline_file {
	const struct argv *packer; /* compresses its stdin; without words: nobody does */
	int fd;              /* stdout of the packer, or of berth-pack (borrowed) */
	const char *what;    /* "image": for messages */
	const char *stage, *text; /* of the progress: "create_image_from_container_pack", "Image pack: " */
};

struct pipeline_options {
	struct berthd *b;
	const struct pipeline_file *file; /* or NULL: 7-Zip, and the next three */
	const char *dir;     /* where archive.7z is, and 7-Zip's temporary files */
	const char *seven;
	int level;
	uint64_t bandwidth;  /* 0: none */
	uint64_t expected;   /* bytes, for the percentage; 0: unknown */
};

#define PIPELINE_ARCHIVE "archive.7z"

struct pipeline *pipeline_open(struct op *op, const struct pipeline_options *o, struct error *err);
/*
 * The next source as (part of) a step: argv's stdout is what it adds. Ends the step. With warnings (an array, borrowed)
 * exit status 1 is taken for tar's "some files differ", and what it said goes there.
 */
enum op_result pipeline_feed(struct pipeline *s, const struct argv *argv, cJSON *warnings, struct error *err);
/* From now on a source that ended well is followed by another: fn, called from the loop, feeds it and WAITs; DONE ends the step. */
void pipeline_next(struct pipeline *s, op_fn fn);
/* No more sources: ends the step when the archive is complete. */
enum op_result pipeline_finish(struct pipeline *s, struct error *err);
uint64_t pipeline_total(const struct pipeline *s); /* bytes of the joined stream */
/* Ends all of it, as (part of) an undo; OP_DONE at once when nothing runs. NULL is fine. */
enum op_result pipeline_kill(struct pipeline *s, struct error *err);
/* At the end of a good one, or of berthd. NULL is fine. */
void pipeline_free(struct pipeline *s);

#endif
