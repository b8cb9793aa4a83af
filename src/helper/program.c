/* SPDX-License-Identifier: MIT */
#include "helper/program.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/strbuf.h"

enum { EXIT_USAGE = 2 };

int program_usage(const struct program *p, struct error *err)
{
	return error_set(err, ERROR_INVALID, "wrong usage, see '%s --help'", p->name);
}

int program_main(const struct program *p, void *args, int argc, char **argv)
{
	struct error err = ERROR_INIT;
	int status = EXIT_SUCCESS;

	if (argc == 2 && strcmp(argv[1], "--help") == 0) {
		fputs(p->usage, stdout);
		return EXIT_SUCCESS;
	}
	if (argc == 2 && strcmp(argv[1], "--version") == 0) {
		printf("%s %s\n", p->name, BERTH_VERSION);
		return EXIT_SUCCESS;
	}
	if (p->parse(args, argc, argv, &err) < 0)
		status = EXIT_USAGE;
	else if (p->run(args, &err) < 0)
		status = EXIT_FAILURE;
	if (status != EXIT_SUCCESS)
		fprintf(stderr, "%s: %s\n", p->name, err.msg);
	return status;
}

cJSON *program_read_json(size_t max, struct error *err)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT;
	char buf[4096];
	ssize_t n;

	while ((n = read(STDIN_FILENO, buf, sizeof(buf))) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 || text.len + (size_t)n > max) {
			error_set(err, ERROR_INVALID, "cannot read what is to be done, or it is more than %zu bytes", max);
			return NULL;
		}
		strbuf_add(&text, buf, (size_t)n);
	}
	return json_parse(text.buf, text.len, err);
}
