/* SPDX-License-Identifier: MIT */
/* YAML, block style, from JSON values; text that another reader could take for a number, a truth value or a null is quoted. */
#ifndef BERTH_BASE_YAML_PRINT_H
#define BERTH_BASE_YAML_PRINT_H

#include <cjson/cJSON.h>
#include <stdio.h>

#include "base/error.h"

int yaml_print(const cJSON *v, FILE *out, struct error *err);
/* The same as text; caller frees. NULL and err. */
char *yaml_text(const cJSON *v, size_t *ret_len, struct error *err);

#endif
