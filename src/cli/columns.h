/* SPDX-License-Identifier: MIT */
/* Lists of objects of which -c chooses the columns; those of `berth list`, whose columns may be keys, are in list.h. */
#ifndef BERTH_CLI_COLUMNS_H
#define BERTH_CLI_COLUMNS_H

#include "cli/cli.h"

struct column {
	char letter; /* 0 ends a table */
	const char *header;
	char *(*value)(const cJSON *object); /* a new string */
};

#define COLUMNS_MAX 32
struct columns {
	const struct column *v[COLUMNS_MAX];
	size_t n;
};

/* "lfd" or "l,f,d". 0, or CLI_USAGE after a message. */
int columns_parse(const struct cli *cli, const struct column *all, const char *letters, struct columns *ret);
/*
 * -c and -f of a list, and -a (--all) unless ret_all is NULL; the arguments begin at optind then. letters: what is shown
 * without -c.
 */
int columns_options(const struct cli *cli, int argc, char **argv, const struct column *all, const char *letters,
		    struct columns *ret, enum format *ret_format, bool *ret_all);
int columns_print(const struct columns *c, const cJSON *objects, enum format format, struct error *err);

#endif
