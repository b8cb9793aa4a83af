/* SPDX-License-Identifier: MIT */
/* berth backup: list, show, verify, delete, and the table of the family. */
#include "cli/backup.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/units.h"
#include "cli/instance.h"
#include "cli/listing.h"
#include "cli/when.h"

char *backup_file_of(const char *arg)
{
	size_t len = strlen(arg);

	return mem_printf("%s%s", arg, len > 3 && strcmp(arg + len - 3, ".7z") == 0 ? "" : ".7z");
}

char *backup_path_of(const char *arg, const char *suffix)
{
	AUTO_FREE char *file = backup_file_of(arg);
	AUTO_FREE char *segment = client_escape(file);

	return mem_printf("/1.0/backups/%s%s", segment, suffix);
}

static void list_row(struct table *table, const cJSON *backup)
{
	char created[WHEN_TEXT_SIZE], size[64];

	when_format(json_str(backup, "created_at"), "", created);
	units_format_size((uint64_t)json_int(backup, "size", 0), size, sizeof(size));
	table_row(table, (const char *const[]){ json_str_or(backup, "instance", ""), json_str_or(backup, "file", ""), created,
						json_str_or(backup, "mode", ""), size, json_str_or(backup, "state", ""),
						json_str_or(backup, "hint", "") });
}

static const struct listing backups = { { "INSTANCE", "BACKUP", "CREATED", "MODE", "SIZE", "STATE", "HINT" }, list_row };

static int backup_list_cmd(struct cli *cli, int argc, char **argv, struct error *err)
{
	AUTO_JSON cJSON *all = NULL;
	enum format format;
	cJSON *item, *next;
	int rc = format_args(cli, &argc, &argv, 1, &format);

	if (rc != 0)
		return rc;
	all = client_get(cli->client, "/1.0/backups?recursion=1", NULL, err);
	for (item = all && argc > 0 ? all->child : NULL; item; item = next) {
		next = item->next;
		if (strcmp(json_str_or(item, "instance", ""), instance_local(argv[0])) != 0)
			cJSON_Delete(cJSON_DetachItemViaPointer(all, item));
	}
	return all ? listing_print(&backups, all, format, err) : -1;
}

static int backup_show_cmd(struct cli *cli, int argc, char **argv, struct error *err)
{
	AUTO_FREE char *path = NULL;
	AUTO_JSON cJSON *backup = NULL;
	int rc = cli_args(cli, &argc, &argv, 1, 1);

	if (rc != 0)
		return rc;
	path = backup_path_of(argv[0], "");
	backup = client_get(cli->client, path, NULL, err);
	return backup ? yaml_print(backup, stdout, err) : -1;
}

static int each(struct cli *cli, int argc, char **argv, const char *method, const char *suffix, struct error *err)
{
	int rc = 0;

	for (int i = 0; rc == 0 && i < argc; i++) {
		AUTO_FREE char *path = backup_path_of(argv[i], suffix);
		AUTO_JSON cJSON *result = client_change(cli->client, method, path, NULL, NULL, err);

		rc = result ? 0 : -1;
	}
	return rc;
}

static int backup_verify_cmd(struct cli *cli, int argc, char **argv, struct error *err)
{
	int rc = cli_args(cli, &argc, &argv, 1, -1);

	if (rc != 0)
		return rc;
	rc = each(cli, argc, argv, "POST", "/verify", err);
	if (rc == 0 && !cli->quiet)
		printf("%d backup%s verified: as when made\n", argc, argc == 1 ? "" : "s");
	return rc;
}

static int backup_delete_cmd(struct cli *cli, int argc, char **argv, struct error *err)
{
	int rc = cli_args(cli, &argc, &argv, 1, -1);

	return rc != 0 ? rc : each(cli, argc, argv, "DELETE", "", err);
}

static const char *const list_aliases[] = { "ls", NULL };
static const char *const delete_aliases[] = { "rm", "remove", NULL };
static const char *const verify_aliases[] = { "test", NULL };

#define KEEP_OPTIONS                                                                      \
	"      --keep-last N         Keep the newest N backups of the instance\n"         \
	"      --keep-daily N        Keep the newest of each of the last N days that have any\n" \
	"      --keep-weekly N       Of each of the last N weeks\n"                       \
	"      --keep-monthly N      Of each of the last N months\n"

static const struct command backup_commands[] = {
	{ .name = "create",
	  .args = "<instance> [<hint>]",
	  .summary = "Back up an instance",
	  .options = "      --hint TEXT           What to remember about it\n"
		     "  -m, --mode live|freeze|stop\n"
		     "                            live: read as it is (default, or backups.mode); freeze: then frozen for\n"
		     "                            what changed meanwhile; stop: stopped meanwhile, and started again\n"
		     "  -x, --exclude PATTERN     Leave this path of the instance out, and what is below; * matches all,\n"
		     "                            also '/' (may be given several times)\n"
		     "  -b, --bandwidth RATE      At most so many bytes per second, such as 20MB (uncompressed)\n"
		     "      --level N             Compression, 0 (none) to 9\n"
		     "      --timeout SECONDS     How long a clean stop may take (default 60)\n"
		     "      --force               Then kill it\n" KEEP_OPTIONS,
	  .examples = "  berth backup create c1 \"before the update\"\n"
		      "  berth backup create c1 --mode freeze -x /var/cache -x '/home/*/.cache'\n"
		      "  berth backup create c1 --keep-last 3 --keep-daily 7\n"
		      "      Deletes older ones of c1 afterwards.\n",
	  .run = backup_create_cmd,
	  .complete = "instance -" },
	{ .name = "list",
	  .args = "[<instance>]",
	  .summary = "List backups, also of instances that are gone",
	  .options = "  -f, --format FORMAT   table, compact, json, csv or yaml (default table)\n",
	  .examples = "  berth backup list c1\n"
		      "  berth backup list --format json | jq -r '.[] | select(.state != \"ok\") | .file + \": \" + .reason'\n"
		      "      What is damaged or foreign, and why.\n",
	  .run = backup_list_cmd,
	  .aliases = list_aliases,
	  .complete = "instance -" },
	{ .name = "show",
	  .args = "<backup>",
	  .summary = "Show all that is known of a backup",
	  .examples = "  berth backup show c1-20261122090000\n",
	  .run = backup_show_cmd,
	  .complete = "backup -" },
	{ .name = "verify",
	  .args = "<backup>...",
	  .summary = "Read backups whole and compare their checksums",
	  .examples = "  berth backup verify c1-20261122090000\n",
	  .run = backup_verify_cmd,
	  .aliases = verify_aliases,
	  .complete = "backup" },
	{ .name = "restore",
	  .args = "<instance> <backup>|latest [flags]",
	  .summary = "Restore an instance from a backup, which is verified before anything changes",
	  .options = "      --name NEW            Make a new instance of this name\n"
		     "      --start               Start it (default: if it runs now, or ran when it was backed up)\n"
		     "      --no-start            Leave it stopped\n"
		     "      --force               Do not ask a running instance to shut down first\n"
		     "      --timeout SECONDS     How long that may take (default 30)\n",
	  .examples = "  berth backup restore c1 latest\n"
		      "  berth backup restore c1 c1-20261122090000 --name c2 --start\n",
	  .run = backup_restore_cmd,
	  .complete = "instance backup-of-instance -" },
	{ .name = "extract",
	  .args = "<instance> <backup>|latest <path> [<file>|<folder>|-]",
	  .summary = "Get one file out of a backup, or a folder as a tar archive",
	  .examples = "  berth backup extract c1 latest /etc/hosts\n"
		      "  berth backup extract c1 latest /etc - | tar t\n"
		      "      Symbolic links are shown, not followed.\n",
	  .run = backup_extract_cmd,
	  .complete = "instance backup-of-instance - file" },
	{ .name = "delete",
	  .args = "<backup>...",
	  .summary = "Delete backups",
	  .examples = "  berth backup delete c1-20261122090000\n",
	  .run = backup_delete_cmd,
	  .aliases = delete_aliases,
	  .complete = "backup" },
	{ .name = "prune",
	  .args = "<instance>",
	  .summary = "Delete the backups that no rule keeps",
	  .options = KEEP_OPTIONS "      --dry-run             Only say which would go\n",
	  .examples = "  berth backup prune c1 --keep-daily 7 --keep-weekly 4\n"
		      "      The newest good one always stays, as do damaged and foreign files.\n",
	  .run = backup_prune_cmd,
	  .complete = "instance -" },
	{ 0 },
};

const struct command cmd_backup = {
	.name = "backup",
	.summary = "Manage backups of instances",
	.examples = "  berth backup create c1\n"
		    "  berth backup list c1\n",
	.sub = backup_commands,
};
