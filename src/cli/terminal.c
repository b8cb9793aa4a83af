/* SPDX-License-Identifier: MIT */
/* berth terminal: URLs of web terminals. Options list and end them, so that an instance may have any name. */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/units.h"
#include "cli/cli.h"
#include "cli/instance.h"
#include "cli/when.h"

enum { OPT_TTL = 1, OPT_ADDRESS };

struct terminal_options {
	bool list, kill, format_given;
	enum format format;
	uint64_t ttl_s; /* 0: the server's default */
	const char *address;
};

static const struct option terminal_long[] = {
	{ "list", no_argument, NULL, 'l' },
	{ "kill", no_argument, NULL, 'k' },
	{ "ttl", required_argument, NULL, OPT_TTL },
	{ "address", required_argument, NULL, OPT_ADDRESS },
	{ "format", required_argument, NULL, 'f' },
	{ 0 },
};

static int take_option(struct terminal_options *o, int opt, struct error *err)
{
	switch (opt) {
	case 'l':
		o->list = true;
		return 0;
	case 'k':
		o->kill = true;
		return 0;
	case 'f':
		o->format_given = true;
		return format_parse(optarg, &o->format, err);
	case OPT_ADDRESS:
		o->address = optarg;
		return 0;
	default:
		if (units_parse_duration(optarg, &o->ttl_s, err) < 0)
			return -1;
		return o->ttl_s > 0 ? 0 : error_set(err, ERROR_INVALID, "--ttl must be at least one second");
	}
}

static void age_text(int64_t s, char *buf, size_t size)
{
	if (s < 120)
		snprintf(buf, size, "%llds", (long long)s);
	else if (s < 7200)
		snprintf(buf, size, "%lldm", (long long)(s / 60));
	else
		snprintf(buf, size, "%lldh", (long long)(s / 3600));
}

static int list_terminals(struct cli *cli, enum format format, struct error *err)
{
	static const char *const headers[] = { "ID", "INSTANCE", "CLIENT", "CREATED", "IDLE", "IN", "OUT" };
	AUTO_JSON cJSON *list = client_get(cli->client, "/1.0/terminals?recursion=1", NULL, err);
	struct table *table;
	const cJSON *item;
	int rc;

	if (!list)
		return -1;
	table = table_new(headers, 7);
	cJSON_ArrayForEach(item, list) {
		char created[WHEN_TEXT_SIZE], idle[32], in[32], out[32];

		when_format(json_str(item, "created_at"), "", created);
		age_text(json_int(item, "idle_s", 0), idle, sizeof(idle));
		units_format_size((uint64_t)json_int(item, "bytes_in", 0), in, sizeof(in));
		units_format_size((uint64_t)json_int(item, "bytes_out", 0), out, sizeof(out));
		table_row(table, (const char *const[]){ json_str_or(item, "id", ""), json_str_or(item, "instance", ""),
							json_str_or(item, "address", ""), created, idle, in, out });
	}
	rc = table_print(table, format, list, err);
	table_free(table);
	return rc;
}

static int kill_terminals(struct cli *cli, int n, char **ids, struct error *err)
{
	for (int i = 0; i < n; i++) {
		AUTO_FREE char *id = client_escape(ids[i]);
		AUTO_FREE char *path = mem_printf("/1.0/terminals/%s", id);
		AUTO_JSON cJSON *result = client_change(cli->client, "DELETE", path, NULL, NULL, err);

		if (!result)
			return error_wrap(err, "'%s'", ids[i]);
	}
	return 0;
}

static int new_terminal(struct cli *cli, const char *name, const struct terminal_options *o, struct error *err)
{
	AUTO_FREE char *path = instance_path(instance_local(name), "/terminal");
	AUTO_JSON cJSON *body = cJSON_CreateObject();
	AUTO_JSON cJSON *result = NULL;

	if (o->ttl_s > 0)
		json_set_int(body, "ttl", (int64_t)o->ttl_s);
	if (o->address)
		json_set_str(body, "ip_addr", o->address);
	result = client_change(cli->client, "POST", path, body, NULL, err);
	if (!result)
		return -1;
	if (o->format == FORMAT_JSON) {
		AUTO_FREE char *text = json_text(result);

		puts(text);
		return 0;
	}
	if (o->format == FORMAT_YAML)
		return yaml_print(result, stdout, err);
	puts(json_str_or(result, "url", ""));
	return 0;
}

static int check_options(const struct cli *cli, const struct terminal_options *o, int n)
{
	if (o->list && o->kill)
		return cli_usage(cli, "--list and --kill do not go together");
	if ((o->list || o->kill) && (o->ttl_s > 0 || o->address))
		return cli_usage(cli, "--ttl and --address are for a new terminal");
	if (o->kill && o->format_given)
		return cli_usage(cli, "--kill prints nothing: it has no --format");
	if (!o->list && !o->kill && o->format_given && o->format != FORMAT_JSON && o->format != FORMAT_YAML)
		return cli_usage(cli, "--format of a new terminal is json or yaml");
	if (o->list && n > 0)
		return cli_usage(cli, "too many arguments");
	if (!o->list && n == 0)
		return cli_usage(cli, o->kill ? "the id of a terminal is missing: see berth terminal --list"
					      : "the name of an instance is missing");
	return !o->list && !o->kill && n > 1 ? cli_usage(cli, "too many arguments") : 0;
}

static int terminal_run(struct cli *cli, int argc, char **argv, struct error *err)
{
	struct terminal_options o = { .format = FORMAT_TABLE };
	int opt, rc;

	while ((opt = cli_getopt(cli, argc, argv, "lkf:", terminal_long)) != -1) {
		if (opt == '?')
			return CLI_USAGE;
		if (take_option(&o, opt, err) < 0)
			return cli_usage(cli, "%s", err->msg);
	}
	rc = check_options(cli, &o, argc - optind);
	if (rc != 0)
		return rc;
	if (o.list)
		return list_terminals(cli, o.format, err);
	if (o.kill)
		return kill_terminals(cli, argc - optind, argv + optind, err);
	return new_terminal(cli, argv[optind], &o, err);
}

const struct command cmd_terminal = {
	.name = "terminal",
	.args = "<instance> [flags] | --list | --kill <id>...",
	.summary = "Print the URL of a terminal in the browser",
	.options = "      --ttl DURATION      How long the URL can be opened (default: terminal_ttl_s of berth.conf)\n"
		   "      --address HOST      Host name or address of this host that the URL names\n"
		   "  -l, --list              List the terminals that are open\n"
		   "  -k, --kill              End terminals, by their ids\n"
		   "  -f, --format FORMAT     json or yaml: the token, the port and the time of expiry too; of --list:\n"
		   "                          table, compact, json, csv or yaml\n",
	.examples = "  berth terminal c1\n"
		    "  berth terminal c1 --ttl 10m --address host1.example.org\n"
		    "  berth terminal --list\n"
		    "  berth terminal --kill 0123456789abcdef0123456789abcdef\n",
	.run = terminal_run,
	.complete = "instance -",
};
