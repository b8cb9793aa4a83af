/* SPDX-License-Identifier: MIT */
/* berth storage volume: names, what is shown, keys, and the table of commands. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "base/units.h"
#include "cli/columns.h"
#include "cli/instance.h"
#include "cli/storage.h"
#include "cli/when.h"

/* ---- names */

static bool is_type(const char *word, size_t len)
{
	static const char *const types[] = { "custom", "container", "virtual-machine", "image" };

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (strlen(types[i]) == len && strncmp(types[i], word, len) == 0)
			return true;
	return false;
}

char *volume_object_name(const char *pool, const char *volume, const struct object_kind **ret_kind, struct error *err)
{
	const char *slash = strchr(volume, '/');
	bool typed = slash && is_type(volume, (size_t)(slash - volume));
	const char *rest = typed ? slash + 1 : volume, *snapshot = strchr(rest, '/');

	pool = instance_local(pool);
	if (!*pool || strchr(pool, '/')) {
		error_set(err, ERROR_INVALID, "'%s' is no name of a storage pool", pool);
		return NULL;
	}
	if (!*rest || *rest == '/' || (snapshot && (!snapshot[1] || strchr(snapshot + 1, '/')))) {
		error_set(err, ERROR_INVALID, "'%s' names no volume: it must be [TYPE/]VOLUME[/SNAPSHOT]", volume);
		return NULL;
	}
	*ret_kind = snapshot ? &object_volume_snapshot : &object_volume;
	return mem_printf("%s/%s%s", pool, typed ? "" : "custom/", volume);
}

char *volume_object_place(const char *place, const struct object_kind **ret_kind, struct error *err)
{
	const char *local = instance_local(place), *slash = strchr(local, '/');
	AUTO_FREE char *pool = slash ? mem_strndup(local, (size_t)(slash - local)) : NULL;

	if (pool)
		return volume_object_name(pool, slash + 1, ret_kind, err);
	error_set(err, ERROR_INVALID, "'%s' names no volume of a pool: it must be POOL/VOLUME", place);
	return NULL;
}

/* ---- list */

static char *column_type(const cJSON *v)
{
	const char *type = json_str_or(v, "type", "");

	return strchr(json_str_or(v, "name", ""), '/') ? mem_printf("%s (snapshot)", type) : mem_strdup(type);
}

static char *column_name(const cJSON *v)
{
	return mem_strdup(json_str_or(v, "name", ""));
}

static char *column_description(const cJSON *v)
{
	return mem_strdup(json_str_or(v, "description", ""));
}

static char *column_content(const cJSON *v)
{
	return mem_strdup(json_str_or(v, "content_type", ""));
}

static char *column_used(const cJSON *v)
{
	return mem_printf("%d", cJSON_GetArraySize(json_arr(v, "used_by")));
}

static char *column_project(const cJSON *v)
{
	return mem_strdup(json_str_or(v, "project", ""));
}

static char *column_location(const cJSON *v)
{
	return mem_strdup(json_str_or(v, "location", ""));
}

static const struct column list_columns[] = {
	{ 't', "TYPE", column_type },
	{ 'n', "NAME", column_name },
	{ 'd', "DESCRIPTION", column_description },
	{ 'c', "CONTENT-TYPE", column_content },
	{ 'u', "USED BY", column_used },
	{ 'e', "PROJECT", column_project },
	{ 'L', "LOCATION", column_location },
	{ 0 },
};

/* "type=custom name" to filter=: "type eq custom and name eq name"; caller frees. */
static char *filter_query(char *const *filters)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT;
	AUTO_FREE char *value = NULL;

	for (; *filters; filters++) {
		const char *eq = strchr(*filters, '=');

		strbuf_addf(&text, "%s%.*s eq %s", text.len ? " and " : "", eq ? (int)(eq - *filters) : 4,
			    eq ? *filters : "name", eq ? eq + 1 : *filters);
	}
	if (text.len == 0)
		return mem_strdup("");
	value = client_escape(text.buf);
	return mem_printf("&filter=%s", value);
}

static int volume_list(struct cli *cli, int argc, char **argv, struct error *err)
{
	AUTO_FREE char *pool = NULL, *filter = NULL, *path = NULL;
	AUTO_JSON cJSON *volumes = NULL;
	struct columns shown;
	enum format format;

	if (columns_options(cli, argc, argv, list_columns, "tndcu", &shown, &format, NULL) != 0 || cli_argc(cli, argc, 1, -1) != 0)
		return CLI_USAGE;
	pool = client_escape(instance_local(argv[optind]));
	filter = filter_query(argv + optind + 1);
	path = mem_printf("/1.0/storage-pools/%s/volumes?recursion=1%s", pool, filter);
	volumes = client_get(cli->client, path, NULL, err);
	return volumes ? columns_print(&shown, volumes, format, err) : -1;
}

/* ---- show, info, keys */

/* The object of "pool volume"; min and max count what follows. 0, or what run returns. */
static int volume_args(struct cli *cli, int *argc, char ***argv, int min, int max, const struct object_kind **ret_kind,
		       char **ret_name, struct error *err)
{
	int rc = cli_args(cli, argc, argv, 2 + min, max < 0 ? max : 2 + max);

	if (rc != 0)
		return rc;
	*ret_name = volume_object_name((*argv)[0], (*argv)[1], ret_kind, err);
	*argc -= 2;
	*argv += 2;
	return *ret_name ? 0 : cli_usage(cli, "%s", err->msg);
}

static int volume_show(struct cli *cli, int argc, char **argv, struct error *err)
{
	AUTO_OBJECT struct object o = { 0 };
	const struct object_kind *kind = NULL;
	AUTO_FREE char *name = NULL;
	int rc = volume_args(cli, &argc, &argv, 0, 0, &kind, &name, err);

	if (rc != 0)
		return rc;
	return object_get(cli, kind, name, &o, err) < 0 ? -1 : object_show(&o, false, err);
}

static int volume_edit(struct cli *cli, int argc, char **argv, struct error *err)
{
	const struct object_kind *kind = NULL;
	AUTO_FREE char *name = NULL;
	int rc = volume_args(cli, &argc, &argv, 0, 0, &kind, &name, err);

	return rc != 0 ? rc : object_edit(cli, kind, name, err);
}

static int volume_get(struct cli *cli, int argc, char **argv, struct error *err)
{
	const struct object_kind *kind = NULL;
	AUTO_FREE char *name = NULL;
	int rc = volume_args(cli, &argc, &argv, 1, 1, &kind, &name, err);

	return rc != 0 ? rc : object_run_get(cli, kind, name, argv[0], false, err);
}

static int volume_set(struct cli *cli, int argc, char **argv, struct error *err)
{
	const struct object_kind *kind = NULL;
	AUTO_FREE char *name = NULL;
	int rc = volume_args(cli, &argc, &argv, 1, -1, &kind, &name, err);

	return rc != 0 ? rc : object_run_set(cli, kind, name, argc, argv, err);
}

static int volume_unset(struct cli *cli, int argc, char **argv, struct error *err)
{
	const struct object_kind *kind = NULL;
	AUTO_FREE char *name = NULL;
	int rc = volume_args(cli, &argc, &argv, 1, 1, &kind, &name, err);

	return rc != 0 ? rc : object_run_unset(cli, kind, name, argv[0], err);
}

static int print_snapshots(const cJSON *snapshots, struct error *err)
{
	static const char *const headers[] = { "NAME", "DESCRIPTION", "EXPIRES AT" };
	struct table *table;
	const cJSON *s;
	int rc;

	if (cJSON_GetArraySize(snapshots) == 0)
		return 0;
	table = table_new(headers, 3);
	cJSON_ArrayForEach(s, snapshots) {
		const char *name = json_str_or(s, "name", ""), *slash = strrchr(name, '/');
		char expires[WHEN_TEXT_SIZE];

		when_format(json_str(s, "expires_at"), "", expires);
		table_row(table, (const char *const[]){ slash ? slash + 1 : name, json_str_or(s, "description", ""), expires });
	}
	puts("\nSnapshots:");
	rc = table_print(table, FORMAT_TABLE, snapshots, err);
	table_free(table);
	return rc;
}

static void print_volume(const cJSON *volume, const cJSON *state)
{
	char text[WHEN_TEXT_SIZE];

	printf("Name: %s\n", json_str_or(volume, "name", ""));
	if (*json_str_or(volume, "description", "")) {
		fputs("Description: ", stdout);
		text_print(stdout, json_str(volume, "description"));
		putchar('\n');
	}
	printf("Type: %s\nContent type: %s\n", json_str_or(volume, "type", ""), json_str_or(volume, "content_type", ""));
	if (json_obj(state, "usage")) {
		units_format_size((uint64_t)json_int(json_obj(state, "usage"), "used", 0), text, sizeof(text));
		printf("Usage: %s\n", text);
	}
	if (json_int(json_obj(state, "usage"), "total", 0) > 0) {
		units_format_size((uint64_t)json_int(json_obj(state, "usage"), "total", 0), text, sizeof(text));
		printf("Total: %s\n", text);
	}
	if (when_parse(json_str(volume, "created_at"), &(time_t){ 0 })) {
		when_format(json_str(volume, "created_at"), "", text);
		printf("Created: %s\n", text);
	}
}

static int volume_info(struct cli *cli, int argc, char **argv, struct error *err)
{
	AUTO_FREE char *name = NULL, *state_path = NULL, *snapshots_path = NULL;
	AUTO_JSON cJSON *state = NULL, *snapshots = NULL;
	const struct object_kind *kind = NULL;
	AUTO_OBJECT struct object o = { 0 };
	int rc = volume_args(cli, &argc, &argv, 0, 0, &kind, &name, err);

	if (rc != 0)
		return rc;
	if (kind != &object_volume)
		return cli_usage(cli, "'%s' is a snapshot: \"berth storage volume show\" shows it", strrchr(name, '/') + 1);
	if (object_get(cli, kind, name, &o, err) < 0)
		return -1;
	state_path = mem_printf("%s/state", o.path);
	snapshots_path = mem_printf("%s/snapshots?recursion=1", o.path);
	state = client_get(cli->client, state_path, NULL, err);
	if (!state)
		return -1;
	if (strcmp(json_str_or(o.value, "type", ""), "custom") == 0) {
		snapshots = client_get(cli->client, snapshots_path, NULL, err);
		if (!snapshots)
			return -1;
	}
	print_volume(o.value, state);
	return print_snapshots(snapshots, err);
}

/* ---- the table */

static const char *const list_aliases[] = { "ls", NULL };
static const char *const delete_aliases[] = { "rm", NULL };
static const char *const copy_aliases[] = { "cp", NULL };
static const char *const move_aliases[] = { "mv", NULL };

const struct command storage_volume_commands[] = {
	{ .name = "list",
	  .args = "<pool> [<filter>...]",
	  .summary = "List storage volumes",
	  .options = "  -c, --columns COLUMNS   Columns (default tndcu)\n"
		     "  -f, --format FORMAT     table, compact, json, csv or yaml (default table)\n\n"
		     "Columns:\n"
		     "  t type           n name         d description   c content type\n"
		     "  u used by        e project      L location\n\n"
		     "Filters are names, or key=value of their members.\n",
	  .examples = "  berth storage volume list default type=custom\n",
	  .run = volume_list,
	  .aliases = list_aliases,
	  .complete = "pool -" },
	{ .name = "show",
	  .args = "<pool> [<type>/]<volume>[/<snapshot>]",
	  .summary = "Show storage volume configurations",
	  .examples = "  berth storage volume show default data\n"
		      "  berth storage volume show default container/c1\n",
	  .run = volume_show,
	  .complete = "pool volume-of-pool -" },
	{ .name = "info",
	  .args = "<pool> [<type>/]<volume>",
	  .summary = "Show storage volume state information",
	  .examples = "  berth storage volume info default data\n",
	  .run = volume_info,
	  .complete = "pool volume-of-pool -" },
	{ .name = "create",
	  .args = "<pool> <volume> [<key>=<value>...]",
	  .summary = "Create new custom storage volumes",
	  .options = "      --type TYPE   Content type: filesystem\n",
	  .examples = "  berth storage volume create default data\n"
		      "  berth storage volume create fast data size=5GiB snapshots.schedule=@daily\n",
	  .run = volume_create_command,
	  .complete = "pool -" },
	{ .name = "delete",
	  .args = "<pool> <volume>[/<snapshot>]...",
	  .summary = "Delete storage volumes and snapshots of them",
	  .examples = "  berth storage volume delete default data\n"
		      "  berth storage volume delete default data/snap0\n",
	  .run = volume_delete_command,
	  .aliases = delete_aliases,
	  .complete = "pool volume-of-pool" },
	{ .name = "rename",
	  .args = "<pool> <volume>[/<snapshot>] <new name>[/<new snapshot name>]",
	  .summary = "Rename storage volumes and snapshots of them",
	  .examples = "  berth storage volume rename default data archive\n"
		      "  berth storage volume rename default data/snap0 data/before-upgrade\n",
	  .run = volume_rename_command,
	  .complete = "pool volume-of-pool -" },
	{ .name = "edit",
	  .args = "<pool> <volume>[/<snapshot>]",
	  .summary = "Edit storage volume configurations as YAML",
	  .examples = "  berth storage volume edit default data < volume.yaml\n",
	  .run = volume_edit,
	  .complete = "pool volume-of-pool -" },
	{ .name = "get",
	  .args = "<pool> <volume>[/<snapshot>] <key>",
	  .summary = "Get values for storage volume configuration keys",
	  .examples = "  berth storage volume get default data size\n",
	  .run = volume_get,
	  .complete = "pool volume-of-pool -" },
	{ .name = "set",
	  .args = "<pool> <volume> <key>=<value>...",
	  .summary = "Set storage volume configuration keys",
	  .examples = "  berth storage volume set default data snapshots.expiry=2w\n",
	  .run = volume_set,
	  .complete = "pool volume-of-pool -" },
	{ .name = "unset",
	  .args = "<pool> <volume> <key>",
	  .summary = "Unset storage volume configuration keys",
	  .examples = "  berth storage volume unset default data snapshots.expiry\n",
	  .run = volume_unset,
	  .complete = "pool volume-of-pool -" },
	{ .name = "copy",
	  .args = "<pool>/<volume>[/<snapshot>] <pool>/<volume>",
	  .summary = "Copy storage volumes",
	  .options = "      --volume-only   Without its snapshots\n"
		     "      --refresh       Bring a volume that is there up to date\n",
	  .examples = "  berth storage volume copy default/data fast/data\n"
		      "  berth storage volume copy default/data fast/data --refresh\n",
	  .run = volume_copy_command,
	  .aliases = copy_aliases },
	{ .name = "move",
	  .args = "<pool>/<volume> <pool>/<volume>",
	  .summary = "Move storage volumes between pools",
	  .examples = "  berth storage volume move default/data fast/data\n",
	  .run = volume_move_command,
	  .aliases = move_aliases },
	{ .name = "snapshot",
	  .args = "<pool> <volume> [<snapshot>]",
	  .summary = "Snapshot storage volumes",
	  .options = "      --no-expiry   Keep it, whatever snapshots.expiry says\n"
		     "      --reuse       Delete a snapshot of that name first\n",
	  .examples = "  berth storage volume snapshot default data before-upgrade\n",
	  .run = volume_snapshot_command,
	  .complete = "pool volume-of-pool -" },
	{ .name = "restore",
	  .args = "<pool> <volume> <snapshot>",
	  .summary = "Restore storage volume snapshots",
	  .examples = "  berth storage volume restore default data before-upgrade\n",
	  .run = volume_restore_command,
	  .complete = "pool volume-of-pool -" },
	{ .name = "export",
	  .args = "<pool> <volume> [<target>]|-",
	  .summary = "Export a custom volume with its snapshots as an archive in LXD's format",
	  .options = "      --compression PROGRAM   none, gzip, bzip2, lzma, xz or zstd, with a level: \"xz -6\"\n"
		     "      --volume-only           Without its snapshots\n",
	  .examples = "  berth storage volume export default data\n"
		      "      data.tar.gz in the working directory.\n\n"
		      "  berth storage volume export default data /srv/data.tar.zst --compression zstd\n",
	  .run = volume_export_command,
	  .complete = "pool volume-of-pool file" },
	{ .name = "import",
	  .args = "<pool> <archive>|- [<volume>]",
	  .summary = "Import a custom volume from an archive in LXD's format",
	  .options = "      --type TYPE   What it is: backup\n",
	  .examples = "  berth storage volume import default data.tar.gz\n"
		      "  berth storage volume import fast data.tar.gz copy\n",
	  .run = volume_import_command,
	  .complete = "pool file -" },
	{ .name = "attach",
	  .args = "<pool> <volume> <instance> [<device name>] [<path>]",
	  .summary = "Attach storage volumes to instances",
	  .examples = "  berth storage volume attach default data c1\n"
		      "      As the device data at /mnt/data.\n\n"
		      "  berth storage volume attach default data c1 /srv\n"
		      "  berth storage volume attach default data c1 files /srv\n",
	  .run = volume_attach_command,
	  .complete = "pool volume-of-pool instance -" },
	{ .name = "attach-profile",
	  .args = "<pool> <volume> <profile> [<device name>] [<path>]",
	  .summary = "Attach storage volumes to profiles",
	  .examples = "  berth storage volume attach-profile default data lab /srv\n",
	  .run = volume_attach_command,
	  .complete = "pool volume-of-pool profile -" },
	{ .name = "detach",
	  .args = "<pool> <volume> <instance> [<device name>]",
	  .summary = "Detach storage volumes from instances",
	  .examples = "  berth storage volume detach default data c1\n",
	  .run = volume_detach_command,
	  .complete = "pool volume-of-pool instance -" },
	{ .name = "detach-profile",
	  .args = "<pool> <volume> <profile> [<device name>]",
	  .summary = "Detach storage volumes from profiles",
	  .examples = "  berth storage volume detach-profile default data lab\n",
	  .run = volume_detach_command,
	  .complete = "pool volume-of-pool profile -" },
	{ 0 },
};
