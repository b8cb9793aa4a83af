/* SPDX-License-Identifier: MIT */
/* images.json of a strange server: what is found is two files of that server, with sums, and a whole fingerprint. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "helper/fetch_resolve.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "fuzz_fetch: %s\n", what);
	abort();
}

static void look(const cJSON *products, const char *member, const char *name)
{
	AUTO_JSON cJSON *source = cJSON_CreateObject();
	AUTO_JSON cJSON *v = NULL;
	const cJSON *file;

	json_set(source, "architectures", cJSON_Parse("[\"x86_64\",\"i686\"]"));
	json_set_str(source, member, name);
	v = fetch_streams_find(products, source, "https://s");
	if (v == NULL)
		return;
	must(fetch_is_fingerprint(json_str_or(v, "fingerprint", "")), "no fingerprint");
	must(cJSON_GetArraySize(json_arr(v, "files")) == 2, "not two files");
	cJSON_ArrayForEach(file, json_arr(v, "files")) {
		must(strncmp(json_str_or(file, "url", ""), "https://s/", 10) == 0, "a file of another server");
		must(strstr(json_str(file, "url") + 10, "..") == NULL, "a path that leaves");
		must(fetch_is_fingerprint(json_str_or(file, "sha256", "")), "a file without its sum");
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct error err = ERROR_INIT;
	AUTO_JSON cJSON *products = json_parse((const char *)data, size, &err);

	if (products == NULL)
		return 0;
	look(products, "alias", "test/1");
	look(products, "alias", "test/1/amd64");
	look(products, "fingerprint", "aaaa");
	look(products, "fingerprint", "");
	return 0;
}
