/* SPDX-License-Identifier: MIT */
#include "cli/listing.h"

#include "base/json.h"

int listing_print(const struct listing *l, const cJSON *objects, enum format format, struct error *err)
{
	struct table *table;
	const cJSON *object;
	size_t n = 0;
	int rc;

	while (l->headers[n])
		n++;
	table = table_new(l->headers, n);
	cJSON_ArrayForEach(object, objects)
		l->row(table, object);
	rc = table_print(table, format, objects, err);
	table_free(table);
	return rc;
}

int listing_get(struct cli *cli, const struct listing *l, const char *path, enum format format, struct error *err)
{
	AUTO_JSON cJSON *objects = client_get(cli->client, path, NULL, err);

	return objects ? listing_print(l, objects, format, err) : -1;
}

int listing_command(struct cli *cli, int argc, char **argv, int max, const struct listing *l, const char *path,
		    struct error *err)
{
	enum format format;
	int rc = format_args(cli, &argc, &argv, max, &format);

	return rc != 0 ? rc : listing_get(cli, l, path, format, err);
}
