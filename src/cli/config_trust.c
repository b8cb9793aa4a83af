/* SPDX-License-Identifier: MIT */
/* berth config trust: which clients may use the API over HTTPS. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/ident.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "cli/config_metadata.h"
#include "cli/listing.h"
#include "cli/object.h"
#include "cli/when.h"

#define CERTIFICATE_MAX 65536
#define FINGERPRINT_SHORT 12

/* ---- certificates */

static void trust_row(struct table *table, const cJSON *c)
{
	AUTO_FREE char *fingerprint = mem_strndup(json_str_or(c, "fingerprint", ""), FINGERPRINT_SHORT);

	table_row(table, (const char *const[]){ json_str_or(c, "type", ""), json_str_or(c, "name", ""), fingerprint });
}

static const struct listing certificates = { { "TYPE", "NAME", "FINGERPRINT" }, trust_row };

static int trust_list(struct cli *cli, int argc, char **argv, struct error *err)
{
	return listing_command(cli, argc, argv, 1, &certificates, "/1.0/certificates?recursion=1", err);
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static int add_certificate(struct cli *cli, const char *file, cJSON *body, struct error *err)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT;
	AUTO_JSON cJSON *answer = NULL;

	if (fs_read_file(file, CERTIFICATE_MAX, &text, err) < 0)
		return -1;
	if (strlen(text.buf) != text.len || !strstr(text.buf, "-----BEGIN CERTIFICATE-----"))
		return error_set(err, ERROR_INVALID, "'%s' is no certificate in PEM form", file);
	json_set_str(body, "certificate", text.buf);
	if (!json_str(body, "name"))
		json_set_str(body, "name", base_name(file));
	answer = client_change(cli->client, "POST", "/1.0/certificates", body, NULL, err);
	return answer ? 0 : -1;
}

/* ---- tokens: operations of the class "token" that somebody may use */

static void add_base64(struct strbuf *out, const char *text)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const unsigned char *p = (const unsigned char *)text;
	size_t left = strlen(text);

	for (; left > 0; p += 3) {
		unsigned bits = (unsigned)p[0] << 16 | (left > 1 ? (unsigned)p[1] << 8 : 0) | (left > 2 ? p[2] : 0);

		strbuf_addch(out, digits[bits >> 18]);
		strbuf_addch(out, digits[bits >> 12 & 63]);
		strbuf_addch(out, left > 1 ? digits[bits >> 6 & 63] : '=');
		strbuf_addch(out, left > 2 ? digits[bits & 63] : '=');
		left -= left > 3 ? 3 : left;
	}
}

/* What a client is given of a token's operation, as LXD's clients read it; "" when it is none. Caller frees. */
static char *token_text(const cJSON *op)
{
	const cJSON *metadata = json_obj(op, "metadata"), *addresses = json_arr(metadata, "addresses");
	const char *secret = json_str(metadata, "secret");
	struct strbuf out = STRBUF_INIT;
	AUTO_JSON cJSON *token = cJSON_CreateObject();
	AUTO_FREE char *text = NULL;

	if (!secret || !json_obj(metadata, "request"))
		return mem_strdup("");
	json_set_str(token, "client_name", json_str_or(json_obj(metadata, "request"), "name", ""));
	json_set_str(token, "fingerprint", json_str_or(metadata, "fingerprint", ""));
	json_set(token, "addresses", addresses ? cJSON_Duplicate(addresses, true) : cJSON_CreateArray());
	json_set_str(token, "secret", secret);
	json_set_str(token, "expires_at", json_str_or(metadata, "expiresAt", TIME_UNSET));
	text = json_text(token);
	add_base64(&out, text);
	return strbuf_detach(&out);
}

/* The operations that are tokens for clients, an array of the caller's; NULL with err. */
static cJSON *get_tokens(struct cli *cli, struct error *err)
{
	AUTO_JSON cJSON *all = client_get(cli->client, "/1.0/operations?recursion=1", NULL, err);
	cJSON *tokens = all ? cJSON_CreateArray() : NULL;
	const cJSON *state, *op;

	cJSON_ArrayForEach(state, all)
		cJSON_ArrayForEach(op, state)
			if (strcmp(json_str_or(op, "class", ""), "token") == 0 && json_int(op, "status_code", 0) < 200 &&
			    json_obj(json_obj(op, "metadata"), "request"))
				cJSON_AddItemToArray(tokens, cJSON_Duplicate(op, true));
	return tokens;
}

static const char *token_client(const cJSON *op)
{
	return json_str_or(json_obj(json_obj(op, "metadata"), "request"), "name", "");
}

static int add_token(struct cli *cli, cJSON *body, struct error *err)
{
	AUTO_FREE char *id = NULL, *path = NULL, *text = NULL;
	AUTO_JSON cJSON *op = NULL;

	json_set_bool(body, "token", true);
	id = client_begin(cli->client, "POST", "/1.0/certificates", body, NULL, err);
	if (!id)
		return err->code == ERROR_NONE ? error_set(err, ERROR_TOOL, "berthd gave no token") : -1;
	path = mem_printf("/1.0/operations/%s", id);
	op = client_get(cli->client, path, NULL, err);
	if (!op)
		return -1;
	text = token_text(op);
	if (!cli->quiet)
		printf("Client %s certificate add token:\n", json_str_or(body, "name", ""));
	puts(text);
	return 0;
}

static int trust_add(struct cli *cli, int argc, char **argv, struct error *err)
{
	static const struct option options[] = { { "name", required_argument, NULL, 'n' },
						 { "type", required_argument, NULL, 't' },
						 { 0 } };
	AUTO_JSON cJSON *body = cJSON_CreateObject();
	int c;

	json_set_str(body, "type", "client");
	while ((c = cli_getopt(cli, argc, argv, "", options)) != -1) {
		if (c == '?')
			return CLI_USAGE;
		json_set_str(body, c == 'n' ? "name" : "type", optarg);
	}
	if (cli_argc(cli, argc, 0, 1) != 0)
		return CLI_USAGE;
	if (optind < argc)
		return add_certificate(cli, argv[optind], body, err);
	if (!json_str(body, "name"))
		return cli_usage(cli, "a certificate's file is needed, or --name NAME to make a token for that client");
	return add_token(cli, body, err);
}

static void token_row(struct table *table, const cJSON *op)
{
	AUTO_FREE char *text = token_text(op);
	char expires[WHEN_TEXT_SIZE];

	when_format(json_str(json_obj(op, "metadata"), "expiresAt"), "", expires);
	table_row(table, (const char *const[]){ token_client(op), text, expires });
}

static const struct listing token_listing = { { "NAME", "TOKEN", "EXPIRES AT" }, token_row };

static int trust_list_tokens(struct cli *cli, int argc, char **argv, struct error *err)
{
	AUTO_JSON cJSON *tokens = NULL;
	enum format format;
	int rc = format_args(cli, &argc, &argv, 1, &format);

	if (rc != 0)
		return rc;
	tokens = get_tokens(cli, err);
	return tokens ? listing_print(&token_listing, tokens, format, err) : -1;
}

static int trust_revoke_token(struct cli *cli, int argc, char **argv, struct error *err)
{
	AUTO_JSON cJSON *tokens = NULL;
	const cJSON *op;
	int rc = cli_args(cli, &argc, &argv, 1, 1), n = 0;

	if (rc != 0)
		return rc;
	tokens = get_tokens(cli, err);
	cJSON_ArrayForEach(op, tokens) {
		AUTO_FREE char *path = mem_printf("/1.0/operations/%s", json_str_or(op, "id", ""));
		AUTO_JSON cJSON *answer = NULL;

		if (strcmp(token_client(op), argv[0]) != 0)
			continue;
		answer = client_change(cli->client, "DELETE", path, NULL, NULL, err);
		if (!answer)
			return -1;
		n++;
	}
	if (!tokens)
		return -1;
	if (n == 0)
		return error_set(err, ERROR_NOT_FOUND, "No token for certificate %s: there is no client of that name waited for", argv[0]);
	if (!cli->quiet)
		printf("Certificate add token for %s deleted\n", argv[0]);
	return 0;
}

static const char *const list_aliases[] = { "ls", NULL };
static const char *const remove_aliases[] = { "rm", NULL };

const struct command config_trust_commands[] = {
	{ .name = "list",
	  .args = "",
	  .summary = "List trusted clients",
	  .options = "  -f, --format FORMAT   table, compact, json, csv or yaml (default table)\n",
	  .examples = "  berth config trust list\n",
	  .run = trust_list,
	  .aliases = list_aliases },
	{ .name = "add",
	  .args = "[<certificate>] [flags]",
	  .summary = "Add a trusted client, or make a token with which one adds itself",
	  .options = "      --name NAME   The client's name (default: that of the file)\n"
		     "      --type TYPE   client\n",
	  .examples = "  berth config trust add laptop.crt\n"
		      "  berth config trust add --name laptop\n"
		      "      A token, for: lxc remote add SERVER TOKEN\n",
	  .run = trust_add,
	  .complete = "file -" },
	{ .name = "show",
	  .args = "<fingerprint>",
	  .summary = "Show trust configurations",
	  .examples = "  berth config trust show d265bfc54855\n",
	  .run = object_show_command,
	  .complete = "certificate -" },
	{ .name = "edit",
	  .args = "<fingerprint>",
	  .summary = "Edit trust configurations as YAML",
	  .examples = "  berth config trust edit d265bfc54855 < client.yaml\n",
	  .run = object_edit_command,
	  .complete = "certificate -" },
	{ .name = "remove",
	  .args = "<fingerprint>...",
	  .summary = "Remove trusted clients",
	  .examples = "  berth config trust remove d265bfc54855\n",
	  .run = object_delete_command,
	  .aliases = remove_aliases,
	  .complete = "certificate" },
	{ .name = "list-tokens",
	  .args = "",
	  .summary = "List all active certificate add tokens",
	  .options = "  -f, --format FORMAT   table, compact, json, csv or yaml (default table)\n",
	  .examples = "  berth config trust list-tokens\n",
	  .run = trust_list_tokens },
	{ .name = "revoke-token",
	  .args = "<name>",
	  .summary = "Revoke certificate add token",
	  .examples = "  berth config trust revoke-token laptop\n",
	  .run = trust_revoke_token,
	  .complete = "-" },
	{ 0 },
};
