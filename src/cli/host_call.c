/* SPDX-License-Identifier: MIT */
/* berth host call: an operation of the host module by its own name, with its own fields and answer. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "cli/host.h"
#include "cli/json_show.h"

#define INPUT_MAX (1u << 20)

static int read_stdin(struct strbuf *out, struct error *err)
{
	char buf[8192];
	ssize_t n;

	while ((n = read(STDIN_FILENO, buf, sizeof(buf))) > 0 && out->len < INPUT_MAX)
		strbuf_add(out, buf, (size_t)n);
	return n < 0 ? error_sys(err, errno, "cannot read stdin") : 0;
}

/* {} without a file, and for an empty one. */
static cJSON *read_input(const char *file, struct error *err)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT;
	cJSON *input;

	if (file == NULL)
		return cJSON_CreateObject();
	if ((strcmp(file, "-") == 0 ? read_stdin(&text, err) : fs_read_file(file, INPUT_MAX, &text, err)) < 0)
		return NULL;
	if (text.buf[strspn(text.buf, " \t\r\n")] == '\0')
		return cJSON_CreateObject();
	input = json_parse(text.buf, text.len, err);
	if (input == NULL)
		error_wrap(err, "%s is no JSON", strcmp(file, "-") == 0 ? "standard input" : file);
	return input;
}

int host_call_run(struct cli *cli, int argc, char **argv, struct error *err)
{
	AUTO_JSON cJSON *input = NULL;
	AUTO_FREE char *operation = NULL;
	AUTO_FREE char *path = NULL;
	struct response r = { 0 };
	int rc = cli_args(cli, &argc, &argv, 1, 2);
	bool success;

	if (rc != 0)
		return rc;
	input = read_input(argc > 1 ? argv[1] : NULL, err);
	if (input == NULL)
		return -1;
	operation = client_escape(argv[0]);
	path = mem_printf("/1.0/host/%s", operation);
	if (client_request(cli->client, "POST", path, input, NULL, &r, err) < 0)
		return -1;
	success = r.envelope != NULL && json_bool(r.envelope, "success", false);
	if (r.envelope != NULL)
		json_show(r.envelope);
	else
		error_set(err, ERROR_TOOL, "berthd answered with %d and no JSON", r.status);
	rc = success ? 0 : r.envelope != NULL ? 1 : -1;
	response_clear(&r);
	return rc;
}
