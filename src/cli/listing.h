/* SPDX-License-Identifier: MIT */
/* Lists of objects whose columns are always the same. */
#ifndef BERTH_CLI_LISTING_H
#define BERTH_CLI_LISTING_H

#include <cjson/cJSON.h>

#include "cli/cli.h"

struct listing {
	const char *headers[9]; /* NULL behind the last one */
	void (*row)(struct table *table, const cJSON *object); /* adds it, by table_row() */
};

/* An array of objects, each a row; as JSON or YAML they are printed as they are. */
int listing_print(const struct listing *l, const cJSON *objects, enum format format, struct error *err);
/* The answer of this path, which is such an array. */
int listing_get(struct cli *cli, const struct listing *l, const char *path, enum format format, struct error *err);
/* All that a command does whose path does not depend on its arguments; max as for format_args(). What run returns. */
int listing_command(struct cli *cli, int argc, char **argv, int max, const struct listing *l, const char *path,
		    struct error *err);

#endif
