/* SPDX-License-Identifier: MIT */
/* Any bytes: what json_parse() accepts, json_text() prints so that it is accepted and printed the same. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char *print_again(const char *text)
{
	struct error err = ERROR_INIT;
	AUTO_JSON cJSON *v = json_parse(text, strlen(text), &err);

	if (!v)
		abort();
	return json_text(v);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct error err = ERROR_INIT;
	AUTO_JSON cJSON *v = json_parse((const char *)data, size, &err);
	AUTO_FREE char *text = NULL, *again = NULL, *sorted = NULL, *sorted_again = NULL;

	if (!v) {
		if (err.code != ERROR_INVALID || !err.msg[0])
			abort();
		return 0;
	}
	text = json_text(v);
	again = print_again(text);
	if (strcmp(text, again) != 0)
		abort();
	json_sort(v);
	sorted = json_text(v);
	sorted_again = print_again(sorted);
	if (strlen(sorted) != strlen(text) || strcmp(sorted, sorted_again) != 0)
		abort();
	return 0;
}
