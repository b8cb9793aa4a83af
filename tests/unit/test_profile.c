/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "model/profile.h"

static const struct probe probe = { .cgroups = CGROUP_HYBRID };
static char dir[64];

static int setup(void **state)
{
	snprintf(dir, sizeof(dir), "/tmp/berth-test-profile-XXXXXX");
	log_set_level(LOG_LEVEL_ERROR);
	return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
	struct error err = ERROR_INIT;

	return fs_remove_tree(dir, &err);
}

static struct profile_store *open_store(void)
{
	struct error err = ERROR_INIT;
	struct profile_store *s = profile_store_open(dir, "br0", &probe, &err);

	if (!s)
		fail_msg("%s", err.msg);
	return s;
}

static int create(struct profile_store *s, const char *text, struct error *err)
{
	AUTO_JSON cJSON *v = json_parse(text, strlen(text), err);

	return v ? profile_create(s, v, err) : -1;
}

static int put(struct profile_store *s, const char *name, const char *text, struct error *err)
{
	AUTO_JSON cJSON *v = json_parse(text, strlen(text), err);

	return v ? profile_put(s, name, v, err) : -1;
}

static void assert_profile(const struct profile_store *s, const char *name, const char *want)
{
	AUTO_FREE char *text = json_text(profile_get(s, name));

	assert_string_equal(text, want);
}

static void the_default_is_made_once(void **state)
{
	struct profile_store *s = open_store();
	struct error err = ERROR_INIT;
	const char **names = profile_names(s);

	assert_string_equal(names[0], "default");
	assert_null(names[1]);
	free(names);
	assert_profile(
		s, "default",
		"{\"config\":{},\"description\":\"Default berth profile\",\"devices\":{"
		"\"eth0\":{\"name\":\"eth0\",\"nictype\":\"bridged\",\"parent\":\"br0\",\"type\":\"nic\"},"
		"\"root\":{\"path\":\"/\",\"pool\":\"default\",\"type\":\"disk\"}},\"name\":\"default\"}");
	assert_int_equal(put(s, "default", "{\"config\":{\"user.x\":\"1\"}}", &err), 0);
	profile_store_free(s);
	s = open_store(); /* what was changed stays changed */
	assert_profile(
		s, "default",
		"{\"config\":{\"user.x\":\"1\"},\"description\":\"\",\"devices\":{},\"name\":\"default\"}");
	assert_int_equal(profile_delete(s, "default", &err), -1);
	assert_int_equal(err.code, ERROR_FORBIDDEN);
	assert_string_equal(err.msg, "The \"default\" profile cannot be deleted");
	assert_int_equal(profile_rename(s, "default", "x", &err), -1);
	assert_int_equal(err.code, ERROR_FORBIDDEN);
	profile_store_free(s);
}

static void life_of_a_profile(void **state)
{
	struct profile_store *s = open_store();
	struct error err = ERROR_INIT;

	assert_int_equal(create(s, "{\"name\":\"p1\",\"config\":null,\"devices\":null,\"junk\":1}", &err), 0);
	assert_profile(s, "p1", "{\"config\":{},\"description\":\"\",\"devices\":{},\"name\":\"p1\"}");
	assert_int_equal(create(s, "{\"name\":\"p1\"}", &err), -1);
	assert_int_equal(err.code, ERROR_CONFLICT);
	assert_string_equal(err.msg, "Error inserting \"p1\" into database: The profile already exists");
	/* "" removes; another name in the body is not a rename */
	assert_int_equal(put(s, "p1",
			     "{\"name\":\"zzz\",\"config\":{\"limits.cpu\":\"1\",\"user.x\":\"\"},"
			     "\"devices\":{\"e\":{\"type\":\"nic\",\"nictype\":\"p2p\",\"mtu\":\"\"}},"
			     "\"description\":\"d\"}",
			     &err),
			 0);
	profile_store_free(s);
	s = open_store();
	assert_profile(s, "p1",
		       "{\"config\":{\"limits.cpu\":\"1\"},\"description\":\"d\",\"devices\":{\"e\":{"
		       "\"nictype\":\"p2p\","
		       "\"type\":\"nic\"}},\"name\":\"p1\"}");
	assert_int_equal(profile_rename(s, "p1", "p2", &err), 0);
	assert_null(profile_get(s, "p1"));
	assert_string_equal(json_str(profile_get(s, "p2"), "name"), "p2");
	profile_store_free(s);
	s = open_store();
	assert_null(profile_get(s, "p1"));
	assert_non_null(profile_get(s, "p2"));
	assert_int_equal(profile_delete(s, "p2", &err), 0);
	assert_int_equal(profile_delete(s, "p2", &err), -1);
	assert_int_equal(err.code, ERROR_NOT_FOUND);
	assert_string_equal(err.msg, "Profile not found");
	assert_int_equal(put(s, "p2", "{}", &err), -1);
	assert_int_equal(err.code, ERROR_NOT_FOUND);
	profile_store_free(s);
}

static void renames_that_are_refused(void **state)
{
	static const char *const bad[] = { "", "a/b", "..", "a\tb", "p2", "default" };
	struct profile_store *s = open_store();
	struct error err = ERROR_INIT;

	assert_int_equal(create(s, "{\"name\":\"p1\"}", &err), 0);
	assert_int_equal(create(s, "{\"name\":\"p2\"}", &err), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(profile_rename(s, "p1", bad[i], &err), -1);
	assert_int_equal(profile_rename(s, "p1", NULL, &err), -1);
	assert_int_equal(profile_rename(s, "nosuch", "p3", &err), -1);
	assert_int_equal(err.code, ERROR_NOT_FOUND);
	assert_int_equal(profile_rename(s, "p1", "p2", &err), -1);
	assert_int_equal(err.code, ERROR_CONFLICT);
	assert_non_null(profile_get(s, "p1"));
	profile_store_free(s);
}

static void what_is_refused_changes_nothing(void **state)
{
	static const char *const bad[] = {
		"{}",
		"{\"name\":null}",
		"{\"name\":7}",
		"{\"name\":\"../x\"}",
		"{\"name\":\"x\",\"config\":{\"nosuch\":\"1\"}}",
		"{\"name\":\"x\",\"config\":{\"limits.cpu\":1}}",
		"{\"name\":\"x\",\"config\":[]}",
		"{\"name\":\"x\",\"devices\":{\"a\":{\"type\":\"teapot\"}}}",
		"{\"name\":\"x\",\"devices\":[\"a\"]}",
		"{\"name\":\"x\",\"devices\":{\"a\":\"b\"}}",
		"{\"name\":\"x\",\"description\":\"\\u0007\"}",
	};
	struct profile_store *s = open_store();
	struct error err = ERROR_INIT;
	const char **names;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (create(s, bad[i], &err) == 0)
			fail_msg("%s was taken", bad[i]);
		assert_int_equal(err.code, ERROR_INVALID);
	}
	assert_int_equal(put(s, "default", "{\"config\":{\"limits.memory\":\"much\"}}", &err), -1);
	assert_non_null(strstr(err.msg, "Invalid value: much"));
	assert_non_null(json_obj(json_obj(profile_get(s, "default"), "devices"), "eth0"));
	names = profile_names(s);
	assert_null(names[1]);
	free(names);
	profile_store_free(s);
}

static void write_file(const char *name, const char *text)
{
	AUTO_FREE char *path = fs_join(dir, name);
	struct error err = ERROR_INIT;

	assert_int_equal(fs_write_atomic(path, text, strlen(text), 0600, &err), 0);
}

/* One damaged file does not take the others with it, and is not written over. */
static void damaged_files(void **state)
{
	AUTO_FREE char *damaged = fs_join(dir, "bad.json");
	AUTO_STRBUF struct strbuf text = STRBUF_INIT;
	struct error err = ERROR_INIT;
	struct profile_store *s;

	write_file("bad.json", "{\"config\":");
	write_file("odd.json", "{\"config\":{\"nosuch\":\"1\"}}");
	write_file("good.json", "{\"name\":\"something else\",\"config\":{\"user.x\":\"1\"}}");
	write_file(".hidden.json", "{}");
	write_file("a\tb.json", "{}");
	write_file("notes.txt", "hello");
	s = open_store();
	assert_profile(
		s, "good",
		"{\"config\":{\"user.x\":\"1\"},\"description\":\"\",\"devices\":{},\"name\":\"good\"}");
	assert_null(profile_get(s, "bad"));
	assert_null(profile_get(s, "odd"));
	assert_null(profile_get(s, "a\tb"));
	assert_int_equal(create(s, "{\"name\":\"bad\"}", &err), -1);
	assert_int_equal(err.code, ERROR_CONFLICT);
	assert_int_equal(fs_read_file(damaged, 1024, &text, &err), 0);
	assert_string_equal(text.buf, "{\"config\":");
	profile_store_free(s);
	write_file("default.json", "oops");
	assert_null(profile_store_open(dir, "br0", &probe, &err));
	assert_non_null(strstr(err.msg, "default.json' is damaged"));
}

static void files_are_private(void **state)
{
	AUTO_FREE char *path = fs_join(dir, "default.json");
	struct profile_store *s = open_store();
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	profile_store_free(s);
	profile_store_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_default_is_made_once, setup, teardown),
		cmocka_unit_test_setup_teardown(life_of_a_profile, setup, teardown),
		cmocka_unit_test_setup_teardown(renames_that_are_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_refused_changes_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(damaged_files, setup, teardown),
		cmocka_unit_test_setup_teardown(files_are_private, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
