/* SPDX-License-Identifier: MIT */
/* berth backup create, prune */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/units.h"
#include "cli/backup.h"
#include "cli/instance.h"

enum { OPT_HINT = 300, OPT_LEVEL, OPT_TIMEOUT, OPT_FORCE, OPT_DRY_RUN, OPT_LAST, OPT_DAILY, OPT_WEEKLY, OPT_MONTHLY };

#define KEEP_LONG                                                                                          \
	{ "keep-last", required_argument, NULL, OPT_LAST }, { "keep-daily", required_argument, NULL, OPT_DAILY }, \
	{ "keep-weekly", required_argument, NULL, OPT_WEEKLY },                                            \
	{ "keep-monthly", required_argument, NULL, OPT_MONTHLY }

static int take_number(cJSON *v, const char *name, int64_t max, struct error *err)
{
	int64_t n;

	if (units_parse_int(optarg, 0, max, &n, err) < 0)
		return error_wrap(err, "%s", name);
	json_set_int(v, name, n);
	return 0;
}

static int take_keep(int opt, cJSON *body, struct error *err)
{
	static const char *const names[] = { "last", "daily", "weekly", "monthly" };
	cJSON *keep = json_obj(body, "keep");

	if (keep == NULL)
		keep = cJSON_AddObjectToObject(body, "keep");
	return take_number(keep, names[opt - OPT_LAST], 10000, err);
}

static int take_option(int opt, cJSON *body, struct error *err)
{
	switch (opt) {
	case OPT_HINT:
		json_set_str(body, "hint", optarg);
		return 0;
	case 'm':
		json_set_str(body, "mode", optarg);
		return 0;
	case 'x':
		if (json_arr(body, "exclude") == NULL)
			cJSON_AddArrayToObject(body, "exclude");
		cJSON_AddItemToArray(json_arr(body, "exclude"), cJSON_CreateString(optarg));
		return 0;
	case 'b':
		json_set_str(body, "bandwidth", optarg);
		return 0;
	case OPT_LEVEL:
		return take_number(body, "level", 9, err);
	case OPT_TIMEOUT:
		return take_number(body, "timeout", 86400, err);
	case OPT_FORCE:
		json_set_bool(body, "force", true);
		return 0;
	default:
		return take_keep(opt, body, err);
	}
}

static void say(const cJSON *operation)
{
	const cJSON *metadata = json_obj(operation, "metadata"), *item;

	cJSON_ArrayForEach(item, json_arr(metadata, "warnings"))
		fprintf(stderr, "Warning: %s\n", cJSON_GetStringValue(item));
	printf("Backup %s created\n", json_str_or(metadata, "file", ""));
	cJSON_ArrayForEach(item, json_arr(metadata, "pruned"))
		printf("Backup %s deleted\n", cJSON_GetStringValue(item));
}

int backup_create_cmd(struct cli *cli, int argc, char **argv, struct error *err)
{
	static const struct option options[] = {
		{ "hint", required_argument, NULL, OPT_HINT },	 { "mode", required_argument, NULL, 'm' },
		{ "exclude", required_argument, NULL, 'x' },	 { "bandwidth", required_argument, NULL, 'b' },
		{ "level", required_argument, NULL, OPT_LEVEL }, { "timeout", required_argument, NULL, OPT_TIMEOUT },
		{ "force", no_argument, NULL, OPT_FORCE },	 KEEP_LONG,
		{ 0 },
	};
	AUTO_JSON cJSON *body = cJSON_CreateObject();
	AUTO_JSON cJSON *operation = NULL;
	AUTO_FREE char *path = NULL;
	int opt, rc;

	while ((opt = cli_getopt(cli, argc, argv, "m:x:b:", options)) != -1) {
		if (opt == '?')
			return CLI_USAGE;
		if (take_option(opt, body, err) < 0)
			return -1;
	}
	rc = cli_argc(cli, argc, 1, 2);
	if (rc != 0)
		return rc;
	if (argc - optind > 1)
		json_set_str(body, "hint", argv[optind + 1]);
	path = instance_path(argv[optind], "/backups");
	operation = client_change(cli->client, "POST", path, body, NULL, err);
	if (!operation)
		return -1;
	if (!cli->quiet)
		say(operation);
	return 0;
}

int backup_prune_cmd(struct cli *cli, int argc, char **argv, struct error *err)
{
	static const struct option options[] = { KEEP_LONG, { "dry-run", no_argument, NULL, OPT_DRY_RUN }, { 0 } };
	AUTO_JSON cJSON *body = cJSON_CreateObject();
	AUTO_JSON cJSON *result = NULL;
	AUTO_FREE char *path = NULL;
	const cJSON *item;
	bool dry_run = false;
	int opt, rc;

	while ((opt = cli_getopt(cli, argc, argv, "", options)) != -1) {
		if (opt == '?')
			return CLI_USAGE;
		if (opt == OPT_DRY_RUN)
			dry_run = true;
		else if (take_keep(opt, body, err) < 0)
			return -1;
	}
	rc = cli_argc(cli, argc, 1, 1);
	if (rc != 0)
		return rc;
	if (json_obj(body, "keep") == NULL)
		return cli_usage(cli, "say what to keep: --keep-last, --keep-daily, --keep-weekly or --keep-monthly");
	json_set_bool(body, "dry_run", dry_run);
	path = instance_path(argv[optind], "/backups/prune");
	result = client_change(cli->client, "POST", path, body, NULL, err);
	if (!result)
		return -1;
	cJSON_ArrayForEach(item, json_arr(result, "deleted"))
		printf("Backup %s %s\n", cJSON_GetStringValue(item), dry_run ? "would be deleted" : "deleted");
	return 0;
}
