/* SPDX-License-Identifier: MIT */
/* What tar_inspect learns while files pass: metadata.yaml, os-release, the machine of the programs. */
#ifndef BERTH_IMAGE_TAR_NOTES_H
#define BERTH_IMAGE_TAR_NOTES_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/strbuf.h"

enum { NOTES_MACHINES = 16 };

struct tar_notes {
	struct strbuf metadata, etc_release, usr_release;
	struct strbuf *taking; /* of the file that passes now, or NULL */
	size_t take_max;
	bool elf;              /* the file that passes may be a program */
	struct strbuf head;
	struct {
		const char *name;
		unsigned count;
	} machines[NOTES_MACHINES];
	bool looks_like_root;
};

void tar_notes_init(struct tar_notes *n);
void tar_notes_clear(struct tar_notes *n);
/* Any entry passes under its written name ("rootfs/etc", "metadata.yaml"). */
void tar_notes_entry(struct tar_notes *n, const char *name, bool file);
void tar_notes_data(struct tar_notes *n, const void *data, size_t len);
void tar_notes_end(struct tar_notes *n); /* of the file's data */
int tar_notes_report(struct tar_notes *n, cJSON *report, struct error *err);

#endif
