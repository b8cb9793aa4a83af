/* SPDX-License-Identifier: MIT */
/*
 * What a backup says of itself: the names of its files, its sidecar, the listing of its archive, its berth.json. Each
 * input is given to all of them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backup/format.h"
#include "backup/restore.h"
#include "base/json.h"
#include "base/mem.h"
#include "model/key.h"
#include "model/settings.h"

#define STREAM_MAX 100000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "fuzz_backup: %s\n", what);
	abort();
}

static void fuzz_name(const char *file)
{
	static char folder[] = "/b";
	static struct settings s = { .backup_path = folder };
	static const struct berthd b = { .settings = &s };
	struct error err = ERROR_INIT;
	AUTO_FREE char *instance = NULL;

	if (backup_file_parse(file, &instance)) {
		must(instance && strncmp(file, instance, strlen(instance)) == 0, "a name of another");
		must(name_validate_instance(instance, &err) == 0, "no name of an instance");
		must(backup_file_check(file, &err) == 0, "a name that no request may have");
	} else {
		must(!instance, "no such name, but an instance");
	}
	if (backup_file_check(file, &err) == 0) {
		AUTO_FREE char *archive = backup_archive_path(&b, file), *sidecar = backup_sidecar_path(&b, file);
		AUTO_FREE char *tmp = backup_tmp_path(&b, file);

		must(strrchr(archive, '/') == archive + 2 && strrchr(sidecar, '/') == sidecar + 2 &&
		     strrchr(tmp, '/') == tmp + 2 && !strstr(archive, "/."), "a path elsewhere");
	} else {
		must(*err.msg, "refused, but not said why");
	}
}

static bool clean(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			return false;
	return true;
}

static void fuzz_listing(const char *text)
{
	struct error err = ERROR_INIT;
	uint64_t stream = 0;

	if (restore_check_listing(text, STREAM_MAX, &stream, &err) == 0)
		must(stream <= STREAM_MAX, "too large");
	else
		must(*err.msg && clean(err.msg), "refused, but not said why, or said it in control characters");
}

static void fuzz_json(const char *text, size_t len)
{
	struct error err = ERROR_INIT;
	AUTO_JSON cJSON *v = json_parse(text, len, &err);
	AUTO_JSON cJSON *desired = NULL;
	const cJSON *item;

	error_clear(&err);
	if (v && backup_info_check(v, &err) == 0)
		must(name_validate_instance(json_str_or(v, "instance", ""), &err) == 0, "a backup of no instance");
	else if (v)
		must(*err.msg, "refused, but not said why");
	error_clear(&err);
	desired = restore_read_desired(text, len, &err);
	if (!desired) {
		must(*err.msg, "refused, but not said why");
		return;
	}
	cJSON_ArrayForEach(item, json_obj(desired, "config"))
		must(cJSON_IsString(item), "a value that is no text");
	must(json_obj(desired, "devices") && json_arr(desired, "profiles"), "a member is missing");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_FREE char *text = mem_strndup((const char *)data, size);

	fuzz_name(text);
	fuzz_listing(text);
	fuzz_json((const char *)data, size);
	return 0;
}
