/* SPDX-License-Identifier: MIT */
/* berth scan: containers that came, went or were changed while nobody looked. */
#include <inttypes.h>
#include <stdio.h>

#include "base/json.h"
#include "cli/cli.h"

static int run_scan(struct cli *cli, int argc, char **argv, struct error *err)
{
	static const char *const headers[] = { "SCANNED", "ADDED", "REMOVED" };
	AUTO_JSON cJSON *body = cJSON_CreateObject();
	AUTO_JSON cJSON *operation = NULL;
	enum format format;
	const cJSON *result;
	int rc = format_args(cli, &argc, &argv, 1, &format);

	if (rc != 0)
		return rc;
	if (argc > 0)
		json_set_str(body, "filter_name", argv[0]);
	operation = client_change(cli->client, "POST", "/1.0/host/scan", body, NULL, err);
	if (operation == NULL)
		return -1;
	result = json_obj(operation, "metadata");
	if (format == FORMAT_CSV || format == FORMAT_JSON || format == FORMAT_YAML) {
		char cells[3][24];
		struct table *table = table_new(headers, 3);

		snprintf(cells[0], sizeof(cells[0]), "%" PRId64, json_int(result, "scanned", 0));
		snprintf(cells[1], sizeof(cells[1]), "%" PRId64, json_int(result, "added", 0));
		snprintf(cells[2], sizeof(cells[2]), "%" PRId64, json_int(result, "removed", 0));
		table_row(table, (const char *const[]){ cells[0], cells[1], cells[2] });
		rc = table_print(table, format, result, err);
		table_free(table);
		return rc;
	}
	printf("%" PRId64 " scanned, %" PRId64 " added, %" PRId64 " removed\n", json_int(result, "scanned", 0),
	       json_int(result, "added", 0), json_int(result, "removed", 0));
	return 0;
}

const struct command cmd_scan = {
	.name = "scan",
	.args = "[<prefix>] [flags]",
	.summary = "Look for containers that came, went or changed",
	.options = "  -f, --format FORMAT   table, json, csv or yaml (default table)\n",
	.examples = "  berth scan\n"
		    "  berth scan web-       only those whose names start so\n",
	.run = run_scan,
};
