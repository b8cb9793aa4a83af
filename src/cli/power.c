/* SPDX-License-Identifier: MIT */
/* start, stop, restart, pause, resume, kill: one state change for one or many instances. */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/units.h"
#include "cli/cli.h"
#include "cli/instance.h"

#define AT_ONCE 32 /* connections */

enum { OPT_ALL = 1, OPT_TIMEOUT, OPT_CONSOLE, OPT_STATELESS };

struct power {
	const char *action; /* of the API */
	const char *done;   /* "Some instances failed to …" */
	bool force;
	bool all;
	bool console;
	int64_t timeout; /* -1: as long as it takes */
};

struct job {
	const char *name;
	struct client *client; /* NULL: not begun, or over */
};

/* ---- one instance */

static cJSON *power_body(const struct power *p, const char *action)
{
	cJSON *body = cJSON_CreateObject();

	json_set_str(body, "action", action);
	json_set_int(body, "timeout", p->timeout);
	json_set_bool(body, "force", p->force);
	json_set_bool(body, "stateful", false);
	return body;
}

/* Starting a frozen instance thaws it. */
static const char *power_action(const struct power *p, struct client *client, const char *name,
				struct error *err)
{
	AUTO_FREE char *path = instance_path(name, "");
	AUTO_JSON cJSON *instance = NULL;

	if (strcmp(p->action, "start") != 0)
		return p->action;
	instance = client_get(client, path, NULL, err);
	if (!instance)
		return NULL;
	return json_int(instance, "status_code", 0) == STATUS_FROZEN ? "unfreeze" : p->action;
}

static char *power_begin(const struct power *p, struct client *client, const char *name, struct error *err)
{
	AUTO_FREE char *path = instance_path(name, "/state");
	const char *action = power_action(p, client, name, err);
	AUTO_JSON cJSON *body = action ? power_body(p, action) : NULL;

	return body ? client_begin(client, "PUT", path, body, NULL, err) : NULL;
}

static int power_one(struct cli *cli, const struct power *p, const char *name, struct error *err)
{
	AUTO_FREE char *id = power_begin(p, cli->client, name, err);
	AUTO_JSON cJSON *op = id ? client_wait(cli->client, id, err) : NULL;

	if (err->code == ERROR_NONE && (op || !id))
		return 0;
	if (!strcmp(p->action, "start") && id) {
		AUTO_FREE char *why = mem_strdup(err->msg);

		/* as lxc: where to look */
		error_set(err, err->code, "%s\nTry `berth info --show-log %s` for more info", why,
			  instance_local(name));
	}
	return -1;
}

/* With its console beside it, which ends with the instance, or when it is left. */
static int stop_watched(struct cli *cli, const struct power *p, const char *name, struct error *err)
{
	AUTO_ARGV struct argv console = ARGV_INIT;
	AUTO_FREE char *id = NULL;
	AUTO_JSON cJSON *op = NULL;

	if (instance_console_command(cli, name, &console, err) < 0)
		return -1;
	id = power_begin(p, cli->client, name, err);
	if (!id)
		return -1;
	if (terminal_child(&console) < 0)
		fprintf(stderr, "no console: %m\n");
	op = client_wait(cli->client, id, err);
	return op ? 0 : -1;
}

/* ---- many at once: each has a connection that waits for it */

static int job_failed(const struct job *job, const struct error *err)
{
	fputs("Error: ", stderr);
	text_print(stderr, job->name);
	fputs(": ", stderr);
	text_print(stderr, err->msg);
	putc('\n', stderr);
	return 1;
}

static int job_begin(struct cli *cli, const struct power *p, struct job *job)
{
	struct error err = ERROR_INIT;
	AUTO_FREE char *id = NULL;

	job->client = client_clone(cli->client);
	id = power_begin(p, job->client, job->name, &err);
	if (id && client_wait_send(job->client, id, &err) == 0)
		return 0;
	client_free(job->client);
	job->client = NULL;
	return err.code == ERROR_NONE ? 0 : job_failed(job, &err);
}

static int job_end(struct job *job)
{
	struct error err = ERROR_INIT;
	AUTO_JSON cJSON *op = NULL;

	if (!job->client)
		return 0;
	op = client_wait_receive(job->client, &err);
	client_free(job->client);
	job->client = NULL;
	return op ? 0 : job_failed(job, &err);
}

static int power_many(struct cli *cli, const struct power *p, struct job *jobs, size_t n, struct error *err)
{
	int failed = 0;

	for (size_t i = 0; i < n + AT_ONCE; i++) {
		if (i >= AT_ONCE && i - AT_ONCE < n)
			failed += job_end(&jobs[i - AT_ONCE]);
		if (i < n)
			failed += job_begin(cli, p, &jobs[i]);
	}
	return failed ? error_set(err, ERROR_TOOL, "Some instances failed to %s", p->done) : 0;
}

/* ---- which */

static bool power_applies(const struct power *p, const cJSON *instance)
{
	int64_t status = json_int(instance, "status_code", 0);

	if (!strcmp(p->action, "start"))
		return status == STATUS_STOPPED || status == STATUS_FROZEN;
	if (!strcmp(p->action, "unfreeze"))
		return status == STATUS_FROZEN;
	if (!strcmp(p->action, "freeze"))
		return status == STATUS_RUNNING;
	return status != STATUS_STOPPED;
}

static int power_all(struct cli *cli, const struct power *p, struct error *err)
{
	AUTO_JSON cJSON *list = client_get(cli->client, "/1.0/instances?recursion=1", NULL, err);
	struct job *jobs;
	const cJSON *item;
	size_t n = 0;
	int rc;

	if (!list)
		return -1;
	jobs = mem_alloc(((size_t)cJSON_GetArraySize(list) + 1) * sizeof(*jobs));
	cJSON_ArrayForEach(item, list)
	{
		if (json_str(item, "name") && power_applies(p, item))
			jobs[n++].name = json_str(item, "name");
	}
	rc = power_many(cli, p, jobs, n, err);
	free(jobs);
	return rc;
}

static int power_named(struct cli *cli, const struct power *p, int n, char **names, struct error *err)
{
	struct job *jobs;
	int rc;

	if (p->console && strcmp(p->action, "stop") == 0)
		return stop_watched(cli, p, names[0], err);
	if (n == 1) {
		if (power_one(cli, p, names[0], err) < 0)
			return -1;
		return p->console ? instance_console(cli, names[0], err) : 0;
	}
	jobs = mem_alloc((size_t)n * sizeof(*jobs));
	for (int i = 0; i < n; i++)
		jobs[i].name = names[i];
	rc = power_many(cli, p, jobs, (size_t)n, err);
	free(jobs);
	return rc;
}

/* Of the options of all these commands, has this one it? */
static bool has_option(const struct power *p, int opt)
{
	bool starts = strcmp(p->action, "start") == 0;
	bool stops = strcmp(p->action, "stop") == 0 || strcmp(p->action, "restart") == 0;

	if (opt == 'f' || opt == OPT_TIMEOUT)
		return stops;
	if (opt == OPT_CONSOLE)
		return starts || stops;
	return opt != OPT_STATELESS || starts;
}

static const char *name_of(const struct option *options, int opt)
{
	while (options->val != opt)
		options++;
	return options->name;
}

static int parse_options(struct cli *cli, int argc, char **argv, struct power *p, struct error *err)
{
	static const struct option options[] = {
		{ "all", no_argument, NULL, OPT_ALL },
		{ "force", no_argument, NULL, 'f' },
		{ "timeout", required_argument, NULL, OPT_TIMEOUT },
		{ "console", no_argument, NULL, OPT_CONSOLE },
		{ "stateless", no_argument, NULL, OPT_STATELESS }, /* of lxc: what we always do */
		{ 0 },
	};
	int opt;

	while ((opt = cli_getopt(cli, argc, argv, has_option(p, 'f') ? "f" : "", options)) != -1) {
		if (opt == '?')
			return CLI_USAGE;
		if (!has_option(p, opt))
			return cli_usage(cli, "unknown option '--%s'", name_of(options, opt));
		if (opt == OPT_TIMEOUT && units_parse_int(optarg, -1, 86400, &p->timeout, err) < 0)
			return cli_usage(cli, "--timeout: %s", err->msg);
		p->all |= opt == OPT_ALL;
		p->force |= opt == 'f';
		p->console |= opt == OPT_CONSOLE;
	}
	return 0;
}

static int power_run(struct cli *cli, int argc, char **argv, struct power *p, struct error *err)
{
	int rc = parse_options(cli, argc, argv, p, err);

	if (rc != 0)
		return rc;
	if (p->all && optind < argc)
		return cli_usage(cli, "--all goes without names of instances");
	if (p->console && (p->all || argc - optind > 1))
		return cli_usage(cli, "--console is for one instance");
	if (p->console && p->force && strcmp(p->action, "stop") == 0)
		return cli_usage(cli, "--console goes without --force, which shows nothing");
	if (p->all)
		return power_all(cli, p, err);
	if (optind >= argc)
		return cli_usage(cli, "name an instance, or --all");
	return power_named(cli, p, argc - optind, argv + optind, err);
}

#define POWER_COMMAND(NAME, ACTION, DONE, FORCE)                                                         \
	static int NAME##_run(struct cli *cli, int argc, char **argv, struct error *err)                 \
	{                                                                                                \
		struct power p = { .action = ACTION, .done = DONE, .force = FORCE, .timeout = -1 };      \
		return power_run(cli, argc, argv, &p, err);                                              \
	}

POWER_COMMAND(start, "start", "start", false)
POWER_COMMAND(stop, "stop", "stop", false)
POWER_COMMAND(restart, "restart", "restart", false)
POWER_COMMAND(pause, "freeze", "pause", false)
POWER_COMMAND(resume, "unfreeze", "resume", false)
POWER_COMMAND(kill, "stop", "stop", true)

#define ALL_HELP "      --all               All instances\n"
#define STOP_HELP                                                                                        \
	ALL_HELP "  -f, --force             Do not wait for a shutdown, kill it\n"                        \
		 "      --timeout SECONDS   Give up after so long (default: wait for ever); 0: --force\n"
#define CONSOLE_HELP "      --console           Attach to its console\n"
#define ARGS "<instance>... [flags]"

const struct command cmd_start = {
	.name = "start",
	.args = ARGS,
	.summary = "Start instances",
	.options = ALL_HELP CONSOLE_HELP,
	.examples = "  berth start c1 c2\n  berth start --all\n",
	.run = start_run,
	.complete = "instance",
};

const struct command cmd_stop = {
	.name = "stop",
	.args = ARGS,
	.summary = "Stop instances",
	.options = STOP_HELP CONSOLE_HELP,
	.examples = "  berth stop c1 --timeout 30\n  berth stop -f --all\n",
	.run = stop_run,
	.complete = "instance",
};

const struct command cmd_restart = {
	.name = "restart",
	.args = ARGS,
	.summary = "Restart instances",
	.options = STOP_HELP CONSOLE_HELP,
	.examples = "  berth restart c1\n  berth restart -f c1\n",
	.run = restart_run,
	.complete = "instance",
};

static const char *const pause_aliases[] = { "freeze", NULL };
static const char *const resume_aliases[] = { "unfreeze", "unpause", NULL };

const struct command cmd_pause = {
	.name = "pause",
	.args = ARGS,
	.summary = "Freeze all processes of instances",
	.options = ALL_HELP,
	.examples = "  berth pause c1\n",
	.run = pause_run,
	.aliases = pause_aliases,
	.complete = "instance",
};

const struct command cmd_resume = {
	.name = "resume",
	.args = ARGS,
	.summary = "Let frozen instances go on",
	.options = ALL_HELP,
	.examples = "  berth resume c1\n",
	.run = resume_run,
	.aliases = resume_aliases,
	.complete = "instance",
};

const struct command cmd_kill = {
	.name = "kill",
	.args = ARGS,
	.summary = "Stop instances at once: stop --force",
	.options = ALL_HELP,
	.examples = "  berth kill c1\n",
	.run = kill_run,
	.complete = "instance",
};
