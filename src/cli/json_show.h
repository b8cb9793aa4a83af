/* SPDX-License-Identifier: MIT */
/* JSON for people, as `lxc query` prints it: indented by tabs, members in their order, a newline at the end. */
#ifndef BERTH_CLI_JSON_SHOW_H
#define BERTH_CLI_JSON_SHOW_H

#include <cjson/cJSON.h>

void json_show(const cJSON *v); /* on stdout */

#endif
