/* SPDX-License-Identifier: MIT */
/* Commands that are the same for every kind of object: their rows name the kind first in `complete`. */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "cli/object.h"

int object_show_command(struct cli *cli, int argc, char **argv, struct error *err)
{
	AUTO_OBJECT struct object o = { 0 };
	int rc = cli_args(cli, &argc, &argv, 1, 1);

	if (rc != 0)
		return rc;
	if (object_get(cli, object_kind_of(cli->command), argv[0], &o, err) < 0)
		return -1;
	return object_show(&o, false, err);
}

int object_edit_command(struct cli *cli, int argc, char **argv, struct error *err)
{
	int rc = cli_args(cli, &argc, &argv, 1, 1);

	return rc != 0 ? rc : object_edit(cli, object_kind_of(cli->command), argv[0], err);
}

int object_get_command(struct cli *cli, int argc, char **argv, struct error *err)
{
	int rc = cli_args(cli, &argc, &argv, 2, 2);

	return rc != 0 ? rc : object_run_get(cli, object_kind_of(cli->command), argv[0], argv[1], false, err);
}

int object_set_command(struct cli *cli, int argc, char **argv, struct error *err)
{
	int rc = cli_args(cli, &argc, &argv, 2, -1);

	return rc != 0 ? rc : object_run_set(cli, object_kind_of(cli->command), argv[0], argc - 1, argv + 1, err);
}

int object_unset_command(struct cli *cli, int argc, char **argv, struct error *err)
{
	int rc = cli_args(cli, &argc, &argv, 2, 2);

	return rc != 0 ? rc : object_run_unset(cli, object_kind_of(cli->command), argv[0], argv[1], err);
}

int object_delete(struct cli *cli, const struct object_kind *kind, const char *name, struct error *err)
{
	AUTO_OBJECT struct object o = { 0 };
	AUTO_JSON cJSON *result = NULL;

	if (*name == '\0')
		return error_set(err, ERROR_INVALID, "the name of the %s is empty", kind->name);
	object_init(&o, kind, name);
	result = client_change(cli->client, "DELETE", o.path, NULL, NULL, err);
	return result ? 0 : -1;
}

int object_rename(struct cli *cli, const struct object_kind *kind, const char *name, const char *to, struct error *err)
{
	AUTO_JSON cJSON *body = cJSON_CreateObject();
	AUTO_OBJECT struct object o = { 0 };
	AUTO_JSON cJSON *result = NULL;

	object_init(&o, kind, name);
	json_set_str(body, "name", to);
	result = client_change(cli->client, "POST", o.path, body, NULL, err);
	return result ? 0 : -1;
}

int object_delete_command(struct cli *cli, int argc, char **argv, struct error *err)
{
	const struct object_kind *kind = object_kind_of(cli->command);
	int rc = cli_args(cli, &argc, &argv, 1, -1);

	for (int i = 0; rc == 0 && i < argc; i++) {
		rc = object_delete(cli, kind, argv[i], err);
		if (rc == 0 && !cli->quiet)
			printf("%s %s deleted\n", kind->title, argv[i]);
	}
	return rc;
}

int object_rename_command(struct cli *cli, int argc, char **argv, struct error *err)
{
	const struct object_kind *kind = object_kind_of(cli->command);
	int rc = cli_args(cli, &argc, &argv, 2, 2);

	if (rc != 0)
		return rc;
	if (object_rename(cli, kind, argv[0], argv[1], err) < 0)
		return -1;
	if (!cli->quiet)
		printf("%s %s renamed to %s\n", kind->title, argv[0], argv[1]);
	return 0;
}
