/* SPDX-License-Identifier: MIT */
/* berth host: this machine as a place for containers. init and check work without berthd. */
#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/argv.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "cli/cli.h"
#include "cli/host.h"

extern char **environ;

/* The first of these beside this program, as in a build folder; NULL. Caller frees. */
static char *find_beside(const char *const *names)
{
	char self[4096];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash;

	self[n > 0 ? n : 0] = '\0';
	slash = strrchr(self, '/');
	if (slash)
		*slash = '\0';
	for (; slash && *names; names++) {
		char *path = fs_join(self, *names);

		if (access(path, X_OK) == 0)
			return path;
		free(path);
	}
	return NULL;
}

/* ---- init */

static int host_init(struct cli *cli, int argc, char **argv, struct error *err)
{
	static const char *const beside[] = { "host-init", NULL };
	const char *libexec = getenv("BERTH_LIBEXEC_DIR");
	AUTO_FREE char *program = libexec && *libexec ? fs_join(libexec, "host-init") : find_beside(beside);

	if (!program)
		program = fs_join(BERTH_LIBEXECDIR, "host-init");
	if (argc > 1 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")))
		return cli_getopt(cli, argc, argv, "", NULL) == -1 ? 0 : CLI_USAGE;
	fflush(stdout);
	argv[0] = program;
	execv(program, argv);
	return error_sys(err, errno, "cannot run '%s'", program);
}

/* ---- check */

static int read_all(int fd, struct strbuf *out)
{
	char buf[4096];
	ssize_t n;

	while ((n = read(fd, buf, sizeof(buf))) > 0 || (n < 0 && errno == EINTR))
		if (n > 0)
			strbuf_add(out, buf, (size_t)n);
	return n == 0 ? 0 : -1;
}

/* `berthd --check`, which is the same without a daemon. */
static cJSON *check_here(const char *root, struct error *err)
{
	static const char *const beside[] = { "berthd", "../sbin/berthd", NULL };
	AUTO_FREE char *program = find_beside(beside);
	AUTO_STRBUF struct strbuf out = STRBUF_INIT;
	AUTO_ARGV struct argv args = ARGV_INIT;
	posix_spawn_file_actions_t files;
	int fds[2], rc, status = 0;
	pid_t pid;

	if (!program)
		program = mem_strdup("berthd"); /* of PATH */
	argv_pushl(&args, program, "--check", "--format", "json", NULL);
	if (root)
		argv_pushl(&args, "--root", root, NULL);
	if (pipe(fds) < 0) {
		error_sys(err, errno, "cannot make a pipe");
		return NULL;
	}
	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_adddup2(&files, fds[1], STDOUT_FILENO);
	posix_spawn_file_actions_addclose(&files, fds[0]);
	posix_spawn_file_actions_addclose(&files, fds[1]);
	rc = posix_spawnp(&pid, program, &files, NULL, args.v, environ);
	posix_spawn_file_actions_destroy(&files);
	close(fds[1]);
	if (rc == 0) {
		(void)read_all(fds[0], &out);
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
	}
	close(fds[0]);
	if (rc != 0)
		error_sys(err, rc, "cannot run '%s'", program);
	else if (out.len == 0)
		error_set(err, ERROR_TOOL, "'%s --check' gave no answer", program);
	return rc == 0 && out.len > 0 ? json_parse(out.buf, out.len, err) : NULL;
}

static size_t add_findings(struct table *table, const cJSON *findings, const char *status)
{
	const cJSON *f;
	size_t n = 0;

	cJSON_ArrayForEach(f, findings) {
		const char *fix = json_str_or(f, "fix", "");
		AUTO_FREE char *text = mem_printf("%s%s%s", json_str_or(f, "message", ""), *fix ? "\nfix: " : "", fix);

		if (strcmp(json_str_or(f, "status", "error"), status) != 0)
			continue;
		table_row(table, (const char *const[]){ status, json_str_or(f, "name", ""), text });
		n++;
	}
	return n;
}

/* What is wrong first. Returns 1 when there is an error. */
static int print_findings(const cJSON *findings, enum format format, struct error *err)
{
	static const char *const headers[] = { "STATUS", "NAME", "MESSAGE" };
	struct table *table = table_new(headers, 3);
	size_t errors = add_findings(table, findings, "error");
	int rc;

	add_findings(table, findings, "warning");
	add_findings(table, findings, "ok");
	table_keep_order(table);
	rc = table_print(table, format, findings, err);
	table_free(table);
	return rc < 0 ? rc : errors > 0;
}

static int host_check(struct cli *cli, int argc, char **argv, struct error *err)
{
	static const struct option options[] = { { "format", required_argument, NULL, 'f' },
						 { "root", required_argument, NULL, 'r' },
						 { 0 } };
	AUTO_JSON cJSON *findings = NULL;
	enum format format = FORMAT_TABLE;
	struct error unreachable = ERROR_INIT;
	const char *root = NULL;
	int c, rc;

	while ((c = cli_getopt(cli, argc, argv, "f:", options)) != -1) {
		if (c == 'r')
			root = optarg;
		else if (c != 'f')
			return CLI_USAGE;
		else if (format_parse(optarg, &format, err) < 0)
			return cli_usage(cli, "%s", err->msg);
	}
	if ((rc = cli_argc(cli, argc, 0, 0)) != 0)
		return rc;
	if (!root)
		findings = client_get(cli->client, "/1.0/host/check", NULL, &unreachable);
	if (!findings)
		findings = check_here(root, err);
	return findings ? print_findings(findings, format, err) : -1;
}

/* ---- load, unload, status */

static void print_warnings(const cJSON *metadata)
{
	const cJSON *w;

	cJSON_ArrayForEach(w, json_arr(metadata, "warnings")) {
		fputs("warning: ", stderr);
		text_print(stderr, cJSON_IsString(w) ? w->valuestring : "");
		putc('\n', stderr);
	}
}

static int change(struct cli *cli, int argc, char **argv, const char *path, const char *done, struct error *err)
{
	AUTO_JSON cJSON *operation = NULL;
	enum format format;
	int rc = format_args(cli, &argc, &argv, 0, &format);

	if (rc != 0)
		return rc;
	operation = client_change(cli->client, "POST", path, NULL, NULL, err);
	if (!operation)
		return -1;
	if (format == FORMAT_JSON || format == FORMAT_YAML)
		return table_print(NULL, format, json_obj(operation, "metadata"), err);
	print_warnings(json_obj(operation, "metadata"));
	if (!cli->quiet)
		puts(done);
	return 0;
}

static int host_load(struct cli *cli, int argc, char **argv, struct error *err)
{
	return change(cli, argc, argv, "/1.0/host/load", "Host loaded", err);
}

static int host_unload(struct cli *cli, int argc, char **argv, struct error *err)
{
	return change(cli, argc, argv, "/1.0/host/unload", "Host unloaded: containers go on running", err);
}

static int host_stop(struct cli *cli, int argc, char **argv, struct error *err)
{
	return change(cli, argc, argv, "/1.0/host/stop", "All instances are stopped", err);
}

static int host_status(struct cli *cli, int argc, char **argv, struct error *err)
{
	AUTO_JSON cJSON *status = NULL;
	enum format format;
	int rc = format_args(cli, &argc, &argv, 0, &format);

	if (rc != 0)
		return rc;
	status = client_get(cli->client, "/1.0/host", NULL, err);
	if (!status)
		return -1;
	return format == FORMAT_JSON ? table_print(NULL, format, status, err) : yaml_print(status, stdout, err);
}

static const char *const status_aliases[] = { "info", "show", NULL };

static const struct command host_commands[] = {
	{ .name = "call",
	  .args = "<operation> [<file>|-]",
	  .summary = "Call an operation of the host module by its own name, with a JSON object from a file or stdin",
	  .examples = "  berth host call VMPowers - <<<'{\"vm_uuid\": \"c1\", \"power\": \"S_START\"}'\n"
		      "  berth host call LDBackup\n",
	  .run = host_call_run,
	  .complete = "HSLoader|HSUnload|VScanner|VMCreate|VInstall|VMUpdate|VMDelete|VMPowers|Password|VMBackup|Restores|"
		      "HDDMount|LDBackup|RMBackup|RMMounts|VCRemote|ISOMount|GPUShows file" },
	{ .name = "check",
	  .args = "[flags]",
	  .summary = "Say what is wrong with this host, and the command that mends it",
	  .options = "  -f, --format FORMAT   table, compact, json, csv or yaml (default table)\n"
		     "      --root DIR        Check for a berthd --root DIR, without asking a daemon\n",
	  .examples = "  berth host check\n",
	  .run = host_check },
	{ .name = "init",
	  .args = "[flags]",
	  .summary = "Prepare this host: ids, kernel settings, both bridges, DHCP, NAT",
	  .options = "  --dry-run             Only say what would be done\n"
		     "  --undo                Take back what was done\n"
		     "  (and those that 'berth host init --usage' prints)\n",
	  .examples = "  berth host init --dry-run\n"
		      "  berth host init --pub br0 --subnet 10.88.0.0/24 --ipv6 auto\n",
	  .run = host_init },
	{ .name = "load",
	  .args = "[flags]",
	  .summary = "Bring networks, forwards and the terminal up, look for instances, start those to be started",
	  .options = "  -f, --format FORMAT   table, json or yaml (default table)\n",
	  .examples = "  berth host load\n",
	  .run = host_load },
	{ .name = "status",
	  .args = "[flags]",
	  .summary = "Show this host: loaded or not, networks, instances, the last check",
	  .options = "  -f, --format FORMAT   yaml or json (default yaml)\n",
	  .examples = "  berth host status\n",
	  .run = host_status,
	  .aliases = status_aliases },
	{ .name = "stop",
	  .args = "[flags]",
	  .summary = "Shut all instances down as when the host goes down; those that ran start with it again",
	  .options = "  -f, --format FORMAT   table, json or yaml (default table)\n",
	  .examples = "  berth host stop\n",
	  .run = host_stop },
	{ .name = "unload",
	  .args = "[flags]",
	  .summary = "Stop terminals and watchers and refuse changes; containers go on running",
	  .options = "  -f, --format FORMAT   table, json or yaml (default table)\n",
	  .examples = "  berth host unload\n",
	  .run = host_unload },
	{ 0 },
};

const struct command cmd_host = {
	.name = "host",
	.summary = "Prepare, check, load and unload this host",
	.examples = "  berth host check\n  berth host init --dry-run\n",
	.sub = host_commands,
};
