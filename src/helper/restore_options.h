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
	bool plain;  /* --prefix: the archive is a tar, which the filter unpacks itself */
	int stall_s; /* 0: it may take as long as it likes */
	const char *only[RESTORE_ONLY_MAX];
};

/* Says on stderr what is wrong and how the program is called; exits with 2. */
_Noreturn void restore_options_usage(const char *why);
/* argv[0] is not looked at; ret is zeros. What is wrong ends the program as above. */
void restore_options_parse(int argc, char **argv, struct restore_options *ret);

#endif
