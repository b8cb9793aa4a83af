/* SPDX-License-Identifier: MIT */
/* The main() of a helper program: --help, --version, what it is told, what it does, and how it says that it could not. */
#ifndef BERTH_HELPER_PROGRAM_H
#define BERTH_HELPER_PROGRAM_H

#include <stddef.h>

#include <cjson/cJSON.h>

#include "base/error.h"

struct program {
	const char *name;  /* "berth-file", for messages */
	const char *usage; /* of --help: lines, the last one ended too */
	int (*parse)(void *args, int argc, char **argv, struct error *err);
	int (*run)(void *args, struct error *err);
};

/* The exit status: 0; 1 when run failed; 2 when parse did. The message goes to stderr, behind "NAME: ". */
int program_main(const struct program *p, void *args, int argc, char **argv);
/* "wrong usage, see 'NAME --help'", always -1 */
int program_usage(const struct program *p, struct error *err);
/* What stdin says to its end, as JSON; NULL with err, also when it is more than max bytes. */
cJSON *program_read_json(size_t max, struct error *err);

#endif
