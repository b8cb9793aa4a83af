/* SPDX-License-Identifier: MIT */
/* exec and shell: lxc-attach from here, so that a command costs no more than that. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/units.h"
#include "cli/attach.h"
#include "cli/cli.h"
#include "cli/instance.h"

#define PATH_DEFAULT "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

struct exec_options {
	cJSON *environment; /* --env */
	const char *cwd;
	int64_t user, group; /* -1: not given */
	enum attach_terminal terminal;
	bool no_stdin;
};

enum { OPT_ENV = 1, OPT_CWD, OPT_USER, OPT_GROUP, OPT_MODE };

static const struct option exec_long[] = {
	{ "env", required_argument, NULL, OPT_ENV },
	{ "cwd", required_argument, NULL, OPT_CWD },
	{ "user", required_argument, NULL, OPT_USER },
	{ "group", required_argument, NULL, OPT_GROUP },
	{ "mode", required_argument, NULL, OPT_MODE },
	{ "force-interactive", no_argument, NULL, 't' },
	{ "force-noninteractive", no_argument, NULL, 'T' },
	{ "disable-stdin", no_argument, NULL, 'n' },
	{ 0 },
};

static int parse_mode(const char *s, struct exec_options *o, struct error *err)
{
	if (!strcmp(s, "auto"))
		o->terminal = ATTACH_AUTO;
	else if (!strcmp(s, "interactive"))
		o->terminal = ATTACH_ALWAYS;
	else if (!strcmp(s, "non-interactive"))
		o->terminal = ATTACH_NEVER;
	else
		return error_set(err, ERROR_INVALID,
				 "unknown mode '%s': it must be auto, interactive or non-interactive", s);
	return 0;
}

static int take_option(struct exec_options *o, int opt, struct error *err)
{
	if (opt == OPT_ENV)
		return instance_config_option(o->environment, optarg, err);
	if (opt == OPT_USER)
		return units_parse_int(optarg, 0, UINT32_MAX - 1, &o->user, err);
	if (opt == OPT_GROUP)
		return units_parse_int(optarg, 0, UINT32_MAX - 1, &o->group, err);
	if (opt == OPT_MODE)
		return parse_mode(optarg, o, err);
	if (opt == OPT_CWD)
		o->cwd = optarg;
	else if (opt == 'n')
		o->no_stdin = true;
	else
		o->terminal = opt == 't' ? ATTACH_ALWAYS : ATTACH_NEVER;
	return 0;
}

static void environment_default(cJSON *env, const char *key, const char *value)
{
	if (value && !cJSON_GetObjectItemCaseSensitive(env, key))
		json_set_str(env, key, value);
}

/* environment.* of the instance, under --env. */
static void environment_of_instance(cJSON *env, const cJSON *instance)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, json_obj(instance, "expanded_config"))
	{
		if (cJSON_IsString(item) && !strncmp(item->string, "environment.", 12))
			environment_default(env, item->string + 12, item->valuestring);
	}
}

static void environment_defaults(const struct exec_options *o, const cJSON *instance)
{
	environment_of_instance(o->environment, instance);
	environment_default(o->environment, "PATH", PATH_DEFAULT);
	environment_default(o->environment, "LANG", "C.UTF-8");
	environment_default(o->environment, "TERM", getenv("TERM"));
	if (o->user <= 0) {
		environment_default(o->environment, "HOME", "/root");
		environment_default(o->environment, "USER", "root");
	}
}

static void attach_argv(struct argv *a, const char *lxcpath, const char *name, const struct exec_options *o)
{
	const cJSON *item;

	argv_pushl(a, "lxc-attach", "-P", lxcpath, "-n", name, "--clear-env", NULL);
	if (o->user >= 0)
		argv_pushf(a, "--uid=%lld", (long long)o->user);
	if (o->group >= 0)
		argv_pushf(a, "--gid=%lld", (long long)o->group);
	cJSON_ArrayForEach(item, o->environment)
		argv_pushf(a, "--set-var=%s=%s", item->string, item->valuestring);
	argv_push(a, "--");
}

/*
 * lxc-attach changes to the folder inside that is named as ours is, when there is one. That does for
 * the default (home, or /); a folder that was asked for has to exist, so a shell changes to it.
 */
static void working_folder(struct argv *a, const struct exec_options *o)
{
	const char *home = json_str(o->environment, "HOME");

	if (o->cwd)
		argv_pushl(a, "sh", "-c", "cd -- \"$0\" && exec \"$@\"", o->cwd, NULL);
	else if ((!home || home[0] != '/' || chdir(home) < 0) && chdir("/") < 0)
		return;
}

static int find_instance(struct cli *cli, const char *name, cJSON **ret, struct error *err)
{
	AUTO_FREE char *path = instance_path(name, "");

	*ret = client_get(cli->client, path, NULL, err);
	return *ret ? instance_status_running(*ret, err) : -1;
}

static int disable_stdin(struct error *err)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	if (fd < 0 || dup2(fd, STDIN_FILENO) < 0)
		return error_sys(err, errno, "cannot open '/dev/null'");
	close(fd);
	return 0;
}

static int exec_in(struct cli *cli, const char *name, const char *const *command,
		   const struct exec_options *o, struct error *err)
{
	AUTO_FREE char *lxcpath = NULL;
	AUTO_JSON cJSON *instance = NULL;
	AUTO_ARGV struct argv a = ARGV_INIT;

	if (geteuid() != 0)
		return error_set(err, ERROR_FORBIDDEN,
				 "only root may run commands in an instance: try sudo %s", cli->path);
	name = instance_local(name);
	if (find_instance(cli, name, &instance, err) < 0)
		return -1;
	lxcpath = instance_lxcpath(cli, err);
	if (!lxcpath || (o->no_stdin && disable_stdin(err) < 0))
		return -1;
	client_free(cli->client);
	cli->client = NULL;
	environment_defaults(o, instance);
	attach_argv(&a, lxcpath, name, o);
	working_folder(&a, o);
	for (; *command; command++)
		argv_push(&a, *command);
	return attach_run(&a, o->terminal, err);
}

/* Options may come before and behind the name; what follows, or "--", is the command. */
static int parse(struct cli *cli, int argc, char **argv, struct exec_options *o, const char **ret_name,
		 struct error *err)
{
	*ret_name = NULL;
	for (;;) {
		int opt = cli_getopt(cli, argc, argv, "+tTn", exec_long);

		if (opt == '?')
			return CLI_USAGE;
		if (opt != -1) {
			if (take_option(o, opt, err) < 0)
				return cli_usage(cli, "%s", err->msg);
			continue;
		}
		if (*ret_name || optind >= argc || !strcmp(argv[optind - 1], "--"))
			break;
		*ret_name = argv[optind++];
	}
	if (!*ret_name && optind < argc)
		*ret_name = argv[optind++];
	return *ret_name ? 0 : cli_usage(cli, "the name of an instance is missing");
}

static int exec_run(struct cli *cli, int argc, char **argv, struct error *err)
{
	AUTO_JSON cJSON *env = cJSON_CreateObject();
	struct exec_options o = { .environment = env, .user = -1, .group = -1 };
	const char *name;
	int rc = parse(cli, argc, argv, &o, &name, err);

	if (rc != 0)
		return rc;
	if (optind >= argc)
		return cli_usage(cli, "the command is missing");
	return exec_in(cli, name, (const char *const *)argv + optind, &o, err);
}

static int shell_run(struct cli *cli, int argc, char **argv, struct error *err)
{
	static const char *const login[] = {
	    "/bin/sh", "-c", "cd; test -x /bin/bash && exec /bin/bash -l; exec /bin/sh -l", NULL};
	AUTO_JSON cJSON *env = cJSON_CreateObject();
	struct exec_options o = { .environment = env, .user = -1, .group = -1 };
	const char *name;
	int rc = parse(cli, argc, argv, &o, &name, err);

	if (rc != 0)
		return rc;
	if (optind < argc)
		return cli_usage(cli, "too many arguments; to run a command: berth exec %s -- %s", name,
				 argv[optind]);
	return exec_in(cli, name, login, &o, err);
}

static const char exec_options_help[] =
	"      --env KEY=VALUE          Set an environment variable (repeatable)\n"
	"      --cwd DIR                Run the command in this folder of the instance (default: its home)\n"
	"      --user UID               Run as this user id (default 0)\n"
	"      --group GID              Run as this group id (default 0)\n"
	"  -t, --force-interactive      Give the command a terminal even when there is none here\n"
	"  -T, --force-noninteractive   Give the command no terminal\n"
	"      --mode MODE              auto, interactive or non-interactive (default auto: a terminal\n"
	"                               when standard input and output are one)\n"
	"  -n, --disable-stdin          Read standard input from /dev/null\n";

const struct command cmd_exec = {
	.name = "exec",
	.args = "<instance> [flags] [--] <command> [<arguments>]",
	.summary = "Run a command in an instance",
	.options = exec_options_help,
	.examples = "  berth exec c1 -- ls -l /etc\n"
		    "  berth exec c1 --env LANG=de_DE.UTF-8 --cwd /srv -- make\n"
		    "  tar c . | berth exec c1 -- tar x -C /srv\n",
	.run = exec_run,
	.complete = "instance",
};

const struct command cmd_shell = {
	.name = "shell",
	.args = "<instance> [flags]",
	.summary = "Open a login shell in an instance",
	.options = exec_options_help,
	.examples = "  berth shell c1\n",
	.run = shell_run,
	.complete = "instance",
};
