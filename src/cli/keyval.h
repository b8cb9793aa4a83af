/* SPDX-License-Identifier: MIT */
/*
 * key=value arguments. Two arguments without '=' in the first are the old form
 * "key value". A value "-" is read from stdin when that is no terminal (one
 * line loses its newline, more lines stay as they are).
 */
#ifndef BERTH_CLI_KEYVAL_H
#define BERTH_CLI_KEYVAL_H

#include <cjson/cJSON.h>

#include "base/error.h"

cJSON *keyval_parse(int argc, char **argv, struct error *err); /* {"key":"value"} */

#endif
