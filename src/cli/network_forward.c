/* SPDX-License-Identifier: MIT */
/*
 * berth network forward: the short way for instances (add, remove); lxc's way for addresses of a network is in
 * network_forward_address.c. `list` shows both.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "cli/instance.h"
#include "cli/listing.h"
#include "cli/network.h"
#include "cli/network_forward.h"

/* ---- list */

static void add_end(struct strbuf *out, const char *address, const char *ports)
{
	const char *sep = out->len ? "\n" : "";

	if (!*ports)
		strbuf_addf(out, "%s%s", sep, address);
	else if (strchr(address, ':'))
		strbuf_addf(out, "%s[%s]:%s", sep, address, ports);
	else
		strbuf_addf(out, "%s%s:%s", sep, address, ports);
}

static void row(struct table *table, const cJSON *f)
{
	AUTO_STRBUF struct strbuf listen = STRBUF_INIT;
	AUTO_STRBUF struct strbuf target = STRBUF_INIT;
	const char *address = json_str_or(f, "listen_address", ""), *ports = json_str_or(f, "listen_port", "");
	const char *to = json_str_or(f, "target_port", "");
	const cJSON *a;

	add_end(&listen, *address ? address : "*", ports);
	cJSON_ArrayForEach(a, json_arr(f, "addresses"))
		add_end(&target, cJSON_IsString(a) ? a->valuestring : "", *to ? to : ports);
	if (!target.len)
		add_end(&target, "-", *to ? to : ports);
	table_row(table, (const char *const[]){ json_str_or(f, "target_instance", ""), json_str_or(f, "network", ""),
						json_str_or(f, "protocol", ""), listen.buf, target.buf,
						json_str_or(f, "description", "") });
}

static bool wanted(const cJSON *f, const char *name)
{
	return strcmp(json_str_or(f, "network", ""), name) == 0 || strcmp(json_str_or(f, "target_instance", ""), name) == 0;
}

/* A name without forwards must be that of an instance or a network: forwards end with these. */
static int check_known(struct cli *cli, const cJSON *list, const char *name, struct error *err)
{
	static const char *const kinds[] = { "instances", "networks" };
	AUTO_FREE char *segment = client_escape(name);
	const cJSON *f;

	cJSON_ArrayForEach(f, list)
		if (wanted(f, name))
			return 0;
	for (size_t i = 0; i < 2; i++) {
		AUTO_FREE char *path = mem_printf("/1.0/%s/%s", kinds[i], segment);
		AUTO_JSON cJSON *found = client_get(cli->client, path, NULL, err);

		if (found)
			return 0;
		if (err->code != ERROR_NOT_FOUND)
			return -1;
		error_clear(err);
	}
	return error_set(err, ERROR_NOT_FOUND, "there is no instance and no network '%s'", name);
}

static const struct listing forwards = { { "INSTANCE", "NETWORK", "PROTOCOL", "LISTEN", "TARGET", "DESCRIPTION" }, row };

static int forward_list(struct cli *cli, int argc, char **argv, struct error *err)
{
	AUTO_JSON cJSON *list = NULL;
	enum format format;
	cJSON *f, *next;
	int rc = format_args(cli, &argc, &argv, 1, &format);

	if (rc != 0)
		return rc;
	list = client_get(cli->client, "/1.0/forwards", NULL, err);
	if (!list || (argc > 0 && check_known(cli, list, instance_local(argv[0]), err) < 0))
		return -1;
	for (f = argc > 0 ? list->child : NULL; f; f = next) {
		next = f->next;
		if (!wanted(f, instance_local(argv[0])))
			cJSON_Delete(cJSON_DetachItemViaPointer(list, f));
	}
	return listing_print(&forwards, list, format, err);
}

/* ---- add, remove */

struct choice {
	const char *address, *description;
	bool all, force;
};

static int choice_options(struct cli *cli, int argc, char **argv, bool removing, struct choice *ret)
{
	static const struct option add[] = { { "address", required_argument, NULL, 'a' },
					     { "description", required_argument, NULL, 'd' },
					     { "force", no_argument, NULL, 'F' },
					     { 0 } };
	static const struct option rm[] = { { "address", required_argument, NULL, 'a' }, { "all", no_argument, NULL, 'A' }, { 0 } };
	int c;

	while ((c = cli_getopt(cli, argc, argv, removing ? "a:" : "a:d:", removing ? rm : add)) != -1) {
		if (c == 'a')
			ret->address = optarg;
		else if (c == 'd')
			ret->description = optarg;
		else if (c == 'A')
			ret->all = true;
		else if (c == 'F')
			ret->force = true;
		else
			return CLI_USAGE;
	}
	return cli_argc(cli, argc, ret->all ? 1 : 2, ret->all ? 1 : -1);
}

static cJSON *change(struct cli *cli, const char *instance, const char *verb, cJSON *list_taken, struct error *err)
{
	AUTO_FREE char *path = instance_path(instance, "/forwards");
	AUTO_JSON cJSON *body = cJSON_CreateObject();

	json_set(body, verb, list_taken);
	return client_change(cli->client, "PATCH", path, body, NULL, err);
}

static int add_specs(cJSON *list, const struct choice *choice, bool removing, char **argv, struct error *err)
{
	for (; *argv; argv++) {
		cJSON *v = forward_spec_parse(*argv, err);

		if (!v)
			return -1;
		if (removing) /* the listening side says which */
			json_set_str(v, "target_port", NULL);
		if (choice->address)
			json_set_str(v, "listen_address", choice->address);
		if (choice->description)
			json_set_str(v, "description", choice->description);
		if (choice->force)
			json_set_bool(v, "force", true);
		cJSON_AddItemToArray(list, v);
	}
	return 0;
}

static void tell_added(const cJSON *operation, const char *instance)
{
	const cJSON *f;

	cJSON_ArrayForEach(f, json_arr(json_obj(operation, "metadata"), "forwards")) {
		AUTO_STRBUF struct strbuf listen = STRBUF_INIT;
		const char *address = json_str_or(f, "listen_address", ""), *ports = json_str_or(f, "listen_port", "");
		const char *to = json_str_or(f, "target_port", "");

		add_end(&listen, *address ? address : "*", ports);
		printf("Forwarding %s %s to %s:%s\n", json_str_or(f, "protocol", ""), listen.buf, instance, *to ? to : ports);
	}
}

static int forward_add(struct cli *cli, int argc, char **argv, struct error *err)
{
	struct choice choice = { .all = false };
	int rc = choice_options(cli, argc, argv, false, &choice);
	cJSON *list;
	AUTO_JSON cJSON *result = NULL;

	if (rc != 0)
		return rc;
	list = cJSON_CreateArray();
	if (add_specs(list, &choice, false, argv + optind + 1, err) < 0) {
		cJSON_Delete(list);
		return cli_usage(cli, "%s", err->msg);
	}
	result = change(cli, argv[optind], "add", list, err);
	if (!result)
		return -1;
	if (!cli->quiet)
		tell_added(result, instance_local(argv[optind]));
	return 0;
}

static int forward_remove(struct cli *cli, int argc, char **argv, struct error *err)
{
	struct choice choice = { .all = false };
	int rc = choice_options(cli, argc, argv, true, &choice);
	AUTO_JSON cJSON *result = NULL;
	cJSON *list;

	if (rc != 0)
		return rc;
	list = cJSON_CreateArray();
	if (choice.all) {
		cJSON *any = cJSON_CreateObject();

		if (choice.address)
			json_set_str(any, "listen_address", choice.address);
		cJSON_AddItemToArray(list, any);
	} else if (add_specs(list, &choice, true, argv + optind + 1, err) < 0) {
		cJSON_Delete(list);
		return cli_usage(cli, "%s", err->msg);
	}
	result = change(cli, argv[optind], "remove", list, err);
	return result ? 0 : -1;
}

static const char *const list_aliases[] = { "ls", NULL };
static const char *const delete_aliases[] = { "rm", NULL };

const struct command network_forward_commands[] = {
	{ .name = "list",
	  .args = "[<instance>|<network>]",
	  .summary = "List port forwards",
	  .options = "  -f, --format FORMAT   table, compact, json, csv or yaml (default table)\n",
	  .examples = "  berth network forward list\n",
	  .run = forward_list,
	  .aliases = list_aliases,
	  .complete = "instance" },
	{ .name = "add",
	  .args = "<instance> [<protocol>:]<port>[-<port>][:<target-port>]...",
	  .summary = "Forward ports of the host to an instance",
	  .options = "  -a, --address ADDRESS     Only what comes to this address of the host (default: any)\n"
		     "  -d, --description TEXT    What it is for\n"
		     "      --force               Also the port of the host's own SSH server\n\n"
		     "The protocol is tcp unless it is udp. Without a target port it is the same; a port\n"
		     "\"auto\" is the next free one of ports_start to ports_close. Forwards follow the\n"
		     "instance: its address, its name, its end.\n",
	  .examples = "  berth network forward add c1 tcp:8080:80 udp:5000-5010\n"
		      "  berth network forward add c1 --address 203.0.113.5 80,443\n"
		      "  berth network forward add c1 auto:22\n",
	  .run = forward_add,
	  .complete = "instance -" },
	{ .name = "remove",
	  .args = "<instance> [<protocol>:]<port>[-<port>]...",
	  .summary = "Forward ports to an instance no longer",
	  .options = "  -a, --address ADDRESS     Those of this listen address\n"
		     "      --all                 All of the instance\n",
	  .examples = "  berth network forward remove c1 tcp:8080\n"
		      "  berth network forward remove c1 --all\n",
	  .run = forward_remove,
	  .complete = "instance forward-of-instance" },
	{ .name = "show",
	  .args = "[<network>] <listen-address>",
	  .summary = "Show a network forward: an address of the host and its ports",
	  .examples = "  berth network forward show 203.0.113.5\n",
	  .run = network_forward_show,
	  .complete = "network -" },
	{ .name = "create",
	  .args = "[<network>] <listen-address> [<key>=<value>...]",
	  .summary = "Make a network forward for an address of the host",
	  .options = "  -d, --description TEXT    What it is for\n\n"
		     "The key target_address names where all goes that no port says otherwise of.\n",
	  .examples = "  berth network forward create 203.0.113.5 target_address=10.7.0.5\n",
	  .run = network_forward_create,
	  .complete = "network -" },
	{ .name = "get",
	  .args = "[<network>] <listen-address> <key>",
	  .summary = "Get values for configuration keys of a network forward",
	  .examples = "  berth network forward get 203.0.113.5 target_address\n",
	  .run = network_forward_get,
	  .complete = "network -" },
	{ .name = "set",
	  .args = "[<network>] <listen-address> <key>=<value>...",
	  .summary = "Set configuration keys of a network forward",
	  .examples = "  berth network forward set 203.0.113.5 target_address=10.7.0.6\n",
	  .run = network_forward_set,
	  .complete = "network -" },
	{ .name = "unset",
	  .args = "[<network>] <listen-address> <key>",
	  .summary = "Unset configuration keys of a network forward",
	  .examples = "  berth network forward unset 203.0.113.5 target_address\n",
	  .run = network_forward_unset,
	  .complete = "network -" },
	{ .name = "edit",
	  .args = "[<network>] <listen-address>",
	  .summary = "Edit a network forward as YAML",
	  .examples = "  berth network forward edit 203.0.113.5\n"
		      "      Opens $VISUAL, $EDITOR or vi.\n\n"
		      "  berth network forward edit 203.0.113.5 < forward.yaml\n",
	  .run = network_forward_edit,
	  .complete = "network -" },
	{ .name = "delete",
	  .args = "[<network>] <listen-address>",
	  .summary = "Delete a network forward with its ports",
	  .examples = "  berth network forward delete 203.0.113.5\n",
	  .run = network_forward_delete,
	  .aliases = delete_aliases,
	  .complete = "network -" },
	{ .name = "port",
	  .summary = "Manage ports of network forwards",
	  .examples = "  berth network forward port add 203.0.113.5 tcp 80 10.7.0.5 8080\n",
	  .sub = network_forward_port_commands },
	{ 0 },
};
