/* SPDX-License-Identifier: MIT */
#include "pool/custom_work.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "lxc/probe.h"
#include "model/settings.h"

static char dir[64];
static struct settings settings;
static struct probe probe;
static struct berthd b = { .settings = &settings, .probe = &probe };

static void make(const char *path)
{
	AUTO_FREE char *full = fs_join(dir, path);
	struct error err = ERROR_INIT;

	assert_int_equal(fs_mkdirs(full, 0700, &err), 0);
}

static void write_pool(const char *name)
{
	AUTO_FREE char *path = mem_printf("%s/state/storage-pools/%s.json", dir, name);
	AUTO_JSON cJSON *pool = cJSON_CreateObject();
	struct error err = ERROR_INIT;

	json_set_str(pool, "name", name);
	json_set_str(pool, "driver", "dir");
	cJSON_AddObjectToObject(pool, "config");
	assert_int_equal(json_write_file(path, pool, JSON_QUICK, &err), 0);
}

/* c1 owns data; the pool has c2_data, which belongs to nobody; p1 has c1_data, too. */
static int setup(void **state)
{
	struct error err = ERROR_INIT;

	snprintf(dir, sizeof(dir), "/tmp/test_custom.XXXXXX");
	assert_non_null(mkdtemp(dir));
	settings = (struct settings){ .storage_driver = mem_strdup("dir") };
	settings.state_path = fs_join(dir, "state");
	settings.extern_path = fs_join(dir, "volumes");
	settings.pools_path = fs_join(dir, "pools");
	settings.system_path = fs_join(dir, "lxc");
	make("state/storage-pools");
	make("volumes/c1/data");
	make("volumes/_custom/c2_data");
	make("pools/p1/containers");
	make("pools/p1/custom/c1_data");
	write_pool("p1");
	assert_non_null(pools_open(&b, &err));
	return 0;
}

static int teardown(void **state)
{
	struct error err = ERROR_INIT;

	pools_free(b.pools);
	free(settings.storage_driver);
	free(settings.state_path);
	free(settings.extern_path);
	free(settings.pools_path);
	free(settings.system_path);
	return fs_remove_tree(dir, &err);
}

static void assert_locks(cJSON *args_taken, const char *want)
{
	AUTO_ARGV struct argv locks = ARGV_INIT;
	AUTO_JSON cJSON *args = args_taken;
	AUTO_FREE char *have = NULL;

	custom_locks(&b, args, &locks);
	have = argv_quote(&locks);
	assert_string_equal(have, want);
}

static cJSON *args_from(const char *pool, const char *name, const char *from_pool, const char *from)
{
	cJSON *args = custom_args(pool, name);

	json_set_str(args, "from_pool", from_pool);
	json_set_str(args, "from", from);
	return args;
}

/* What one volume is called by both kinds of operations, and its owner, who may be renamed. */
static void test_locks(void **state)
{
	cJSON *args = custom_args("default", "v");

	json_set_str(args, "to", "c3_w");
	assert_locks(args, "pool-volume/default/v pool-volume/default/c3_w volume/c3/w");
	assert_locks(custom_args("default", "c1_data"), "pool-volume/default/c1_data volume/c1/data instance/c1");
	assert_locks(custom_args("default", "c2_data"), "pool-volume/default/c2_data volume/c2/data");
	assert_locks(custom_args("p1", "c1_data"), "pool-volume/p1/c1_data");
	assert_locks(args_from("p1", "w", "default", "c1_data"),
		     "pool-volume/p1/w pool-volume/default/c1_data volume/c1/data instance/c1");
}

static void assert_place(const struct custom_place *p, bool owned, const char *parent, const char *leaf)
{
	AUTO_FREE char *want_dir = fs_join(dir, parent);
	AUTO_FREE char *path = fs_join(want_dir, leaf), *meta = mem_printf("%s/.%s", want_dir, leaf);

	assert_int_equal(p->owned, owned);
	assert_string_equal(p->dir, want_dir);
	assert_string_equal(p->path, path);
	assert_string_equal(p->meta, meta);
}

/* An operation that is recovered while the folder of an instance's own volume is away knows where it was. */
static void test_places(void **state)
{
	AUTO_JSON cJSON *args = args_from("default", "c1_data", "default", "c2_data");
	AUTO_FREE char *data = fs_join(dir, "volumes/c1/data");
	struct error err = ERROR_INIT;
	struct custom_work *w;

	for (int i = 0; i < 2; i++) {
		w = custom_load(&b, args, &err);
		assert_non_null(w);
		assert_place(&w->at, true, "volumes/c1", "data");
		assert_place(&w->from, false, "volumes/_custom", "c2_data");
		assert_memory_equal(w->temp, w->at.dir, strlen(w->at.dir));
		custom_unload(w);
		(void)rmdir(data);
	}
	/* begun without one, it stays so when there is one */
	json_set_bool(args, "owned", false);
	make("volumes/c1/data");
	w = custom_load(&b, args, &err);
	assert_non_null(w);
	assert_place(&w->at, false, "volumes/_custom", "c1_data");
	custom_unload(w);
}

/* Its turn comes when the pool is gone: nothing is made where it was. */
static void test_pool_gone(void **state)
{
	AUTO_JSON cJSON *args = custom_args("p1", "v");
	AUTO_FREE char *pool = fs_join(dir, "pools/p1");
	struct error err = ERROR_INIT;
	struct custom_work *w = custom_load(&b, args, &err);

	assert_non_null(w);
	assert_int_equal(custom_make_temp(w, &err), 0);
	assert_true(fs_exists(w->temp));
	assert_int_equal(fs_remove_tree(pool, &err), 0);
	assert_int_equal(custom_make_temp(w, &err), -1);
	assert_int_equal(err.code, ERROR_UNAVAILABLE);
	assert_int_equal(pool_drop(&b, "p1", &err), 0);
	error_clear(&err);
	assert_int_equal(custom_make_temp(w, &err), -1);
	assert_string_equal(err.msg, "Storage pool not found");
	assert_false(fs_exists(pool));
	custom_unload(w);
}

static void test_damaged(void **state)
{
	static const char *const keys[] = { "volume", "mark", "from", "to", "snapshot" };

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		AUTO_JSON cJSON *args = custom_args("default", "v");
		struct error err = ERROR_INIT;

		json_set_str(args, keys[i], "../x");
		assert_null(custom_load(&b, args, &err));
		assert_int_equal(err.code, ERROR_INVALID);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_locks, setup, teardown),
		cmocka_unit_test_setup_teardown(test_places, setup, teardown),
		cmocka_unit_test_setup_teardown(test_pool_gone, setup, teardown),
		cmocka_unit_test_setup_teardown(test_damaged, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
