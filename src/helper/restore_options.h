/* SPDX-License-Identifier: MIT */
/* The command line of `berth-restore tree`. */
#ifndef BERTH_HELPER_RESTORE_OPTIONS_H
#define BERTH_HELPER_RESTORE_OPTIONS_H

#include <stdbool.h>

#include "image/tar_backup.h"

enum { RESTORE_ONLY_MAX = 4096 };

/* Texts are argv's. */
struct restore_options {
	struct tar_backup backup;
	const char *into, *report;
	bool plain;  /* --prefix, --stream: the archive is a tar, which the filter unpacks itself */
	const char *stream; /* a member of it: a send stream of btrfs (stream_tree.h), for which `into` is the folder; or NULL */
	const char *keep;   /* … and the path of the snapshot of what it makes */
	bool lift;          /* … which is of the folder rootfs in it */
	const char *facts;  /* … where what else was in it goes, as a tar archive; or NULL */
	int stall_s; /* 0: it may take as long as it likes */
	const char *only[RESTORE_ONLY_MAX];
};

/* Says on stderr what is wrong and how the program is called; exits with 2. */
_Noreturn void restore_options_usage(const char *why);
/* argv[0] is not looked at; ret is zeros. What is wrong ends the program as above. */
void restore_options_parse(int argc, char **argv, struct restore_options *ret);

#endif
