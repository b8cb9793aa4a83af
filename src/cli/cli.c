/* SPDX-License-Identifier: MIT */
#include "cli/cli.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/similar.h"

#define SOCKET_DEFAULT "/run/berth/berth.sock"
#define LONG_MAX_N 64

enum { OPT_SOCKET = 1000, OPT_DEBUG, OPT_VERSION };

const struct command *const cli_root[] = {
    &cmd_backup, &cmd_cluster, &cmd_completion, &cmd_config, &cmd_console, &cmd_copy, &cmd_delete, &cmd_exec,
    &cmd_export, &cmd_file, &cmd_hook, &cmd_host, &cmd_image, &cmd_import, &cmd_info, &cmd_init, &cmd_kill,
    &cmd_launch, &cmd_list, &cmd_monitor, &cmd_move, &cmd_network, &cmd_operation, &cmd_passwd, &cmd_pause, &cmd_profile,
    &cmd_project, &cmd_publish, &cmd_query, &cmd_rebuild, &cmd_rename, &cmd_restart, &cmd_restore, &cmd_resume,
    &cmd_scan, &cmd_shell, &cmd_snapshot, &cmd_start, &cmd_stop, &cmd_storage, &cmd_terminal, &cmd_version,
    &cmd_volume, &cmd_warning, NULL,
};

static const struct option global_options[] = {
	{ "socket", required_argument, NULL, OPT_SOCKET },
	{ "quiet", no_argument, NULL, 'q' },
	{ "debug", no_argument, NULL, OPT_DEBUG },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, OPT_VERSION },
	{ 0 },
};

static const char global_help[] =
	"      --socket PATH   Talk to berthd at PATH (default: $BERTH_SOCKET or " SOCKET_DEFAULT ")\n"
	"  -q, --quiet         Do not show progress\n"
	"      --debug         Show requests and answers\n"
	"  -h, --help          Print help\n"
	"      --version       Print the version\n";

static const char root_examples[] =
	"  berth launch busybox c1        create and start an instance\n"
	"  berth list                     what is there\n"
	"  berth exec c1 -- sh            run a command in it\n"
	"  berth delete -f c1             stop and remove it\n";

static struct cli self; /* the one that commands are given */

/* ---- help */

static void help_command_line(FILE *out, const struct command *cmd, int width)
{
	fprintf(out, "  %-*s %s\n", width, cmd->name, cmd->summary);
}

static int help_width(const struct command *commands)
{
	size_t width = 12;

	for (; commands && commands->name; commands++)
		if (strlen(commands->name) > width)
			width = strlen(commands->name);
	return (int)width;
}

static void help_root(FILE *out)
{
	fputs("Usage: berth [flags] <command> [<arguments>]\n\nManage LXC containers through "
	      "berthd\n\nCommands:\n",
	      out);
	for (const struct command *const *cmd = cli_root; *cmd; cmd++)
		help_command_line(out, *cmd, 12);
	fprintf(out, "\nFlags:\n%s\nExamples:\n%s", global_help, root_examples);
	fputs("\nUse \"berth <command> --help\" for more about a command.\n", out);
}

static void help_aliases(FILE *out, const struct command *cmd)
{
	fprintf(out, "\nAliases:\n  %s", cmd->name);
	for (const char *const *a = cmd->aliases; *a; a++)
		fprintf(out, ", %s", *a);
	putc('\n', out);
}

static void help_command(const struct cli *cli, FILE *out)
{
	const struct command *cmd = cli->command;
	const char *args = cmd->args && cmd->args[0] ? cmd->args : "[flags]";

	fprintf(out, "Usage: %s %s%s\n\n%s\n", cli->path, cmd->sub ? "<command> [<arguments>]" : args,
		cmd->options && !strstr(args, "[flags]") ? " [flags]" : "", cmd->summary);
	if (cmd->aliases)
		help_aliases(out, cmd);
	if (cmd->sub)
		fputs("\nCommands:\n", out);
	for (const struct command *sub = cmd->sub; sub && sub->name; sub++)
		help_command_line(out, sub, help_width(cmd->sub));
	if (cmd->options)
		fprintf(out, "\nFlags:\n%s", cmd->options);
	fprintf(out, "\nGlobal flags:\n%s", global_help);
	if (cmd->examples)
		fprintf(out, "\nExamples:\n%s", cmd->examples);
}

static void help(const struct cli *cli, FILE *out)
{
	if (cli->command)
		help_command(cli, out);
	else
		help_root(out);
}

int cli_usage(const struct cli *cli, const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "%s: ", cli->path);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, "\nTry '%s --help'.\n", cli->path);
	return CLI_USAGE;
}

int cli_argc(const struct cli *cli, int argc, int min, int max)
{
	int n = argc - optind;

	if (n < min)
		return cli_usage(cli, "%s", n == 0 ? "an argument is missing" : "too few arguments");
	if (max >= 0 && n > max)
		return cli_usage(cli, "too many arguments");
	return 0;
}

/* ---- options */

static void merge_short(const char *own, char *out, size_t size)
{
	const char *prefix = own[0] == '+' || own[0] == '-' ? own : "";

	snprintf(out, size, "%.1s:%s%s%s", prefix, own + (prefix[0] != 0), strchr(own, 'q') ? "" : "q",
		 strchr(own, 'h') ? "" : "h");
}

static void merge_long(const struct option *own, struct option *out)
{
	size_t n = 0;

	for (; own && own->name && n < LONG_MAX_N; own++)
		out[n++] = *own;
	memcpy(out + n, global_options, sizeof(global_options));
}

static void set_socket(const char *path)
{
	self.socket = path;
	client_free(self.client);
	self.client = client_new(path);
	client_set_quiet(self.client, self.quiet);
	client_set_debug(self.client, self.debug);
}

/* Returns false when the option is not a global one. */
static bool global_option(int opt)
{
	if (opt == OPT_SOCKET)
		set_socket(optarg);
	else if (opt == 'q')
		client_set_quiet(self.client, self.quiet = true);
	else if (opt == OPT_DEBUG)
		client_set_debug(self.client, self.debug = true);
	else
		return false;
	return true;
}

static int bad_option(const struct cli *cli, int opt, char **argv)
{
	const char *word = argv[optind - 1];
	char letter[3] = { '-', (char)optopt, 0 };
	bool is_long = optind > 0 && !strncmp(word, "--", 2);

	if (opt == ':')
		cli_usage(cli, "option '%s' needs a value",
			  optopt && optopt < 256 && !is_long ? letter : word);
	else if (is_long && optopt)
		cli_usage(cli, "option '%s' takes no value", word);
	else
		cli_usage(cli, "unknown option '%s'", is_long || !optopt ? word : letter);
	return '?';
}

int cli_getopt(const struct cli *cli, int argc, char **argv, const char *short_options,
	       const struct option *long_options)
{
	struct option merged[LONG_MAX_N + sizeof(global_options) / sizeof(global_options[0])];
	char letters[128];
	int opt;

	merge_short(short_options, letters, sizeof(letters));
	merge_long(long_options, merged);
	opterr = 0;
	do
		opt = getopt_long(argc, argv, letters, merged, NULL);
	while ((opt == OPT_SOCKET || opt == OPT_DEBUG || (opt == 'q' && !strchr(short_options, 'q'))) &&
	       global_option(opt));
	if (opt == '?' || opt == ':')
		return bad_option(cli, opt, argv);
	if (opt == OPT_VERSION || (opt == 'h' && !strchr(short_options, 'h'))) {
		self.helped = true;
		if (opt == 'h')
			help(cli, stdout);
		else
			puts(BERTH_VERSION);
		return '?';
	}
	return opt;
}

int cli_args(const struct cli *cli, int *argc, char ***argv, int min, int max)
{
	if (cli_getopt(cli, *argc, *argv, "", NULL) != -1 || cli_argc(cli, *argc, min, max) != 0)
		return CLI_USAGE;
	*argc -= optind;
	*argv += optind;
	return 0;
}

int format_args(const struct cli *cli, int *argc, char ***argv, int max, enum format *ret)
{
	static const struct option options[] = { { "format", required_argument, NULL, 'f' }, { 0 } };
	struct error err = ERROR_INIT;
	int opt;

	*ret = FORMAT_TABLE;
	while ((opt = cli_getopt(cli, *argc, *argv, "f:", options)) != -1) {
		if (opt != 'f')
			return CLI_USAGE;
		if (format_parse(optarg, ret, &err) < 0)
			return cli_usage(cli, "%s", err.msg);
	}
	if (cli_argc(cli, *argc, 0, max) != 0)
		return CLI_USAGE;
	*argc -= optind;
	*argv += optind;
	return 0;
}

/* ---- finding the command */

static bool named(const struct command *cmd, const char *name)
{
	if (!strcmp(cmd->name, name))
		return true;
	for (const char *const *a = cmd->aliases; a && *a; a++)
		if (!strcmp(*a, name))
			return true;
	return false;
}

static const struct command *nth(const struct cli *cli, size_t i)
{
	if (!cli->command)
		return cli_root[i];
	return cli->command->sub[i].name ? &cli->command->sub[i] : NULL;
}

/* What fingers know from lxc, and no typing mistake. group: the path of where it was looked for, without "berth". */
static bool only_in_lxc(const char *group, const char *name)
{
	static const char *const words[] = {
		"alias", "manpage", "remote", "cluster add", "cluster edit", "cluster enable", "cluster evacuate", "cluster get",
		"cluster group", "cluster list-tokens", "cluster remove", "cluster rename", "cluster restore", "cluster revoke-token",
		"cluster role", "cluster set", "cluster show", "cluster unset", "cluster update-certificate", "file mount",
		"network acl", "network load-balancer", "network peer", "network zone", "project create", "project delete",
		"project edit", "project get", "project info", "project rename", "project set", "project switch", "project unset",
		"storage bucket",
	};
	AUTO_FREE char *path = mem_printf("%s%s%s", group, *group ? " " : "", name);

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (!strcmp(words[i], path))
			return true;
	return false;
}

static int unknown_command(const struct cli *cli, const char *name)
{
	const struct command *cmd, *best = NULL;
	const char *space = strchr(cli->path, ' '), *group = space ? space + 1 : "";
	size_t distance = SIMILAR_MAX + 1;

	if (only_in_lxc(group, name))
		return cli_usage(cli, "lxc has a command '%s%s%s', berth has not", group, *group ? " " : "", name);
	for (size_t i = 0; (cmd = nth(cli, i)); i++)
		if (similar_better(name, cmd->name, &distance))
			best = cmd;
	if (best)
		return cli_usage(cli, "unknown command '%s'; did you mean '%s'?", name, best->name);
	return cli_usage(cli, "unknown command '%s'", name);
}

/* One level down: options, then the name of a command. 0, or an exit status with *ret_done. */
static int descend(int *argc, char ***argv, bool *ret_done)
{
	const struct command *cmd = NULL;
	size_t used;

	*ret_done = true;
	optind = 0;
	if (cli_getopt(&self, *argc, *argv, "+", NULL) != -1)
		return self.helped ? 0 : CLI_USAGE;
	if (optind >= *argc) {
		help(&self, stderr);
		return CLI_USAGE;
	}
	*argv += optind;
	*argc -= optind;
	for (size_t i = 0; (cmd = nth(&self, i)) && !named(cmd, **argv);)
		i++;
	if (!cmd)
		return unknown_command(&self, **argv);
	self.command = cmd;
	used = strlen(self.path);
	snprintf(self.path + used, sizeof(self.path) - used, " %s", cmd->name);
	*ret_done = false;
	return 0;
}

static int run(int argc, char **argv)
{
	struct error err = ERROR_INIT;
	bool done = false;
	int rc = 0;

	while (!done && (!self.command || self.command->sub))
		rc = descend(&argc, &argv, &done);
	if (done)
		return rc;
	optind = 0;
	rc = self.command->run(&self, argc, argv, &err);
	if (self.helped)
		return 0;
	if (rc >= 0)
		return rc;
	progress_show(NULL, -1);
	fflush(stdout);
	fputs("Error: ", stderr);
	text_print(stderr, err.msg[0] ? err.msg : "failed");
	putc('\n', stderr);
	return 1;
}

int cli_main(int argc, char **argv)
{
	const char *path = getenv("BERTH_SOCKET");
	char help_flag[] = "--help";
	int rc;

	if (argc > 1 && !strcmp(argv[1], "help")) { /* "berth help config set" */
		memmove(argv + 1, argv + 2, (size_t)(argc - 2) * sizeof(*argv));
		argv[argc - 1] = help_flag;
	}
	self = (struct cli){ .path = "berth" };
	set_socket(path && path[0] ? path : SOCKET_DEFAULT);
	rc = run(argc, argv);
	client_free(self.client);
	self.client = NULL;
	if ((fflush(stdout) != 0 || ferror(stdout)) && rc == 0) {
		fprintf(stderr, "Error: cannot write to standard output: %s\n", strerror(errno));
		rc = 1;
	}
	return rc;
}
