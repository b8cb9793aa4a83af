/* SPDX-License-Identifier: MIT */
/* What berth storage volume changes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/ident.h"
#include "base/json.h"
#include "base/mem.h"
#include "cli/instance.h"
#include "cli/keyval.h"
#include "cli/storage.h"

/* "POOL/TYPE/VOLUME/…" of volume_object_name(): the part after n slashes. */
static const char *part(const char *name, int n)
{
	for (; n > 0 && name; n--) {
		name = strchr(name, '/');
		name = name ? name + 1 : NULL;
	}
	return name ? name : "";
}

static char *pool_of(const char *name)
{
	return mem_strndup(name, strcspn(name, "/"));
}

/* POST to /1.0/storage-pools/POOL/volumes/custom. */
static int post_volume(struct cli *cli, const char *pool, const cJSON *body, struct error *err)
{
	AUTO_FREE char *segment = client_escape(instance_local(pool));
	AUTO_FREE char *path = mem_printf("/1.0/storage-pools/%s/volumes/custom", segment);
	AUTO_JSON cJSON *result = client_change(cli->client, "POST", path, body, NULL, err);

	return result ? 0 : -1;
}

int volume_create_command(struct cli *cli, int argc, char **argv, struct error *err)
{
	static const struct option options[] = { { "type", required_argument, NULL, 't' }, { 0 } };
	AUTO_JSON cJSON *body = cJSON_CreateObject(), *config = NULL;
	const char *type = "filesystem";
	int c;

	while ((c = cli_getopt(cli, argc, argv, "", options)) != -1) {
		if (c != 't')
			return CLI_USAGE;
		type = optarg;
	}
	if (cli_argc(cli, argc, 2, -1) != 0)
		return CLI_USAGE;
	argc -= optind;
	argv += optind;
	config = argc > 2 ? keyval_parse(argc - 2, argv + 2, err) : cJSON_CreateObject();
	if (!config)
		return -1;
	json_set_str(body, "name", argv[1]);
	json_set_str(body, "type", "custom");
	json_set_str(body, "content_type", type);
	json_set(body, "config", cJSON_Duplicate(config, true));
	if (post_volume(cli, argv[0], body, err) < 0)
		return -1;
	if (!cli->quiet)
		printf("Storage volume %s created\n", argv[1]);
	return 0;
}

int volume_delete_command(struct cli *cli, int argc, char **argv, struct error *err)
{
	int rc = cli_args(cli, &argc, &argv, 2, -1);

	for (int i = 1; rc == 0 && i < argc; i++) {
		const struct object_kind *kind = NULL;
		AUTO_FREE char *name = volume_object_name(argv[0], argv[i], &kind, err);

		if (!name)
			return cli_usage(cli, "%s", err->msg);
		rc = object_delete(cli, kind, name, err);
		if (rc == 0 && !cli->quiet)
			printf("Storage volume %s deleted\n", argv[i]);
	}
	return rc;
}

int volume_rename_command(struct cli *cli, int argc, char **argv, struct error *err)
{
	const struct object_kind *kind = NULL, *to_kind = NULL;
	AUTO_FREE char *name = NULL, *to = NULL;
	int rc = cli_args(cli, &argc, &argv, 3, 3);

	if (rc != 0)
		return rc;
	name = volume_object_name(argv[0], argv[1], &kind, err);
	to = name ? volume_object_name(argv[0], argv[2], &to_kind, err) : NULL;
	if (!to)
		return cli_usage(cli, "%s", err->msg);
	if (kind != to_kind || (kind == &object_volume_snapshot && part(name, 3) - name != part(to, 3) - to) ||
	    (kind == &object_volume_snapshot && strncmp(name, to, (size_t)(part(name, 3) - name)) != 0))
		return cli_usage(cli, "'%s' cannot become '%s': a snapshot stays with its volume", argv[1], argv[2]);
	if (object_rename(cli, kind, name, part(to, kind == &object_volume ? 2 : 3), err) < 0)
		return -1;
	if (!cli->quiet)
		printf("Renamed storage volume from \"%s\" to \"%s\"\n", argv[1], argv[2]);
	return 0;
}

/* ---- copy, move */

static bool is_custom(const char *name)
{
	return strncmp(part(name, 1), "custom/", strlen("custom/")) == 0;
}

/* Both ends of a copy or a move: names as volume_object_name() makes them. */
struct ends {
	char *from, *to;
	const struct object_kind *from_kind;
};

static void ends_clear(struct ends *e)
{
	free(e->from);
	free(e->to);
}
#define AUTO_ENDS __attribute__((cleanup(ends_clear)))

static int ends_parse(struct cli *cli, const char *from, const char *to, struct ends *e, struct error *err)
{
	const struct object_kind *to_kind = NULL;

	e->from = volume_object_place(from, &e->from_kind, err);
	e->to = e->from ? volume_object_place(to, &to_kind, err) : NULL;
	if (!e->to)
		return cli_usage(cli, "%s", err->msg);
	if (to_kind != &object_volume)
		return cli_usage(cli, "'%s' is no place for a volume: it must be POOL/VOLUME", to);
	if (!is_custom(e->from) || !is_custom(e->to))
		return cli_usage(cli, "only custom volumes are copied and moved here: see berth copy and berth move");
	return 0;
}

int volume_copy_command(struct cli *cli, int argc, char **argv, struct error *err)
{
	static const struct option options[] = { { "volume-only", no_argument, NULL, 'o' }, { "refresh", no_argument, NULL, 'r' },
						 { 0 } };
	AUTO_JSON cJSON *body = cJSON_CreateObject();
	AUTO_ENDS struct ends e = { 0 };
	AUTO_FREE char *from_pool = NULL, *to_pool = NULL;
	bool only = false, refresh = false;
	cJSON *source;
	int c, rc;

	while ((c = cli_getopt(cli, argc, argv, "", options)) != -1) {
		if (c == '?')
			return CLI_USAGE;
		only |= c == 'o';
		refresh |= c == 'r';
	}
	if (cli_argc(cli, argc, 2, 2) != 0)
		return CLI_USAGE;
	rc = ends_parse(cli, argv[optind], argv[optind + 1], &e, err);
	if (rc != 0)
		return rc;
	from_pool = pool_of(e.from);
	to_pool = pool_of(e.to);
	json_set_str(body, "name", part(e.to, 2));
	json_set_str(body, "type", "custom");
	source = cJSON_AddObjectToObject(body, "source");
	json_set_str(source, "type", "copy");
	json_set_str(source, "name", part(e.from, 2));
	json_set_str(source, "pool", from_pool);
	json_set_bool(source, "volume_only", only);
	json_set_bool(source, "refresh", refresh);
	if (post_volume(cli, to_pool, body, err) < 0)
		return -1;
	if (!cli->quiet)
		puts("Storage volume copied successfully!");
	return 0;
}

int volume_move_command(struct cli *cli, int argc, char **argv, struct error *err)
{
	AUTO_JSON cJSON *body = cJSON_CreateObject(), *result = NULL;
	AUTO_FREE char *from_pool = NULL, *to_pool = NULL;
	AUTO_OBJECT struct object o = { 0 };
	AUTO_ENDS struct ends e = { 0 };
	int rc = cli_args(cli, &argc, &argv, 2, 2);

	if (rc == 0)
		rc = ends_parse(cli, argv[0], argv[1], &e, err);
	if (rc != 0)
		return rc;
	if (e.from_kind != &object_volume)
		return cli_usage(cli, "'%s': a snapshot stays with its volume", argv[0]);
	from_pool = pool_of(e.from);
	to_pool = pool_of(e.to);
	json_set_str(body, "name", part(e.to, 2));
	if (strcmp(from_pool, to_pool) != 0)
		json_set_str(body, "pool", to_pool);
	object_init(&o, e.from_kind, e.from);
	result = client_change(cli->client, "POST", o.path, body, NULL, err);
	if (!result)
		return -1;
	if (!cli->quiet)
		puts("Storage volume moved successfully!");
	return 0;
}

/* ---- snapshot, restore */

static int volume_snapshot(struct cli *cli, const char *volume, const char *name, bool no_expiry, bool reuse, struct error *err)
{
	AUTO_JSON cJSON *body = cJSON_CreateObject(), *result = NULL;
	AUTO_OBJECT struct object o = { 0 };
	AUTO_FREE char *path = NULL;

	object_init(&o, &object_volume, volume);
	path = mem_printf("%s/snapshots", o.path);
	if (reuse && name) {
		AUTO_FREE char *old = mem_printf("%s/%s", volume, name);

		if (object_delete(cli, &object_volume_snapshot, old, err) < 0) {
			if (err->code != ERROR_NOT_FOUND)
				return -1;
			error_clear(err);
		}
	}
	json_set_str(body, "name", name ? name : "");
	if (no_expiry)
		json_set_str(body, "expires_at", TIME_UNSET);
	result = client_change(cli->client, "POST", path, body, NULL, err);
	return result ? 0 : -1;
}

int volume_snapshot_command(struct cli *cli, int argc, char **argv, struct error *err)
{
	static const struct option options[] = { { "no-expiry", no_argument, NULL, 'n' },
						 { "reuse", no_argument, NULL, 'r' },
						 { 0 } };
	const struct object_kind *kind = NULL;
	bool no_expiry = false, reuse = false;
	AUTO_FREE char *name = NULL;
	int c;

	while ((c = cli_getopt(cli, argc, argv, "", options)) != -1) {
		if (c == '?')
			return CLI_USAGE;
		no_expiry |= c == 'n';
		reuse |= c == 'r';
	}
	if (cli_argc(cli, argc, 2, 3) != 0)
		return CLI_USAGE;
	name = volume_object_name(argv[optind], argv[optind + 1], &kind, err);
	if (!name)
		return cli_usage(cli, "%s", err->msg);
	if (kind != &object_volume)
		return cli_usage(cli, "'%s' is no volume: the snapshot's name is an argument of its own", argv[optind + 1]);
	return volume_snapshot(cli, name, argc - optind > 2 ? argv[optind + 2] : NULL, no_expiry, reuse, err);
}

int volume_restore_command(struct cli *cli, int argc, char **argv, struct error *err)
{
	AUTO_JSON cJSON *body = cJSON_CreateObject(), *result = NULL;
	const struct object_kind *kind = NULL;
	AUTO_OBJECT struct object o = { 0 };
	AUTO_FREE char *name = NULL;
	int rc = cli_args(cli, &argc, &argv, 3, 3);

	if (rc != 0)
		return rc;
	name = volume_object_name(argv[0], argv[1], &kind, err);
	if (!name || kind != &object_volume || !*argv[2])
		return cli_usage(cli, "%s", name ? "a volume and the name of one of its snapshots are needed" : err->msg);
	object_init(&o, kind, name);
	json_set_str(body, "restore", argv[2]);
	result = client_change(cli->client, "PUT", o.path, body, NULL, err);
	return result ? 0 : -1;
}

/* ---- devices */

struct at {
	const char *pool, *volume;
};

static bool is_disk_of(const cJSON *device, const void *data)
{
	const struct at *at = data;

	return strcmp(json_str_or(device, "type", ""), "disk") == 0 && strcmp(json_str_or(device, "pool", ""), at->pool) == 0 &&
	       strcmp(json_str_or(device, "source", ""), at->volume) == 0;
}

/* "pool volume who …": what has the devices, by the command's name, and which volume. 0, or what run returns. */
static int begin_device(struct cli *cli, int *argc, char ***argv, int max, struct at *at, struct object *ret, struct error *err)
{
	bool profile = strstr(cli->command->name, "-profile") != NULL;
	int rc = cli_args(cli, argc, argv, 3, max);

	if (rc != 0)
		return rc;
	at->pool = instance_local((*argv)[0]);
	at->volume = strncmp((*argv)[1], "custom/", 7) == 0 ? (*argv)[1] + 7 : (*argv)[1];
	if (strchr(at->volume, '/'))
		return cli_usage(cli, "'%s': only custom volumes can be attached", (*argv)[1]);
	return object_get(cli, profile ? &object_profile : &object_instance, (*argv)[2], ret, err);
}

int volume_attach_command(struct cli *cli, int argc, char **argv, struct error *err)
{
	AUTO_JSON cJSON *disk = cJSON_CreateObject();
	AUTO_OBJECT struct object o = { 0 };
	const char *device, *path = NULL;
	struct at at;
	int rc = begin_device(cli, &argc, &argv, 5, &at, &o, err);

	if (rc != 0)
		return rc;
	device = at.volume;
	if (argc == 5 || (argc == 4 && argv[3][0] == '/'))
		path = argv[argc - 1];
	if (argc == 5 || (argc == 4 && !path))
		device = argv[3];
	json_set_str(disk, "type", "disk");
	json_set_str(disk, "pool", at.pool);
	json_set_str(disk, "source", at.volume);
	json_set_strf(disk, "path", path ? "%s" : "/mnt/%s", path ? path : at.volume);
	return object_device_add(cli, &o, device, disk, err);
}

int volume_detach_command(struct cli *cli, int argc, char **argv, struct error *err)
{
	AUTO_OBJECT struct object o = { 0 };
	AUTO_FREE char *where = NULL;
	struct at at;
	int rc = begin_device(cli, &argc, &argv, 4, &at, &o, err);

	if (rc != 0)
		return rc;
	where = mem_printf("of the volume '%s' of the pool '%s'", at.volume, at.pool);
	return object_device_remove(cli, &o, argc > 3 ? argv[3] : NULL, is_disk_of, &at, where, err);
}
