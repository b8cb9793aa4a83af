/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "cli/instance.h"

int instance_console_command(struct cli *cli, const char *name, struct argv *ret, struct error *err)
{
	AUTO_FREE char *path = instance_path(name, "");
	AUTO_FREE char *lxcpath = NULL;
	AUTO_JSON cJSON *instance = NULL;

	if (geteuid() != 0)
		return error_set(err, ERROR_FORBIDDEN, "only root may open a console: try sudo %s",
				 cli->path);
	if (!stdin_is_tty() || !stdout_is_tty())
		return error_set(err, ERROR_INVALID,
				 "a console needs a terminal; to see what it showed: --show-log");
	instance = client_get(cli->client, path, NULL, err);
	if (!instance || instance_status_running(instance, err) < 0)
		return -1;
	lxcpath = instance_lxcpath(cli, err);
	if (!lxcpath)
		return -1;
	argv_pushl(ret, "lxc-console", "-P", lxcpath, "-n", instance_local(name), "-t", "0", "-e", "^a", NULL);
	return 0;
}

int instance_console(struct cli *cli, const char *name, struct error *err)
{
	AUTO_ARGV struct argv a = ARGV_INIT;

	if (instance_console_command(cli, name, &a, err) < 0 || a.n == 0)
		return -1;
	fflush(stdout);
	execvp(a.v[0], a.v);
	return error_sys(err, errno, "cannot run 'lxc-console'; is LXC installed?");
}

/* The bytes as they are into a file; on a terminal without what could steer it. */
static int show_log(struct cli *cli, const char *name, struct error *err)
{
	AUTO_FREE char *path = instance_path(name, "/console");
	struct response r;
	size_t n = 0;

	if (client_request(cli->client, "GET", path, NULL, NULL, &r, err) < 0)
		return -1;
	if (r.status != 200) {
		error_set(err, r.status == 404 ? ERROR_NOT_FOUND : ERROR_TOOL, "%s",
			  json_str_or(r.envelope, "error", "the console log cannot be read"));
		response_clear(&r);
		return -1;
	}
	fputs("\nConsole log:\n\n", stdout);
	if (stdout_is_tty()) {
		for (size_t i = 0; i < r.raw_len; i++)
			if (r.raw[i] != '\r' && r.raw[i] != 0)
				r.raw[n++] = r.raw[i];
		r.raw[n] = 0;
		text_print(stdout, r.raw);
	} else {
		fwrite(r.raw, 1, r.raw_len, stdout);
	}
	putchar('\n');
	response_clear(&r);
	return 0;
}

static int console_run(struct cli *cli, int argc, char **argv, struct error *err)
{
	static const struct option options[] = {
		{ "show-log", no_argument, NULL, 1 },
		{ "type", required_argument, NULL, 't' },
		{ 0 },
	};
	bool log = false;
	int opt, rc;

	while ((opt = cli_getopt(cli, argc, argv, "t:", options)) != -1) {
		if (opt == '?')
			return CLI_USAGE;
		if (opt == 1)
			log = true;
		else if (strcmp(optarg, "console") != 0)
			return cli_usage(cli, "unknown console type '%s': there is only console", optarg);
	}
	rc = cli_argc(cli, argc, 1, 1);
	if (rc != 0)
		return rc;
	return log ? show_log(cli, argv[optind], err) : instance_console(cli, argv[optind], err);
}

const struct command cmd_console = {
	.name = "console",
	.args = "<instance> [flags]",
	.summary = "Attach to the console of an instance, or show its log",
	.options = "      --show-log      Print what the console has shown\n",
	.examples = "  berth console c1               leave it with <ctrl>+a q\n"
		    "  berth console c1 --show-log\n",
	.run = console_run,
	.complete = "instance",
};
