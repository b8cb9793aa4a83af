/* SPDX-License-Identifier: MIT */
#include "base/packing.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fs.h"

static void test_heads(void **state)
{
	static const struct {
		const char *head;
		size_t len;
		enum packing packing;
		const char *name, *suffix;
	} rows[] = {
		{ "\x1f\x8b\x08", 3, PACKING_GZIP, "gzip", ".tar.gz" },
		{ "\xfd" "7zXZ\0", 6, PACKING_XZ, "xz", ".tar.xz" },
		{ "\xfd" "7zXZ", 5, PACKING_NONE, "none", ".tar" },
		{ "\x28\xb5\x2f\xfd", 4, PACKING_ZSTD, "zstd", ".tar.zst" },
		{ "BZh9", 4, PACKING_BZIP2, "bzip2", ".tar.bz2" },
		{ "\x5d\0\0\0", 4, PACKING_LZMA, "lzma", ".tar.lzma" },
		{ "hsqs", 4, PACKING_SQUASHFS, "squashfs", ".squashfs" },
		{ "7z\xbc\xaf\x27\x1c", 6, PACKING_7Z, "7z", ".tar" },
		{ "\x1f", 1, PACKING_NONE, "none", ".tar" },
		{ "", 0, PACKING_NONE, "none", ".tar" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int fd = fs_memory_file(rows[i].head, rows[i].len);

		assert_int_equal(packing_of(rows[i].head, rows[i].len), rows[i].packing);
		assert_int_equal(packing_of_file(fd), rows[i].packing);
		assert_string_equal(packing_name(rows[i].packing), rows[i].name);
		assert_string_equal(packing_suffix(rows[i].packing), rows[i].suffix);
		close(fd);
	}
	assert_int_equal(packing_of_file(-1), PACKING_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_heads) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
