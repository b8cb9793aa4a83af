/* SPDX-License-Identifier: MIT */
/* berth query: one request of the API, and its answer as it is. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "cli/cli.h"
#include "cli/json_show.h"

struct query {
	const char *method;
	const char *data; /* NULL: no body */
	bool wait, raw;
};

static int read_data(const char *data, struct strbuf *out, struct error *err)
{
	char buf[8192];
	ssize_t n;

	if (strcmp(data, "-") != 0) {
		strbuf_addstr(out, data);
		return 0;
	}
	while ((n = read(STDIN_FILENO, buf, sizeof(buf))) > 0)
		strbuf_add(out, buf, (size_t)n);
	return n < 0 ? error_sys(err, errno, "cannot read stdin") : 0;
}

/* Waits when asked to and when there is something to wait for: then the operation takes the answer's place. */
static int finish(struct cli *cli, const struct query *q, struct response *r, struct error *err)
{
	const cJSON *metadata = cJSON_GetObjectItemCaseSensitive(r->envelope, "metadata");
	const char *id = json_str(metadata, "id");
	AUTO_JSON cJSON *operation = NULL;

	if (q->wait && id && strcmp(json_str_or(r->envelope, "type", ""), "async") == 0) {
		operation = client_wait(cli->client, id, err);
		if (!operation)
			return -1;
		metadata = operation;
	}
	if (q->raw && !operation)
		json_show(r->envelope);
	else if (metadata && !cJSON_IsNull(metadata) && !(cJSON_IsObject(metadata) && !metadata->child))
		json_show(metadata);
	return 0;
}

static int send_query(struct cli *cli, const struct query *q, const char *path, struct error *err)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT;
	AUTO_JSON cJSON *body = NULL;
	struct response r = { 0 };
	int rc;

	if (q->data) {
		if (read_data(q->data, &text, err) < 0)
			return -1;
		body = json_parse(text.buf, text.len, err);
		if (!body)
			return error_wrap(err, "the data is no JSON");
	}
	if (client_request(cli->client, q->method, path, body, NULL, &r, err) < 0)
		return -1;
	if (r.envelope && strcmp(json_str_or(r.envelope, "type", ""), "error") == 0 && !q->raw) {
		rc = error_set(err, ERROR_TOOL, "%s", json_str_or(r.envelope, "error", "the request was refused"));
	} else if (r.envelope) {
		rc = finish(cli, q, &r, err);
		if (rc == 0 && r.status >= 400)
			rc = 1;
	} else {
		fwrite(r.raw ? r.raw : "", 1, r.raw_len, stdout);
		rc = r.status < 400 ? 0 : 1;
	}
	response_clear(&r);
	return rc;
}

static int query(struct cli *cli, int argc, char **argv, struct error *err)
{
	static const struct option options[] = { { "request", required_argument, NULL, 'X' },
						 { "data", required_argument, NULL, 'd' },
						 { "wait", no_argument, NULL, 'w' },
						 { "raw", no_argument, NULL, 'r' },
						 { 0 } };
	struct query q = { .method = "GET" };
	int c;

	while ((c = cli_getopt(cli, argc, argv, "X:d:", options)) != -1) {
		if (c == 'X')
			q.method = optarg;
		else if (c == 'd')
			q.data = optarg;
		else if (c == 'w')
			q.wait = true;
		else if (c == 'r')
			q.raw = true;
		else
			return CLI_USAGE;
	}
	if (cli_argc(cli, argc, 1, 1) != 0)
		return CLI_USAGE;
	if (argv[optind][0] != '/')
		return cli_usage(cli, "'%s' is no path of the API: they begin with '/'", argv[optind]);
	if (q.wait && q.raw)
		return cli_usage(cli, "--wait and --raw exclude each other");
	if (!*q.method || strspn(q.method, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != strlen(q.method))
		return cli_usage(cli, "'%s' is no HTTP method", q.method);
	return send_query(cli, &q, argv[optind], err);
}

const struct command cmd_query = {
	.name = "query",
	.args = "<API path>",
	.summary = "Send a raw query to berthd",
	.options = "  -X, --request METHOD  Method (default GET)\n"
		   "  -d, --data JSON       JSON to send, - reads it from stdin\n"
		   "      --wait            Wait for the operation to complete and show it\n"
		   "      --raw             Print the whole answer, errors too\n",
	.examples = "  berth query /1.0/instances?recursion=1\n"
		    "  berth query -X DELETE --wait /1.0/instances/c1\n"
		    "      Delete instance c1.\n\n"
		    "  berth query -X PUT --wait -d '{\"action\":\"start\"}' /1.0/instances/c1/state\n",
	.run = query,
};
