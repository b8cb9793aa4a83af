/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "base/units.h"
#include "cli/cli.h"
#include "cli/info.h"
#include "cli/instance.h"
#include "cli/when.h"

static void put_size(struct strbuf *out, const char *indent, const char *label, const cJSON *obj,
		     const char *key, bool zero)
{
	int64_t bytes = json_int(obj, key, 0);
	char text[32];

	if (bytes <= 0 && !zero)
		return;
	units_format_size((uint64_t)bytes, text, sizeof(text));
	strbuf_addf(out, "%s%s: %s\n", indent, label, text);
}

static void put_time(struct strbuf *out, const char *label, const char *rfc3339)
{
	char text[WHEN_TEXT_SIZE];
	time_t when;

	if (!rfc3339 || !when_parse(rfc3339, &when))
		return;
	when_format(rfc3339, "", text);
	strbuf_addf(out, "%s: %s\n", label, text);
}

static void put_head(struct strbuf *out, const cJSON *i)
{
	const char *description = json_str_or(i, "description", "");
	const char *location = json_str_or(i, "location", "none");
	const char *status = json_str_or(i, "status", "");
	int64_t pid = json_int(json_obj(i, "state"), "pid", 0);

	strbuf_addf(out, "Name: %s\n", json_str_or(i, "name", ""));
	if (description[0])
		strbuf_addf(out, "Description: %s\n", description);
	strbuf_addstr(out, "Status: ");
	for (; *status; status++)
		strbuf_addch(out, (char)(*status >= 'a' && *status <= 'z' ? *status - 32 : *status));
	strbuf_addf(out, "\nType: %s%s\n", json_str_or(i, "type", "container"),
		    json_bool(i, "ephemeral", false) ? " (ephemeral)" : "");
	strbuf_addf(out, "Architecture: %s\n", json_str_or(i, "architecture", ""));
	if (strcmp(location, "none") != 0 && location[0])
		strbuf_addf(out, "Location: %s\n", location);
	if (pid > 0)
		strbuf_addf(out, "PID: %lld\n", (long long)pid);
	put_time(out, "Created", json_str(i, "created_at"));
	put_time(out, "Last Used", json_str(i, "last_used_at"));
}

static void put_disks(struct strbuf *out, const cJSON *disks)
{
	AUTO_STRBUF struct strbuf lines = STRBUF_INIT;
	const cJSON *disk;

	cJSON_ArrayForEach(disk, disks)
		put_size(&lines, "    ", disk->string, disk, "usage", false);
	if (lines.len)
		strbuf_addf(out, "  Disk usage:\n%s", lines.buf);
}

static void put_memory(struct strbuf *out, const cJSON *memory)
{
	AUTO_STRBUF struct strbuf lines = STRBUF_INIT;

	put_size(&lines, "    ", "Memory (current)", memory, "usage", false);
	put_size(&lines, "    ", "Memory (peak)", memory, "usage_peak", false);
	put_size(&lines, "    ", "Swap (current)", memory, "swap_usage", false);
	put_size(&lines, "    ", "Swap (peak)", memory, "swap_usage_peak", false);
	if (lines.len)
		strbuf_addf(out, "  Memory usage:\n%s", lines.buf);
}

static void put_text(struct strbuf *out, const char *label, const cJSON *obj, const char *key)
{
	const char *value = json_str_or(obj, key, "");

	if (value[0])
		strbuf_addf(out, "      %s: %s\n", label, value);
}

static void put_addresses(struct strbuf *out, const cJSON *nic)
{
	const cJSON *a;

	strbuf_addstr(out, "      IP addresses:\n");
	cJSON_ArrayForEach(a, json_arr(nic, "addresses"))
	{
		const char *family = json_str_or(a, "family", "");

		strbuf_addf(out, "        %s:%s %s/%s (%s)\n", family, strcmp(family, "inet") == 0 ? " " : "",
			    json_str_or(a, "address", ""), json_str_or(a, "netmask", ""),
			    json_str_or(a, "scope", ""));
	}
}

static void put_nic(struct strbuf *out, const cJSON *nic)
{
	const cJSON *counters = json_obj(nic, "counters");
	const char *state = json_str_or(nic, "state", "");

	strbuf_addf(out, "    %s:\n", nic->string);
	put_text(out, "Type", nic, "type");
	strbuf_addf(out, "      State: %s\n",
		    strcmp(state, "up") == 0	 ? "UP"
		    : strcmp(state, "down") == 0 ? "DOWN"
						 : state);
	put_text(out, "Host interface", nic, "host_name");
	put_text(out, "MAC address", nic, "hwaddr");
	if (json_int(nic, "mtu", 0) > 0)
		strbuf_addf(out, "      MTU: %lld\n", (long long)json_int(nic, "mtu", 0));
	put_size(out, "      ", "Bytes received", counters, "bytes_received", true);
	put_size(out, "      ", "Bytes sent", counters, "bytes_sent", true);
	strbuf_addf(out, "      Packets received: %lld\n",
		    (long long)json_int(counters, "packets_received", 0));
	strbuf_addf(out, "      Packets sent: %lld\n", (long long)json_int(counters, "packets_sent", 0));
	put_addresses(out, nic);
}

static void put_resources(struct strbuf *out, const cJSON *state)
{
	cJSON *network = json_obj(state, "network");
	int64_t cpu = json_int(json_obj(state, "cpu"), "usage", 0);
	const cJSON *nic;

	strbuf_addf(out, "\nResources:\n  Processes: %lld\n", (long long)json_int(state, "processes", 0));
	put_disks(out, json_obj(state, "disk"));
	if (cpu > 0)
		strbuf_addf(out, "  CPU usage:\n    CPU usage (in seconds): %lld\n",
			    (long long)(cpu / 1000000000));
	put_memory(out, json_obj(state, "memory"));
	if (!network || !network->child)
		return;
	strbuf_addstr(out, "  Network usage:\n");
	json_sort(network);
	cJSON_ArrayForEach(nic, network)
		put_nic(out, nic);
}

static void put_pending(struct strbuf *out, const cJSON *pending)
{
	const cJSON *item;

	if (!pending || !pending->child)
		return;
	strbuf_addstr(out, "\nWaits for a restart:\n");
	cJSON_ArrayForEach(item, pending)
	{
		if (cJSON_IsString(item))
			strbuf_addf(out, "  %s\n", item->valuestring);
	}
}

static int show_snapshots(const cJSON *snapshots, struct error *err)
{
	static const char *const headers[] = { "NAME", "TAKEN AT", "EXPIRES AT", "STATEFUL" };
	struct table *table;
	const cJSON *s;
	int rc;

	if (!snapshots || !snapshots->child)
		return 0;
	table = table_new(headers, 4);
	cJSON_ArrayForEach(s, snapshots)
	{
		char taken[WHEN_TEXT_SIZE], expires[WHEN_TEXT_SIZE];
		const char *cells[] = { json_str_or(s, "name", ""), taken, expires,
					json_bool(s, "stateful", false) ? "YES" : "NO" };

		when_format(json_str(s, "created_at"), "", taken);
		when_format(json_str(s, "expires_at"), "", expires);
		table_row(table, cells);
	}
	fputs("\nSnapshots:\n", stdout);
	rc = table_print(table, FORMAT_TABLE, NULL, err);
	table_free(table);
	return rc;
}

/* Those of the instance; LXD's heading, and what berth knows of them. */
static int show_backups(struct cli *cli, const char *name, struct error *err)
{
	static const char *const headers[] = { "NAME", "TAKEN AT", "MODE", "SIZE", "STATE", "HINT" };
	AUTO_FREE char *path = instance_path(name, "/backups?recursion=1");
	AUTO_JSON cJSON *backups = client_get(cli->client, path, NULL, err);
	struct table *table;
	const cJSON *b;
	int rc;

	if (!backups)
		return -1;
	if (!backups->child)
		return 0;
	table = table_new(headers, 6);
	cJSON_ArrayForEach(b, backups) {
		char taken[WHEN_TEXT_SIZE], size[64];

		when_format(json_str(b, "created_at"), "", taken);
		units_format_size((uint64_t)json_int(b, "size", 0), size, sizeof(size));
		table_row(table, (const char *const[]){ json_str_or(b, "file", ""), taken, json_str_or(b, "mode", ""), size,
							json_str_or(b, "state", ""), json_str_or(b, "hint", "") });
	}
	fputs("\nBackups:\n", stdout);
	rc = table_print(table, FORMAT_TABLE, NULL, err);
	table_free(table);
	return rc;
}

static int show_log(struct cli *cli, const char *name, struct error *err)
{
	AUTO_FREE char *path = instance_path(name, "/logs/lxc.log");
	struct response r;

	if (client_request(cli->client, "GET", path, NULL, NULL, &r, err) < 0)
		return -1;
	if (r.status != 200) {
		error_set(err, r.status == 404 ? ERROR_NOT_FOUND : ERROR_TOOL, "%s",
			  json_str_or(r.envelope, "error", "the log cannot be read"));
		response_clear(&r);
		return -1;
	}
	fputs("\nLog:\n\n", stdout);
	text_print(stdout, r.raw);
	putchar('\n');
	response_clear(&r);
	return 0;
}

static int info_snapshot(struct cli *cli, const char *name, struct error *err)
{
	AUTO_FREE char *path = instance_path(name, "");
	AUTO_JSON cJSON *s = client_get(cli->client, path, NULL, err);
	AUTO_STRBUF struct strbuf out = STRBUF_INIT;

	if (!s)
		return -1;
	strbuf_addf(&out, "Name: %s\n", json_str_or(s, "name", ""));
	if (json_str_or(s, "description", "")[0])
		strbuf_addf(&out, "Description: %s\n", json_str_or(s, "description", ""));
	strbuf_addf(&out, "Type: snapshot\nArchitecture: %s\n", json_str_or(s, "architecture", ""));
	put_time(&out, "Created", json_str(s, "created_at"));
	put_time(&out, "Expires", json_str(s, "expires_at"));
	if (json_str(s, "note"))
		strbuf_addf(&out, "Note: %s\n", json_str(s, "note"));
	text_print(stdout, out.buf);
	return 0;
}

static int info_instance(struct cli *cli, const char *name, bool log, struct error *err)
{
	AUTO_FREE char *path = instance_path(name, "?recursion=1");
	AUTO_JSON cJSON *instance = client_get(cli->client, path, NULL, err);
	AUTO_STRBUF struct strbuf out = STRBUF_INIT;

	if (!instance)
		return -1;
	put_head(&out, instance);
	if (json_int(json_obj(instance, "state"), "pid", 0) > 0)
		put_resources(&out, json_obj(instance, "state"));
	put_pending(&out, json_arr(instance, "pending"));
	text_print(stdout, out.buf);
	if (show_snapshots(json_arr(instance, "snapshots"), err) < 0 || show_backups(cli, name, err) < 0)
		return -1;
	return log ? show_log(cli, name, err) : 0;
}

static int info_server(struct cli *cli, struct error *err)
{
	AUTO_JSON cJSON *server = client_get(cli->client, "/1.0", NULL, err);

	return server ? yaml_print(server, stdout, err) : -1;
}

static int info_run(struct cli *cli, int argc, char **argv, struct error *err)
{
	static const struct option options[] = { { "show-log", no_argument, NULL, 1 }, { "resources", no_argument, NULL, 2 }, { 0 } };
	bool log = false, resources = false;
	int opt, rc;

	while ((opt = cli_getopt(cli, argc, argv, "", options)) != -1) {
		if (opt == '?')
			return CLI_USAGE;
		log = log || opt == 1;
		resources = resources || opt == 2;
	}
	rc = cli_argc(cli, argc, 0, 1);
	if (rc != 0)
		return rc;
	if (optind < argc && strcmp(argv[optind], "local:") != 0) {
		if (resources)
			return cli_usage(cli, "--resources is of the server: no instance goes with it");
		if (!strchr(argv[optind], '/'))
			return info_instance(cli, argv[optind], log, err);
		return log ? cli_usage(cli, "a snapshot has no log") : info_snapshot(cli, argv[optind], err);
	}
	if (log)
		return cli_usage(cli, "--show-log needs the name of an instance");
	return resources ? info_resources(cli, err) : info_server(cli, err);
}

const struct command cmd_info = {
	.name = "info",
	.args = "[<instance>[/<snapshot>]] [flags]",
	.summary = "Show an instance, or the server",
	.options = "      --show-log      Show the log of its last start as well\n"
		   "      --resources     Show the server's hardware\n",
	.examples = "  berth info\n  berth info --resources\n  berth info c1 --show-log\n",
	.run = info_run,
	.complete = "snapshot -",
};
