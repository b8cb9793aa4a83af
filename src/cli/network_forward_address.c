/* SPDX-License-Identifier: MIT */
/* berth network forward, lxc's way: addresses of the host, with what goes where by their ports. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "cli/network.h"
#include "cli/network_forward.h"
#include "cli/object.h"

/* ---- a network (the default one when left out) and a listen address */

struct place {
	char *network;
	const char *listen;
	char *path;   /* of the forward */
	char *object; /* its name as one: "NETWORK/ADDRESS" */
	int argc;   /* what follows */
	char **argv;
};

static void place_clear(struct place *p)
{
	free(p->network);
	free(p->path);
	free(p->object);
}
#define AUTO_PLACE __attribute__((cleanup(place_clear)))

/* Arguments after the options: [NETWORK] LISTEN-ADDRESS, then from min to max more. */
static int take_place(struct cli *cli, int argc, char **argv, int min, int max, struct place *ret, struct error *err)
{
	bool named = argc > optind && !forward_is_address(argv[optind]);
	AUTO_FREE char *listen = NULL;
	AUTO_FREE char *rest = NULL;
	int rc = cli_argc(cli, argc, min + 1 + named, max < 0 ? -1 : max + 1 + named);

	if (rc != 0)
		return rc;
	ret->network = named ? mem_strdup(argv[optind]) : network_default(cli, err);
	if (!ret->network)
		return -1;
	ret->listen = argv[optind + named];
	ret->argv = argv + optind + named + 1;
	ret->argc = argc - optind - named - 1;
	listen = client_escape(ret->listen);
	rest = mem_printf("/forwards/%s", listen);
	ret->path = network_path(ret->network, rest);
	ret->object = mem_printf("%s/%s", ret->network, ret->listen);
	return 0;
}

static int no_options(struct cli *cli, int argc, char **argv)
{
	return cli_getopt(cli, argc, argv, "", NULL) == -1 ? 0 : CLI_USAGE;
}

int network_forward_show(struct cli *cli, int argc, char **argv, struct error *err)
{
	AUTO_PLACE struct place p = { 0 };
	AUTO_JSON cJSON *v = NULL;
	int rc = no_options(cli, argc, argv);

	if (rc == 0)
		rc = take_place(cli, argc, argv, 0, 0, &p, err);
	if (rc != 0)
		return rc;
	v = client_get(cli->client, p.path, NULL, err);
	return v ? yaml_print(v, stdout, err) : -1;
}

int network_forward_create(struct cli *cli, int argc, char **argv, struct error *err)
{
	static const struct option options[] = { { "description", required_argument, NULL, 'd' }, { 0 } };
	AUTO_PLACE struct place p = { 0 };
	AUTO_JSON cJSON *body = cJSON_CreateObject();
	AUTO_JSON cJSON *result = NULL;
	AUTO_FREE char *path = NULL;
	cJSON *config = cJSON_AddObjectToObject(body, "config");
	int c, rc;

	while ((c = cli_getopt(cli, argc, argv, "d:", options)) != -1) {
		if (c != 'd')
			return CLI_USAGE;
		json_set_str(body, "description", optarg);
	}
	rc = take_place(cli, argc, argv, 0, -1, &p, err);
	if (rc != 0)
		return rc;
	for (int i = 0; i < p.argc; i++) {
		const char *eq = strchr(p.argv[i], '=');
		AUTO_FREE char *key = eq ? mem_strndup(p.argv[i], (size_t)(eq - p.argv[i])) : NULL;

		if (!key)
			return cli_usage(cli, "'%s' is no KEY=VALUE", p.argv[i]);
		json_set_str(config, key, eq + 1);
	}
	json_set_str(body, "listen_address", p.listen);
	path = network_path(p.network, "/forwards");
	result = client_change(cli->client, "POST", path, body, NULL, err);
	if (!result)
		return -1;
	if (!cli->quiet)
		printf("Network forward %s created\n", p.listen);
	return 0;
}

int network_forward_delete(struct cli *cli, int argc, char **argv, struct error *err)
{
	AUTO_PLACE struct place p = { 0 };
	AUTO_JSON cJSON *result = NULL;
	int rc = no_options(cli, argc, argv);

	if (rc == 0)
		rc = take_place(cli, argc, argv, 0, 0, &p, err);
	if (rc != 0)
		return rc;
	result = client_change(cli->client, "DELETE", p.path, NULL, NULL, err);
	if (!result)
		return -1;
	if (!cli->quiet)
		printf("Network forward %s deleted\n", p.listen);
	return 0;
}

/* ---- its configuration */

static char *forward_path(const char *name)
{
	AUTO_FREE char *network = mem_strndup(name, strcspn(name, "/"));
	AUTO_FREE char *listen = client_escape(name + strlen(network) + (name[strlen(network)] == '/'));
	AUTO_FREE char *rest = mem_printf("/forwards/%s", listen);

	return network_path(network, rest);
}

static const char *const members[] = { "config", "description", "ports", NULL };
static const char *const shown[] = { "config", "description", "ports", "listen_address", NULL };

static const struct object_kind object_forward = {
	.name = "network forward",
	.path = forward_path,
	.settings = "config",
	.writable = members,
	.shown = shown,
	.unset_sends_empty = true,
	.edit_help = "### This is a YAML representation of the network forward.\n"
		     "### Lines that start with '# ' are ignored.\n"
		     "###\n"
		     "### config:\n"
		     "###   target_address: 10.7.0.5\n"
		     "### description: My network forward\n"
		     "### ports:\n"
		     "### - description: port forward\n"
		     "###   protocol: tcp\n"
		     "###   listen_port: 80,81,8080-8090\n"
		     "###   target_address: 10.7.0.6\n"
		     "###   target_port: 80,81,8080-8090\n"
		     "###\n"
		     "### The listen_address is shown and cannot be changed here.\n",
};

int network_forward_get(struct cli *cli, int argc, char **argv, struct error *err)
{
	AUTO_PLACE struct place p = { 0 };
	int rc = no_options(cli, argc, argv);

	if (rc == 0)
		rc = take_place(cli, argc, argv, 1, 1, &p, err);
	return rc != 0 ? rc : object_run_get(cli, &object_forward, p.object, p.argv[0], false, err);
}

int network_forward_set(struct cli *cli, int argc, char **argv, struct error *err)
{
	AUTO_PLACE struct place p = { 0 };
	int rc = no_options(cli, argc, argv);

	if (rc == 0)
		rc = take_place(cli, argc, argv, 1, -1, &p, err);
	return rc != 0 ? rc : object_run_set(cli, &object_forward, p.object, p.argc, p.argv, err);
}

int network_forward_unset(struct cli *cli, int argc, char **argv, struct error *err)
{
	AUTO_PLACE struct place p = { 0 };
	int rc = no_options(cli, argc, argv);

	if (rc == 0)
		rc = take_place(cli, argc, argv, 1, 1, &p, err);
	return rc != 0 ? rc : object_run_unset(cli, &object_forward, p.object, p.argv[0], err);
}

int network_forward_edit(struct cli *cli, int argc, char **argv, struct error *err)
{
	AUTO_PLACE struct place p = { 0 };
	int rc = no_options(cli, argc, argv);

	if (rc == 0)
		rc = take_place(cli, argc, argv, 0, 0, &p, err);
	return rc != 0 ? rc : object_edit(cli, &object_forward, p.object, err);
}

/* ---- ports of it */

static int put_back(struct cli *cli, const struct place *p, const cJSON *object, const char *etag, struct error *err)
{
	AUTO_JSON cJSON *result = client_change(cli->client, "PUT", p->path, object, etag, err);

	return result ? 0 : -1;
}

static int port_add(struct cli *cli, int argc, char **argv, struct error *err)
{
	AUTO_PLACE struct place p = { 0 };
	AUTO_JSON cJSON *object = NULL;
	AUTO_FREE char *etag = NULL;
	cJSON *port, *ports;
	int rc = no_options(cli, argc, argv);

	if (rc == 0)
		rc = take_place(cli, argc, argv, 3, 4, &p, err);
	if (rc != 0)
		return rc;
	object = client_get(cli->client, p.path, &etag, err);
	if (!object)
		return -1;
	port = cJSON_CreateObject();
	json_set_str(port, "protocol", p.argv[0]);
	json_set_str(port, "listen_port", p.argv[1]);
	json_set_str(port, "target_address", p.argv[2]);
	json_set_str(port, "target_port", p.argc > 3 ? p.argv[3] : "");
	ports = json_arr(object, "ports");
	if (!ports)
		ports = cJSON_AddArrayToObject(object, "ports");
	cJSON_AddItemToArray(ports, port);
	return put_back(cli, &p, object, etag, err);
}

static bool port_fits(const cJSON *port, int argc, char **argv)
{
	return (argc < 1 || strcmp(json_str_or(port, "protocol", ""), argv[0]) == 0) &&
	       (argc < 2 || strcmp(json_str_or(port, "listen_port", ""), argv[1]) == 0) &&
	       (argc < 3 || strcmp(json_str_or(port, "target_address", ""), argv[2]) == 0);
}

static int port_remove(struct cli *cli, int argc, char **argv, struct error *err)
{
	static const struct option options[] = { { "force", no_argument, NULL, 'F' }, { 0 } };
	AUTO_PLACE struct place p = { 0 };
	AUTO_JSON cJSON *object = NULL;
	AUTO_FREE char *etag = NULL;
	cJSON *port, *next;
	bool force = false;
	int c, rc, n = 0;

	while ((c = cli_getopt(cli, argc, argv, "", options)) != -1) {
		if (c != 'F')
			return CLI_USAGE;
		force = true;
	}
	rc = take_place(cli, argc, argv, 0, 3, &p, err);
	if (rc != 0)
		return rc;
	object = client_get(cli->client, p.path, &etag, err);
	if (!object)
		return -1;
	for (port = json_arr(object, "ports") ? json_arr(object, "ports")->child : NULL; port; port = next) {
		next = port->next;
		if (!port_fits(port, p.argc, p.argv))
			continue;
		n++;
		cJSON_Delete(cJSON_DetachItemViaPointer(json_arr(object, "ports"), port));
	}
	if (n == 0)
		return error_set(err, ERROR_NOT_FOUND, "No matching port(s) found");
	if (n > 1 && !force)
		return error_set(err, ERROR_INVALID, "Multiple ports match. Use --force to remove them all");
	return put_back(cli, &p, object, etag, err);
}

static const char *const remove_aliases[] = { "rm", NULL };

const struct command network_forward_port_commands[] = {
	{ .name = "add",
	  .args = "[<network>] <listen-address> <protocol> <listen-ports> <target-address> [<target-ports>]",
	  .summary = "Add ports to a network forward",
	  .examples = "  berth network forward port add 203.0.113.5 tcp 80,443 10.7.0.5\n",
	  .run = port_add,
	  .complete = "network" },
	{ .name = "remove",
	  .args = "[<network>] <listen-address> [<protocol>] [<listen-ports>] [<target-address>]",
	  .summary = "Remove ports from a network forward",
	  .options = "      --force           Also when several match\n",
	  .examples = "  berth network forward port remove 203.0.113.5 tcp 80,443\n",
	  .run = port_remove,
	  .aliases = remove_aliases,
	  .complete = "network" },
	{ 0 },
};
