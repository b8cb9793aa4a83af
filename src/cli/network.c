/* SPDX-License-Identifier: MIT */
/* berth network: what LXD's client shows of networks, and the table of commands. */
#include "cli/network.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "base/units.h"
#include "cli/instance.h"
#include "cli/listing.h"
#include "cli/network_change.h"
#include "cli/object.h"

char *network_path(const char *name, const char *rest)
{
	AUTO_FREE char *segment = client_escape(instance_local(name));

	return mem_printf("/1.0/networks/%s%s", segment, rest);
}

char *network_default(struct cli *cli, struct error *err)
{
	AUTO_JSON cJSON *list = client_get(cli->client, "/1.0/networks?recursion=1", NULL, err);
	const cJSON *item, *found = NULL;

	if (!list)
		return NULL;
	cJSON_ArrayForEach(item, list)
		if (json_bool(item, "managed", false) &&
		    (!found || strcmp(json_str_or(json_obj(item, "config"), "ipv4.nat", ""), "true") == 0))
			found = item;
	if (found)
		return mem_strdup(json_str_or(found, "name", ""));
	error_set(err, ERROR_NOT_FOUND, "there is no bridge of berth's: name the network, or run 'berth host init'");
	return NULL;
}

/* ---- list */

static void network_row(struct table *table, const cJSON *n)
{
	const cJSON *config = json_obj(n, "config");
	AUTO_FREE char *used = mem_printf("%d", cJSON_GetArraySize(json_arr(n, "used_by")));
	AUTO_FREE char *state = text_upper(json_str_or(n, "status", ""));

	table_row(table, (const char *const[]){ json_str_or(n, "name", ""), json_str_or(n, "type", ""),
						json_bool(n, "managed", false) ? "YES" : "NO",
						json_str_or(config, "ipv4.address", ""), json_str_or(config, "ipv6.address", ""),
						json_str_or(n, "description", ""), used, state });
}

static const struct listing networks = { { "NAME", "TYPE", "MANAGED", "IPV4", "IPV6", "DESCRIPTION", "USED BY", "STATE" },
					 network_row };

static int network_list(struct cli *cli, int argc, char **argv, struct error *err)
{
	return listing_command(cli, argc, argv, 0, &networks, "/1.0/networks?recursion=1", err);
}

/* ---- show, info */

/* The network of the arguments, or the default one. Caller frees. */
static char *the_network(struct cli *cli, int argc, char **argv, struct error *err)
{
	return argc > 0 ? mem_strdup(argv[0]) : network_default(cli, err);
}

/* What is asked of it by a command without options: its name, and the resource behind it. 0, or what run returns. */
static int get_network(struct cli *cli, int argc, char **argv, const char *suffix, char **ret_name, cJSON **ret,
		       struct error *err)
{
	AUTO_FREE char *path = NULL;
	int rc = cli_args(cli, &argc, &argv, 0, 1);

	if (rc != 0)
		return rc;
	*ret_name = the_network(cli, argc, argv, err);
	if (!*ret_name)
		return -1;
	path = network_path(*ret_name, suffix);
	*ret = client_get(cli->client, path, NULL, err);
	return *ret ? 0 : -1;
}

static int network_show(struct cli *cli, int argc, char **argv, struct error *err)
{
	AUTO_FREE char *name = NULL;
	AUTO_JSON cJSON *network = NULL;
	int rc = get_network(cli, argc, argv, "", &name, &network, err);

	return rc != 0 ? rc : yaml_print(network, stdout, err);
}

static void print_size(const char *label, const cJSON *counters, const char *key)
{
	char text[32];

	units_format_size((uint64_t)json_int(counters, key, 0), text, sizeof(text));
	printf("  %s: %s\n", label, text);
}

static void print_bridge(const cJSON *bridge)
{
	AUTO_STRBUF struct strbuf upper = STRBUF_INIT;
	const cJSON *item;

	cJSON_ArrayForEach(item, json_arr(bridge, "upper_devices"))
		strbuf_addf(&upper, "%s%s", upper.len ? ", " : "", cJSON_IsString(item) ? item->valuestring : "");
	printf("\nBridge:\n  ID: %s\n  STP: %s\n  Forward delay: %" PRId64 "\n  Default VLAN ID: %" PRId64
	       "\n  VLAN filtering: %s\n  Upper devices: %s\n",
	       json_str_or(bridge, "id", ""), json_bool(bridge, "stp", false) ? "true" : "false",
	       json_int(bridge, "forward_delay", 0), json_int(bridge, "vlan_default", 0),
	       json_bool(bridge, "vlan_filtering", false) ? "true" : "false", upper.buf);
}

static void print_state(const char *name, const cJSON *state)
{
	const cJSON *counters = json_obj(state, "counters"), *a;

	printf("Name: %s\nMAC address: %s\nMTU: %" PRId64 "\nState: %s\nType: %s\n", name, json_str_or(state, "hwaddr", ""),
	       json_int(state, "mtu", 0), json_str_or(state, "state", ""), json_str_or(state, "type", ""));
	if (cJSON_GetArraySize(json_arr(state, "addresses")) > 0)
		printf("\nIP addresses:\n");
	cJSON_ArrayForEach(a, json_arr(state, "addresses"))
		printf("  %s\t%s/%s (%s)\n", json_str_or(a, "family", ""), json_str_or(a, "address", ""),
		       json_str_or(a, "netmask", ""), json_str_or(a, "scope", ""));
	printf("\nNetwork usage:\n");
	print_size("Bytes received", counters, "bytes_received");
	print_size("Bytes sent", counters, "bytes_sent");
	printf("  Packets received: %" PRId64 "\n  Packets sent: %" PRId64 "\n", json_int(counters, "packets_received", 0),
	       json_int(counters, "packets_sent", 0));
	if (json_obj(state, "bridge"))
		print_bridge(json_obj(state, "bridge"));
}

static int network_info(struct cli *cli, int argc, char **argv, struct error *err)
{
	AUTO_FREE char *name = NULL;
	AUTO_JSON cJSON *state = NULL;
	int rc = get_network(cli, argc, argv, "/state", &name, &state, err);

	if (rc != 0)
		return rc;
	print_state(instance_local(name), state);
	return 0;
}

/* ---- list-leases */

static void lease_row(struct table *table, const cJSON *l)
{
	AUTO_FREE char *type = text_upper(json_str_or(l, "type", ""));

	table_row(table, (const char *const[]){ json_str_or(l, "hostname", ""), json_str_or(l, "hwaddr", ""),
						json_str_or(l, "address", ""), type });
}

static const struct listing leases = { { "HOSTNAME", "MAC ADDRESS", "IP ADDRESS", "TYPE" }, lease_row };

static int network_leases(struct cli *cli, int argc, char **argv, struct error *err)
{
	AUTO_FREE char *name = NULL;
	AUTO_FREE char *path = NULL;
	enum format format;
	int rc = format_args(cli, &argc, &argv, 1, &format);

	if (rc != 0)
		return rc;
	name = the_network(cli, argc, argv, err);
	if (!name)
		return -1;
	path = network_path(name, "/leases");
	return listing_get(cli, &leases, path, format, err);
}

static const char *const list_aliases[] = { "ls", NULL };
static const char *const delete_aliases[] = { "rm", NULL };
static const char *const rename_aliases[] = { "mv", NULL };

static const struct command network_commands[] = {
	{ .name = "list",
	  .args = "",
	  .summary = "List the networks: berth's bridges, and the host's other interfaces",
	  .options = "  -f, --format FORMAT   table, compact, json, csv or yaml (default table)\n",
	  .examples = "  berth network list\n",
	  .run = network_list,
	  .aliases = list_aliases },
	{ .name = "show",
	  .args = "[<network>]",
	  .summary = "Show a network (default: the NAT bridge)",
	  .examples = "  berth network show lxcbr1\n",
	  .run = network_show,
	  .complete = "network" },
	{ .name = "info",
	  .args = "[<network>]",
	  .summary = "Show the state of a network: addresses, counters, ports of a bridge",
	  .examples = "  berth network info lxcbr1\n",
	  .run = network_info,
	  .complete = "network" },
	{ .name = "list-leases",
	  .args = "[<network>]",
	  .summary = "List the addresses in use: leases, static addresses, the gateway",
	  .options = "  -f, --format FORMAT   table, compact, json, csv or yaml (default table)\n",
	  .examples = "  berth network list-leases\n",
	  .run = network_leases,
	  .complete = "network" },
	{ .name = "create",
	  .args = "<network> [<key>=<value>...]",
	  .summary = "Create networks",
	  .options = "  -t, --type TYPE       bridge, macvlan or physical (default bridge)\n"
		     "      --description TEXT\n",
	  .examples = "  berth network create br1 ipv4.address=10.62.42.1/24 ipv6.address=none\n"
		      "  berth network create lan --type macvlan parent=eth0\n",
	  .run = network_run_create,
	  .complete = "-" },
	{ .name = "delete",
	  .args = "<network>...",
	  .summary = "Delete networks that nobody uses",
	  .examples = "  berth network delete br1\n",
	  .run = object_delete_command,
	  .aliases = delete_aliases,
	  .complete = "network" },
	{ .name = "rename",
	  .args = "<network> <new-name>",
	  .summary = "Rename networks that nobody uses",
	  .examples = "  berth network rename br1 br2\n",
	  .run = object_rename_command,
	  .aliases = rename_aliases,
	  .complete = "network -" },
	{ .name = "edit",
	  .args = "<network>",
	  .summary = "Edit networks as YAML",
	  .examples = "  berth network edit br1 < br1.yaml\n",
	  .run = object_edit_command,
	  .complete = "network" },
	{ .name = "get",
	  .args = "<network> <key>",
	  .summary = "Get values of a network's keys",
	  .examples = "  berth network get br1 ipv4.address\n",
	  .run = object_get_command,
	  .complete = "network -" },
	{ .name = "set",
	  .args = "<network> <key>=<value>...",
	  .summary = "Set keys of a network",
	  .examples = "  berth network set br1 ipv4.dhcp.expiry=2h\n",
	  .run = object_set_command,
	  .complete = "network -" },
	{ .name = "unset",
	  .args = "<network> <key>",
	  .summary = "Unset a key of a network",
	  .examples = "  berth network unset br1 ipv4.dhcp.expiry\n",
	  .run = object_unset_command,
	  .complete = "network -" },
	{ .name = "attach",
	  .args = "<network> <instance> [<device> [<interface>]]",
	  .summary = "Put instances on networks",
	  .examples = "  berth network attach br1 c1 eth1\n",
	  .run = network_run_attach,
	  .complete = "network instance -" },
	{ .name = "detach",
	  .args = "<network> <instance> [<device>]",
	  .summary = "Take instances from networks",
	  .examples = "  berth network detach br1 c1\n",
	  .run = network_run_detach,
	  .complete = "network instance -" },
	{ .name = "attach-profile",
	  .args = "<network> <profile> [<device> [<interface>]]",
	  .summary = "Put profiles on networks",
	  .examples = "  berth network attach-profile br1 default eth1\n",
	  .run = network_attach_profile,
	  .complete = "network profile -" },
	{ .name = "detach-profile",
	  .args = "<network> <profile> [<device>]",
	  .summary = "Take profiles from networks",
	  .examples = "  berth network detach-profile br1 default\n",
	  .run = network_detach_profile,
	  .complete = "network profile -" },
	{ .name = "forward",
	  .summary = "Manage port forwards",
	  .examples = "  berth network forward add c1 tcp:8080:80 udp:5000-5010\n"
		      "  berth network forward list\n",
	  .sub = network_forward_commands },
	{ 0 },
};

const struct command cmd_network = {
	.name = "network",
	.summary = "Manage networks and port forwards",
	.examples = "  berth network list\n"
		    "  berth network forward add c1 tcp:8080:80\n",
	.sub = network_commands,
};
