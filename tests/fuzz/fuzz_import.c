/* SPDX-License-Identifier: MIT */
/* Any bytes as backup/index.yaml of an archive in LXD's format: what import_read() and
 * volume_import_read() take has the shape that the operations expect. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "backup/import.h"
#include "backup/volume_import.h"
#include "base/json.h"
#include "image/metadata.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const cJSON *v)
{
	const cJSON *request = json_obj(v, "request"), *item;

	if (json_obj(request, "config") == NULL || json_obj(request, "devices") == NULL || json_arr(request, "profiles") == NULL ||
	    json_str(request, "name") == NULL)
		abort();
	cJSON_ArrayForEach(item, json_arr(json_obj(v, "archive"), "snapshots"))
		if (strchr(json_str_or(item, "name", "/"), '/') != NULL)
			abort();
}

static void check_volume(const cJSON *index)
{
	struct error err = ERROR_INIT;
	AUTO_JSON cJSON *v = volume_import_read(index, &err);
	const cJSON *item;

	if (v == NULL && (err.code == ERROR_NONE || err.msg[0] == '\0'))
		abort();
	if (v != NULL && (json_obj(v, "config") == NULL || json_arr(v, "snapshots") == NULL || json_str(v, "name") == NULL))
		abort();
	cJSON_ArrayForEach(item, json_arr(v, "snapshots"))
		if (strchr(json_str_or(item, "name", "/"), '/') != NULL)
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct error err = ERROR_INIT;
	AUTO_JSON cJSON *index = metadata_yaml("index.yaml", (const char *)data, size, 10000, &err);
	AUTO_JSON cJSON *v = index != NULL ? import_read(index, NULL, &err) : NULL;

	if (index != NULL)
		check_volume(index);
	if (v != NULL)
		check(v);
	else if (err.code == ERROR_NONE || err.msg[0] == '\0')
		abort();
	return 0;
}
