/* SPDX-License-Identifier: MIT */
/*
 * Runs lxc-attach to its end. lxc-attach makes a terminal whenever one of its
 * streams is one, and dies of a signal while the command it started goes on;
 * both are mended here.
 */
#ifndef BERTH_CLI_ATTACH_H
#define BERTH_CLI_ATTACH_H

#include "base/argv.h"
#include "base/error.h"

/* AUTO: a terminal when standard input and output are one. */
enum attach_terminal { ATTACH_AUTO, ATTACH_NEVER, ATTACH_ALWAYS };

/*
 * The exit status (126, 127, 128 + n as a shell has them); signals sent to this process go to the
 * command. Streams are inherited as they are; only where lxc-attach would wrongly see a terminal, or
 * wrongly none, they are relayed through pipes or a pty.
 */
int attach_run(const struct argv *a, enum attach_terminal terminal, struct error *err);

#endif
