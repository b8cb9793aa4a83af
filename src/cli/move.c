/* SPDX-License-Identifier: MIT */
/* berth rename, berth move: another name, or another storage pool. */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "cli/copy.h"
#include "cli/instance.h"
#include "cli/object.h"

/* Of "c1/a" and "c1/b". */
static bool same_instance(const char *from, const char *to)
{
	size_t len = strcspn(from, "/");

	return strcspn(to, "/") == len && memcmp(from, to, len) == 0;
}

static int rename_to(struct cli *cli, const char *from, const char *to_arg, struct error *err)
{
	const char *to = instance_local(to_arg), *slash = strchr(from, '/') ? strchr(to, '/') : NULL;

	if (slash && !same_instance(instance_local(from), to))
		return cli_usage(cli, "'%s' cannot become '%s': a snapshot stays with its instance", from, to_arg);
	return object_rename(cli, &object_instance, from, slash ? slash + 1 : to, err);
}

static int rename_run(struct cli *cli, int argc, char **argv, struct error *err)
{
	int rc = cli_args(cli, &argc, &argv, 2, 2);

	return rc != 0 ? rc : rename_to(cli, argv[0], argv[1], err);
}

const struct command cmd_rename = {
	.name = "rename",
	.args = "<instance>[/<snapshot>] <new name>",
	.summary = "Rename a stopped instance, or a snapshot",
	.examples = "  berth rename c1 web\n"
		    "  berth rename c1/snap0 c1/before-upgrade\n",
	.run = rename_run,
	.complete = "snapshot -",
};

/* ---- to another pool: a copy there, which takes the place of the source once it is whole */

static int may_move(struct cli *cli, const struct object *o, struct error *err)
{
	AUTO_FREE char *owner = client_escape(o->name);
	AUTO_FREE char *path = mem_printf("/1.0/volumes?owner=%s", owner);
	AUTO_JSON cJSON *volumes = NULL;

	if (json_int(o->value, "status_code", 0) != STATUS_STOPPED)
		return error_set(err, ERROR_CONFLICT, "'%s' must be stopped to be moved to another pool", o->name);
	volumes = client_get(cli->client, path, NULL, err);
	if (!volumes)
		return -1;
	if (cJSON_GetArraySize(volumes) > 0)
		return error_set(err, ERROR_CONFLICT, "'%s' has volumes of its own, which would stay behind: see berth volume list %s",
				 o->name, o->name);
	return 0;
}

/* No two instances may have a hardware address: it can be given on when its owner is gone. */
static int keep_addresses(struct cli *cli, const struct object *from, const char *to, struct error *err)
{
	const cJSON *item, *config = json_obj(from->value, "config");
	AUTO_OBJECT struct object o = { 0 };
	bool changed = false;

	if (object_get(cli, &object_instance, to, &o, err) < 0)
		return -1;
	cJSON_ArrayForEach(item, config) {
		const char *end = strrchr(item->string, '.');

		if (strncmp(item->string, "volatile.", 9) != 0 || strcmp(end, ".hwaddr") != 0 || !cJSON_IsString(item))
			continue;
		json_set_str(object_settings(&o), item->string, item->valuestring);
		changed = true;
	}
	return changed ? object_put(cli, &o, err) : 0;
}

static int move_to_pool(struct cli *cli, const char *name, const char *to, const char *pool, bool instance_only,
			struct error *err)
{
	AUTO_OBJECT struct object from = { 0 };
	AUTO_FREE char *made = NULL;
	const char *last;

	if (object_get(cli, &object_instance, name, &from, err) < 0 || may_move(cli, &from, err) < 0)
		return -1;
	last = to ? instance_local(to) : from.name;
	made = strcmp(last, from.name) != 0 ? mem_strdup(last) : mem_printf("%.50s-moving", from.name);
	if (copy_to_pool(cli, name, made, pool, instance_only, err) < 0)
		return -1;
	if (object_delete(cli, &object_instance, name, err) < 0)
		return error_wrap(err, "'%s' is there as '%s' now, too, but cannot be deleted here", from.name, made);
	if (strcmp(made, last) != 0 && object_rename(cli, &object_instance, made, last, err) < 0)
		return error_wrap(err, "'%s' is called '%s' now", from.name, made);
	return keep_addresses(cli, &from, last, err);
}

static int move_run(struct cli *cli, int argc, char **argv, struct error *err)
{
	static const struct option options[] = { { "storage", required_argument, NULL, 's' },
						 { "instance-only", no_argument, NULL, 'i' },
						 { 0 } };
	const char *pool = NULL, *from, *to;
	bool instance_only = false;
	int c;

	while ((c = cli_getopt(cli, argc, argv, "s:", options)) != -1) {
		if (c == '?')
			return CLI_USAGE;
		if (c == 's')
			pool = optarg;
		else
			instance_only = true;
	}
	if (cli_argc(cli, argc, pool ? 1 : 2, 2) != 0)
		return CLI_USAGE;
	from = argv[optind];
	to = argc - optind > 1 ? argv[optind + 1] : NULL;
	if (!pool)
		return instance_only ? cli_usage(cli, "--instance-only goes with --storage: a rename keeps snapshots") :
				       rename_to(cli, from, to, err);
	if (strchr(from, '/') || (to && strchr(to, '/')))
		return cli_usage(cli, "a snapshot moves with its instance");
	return move_to_pool(cli, from, to, pool, instance_only, err);
}

static const char *const move_aliases[] = { "mv", NULL };

const struct command cmd_move = {
	.name = "move",
	.args = "<instance>[/<snapshot>] [<new name>] [flags]",
	.summary = "Rename a stopped instance, or move it to another storage pool",
	.options = "  -s, --storage POOL    Put its root disk into this pool: it is copied there, then deleted here\n"
		   "      --instance-only   Without its snapshots\n",
	.examples = "  berth move c1 web\n"
		    "  berth move c1 -s fast\n"
		    "  berth move c1/snap0 c1/before-upgrade\n",
	.run = move_run,
	.aliases = move_aliases,
	.complete = "snapshot -",
};
