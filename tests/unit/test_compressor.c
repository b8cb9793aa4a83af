/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "backup/compressor.h"

/* The words, one blank between; or "!" and the error. */
static char *words(const char *algorithm)
{
	AUTO_ARGV struct argv argv = ARGV_INIT;
	struct error err = ERROR_INIT;

	if (compressor_argv(algorithm, "/x/image", &argv, &err) < 0)
		return mem_printf("!%s", err.msg);
	return argv.n ? argv_quote(&argv) : mem_strdup("");
}

static void check(const char *algorithm, const char *expected)
{
	AUTO_FREE char *got = words(algorithm);

	assert_string_equal(got, expected);
}

static void test_known(void **state)
{
	check("none", "");
	check("gzip", "gzip -c -n");
	check("gzip -9 --rsyncable", "gzip -c -n -9 --rsyncable");
	check("zstd -19 -T0 --long=31", "zstd -c -q -19 -T0 --long=31");
	check("xz -e -T4", "xz -c -e -T4");
	check("squashfs", "tar2sqfs -q -s -f -c xz /x/image");
}

static void test_refused(void **state)
{
	static const char *const bad[] = { "", "foo", "GZIP", "gzip;ls", "none -1", "gzip -S.x", "gzip /etc/passwd", "xz --files=x",
					   "zstd -o x", "zstd -19x", "gzip -1 -1 -1 -1 -1 -1 -1 -1 -1", "squashfs -9", "gzip -" };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		AUTO_FREE char *got = words(bad[i]);

		assert_int_equal(got[0], '!');
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_known), cmocka_unit_test(test_refused) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
