/* SPDX-License-Identifier: MIT */
#include "cli/network_change.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "cli/instance.h"
#include "cli/keyval.h"
#include "cli/object.h"

/* ---- the network */

int network_run_create(struct cli *cli, int argc, char **argv, struct error *err)
{
	static const struct option options[] = { { "type", required_argument, NULL, 't' },
						 { "description", required_argument, NULL, 'D' },
						 { 0 } };
	AUTO_JSON cJSON *body = cJSON_CreateObject();
	AUTO_JSON cJSON *result = NULL;
	const char *type = "", *description = "";
	cJSON *config;
	int c;

	while ((c = cli_getopt(cli, argc, argv, "t:", options)) != -1) {
		if (c == 't')
			type = optarg;
		else if (c == 'D')
			description = optarg;
		else
			return CLI_USAGE;
	}
	argc -= optind;
	argv += optind;
	if (argc < 1)
		return cli_usage(cli, "the name of the network is missing");
	config = argc > 1 ? keyval_parse(argc - 1, argv + 1, err) : cJSON_CreateObject();
	if (!config)
		return -1;
	json_set_str(body, "name", instance_local(argv[0]));
	json_set_str(body, "type", type);
	json_set_str(body, "description", description);
	json_set(body, "config", config);
	result = client_change(cli->client, "POST", "/1.0/networks", body, NULL, err);
	if (!result)
		return -1;
	if (!cli->quiet)
		printf("Network %s created\n", argv[0]);
	return 0;
}

/* ---- its nics */

static bool is_nic_of(const cJSON *device, const void *network)
{
	return strcmp(json_str_or(device, "type", ""), "nic") == 0 &&
	       (strcmp(json_str_or(device, "network", ""), network) == 0 ||
		strcmp(json_str_or(device, "parent", ""), network) == 0);
}

/* "network instance [device [interface]]"; kind: what has the devices. */
static int attach(struct cli *cli, const struct object_kind *kind, int argc, char **argv, struct error *err)
{
	AUTO_JSON cJSON *nic = cJSON_CreateObject();
	AUTO_OBJECT struct object network = { 0 };
	AUTO_OBJECT struct object o = { 0 };
	int rc = cli_args(cli, &argc, &argv, 2, 4);

	if (rc != 0)
		return rc;
	if (object_get(cli, &object_network, argv[0], &network, err) < 0 || object_get(cli, kind, argv[1], &o, err) < 0)
		return -1;
	json_set_str(nic, "type", "nic");
	if (json_bool(network.value, "managed", false)) {
		json_set_str(nic, "network", argv[0]);
	} else {
		json_set_str(nic, "nictype",
			     strcmp(json_str_or(network.value, "type", ""), "bridge") == 0 ? "bridged" : "macvlan");
		json_set_str(nic, "parent", argv[0]);
	}
	if (argc > 3)
		json_set_str(nic, "name", argv[3]);
	return object_device_add(cli, &o, argc > 2 ? argv[2] : argv[0], nic, err);
}

/* "network instance [device]": without a device, the only one. */
static int detach(struct cli *cli, const struct object_kind *kind, int argc, char **argv, struct error *err)
{
	AUTO_OBJECT struct object o = { 0 };
	AUTO_FREE char *where = NULL;
	int rc = cli_args(cli, &argc, &argv, 2, 3);

	if (rc != 0)
		return rc;
	if (object_get(cli, kind, argv[1], &o, err) < 0)
		return -1;
	where = mem_printf("on the network '%s'", argv[0]);
	return object_device_remove(cli, &o, argc > 2 ? argv[2] : NULL, is_nic_of, argv[0], where, err);
}

int network_run_attach(struct cli *cli, int argc, char **argv, struct error *err)
{
	return attach(cli, &object_instance, argc, argv, err);
}

int network_run_detach(struct cli *cli, int argc, char **argv, struct error *err)
{
	return detach(cli, &object_instance, argc, argv, err);
}

int network_attach_profile(struct cli *cli, int argc, char **argv, struct error *err)
{
	return attach(cli, &object_profile, argc, argv, err);
}

int network_detach_profile(struct cli *cli, int argc, char **argv, struct error *err)
{
	return detach(cli, &object_profile, argc, argv, err);
}
