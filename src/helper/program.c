/* SPDX-License-Identifier: MIT */
#include "helper/program.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
