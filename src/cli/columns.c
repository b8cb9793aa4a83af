/* SPDX-License-Identifier: MIT */
#include "cli/columns.h"

#include <stdlib.h>

int columns_parse(const struct cli *cli, const struct column *all, const char *letters, struct columns *ret)
{
	char known[COLUMNS_MAX + 1] = "";

	for (size_t i = 0; i < COLUMNS_MAX && all[i].letter; i++)
		known[i] = all[i].letter;
	ret->n = 0;
	for (; *letters; letters++) {
		const struct column *column = all;

		if (*letters == ',')
			continue;
		while (column->letter && column->letter != *letters)
			column++;
		if (!column->letter)
			return cli_usage(cli, "unknown column '%c': they are %s", *letters, known);
		if (ret->n == COLUMNS_MAX)
			return cli_usage(cli, "at most %d columns", COLUMNS_MAX);
		ret->v[ret->n++] = column;
	}
	return ret->n ? 0 : cli_usage(cli, "no columns to show");
}

int columns_options(const struct cli *cli, int argc, char **argv, const struct column *all, const char *letters,
		    struct columns *ret, enum format *ret_format, bool *ret_all)
{
	const struct option options[] = { { "columns", required_argument, NULL, 'c' },
						 { "format", required_argument, NULL, 'f' },
						 { ret_all ? "all" : NULL, no_argument, NULL, 'a' },
						 { 0 } };
	struct error err = ERROR_INIT;
	int c;

	*ret_format = FORMAT_TABLE;
	while ((c = cli_getopt(cli, argc, argv, ret_all ? "c:f:a" : "c:f:", options)) != -1) {
		if (c == 'c')
			letters = optarg;
		else if (c == 'a' && ret_all)
			*ret_all = true;
		else if (c != 'f')
			return CLI_USAGE;
		else if (format_parse(optarg, ret_format, &err) < 0)
			return cli_usage(cli, "%s", err.msg);
	}
	return columns_parse(cli, all, letters, ret);
}

int columns_print(const struct columns *c, const cJSON *objects, enum format format, struct error *err)
{
	const char *headers[COLUMNS_MAX];
	struct table *table;
	const cJSON *object;
	size_t i;
	int rc;

	for (i = 0; i < c->n; i++)
		headers[i] = c->v[i]->header;
	table = table_new(headers, c->n);
	cJSON_ArrayForEach(object, objects) {
		char *cells[COLUMNS_MAX];

		for (i = 0; i < c->n; i++)
			cells[i] = c->v[i]->value(object);
		table_row(table, (const char *const *)cells);
		for (i = 0; i < c->n; i++)
			free(cells[i]);
	}
	rc = table_print(table, format, objects, err);
	table_free(table);
	return rc;
}
