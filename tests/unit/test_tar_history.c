/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "image/tar_history.h"

static struct tar_history *h;
static struct strbuf seen;

static enum history_verdict add(enum tar_type type, const char *name, const char *link)
{
	struct tar_entry e = { .type = type, .name = name, .link = link, .mtime = 7, .real_size = 3 };
	struct error err = ERROR_INIT;
	uint64_t freed;

	return tar_history_add(h, &e, &freed, &err);
}

static int note_path(const char *path, void *data, struct error *err)
{
	strbuf_addf(&seen, "%s ", path);
	return 0;
}

static int note_folder(const struct tar_entry *folder, void *data, struct error *err)
{
	assert_int_equal(folder->mtime, 7);
	return note_path(folder->name, data, err);
}

static int start(void **state)
{
	h = tar_history_new(*state != NULL);
	strbuf_init(&seen);
	return 0;
}

static int end(void **state)
{
	tar_history_free(h);
	strbuf_clear(&seen);
	return 0;
}

static void test_one_pass(void **state)
{
	assert_int_equal(add(TAR_DIR, "", ""), HISTORY_NEW);
	assert_int_equal(add(TAR_FILE, "implied/f", ""), HISTORY_NEW);
	assert_int_equal(add(TAR_DIR, "implied", ""), HISTORY_NEW); /* comes later than what lies in it */
	assert_int_equal(add(TAR_HARDLINK, "l", "implied/f"), HISTORY_NEW);
	assert_int_equal(add(TAR_HARDLINK, "l", "l"), HISTORY_SKIP);
	assert_int_equal(add(TAR_HARDLINK, "m", "later"), HISTORY_REFUSED);
	assert_int_equal(add(TAR_HARDLINK, "m", "implied"), HISTORY_REFUSED);
	assert_int_equal(add(TAR_FILE, "l/below", ""), HISTORY_REFUSED);
	assert_int_equal(add(TAR_SYMLINK, "s", "/etc"), HISTORY_NEW);
	assert_int_equal(add(TAR_FILE, "s/passwd", ""), HISTORY_REFUSED);
	assert_int_equal(add(TAR_HARDLINK, "t", "s"), HISTORY_NEW);
	assert_int_equal(add(TAR_FILE, "t/passwd", ""), HISTORY_REFUSED);
	assert_int_equal(add(TAR_FILE, "implied/f", ""), HISTORY_REFUSED);
	assert_int_equal(add(TAR_DIR, "implied", ""), HISTORY_REFUSED);
	assert_false(tar_history_second(h));
}

static void first_pass(void)
{
	add(TAR_DIR, "", "");
	add(TAR_DIR, "d", "");
	add(TAR_FILE, "d/gone", "");
	add(TAR_DIR, "d/sub", "");
	add(TAR_FILE, "d/sub/x", "");
	add(TAR_FILE, "f", "");
	add(TAR_SYMLINK, "s", "d");
	assert_false(tar_history_second(h));
}

static void test_second_pass(void **state)
{
	struct error err = ERROR_INIT;

	first_pass();
	assert_int_equal(add(TAR_FILE, "f", ""), HISTORY_AGAIN);
	assert_true(tar_history_second(h));
	assert_int_equal(add(TAR_FILE, "f", ""), HISTORY_REFUSED);
	assert_int_equal(add(TAR_DIR, "s", ""), HISTORY_REPLACE); /* a link that is a folder now */
	assert_int_equal(add(TAR_FILE, "s/in", ""), HISTORY_NEW);
	assert_int_equal(add(TAR_FILE, "d/sub", ""), HISTORY_REPLACE);
	assert_int_equal(add(TAR_FILE, "d/sub/x", ""), HISTORY_REFUSED);
	assert_int_equal(add(TAR_HARDLINK, "l", "d/sub/x"), HISTORY_REFUSED); /* went with its folder */
	tar_history_keep(h, "f");
	tar_history_keep(h, "s/in");
	tar_history_keep(h, "d/sub");
	tar_history_keep(h, "unknown/socket");
	assert_int_equal(tar_history_sweep(h, note_path, NULL, &err), 0);
	assert_string_equal(seen.buf, "d/gone ");
	strbuf_reset(&seen);
	assert_int_equal(tar_history_touched(h, note_folder, NULL, &err), 0);
	assert_non_null(strstr(seen.buf, "d "));
	assert_null(strstr(seen.buf, "s "));
}

static void test_replaced_twice_is_refused(void **state)
{
	first_pass();
	assert_int_equal(add(TAR_FILE, "d", ""), HISTORY_REPLACE);
	assert_int_equal(add(TAR_DIR, "d", ""), HISTORY_REFUSED);
	assert_int_equal(add(TAR_FILE, "d/sub/x", ""), HISTORY_REFUSED);
	assert_int_equal(add(TAR_FILE, "", ""), HISTORY_REFUSED); /* the root is a folder for ever */
}

static void test_sweep_refuses_a_list_that_lies(void **state)
{
	struct error err = ERROR_INIT;

	first_pass();
	add(TAR_FILE, "f", "");
	tar_history_keep(h, "d/gone");
	assert_int_equal(tar_history_sweep(h, note_path, NULL, &err), -1);
	assert_non_null(strstr(err.msg, "not in the list"));
}

static void test_sweep_names_topmost_only(void **state)
{
	struct error err = ERROR_INIT;

	first_pass();
	tar_history_keep(h, "f");
	assert_int_equal(tar_history_sweep(h, note_path, NULL, &err), 0);
	assert_null(strstr(seen.buf, "d/"));
	assert_non_null(strstr(seen.buf, "d "));
	assert_non_null(strstr(seen.buf, "s "));
}

#define TEST(function, second) { #function, function, start, end, second }

int main(void)
{
	static int yes;
	const struct CMUnitTest tests[] = {
		TEST(test_one_pass, NULL),
		TEST(test_second_pass, &yes),
		TEST(test_replaced_twice_is_refused, &yes),
		TEST(test_sweep_refuses_a_list_that_lies, &yes),
		TEST(test_sweep_names_topmost_only, &yes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
