/* SPDX-License-Identifier: MIT */
/* berth volume: folders of the host that outlive the instances they are mounted in. */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "cli/cli.h"
#include "cli/instance.h"
#include "cli/listing.h"

/* "c1/data" -> /1.0/volumes/c1/data; NULL when it is not of that form. */
static char *volume_url(const char *arg, struct error *err)
{
	const char *local = instance_local(arg), *slash = strchr(local, '/');
	AUTO_FREE char *owner = slash ? mem_strndup(local, (size_t)(slash - local)) : NULL;
	AUTO_FREE char *first = owner ? client_escape(owner) : NULL;
	AUTO_FREE char *second = owner ? client_escape(slash + 1) : NULL;

	if (owner && owner[0] && slash[1] && !strchr(slash + 1, '/'))
		return mem_printf("/1.0/volumes/%s/%s", first, second);
	error_set(err, ERROR_INVALID, "'%s' names no volume: it must be INSTANCE/NAME", arg);
	return NULL;
}

/* ---- list, show */

static void put_users(struct strbuf *out, const cJSON *volume)
{
	const cJSON *user;

	cJSON_ArrayForEach(user, json_arr(volume, "attached"))
		strbuf_addf(out, "%s%s:%s%s", out->len ? ", " : "", json_str_or(user, "instance", ""),
			    json_str_or(user, "path", ""), json_bool(user, "readonly", false) ? " (read-only)" : "");
}

static void volume_row(struct table *table, const cJSON *v)
{
	AUTO_STRBUF struct strbuf users = STRBUF_INIT;

	put_users(&users, v);
	table_row(table, (const char *const[]){ json_str_or(v, "owner", ""), json_str_or(v, "name", ""), users.len ? users.buf : "",
						json_bool(v, "orphaned", false) ? "YES" : "NO" });
}

static const struct listing volume_listing = { { "INSTANCE", "NAME", "ATTACHED TO", "ORPHANED" }, volume_row };

static int volume_list_run(struct cli *cli, int argc, char **argv, struct error *err)
{
	AUTO_FREE char *owner = NULL;
	AUTO_FREE char *path = NULL;
	enum format format;
	int rc = format_args(cli, &argc, &argv, 1, &format);

	if (rc != 0)
		return rc;
	owner = argc > 0 ? client_escape(instance_local(argv[0])) : NULL;
	path = mem_printf("/1.0/volumes?recursion=1%s%s", owner ? "&owner=" : "", owner ? owner : "");
	return listing_get(cli, &volume_listing, path, format, err);
}

static int volume_show_run(struct cli *cli, int argc, char **argv, struct error *err)
{
	AUTO_JSON cJSON *volume = NULL;
	AUTO_FREE char *path = NULL;
	int rc = cli_args(cli, &argc, &argv, 1, 1);

	if (rc != 0)
		return rc;
	path = volume_url(argv[0], err);
	if (!path)
		return cli_usage(cli, "%s", err->msg);
	volume = client_get(cli->client, path, NULL, err);
	return volume ? yaml_print(volume, stdout, err) : -1;
}

/* ---- changes */

static int volume_create_run(struct cli *cli, int argc, char **argv, struct error *err)
{
	AUTO_JSON cJSON *body = cJSON_CreateObject();
	AUTO_JSON cJSON *op = NULL;
	AUTO_FREE char *url = NULL;
	AUTO_FREE char *owner = NULL;
	const char *local;
	int rc = cli_args(cli, &argc, &argv, 1, 1);

	if (rc != 0)
		return rc;
	url = volume_url(argv[0], err);
	if (!url)
		return cli_usage(cli, "%s", err->msg);
	local = instance_local(argv[0]);
	owner = mem_strndup(local, strcspn(local, "/"));
	json_set_str(body, "owner", owner);
	json_set_str(body, "name", strchr(local, '/') + 1);
	op = client_change(cli->client, "POST", "/1.0/volumes", body, NULL, err);
	return op ? 0 : -1;
}

/* POST …/attach or …/detach of OWNER/VOLUME with that body. */
static int volume_post(struct cli *cli, const char *volume, const char *verb, const cJSON *body, struct error *err)
{
	AUTO_FREE char *url = volume_url(volume, err);
	AUTO_FREE char *path = url ? mem_printf("%s/%s", url, verb) : NULL;
	AUTO_JSON cJSON *op = path ? client_change(cli->client, "POST", path, body, NULL, err) : NULL;

	return op ? 0 : -1;
}

static int volume_attach_run(struct cli *cli, int argc, char **argv, struct error *err)
{
	static const struct option options[] = {
		{ "readonly", no_argument, NULL, 'r' }, { "source", required_argument, NULL, 's' }, { 0 }
	};
	AUTO_JSON cJSON *body = cJSON_CreateObject();
	AUTO_FREE char *own = NULL;
	AUTO_FREE char *instance = NULL;
	const char *source = NULL, *name;
	int opt, n;

	while ((opt = cli_getopt(cli, argc, argv, "", options)) != -1) {
		if (opt == '?')
			return CLI_USAGE;
		if (opt == 's')
			source = optarg;
		else
			json_set_bool(body, "readonly", true);
	}
	if (instance_and_part(cli, argc, argv, 1, &instance, &name, &n) != 0)
		return CLI_USAGE;
	own = mem_printf("%s/%s", instance, name);
	json_set_str(body, "instance", instance);
	json_set_str(body, "name", name);
	if (argc - optind > n)
		json_set_str(body, "path", argv[optind + n]);
	return volume_post(cli, source ? source : own, "attach", body, err);
}

/* Which volume it is, by what the instance has attached under that name. */
static char *attached_volume(struct cli *cli, const char *instance, const char *name, struct error *err)
{
	AUTO_JSON cJSON *volumes = client_get(cli->client, "/1.0/volumes?recursion=1", NULL, err);
	const cJSON *v, *user;
	char *found = NULL;

	if (!volumes)
		return NULL;
	cJSON_ArrayForEach(v, volumes) {
		AUTO_FREE char *full = mem_printf("%s/%s", json_str_or(v, "owner", ""), json_str_or(v, "name", ""));

		cJSON_ArrayForEach(user, json_arr(v, "attached")) {
			if (strcmp(json_str_or(user, "instance", ""), instance) != 0)
				continue;
			if (!strcmp(json_str_or(user, "device", ""), name) || !strcmp(full, name))
				return mem_strdup(full);
			if (!found && !strcmp(json_str_or(v, "name", ""), name))
				found = mem_strdup(full);
		}
	}
	if (!found)
		error_set(err, ERROR_NOT_FOUND, "no volume '%s' is attached to '%s'", name, instance);
	return found;
}

static int volume_detach_run(struct cli *cli, int argc, char **argv, struct error *err)
{
	AUTO_JSON cJSON *body = cJSON_CreateObject();
	AUTO_FREE char *volume = NULL;
	AUTO_FREE char *instance = NULL;
	const char *name;
	int n;

	if (cli_getopt(cli, argc, argv, "", NULL) != -1 || instance_and_part(cli, argc, argv, 0, &instance, &name, &n) != 0)
		return CLI_USAGE;
	json_set_str(body, "instance", instance);
	volume = attached_volume(cli, instance, name, err);
	return volume ? volume_post(cli, volume, "detach", body, err) : -1;
}

static int volume_delete_run(struct cli *cli, int argc, char **argv, struct error *err)
{
	int rc = cli_args(cli, &argc, &argv, 1, -1);

	if (rc != 0)
		return rc;
	for (int i = 0; i < argc; i++) {
		AUTO_FREE char *path = volume_url(argv[i], err);
		AUTO_JSON cJSON *op = NULL;

		if (!path)
			return cli_usage(cli, "%s", err->msg);
		op = client_change(cli->client, "DELETE", path, NULL, NULL, err);
		if (!op)
			return -1;
	}
	return 0;
}

static const char *const list_aliases[] = { "ls", NULL };
static const char *const attach_aliases[] = { "mount", NULL };
static const char *const detach_aliases[] = { "unmount", "umount", NULL };
static const char *const delete_aliases[] = { "rm", "remove", NULL };

static const struct command volume_commands[] = {
	{ .name = "list",
	  .args = "[<instance>]",
	  .summary = "List volumes, of all instances or of one",
	  .options = "  -f, --format FORMAT   table, compact, json, csv or yaml (default table)\n",
	  .examples = "  berth volume list\n  berth volume list c1\n",
	  .run = volume_list_run,
	  .aliases = list_aliases,
	  .complete = "instance" },
	{ .name = "show",
	  .args = "<instance>/<name>",
	  .summary = "Show a volume, and what it takes of the disk",
	  .examples = "  berth volume show c1/data\n",
	  .run = volume_show_run,
	  .complete = "volume" },
	{ .name = "create",
	  .args = "<instance>/<name>",
	  .summary = "Create an empty volume for an instance",
	  .examples = "  berth volume create c1/data\n      attach would make it, too.\n",
	  .run = volume_create_run,
	  .complete = "-" },
	{ .name = "attach",
	  .args = "<instance>[/| ]<name> [<path>] [flags]",
	  .summary = "Mount a volume in an instance, running or not",
	  .options = "      --readonly            Mount it read-only\n"
		     "      --source VOLUME       Another instance's volume, INSTANCE/NAME, shared with it\n\n"
		     "The path in the instance is /mnt/NAME unless given. A volume that is missing is made.\n",
	  .examples = "  berth volume attach c1 data\n"
		      "      The volume c1/data, at /mnt/data.\n\n"
		      "  berth volume attach c1 data /var/lib/mysql\n"
		      "  berth volume attach c2 data /srv --source c1/data --readonly\n"
		      "      c2 reads what c1 writes.\n",
	  .run = volume_attach_run,
	  .aliases = attach_aliases,
	  .complete = "instance volume-of-instance -" },
	{ .name = "detach",
	  .args = "<instance>[/| ]<name>",
	  .summary = "Unmount a volume; the data stays",
	  .examples = "  berth volume detach c1 data\n",
	  .run = volume_detach_run,
	  .aliases = detach_aliases,
	  .complete = "instance volume-of-instance -" },
	{ .name = "delete",
	  .args = "<instance>/<name>...",
	  .summary = "Delete volumes and their data",
	  .examples = "  berth volume delete c1/data\n"
		      "      Unmounts it in c1; refused while another instance has it.\n",
	  .run = volume_delete_run,
	  .aliases = delete_aliases,
	  .complete = "volume" },
	{ 0 },
};

const struct command cmd_volume = {
	.name = "volume",
	.summary = "Manage volumes: folders that outlive their instances",
	.examples = "  berth volume attach c1 data\n  berth volume list\n",
	.sub = volume_commands,
};
