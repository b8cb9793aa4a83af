/* SPDX-License-Identifier: MIT */
/* berth image copy, refresh */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "cli/image.h"

enum { CERTIFICATE_MAX = 65536 };

struct copy {
	cJSON *request, *source;
	cJSON *aliases;
};

/* https://host:port/debian/12: the server is what stands before the path. */
static int take_address(struct copy *c, const char *address, struct error *err)
{
	const char *slash = strncmp(address, "https://", 8) == 0 ? strchr(address + 8, '/') : NULL;

	if (!slash || slash == address + 8 || slash[1] == '\0')
		return error_set(err, ERROR_INVALID, "'%s' is not https://SERVER/IMAGE", address);
	json_set_strf(c->source, "server", "%.*s", (int)(slash - address), address);
	json_set_str(c->source, "alias", slash + 1);
	return 0;
}

static int take_certificate(struct copy *c, const char *path, struct error *err)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT;

	if (fs_read_file(path, CERTIFICATE_MAX, &text, err) < 0)
		return -1;
	json_set_str(c->source, "certificate", text.buf);
	return 0;
}

static void add_alias(struct copy *c, const char *name)
{
	cJSON *alias = cJSON_CreateObject();

	json_set_str(alias, "name", name);
	cJSON_AddItemToArray(c->aliases, alias);
}

static int copy_options(struct cli *cli, struct copy *c, int argc, char **argv, struct error *err)
{
	static const struct option options[] = { { "alias", required_argument, NULL, 'a' },
						 { "auto-update", no_argument, NULL, 'u' },
						 { "certificate", required_argument, NULL, 'c' },
						 { "protocol", required_argument, NULL, 'p' },
						 { "public", no_argument, NULL, 'P' },
						 { 0 } };
	int o;

	while ((o = cli_getopt(cli, argc, argv, "", options)) != -1) {
		if (o == 'a')
			add_alias(c, optarg);
		else if (o == 'u')
			json_set_bool(c->request, "auto_update", true);
		else if (o == 'p')
			json_set_str(c->source, "protocol", optarg);
		else if (o == 'P')
			json_set_bool(c->request, "public", true);
		else if (o != 'c')
			return CLI_USAGE;
		else if (take_certificate(c, optarg, err) < 0)
			return -1;
	}
	if (cli_argc(cli, argc, 1, 1) != 0)
		return CLI_USAGE;
	return take_address(c, argv[optind], err) < 0 ? cli_usage(cli, "%s", err->msg) : 0;
}

int image_copy_cmd(struct cli *cli, int argc, char **argv, struct error *err)
{
	AUTO_JSON cJSON *request = cJSON_CreateObject();
	AUTO_JSON cJSON *op = NULL;
	struct copy c = { .request = request };
	int rc;

	c.source = cJSON_AddObjectToObject(request, "source");
	c.aliases = cJSON_AddArrayToObject(request, "aliases");
	json_set_str(c.source, "type", "image");
	json_set_str(c.source, "mode", "pull");
	json_set_str(c.source, "protocol", "lxd");
	rc = copy_options(cli, &c, argc, argv, err);
	if (rc != 0)
		return rc;
	op = client_change(cli->client, "POST", "/1.0/images", request, NULL, err);
	if (!op)
		return -1;
	printf("Image copied with fingerprint: %s\n", json_str_or(json_obj(op, "metadata"), "fingerprint", ""));
	return 0;
}

static int refresh_one(struct cli *cli, const char *ref, struct error *err)
{
	AUTO_FREE char *fingerprint = image_ref_resolve(cli, ref, err);
	AUTO_FREE char *path = fingerprint ? mem_printf("/1.0/images/%s/refresh", fingerprint) : NULL;
	AUTO_JSON cJSON *op = path ? client_change(cli->client, "POST", path, NULL, NULL, err) : NULL;

	if (!op)
		return -1;
	printf("%s: %s\n", ref, json_bool(json_obj(op, "metadata"), "refreshed", false) ? "refreshed" : "up to date");
	return 0;
}

int image_refresh_cmd(struct cli *cli, int argc, char **argv, struct error *err)
{
	int i, rc = cli_args(cli, &argc, &argv, 1, -1);

	for (i = 0; rc == 0 && i < argc; i++)
		rc = refresh_one(cli, argv[i], err);
	return rc;
}
