/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "pool/pool_private.h"

static void parse(cJSON **ret, const char *text)
{
	struct error err = ERROR_INIT;

	*ret = json_parse(text, strlen(text), &err);
	assert_non_null(*ret);
}

static void names(void **state)
{
	static const char *const good[] = { "a", "pool-1", "A.b_c", "9lives" };
	static const char *const bad[] = { "", ".", "..", "-a", "_a", "a/b", "a b", "a\n", "dir", "overlay", "\xc3\xa4" };

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_int_equal(pool_name_check(good[i], &(struct error)ERROR_INIT), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct error err = ERROR_INIT;

		assert_int_equal(pool_name_check(bad[i], &err), -1);
		assert_int_equal(err.code, ERROR_INVALID);
	}
}

static void pool_keys(void **state)
{
	static const struct {
		const char *driver, *config, *part; /* part of the error; NULL: accepted */
	} rows[] = {
		{ "dir", "{}", NULL },
		{ "dir", "{\"source\":\"/srv/p\",\"user.x\":\"y\",\"volume.snapshots.expiry\":\"3d\"}", NULL },
		{ "dir", "{\"size\":\"\"}", NULL },
		{ "dir", "{\"size\":\"1GiB\"}", "Invalid option \"size\"" },
		{ "btrfs", "{\"size\":\"1GiB\",\"btrfs.mount_options\":\"noatime,compress=zstd:3\"}", NULL },
		{ "btrfs", "{\"size\":\"big\"}", "Invalid value for option \"size\"" },
		{ "btrfs", "{\"volume.size\":\"1GiB\"}", NULL },
		{ "overlay", "{\"volume.size\":\"1GiB\"}", NULL }, /* what its file system can keep is asked when a volume is made */
		{ "btrfs", "{\"btrfs.mount_options\":\"subvol=other\"}", "subvol" },
		{ "btrfs", "{\"btrfs.mount_options\":\"noatime,ro\"}", "ro, subvol" },
		{ "btrfs", "{\"btrfs.mount_options\":\"a\\\\b\"}", "commas" },
		{ "dir", "{\"source\":\"relative\"}", "Invalid value for option \"source\"" },
		{ "dir", "{\"source\":\"/a/../b\"}", "Invalid value for option \"source\"" },
		{ "dir", "{\"source\":\"/a;rm\"}", "Invalid value for option \"source\"" },
		{ "dir", "{\"rsync.bwlimit\":\"10\"}", "not supported" },
		{ "dir", "{\"lvm.vg_name\":\"x\"}", "Invalid option \"lvm.vg_name\"" },
		{ "dir", "{\"user.x\":1}", "must be a string" },
		{ "dir", "{\"user.x\":\"a\\u0001\"}", "control characters" },
		{ "dir", "[]", "must be an object" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct error err = ERROR_INIT;
		AUTO_JSON cJSON *config = NULL;

		parse(&config, rows[i].config);
		if (pool_config_check(rows[i].driver, config, &err) == 0 ? rows[i].part != NULL :
		    rows[i].part == NULL || strstr(err.msg, rows[i].part) == NULL)
			fail_msg("%s: '%s'", rows[i].config, err.msg);
	}
}

static void volume_keys(void **state)
{
	struct error err = ERROR_INIT;
	AUTO_JSON cJSON *good = NULL;
	AUTO_JSON cJSON *bad = NULL;
	AUTO_JSON cJSON *unknown = NULL;
	AUTO_JSON cJSON *volatile_ = NULL;

	parse(&good, "{\"security.shifted\":\"true\",\"security.unmapped\":\"false\",\"snapshots.schedule\":\"@daily\","
		     "\"snapshots.pattern\":\"s%d\",\"volatile.idmap.last\":\"[]\",\"user.a\":\"b\"}");
	assert_int_equal(pool_volume_config_check("dir", "v", good, &err), 0);
	parse(&bad, "{\"source\":\"/x\"}");
	assert_int_equal(pool_volume_config_check("dir", "v", bad, &err), -1);
	assert_string_equal(err.msg, "Invalid option for volume \"v\" option \"source\"");
	parse(&unknown, "{\"nosuch\":\"\"}"); /* also when it is unset */
	assert_int_equal(pool_volume_config_check("dir", "v", unknown, &err), -1);
	parse(&volatile_, "{\"volatile.uuid\":\"1\"}");
	assert_int_equal(pool_volume_config_check("dir", "v", volatile_, &err), -1);
}

static void changes(void **state)
{
	static const char *const kept[] = { "source", NULL };
	AUTO_JSON cJSON *old = NULL;
	AUTO_JSON cJSON *change = NULL;
	AUTO_JSON cJSON *put = NULL;
	AUTO_JSON cJSON *patch = NULL;
	AUTO_FREE char *put_text = NULL;
	AUTO_FREE char *patch_text = NULL;

	parse(&old, "{\"source\":\"/s\",\"volatile.x\":\"1\",\"user.a\":\"1\",\"user.b\":\"2\"}");
	parse(&change, "{\"user.a\":\"\",\"user.c\":\"3\"}");
	put = pool_config_change(old, change, false, kept);
	patch = pool_config_change(old, change, true, kept);
	put_text = json_text(put);
	patch_text = json_text(patch);
	assert_string_equal(put_text, "{\"source\":\"/s\",\"user.c\":\"3\",\"volatile.x\":\"1\"}");
	assert_string_equal(patch_text, "{\"source\":\"/s\",\"user.b\":\"2\",\"user.c\":\"3\",\"volatile.x\":\"1\"}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),
		cmocka_unit_test(pool_keys),
		cmocka_unit_test(volume_keys),
		cmocka_unit_test(changes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
