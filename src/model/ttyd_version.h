/* SPDX-License-Identifier: MIT */
/* Which ttyd is good enough for the web terminal (ttyd_path of the settings). */
#ifndef BERTH_MODEL_TTYD_VERSION_H
#define BERTH_MODEL_TTYD_VERSION_H

#include <stdbool.h>

#include "base/error.h"

#define TTYD_WHERE                                                                                                   \
	"the package ttyd of Debian 14, Ubuntu 24.04, Fedora or Alpine, or a program from "                            \
	"https://github.com/tsl0922/ttyd/releases with ttyd_path in berth.conf"

/* Output of `ttyd --version`: "ttyd version 1.7.7-40e79c7". */
bool ttyd_parse_version(const char *out, unsigned ret[3]);
/* -1 with err: too old. writable: it has -W, and needs it. */
int ttyd_judge(const unsigned version[3], bool *ret_writable, struct error *err);

#endif
