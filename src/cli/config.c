/* SPDX-License-Identifier: MIT */
/* berth config: keys of an instance or, without a name, of the server. */
#include <string.h>

#include "cli/cli.h"
#include "cli/config_device.h"
#include "cli/config_metadata.h"
#include "cli/object.h"

/* Options of show and get. */
static int parse_expanded(struct cli *cli, int argc, char **argv, bool *ret)
{
	static const struct option options[] = { { "expanded", no_argument, NULL, 'e' }, { 0 } };
	int c;

	*ret = false;
	while ((c = cli_getopt(cli, argc, argv, "e", options)) != -1) {
		if (c != 'e')
			return -1;
		*ret = true;
	}
	return 0;
}

static int config_show(struct cli *cli, int argc, char **argv, struct error *err)
{
	AUTO_OBJECT struct object o = { 0 };
	const char *name;
	bool expanded;

	if (parse_expanded(cli, argc, argv, &expanded) < 0)
		return CLI_USAGE;
	if (cli_argc(cli, argc, 0, 1) != 0)
		return CLI_USAGE;
	name = argc > optind && strcmp(argv[optind], "local:") != 0 ? argv[optind] : NULL;
	if (object_get(cli, name ? &object_instance : &object_server, name, &o, err) < 0)
		return -1;
	return object_show(&o, expanded, err);
}

static int config_get(struct cli *cli, int argc, char **argv, struct error *err)
{
	bool expanded, server;

	if (parse_expanded(cli, argc, argv, &expanded) < 0)
		return CLI_USAGE;
	argc -= optind;
	argv += optind;
	if (argc < 1 || argc > 2)
		return cli_usage(cli, "a key is needed, before it an instance unless the server is meant");
	server = argc == 1;
	if (server && expanded)
		return cli_usage(cli, "--expanded is for instances");
	return object_run_get(cli, server ? &object_server : &object_instance, server ? NULL : argv[0], argv[argc - 1],
			      expanded, err);
}

/* "core.x value", "core.x=value …": no instance. Instance names have no dots. */
static bool is_server_set(int argc, char **argv)
{
	return strchr(argv[0], '=') || (argc == 2 && strchr(argv[0], '.') && !strchr(argv[1], '='));
}

static int config_set(struct cli *cli, int argc, char **argv, struct error *err)
{
	int rc = cli_args(cli, &argc, &argv, 0, -1);

	if (rc != 0)
		return rc;
	if (argc < 1)
		return cli_usage(cli, "key=value is needed, before it an instance unless the server is meant");
	if (is_server_set(argc, argv))
		return object_run_set(cli, &object_server, NULL, argc, argv, err);
	if (argc < 2)
		return cli_usage(cli, "what to set on '%s'? key=value is needed", argv[0]);
	return object_run_set(cli, &object_instance, argv[0], argc - 1, argv + 1, err);
}

static int config_unset(struct cli *cli, int argc, char **argv, struct error *err)
{
	int rc = cli_args(cli, &argc, &argv, 0, -1);

	if (rc != 0)
		return rc;
	if (argc < 1 || argc > 2)
		return cli_usage(cli, "a key is needed, before it an instance unless the server is meant");
	if (argc == 1)
		return object_run_unset(cli, &object_server, NULL, argv[0], err);
	return object_run_unset(cli, &object_instance, argv[0], argv[1], err);
}

static int config_edit(struct cli *cli, int argc, char **argv, struct error *err)
{
	const char *name;
	int rc = cli_args(cli, &argc, &argv, 0, 1);

	if (rc != 0)
		return rc;
	name = argc > 0 && strcmp(argv[0], "local:") != 0 ? argv[0] : NULL;
	return object_edit(cli, name ? &object_instance : &object_server, name, err);
}

#define EXPANDED_OPTION "  -e, --expanded  What holds after the profiles were applied\n"

static const struct command config_commands[] = {
	{ .name = "show",
	  .args = "[<instance>[/<snapshot>]]",
	  .summary = "Show instance, snapshot or server configurations",
	  .options = EXPANDED_OPTION,
	  .examples = "  berth config show c1 --expanded\n"
		      "      Everything that holds for c1, profiles included.\n",
	  .run = config_show,
	  .complete = "snapshot -" },
	{ .name = "get",
	  .args = "[<instance>] <key>",
	  .summary = "Get values for instance or server configuration keys",
	  .options = EXPANDED_OPTION,
	  .examples = "  berth config get c1 limits.memory\n",
	  .run = config_get,
	  .complete = "instance -" },
	{ .name = "set",
	  .args = "[<instance>] <key>=<value>...",
	  .summary = "Set instance or server configuration keys",
	  .examples = "  berth config set c1 limits.cpu=2 limits.memory=512MiB\n"
		      "      Two cores and 512 MiB for c1, at once where that is possible.\n\n"
		      "  berth config set c1 limits.cpu 2\n"
		      "      The old form, for one key.\n\n"
		      "  berth config set c1 raw.lxc - < extra.conf\n"
		      "      The value \"-\" is read from stdin.\n\n"
		      "  berth config set user.owner=operations\n"
		      "      A key of the server.\n",
	  .run = config_set,
	  .complete = "instance -" },
	{ .name = "unset",
	  .args = "[<instance>] <key>",
	  .summary = "Unset instance or server configuration keys",
	  .examples = "  berth config unset c1 limits.memory\n",
	  .run = config_unset,
	  .complete = "instance -" },
	{ .name = "edit",
	  .args = "[<instance>[/<snapshot>]]",
	  .summary = "Edit instance, snapshot or server configurations as YAML",
	  .examples = "  berth config edit c1\n"
		      "      Opens $VISUAL, $EDITOR or vi.\n\n"
		      "  berth config edit c1 < instance.yaml\n"
		      "      Takes the configuration from a file.\n",
	  .run = config_edit,
	  .complete = "instance" },
	{ .name = "device",
	  .summary = "Manage devices of instances",
	  .examples = "  berth config device add c1 data disk source=/srv/data path=/data\n"
		      "  berth config device override c1 eth0 ipv4.address=10.0.3.50/24\n",
	  .sub = config_device_commands },
	{ .name = "metadata",
	  .summary = "Manage instance metadata files",
	  .examples = "  berth config metadata show c1\n",
	  .sub = config_metadata_commands },
	{ .name = "template",
	  .summary = "Manage instance file templates",
	  .examples = "  berth config template list c1\n",
	  .sub = config_template_commands },
	{ .name = "trust",
	  .summary = "Manage trusted clients",
	  .examples = "  berth config trust add laptop.crt\n",
	  .sub = config_trust_commands },
	{ 0 },
};

const struct command cmd_config = {
	.name = "config",
	.summary = "Manage instance and server configuration",
	.examples = "  berth config set c1 limits.memory=1GiB\n"
		    "  berth config device add c1 data disk source=/srv/data path=/data\n",
	.sub = config_commands,
};
