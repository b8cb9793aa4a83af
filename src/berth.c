/* SPDX-License-Identifier: MIT */
/* berth: the command line. Everything is in cli/. */
#include "cli/cli.h"

int main(int argc, char **argv)
{
	return cli_main(argc, argv);
}
