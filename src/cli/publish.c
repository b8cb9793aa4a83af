/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "cli/image.h"
#include "cli/instance.h"
#include "cli/keyval.h"

struct publication {
	const char *name; /* "c1" or "c1/s1" */
	cJSON *request;
	struct argv aliases;
	bool force;
};

/* Of an instance that runs: it is to stop, or to run again. */
static int set_state(struct cli *cli, const char *name, const char *action, struct error *err)
{
	AUTO_FREE char *path = instance_path(name, "/state");
	AUTO_JSON cJSON *body = cJSON_CreateObject();
	AUTO_JSON cJSON *op = NULL;

	json_set_str(body, "action", action);
	json_set_int(body, "timeout", -1);
	json_set_bool(body, "force", strcmp(action, "stop") == 0);
	op = client_change(cli->client, "PUT", path, body, NULL, err);
	return op ? 0 : -1;
}

/* *ret_ran: it ran, and was stopped. */
static int quiet_down(struct cli *cli, const struct publication *p, bool *ret_ran, struct error *err)
{
	AUTO_FREE char *path = instance_path(p->name, "");
	AUTO_JSON cJSON *instance = NULL;

	*ret_ran = false;
	if (strchr(p->name, '/'))
		return 0;
	instance = client_get(cli->client, path, NULL, err);
	if (!instance)
		return -1;
	if (json_int(instance, "status_code", 0) == STATUS_STOPPED)
		return 0;
	if (!p->force)
		return error_set(err, ERROR_INVALID,
				 "The instance is currently running. Use --force to have it stopped and restarted");
	if (json_bool(instance, "ephemeral", false))
		return error_set(err, ERROR_INVALID, "'%s' is ephemeral: stopping it would delete it", p->name);
	if (set_state(cli, p->name, "stop", err) < 0)
		return -1;
	*ret_ran = true;
	return 0;
}

static int make(struct cli *cli, const struct publication *p, struct error *err)
{
	AUTO_JSON cJSON *op = client_change(cli->client, "POST", "/1.0/images", p->request, NULL, err);
	const char *fingerprint = json_str_or(json_obj(op, "metadata"), "fingerprint", "");

	if (!op)
		return -1;
	for (size_t i = 0; i < p->aliases.n; i++)
		if (image_alias_point(cli, p->aliases.v[i], fingerprint, err) < 0)
			return -1;
	printf("Instance published with fingerprint: %s\n", fingerprint);
	return 0;
}

static int run(struct cli *cli, const struct publication *p, struct error *err)
{
	struct error later = ERROR_INIT;
	bool ran;
	int rc;

	if (quiet_down(cli, p, &ran, err) < 0)
		return -1;
	rc = make(cli, p, err);
	if (ran && set_state(cli, p->name, "start", rc == 0 ? err : &later) < 0)
		return -1;
	return rc;
}

static int options(struct cli *cli, struct publication *p, int argc, char **argv, struct error *err)
{
	static const struct option known[] = { { "alias", required_argument, NULL, 'a' },
					       { "compression", required_argument, NULL, 'c' },
					       { "expire", required_argument, NULL, 'e' },
					       { "force", no_argument, NULL, 'f' },
					       { "public", no_argument, NULL, 'p' },
					       { 0 } };
	cJSON *source = cJSON_AddObjectToObject(p->request, "source"), *properties;
	int c;

	while ((c = cli_getopt(cli, argc, argv, "f", known)) != -1) {
		if (c == 'a')
			argv_push(&p->aliases, optarg);
		else if (c == 'c')
			json_set_str(p->request, "compression_algorithm", optarg);
		else if (c == 'e')
			json_set_str(p->request, "expires_at", optarg);
		else if (c == 'f')
			p->force = true;
		else if (c == 'p')
			json_set_bool(p->request, "public", true);
		else
			return CLI_USAGE;
	}
	if (cli_argc(cli, argc, 1, -1) != 0)
		return CLI_USAGE;
	p->name = instance_local(argv[optind++]);
	json_set_str(source, "type", strchr(p->name, '/') ? "snapshot" : "instance");
	json_set_str(source, "name", p->name);
	if (optind == argc)
		return 0;
	properties = keyval_parse(argc - optind, argv + optind, err);
	json_set(p->request, "properties", properties);
	return properties ? 0 : cli_usage(cli, "%s", err->msg);
}

static int publish_run(struct cli *cli, int argc, char **argv, struct error *err)
{
	AUTO_JSON cJSON *request = cJSON_CreateObject();
	struct publication p = { .request = request };
	int rc = options(cli, &p, argc, argv, err);

	if (rc == 0)
		rc = run(cli, &p, err);
	argv_clear(&p.aliases);
	return rc;
}

const struct command cmd_publish = {
	.name = "publish",
	.args = "<instance>[/<snapshot>] [flags] [key=value...]",
	.summary = "Publish instances and snapshots as images",
	.options = "      --alias NAME              Name for the image; may be given several times\n"
		   "      --compression ALGORITHM   none, gzip, bzip2, lzma, xz, zstd or squashfs (default gzip)\n"
		   "      --expire TIME             What the image is good until (RFC 3339)\n"
		   "  -f, --force                   Stop a running instance, start it afterwards\n"
		   "      --public                  Make the image public\n",
	.examples = "  berth publish web --alias web-golden\n"
		    "  berth publish web/before-upgrade --compression zstd description='web, as it was'\n",
	.run = publish_run,
	.complete = "snapshot -",
};
