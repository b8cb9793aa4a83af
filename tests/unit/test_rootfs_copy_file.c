/* SPDX-License-Identifier: MIT */
/* helper/rootfs_copy_file.c: ids inside extended attributes, hostile values included, and holes of files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "helper/rootfs_copy_file.h"

static const struct idmap map = { .base = 1000000, .size = 65536 }; /* 0x0f4240 */
static const struct idmap none = { 0 };

/* cap_net_raw+ep, version 2 and version 3 with root id 5 */
static const uint8_t caps2[20] = { 1, 0, 0, 2, 0, 0x20 };
static const uint8_t caps3[24] = { 1, 0, 0, 3, 0, 0x20, [20] = 5 };

static void caps_become_the_containers(void **state)
{
	uint8_t out[24];

	memset(out, 0xff, sizeof(out));
	assert_int_equal(copy_shift_caps(caps2, sizeof(caps2), &map, out), 24);
	assert_memory_equal(out, ((uint8_t[24]){ 1, 0, 0, 3, 0, 0x20, [20] = 0x40, 0x42, 0x0f, 0 }), 24);
	assert_int_equal(copy_shift_caps(caps3, sizeof(caps3), &map, out), 24);
	assert_memory_equal(out, ((uint8_t[24]){ 1, 0, 0, 3, 0, 0x20, [20] = 0x45, 0x42, 0x0f, 0 }), 24);
}

static void caps_without_a_map_stay(void **state)
{
	uint8_t out[24];

	assert_int_equal(copy_shift_caps(caps2, sizeof(caps2), &none, out), 20);
	assert_memory_equal(out, caps2, 20);
	assert_int_equal(copy_shift_caps(caps3, sizeof(caps3), &none, out), 24);
	assert_memory_equal(out, caps3, 24);
}

static void caps_come_back(void **state)
{
	const struct idmap back = { .size = 65536, .from = 5 };
	uint8_t out[24];

	assert_int_equal(copy_shift_caps(caps3, sizeof(caps3), &back, out), 20);
	assert_memory_equal(out, caps2, 20);
	assert_int_equal(copy_shift_caps(caps2, sizeof(caps2), &back, out), -1); /* the host's root's */
	assert_int_equal(errno, EOVERFLOW);
}

static void caps_hostile(void **state)
{
	uint8_t value[32] = { 1, 0, 0, 3 }, out[24];

	for (size_t len = 0; len <= sizeof(value); len++) {
		if (len == 20 || len == 24)
			continue;
		assert_int_equal(copy_shift_caps(value, len, &map, out), -1);
		assert_int_equal(errno, EINVAL);
	}
	memset(value + 20, 0xff, 4);
	assert_int_equal(copy_shift_caps(value, 24, &map, out), -1);
	assert_int_equal(errno, EOVERFLOW);
}

static void acl_shifts_named_ids_only(void **state)
{
	/* version 2; owner, user 1000, group, group 50, mask, other */
	uint8_t acl[] = { 2, 0, 0, 0, 1, 0, 6, 0, 0xff, 0xff, 0xff, 0xff, 2,	 0, 7, 0, 0xe8, 3,    0,    0,
			  4, 0, 6, 0, 0xff, 0xff, 0xff, 0xff, 8, 0, 5,	  0, 50,   0,	 0,    0,    0x10, 0, 7, 0,
			  0xff, 0xff, 0xff, 0xff, 0x20, 0, 4, 0, 0xff, 0xff, 0xff, 0xff };
	uint8_t want[sizeof(acl)];

	memcpy(want, acl, sizeof(acl));
	memcpy(want + 16, ((uint8_t[]){ 0x28, 0x46, 0x0f, 0 }), 4); /* 1001000 */
	memcpy(want + 32, ((uint8_t[]){ 0x72, 0x42, 0x0f, 0 }), 4); /* 1000050 */
	assert_int_equal(copy_shift_acl(acl, sizeof(acl), &map), 0);
	assert_memory_equal(acl, want, sizeof(acl));
}

static void acl_hostile(void **state)
{
	uint8_t acl[64] = { 2 };
	uint8_t far_id[12] = { 2, 0, 0, 0, 2, 0, 7, 0, 0xff, 0xff, 0xff, 0x7f };

	for (size_t len = 0; len < sizeof(acl); len++) {
		if (len >= 4 && (len - 4) % 8 == 0)
			continue;
		assert_int_equal(copy_shift_acl(acl, len, &map), -1);
		assert_int_equal(errno, EINVAL);
	}
	acl[0] = 3;
	assert_int_equal(copy_shift_acl(acl, 12, &map), -1);
	assert_int_equal(errno, EINVAL);
	assert_int_equal(copy_shift_acl(far_id, sizeof(far_id), &map), -1);
	assert_int_equal(errno, EOVERFLOW);
}

static int temporary(void)
{
	char path[] = "/tmp/test_rootfs_copy.XXXXXX";
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	unlink(path);
	return fd;
}

static void data_with_holes(void **state)
{
	const off_t size = 64 << 20;
	int src = temporary(), dst = temporary();
	struct stat st;
	char text[6];

	assert_int_equal(ftruncate(src, size), 0);
	assert_int_equal(pwrite(src, "middle", 6, 30 << 20), 6);
	assert_int_equal(copy_data(src, dst, size), 0);
	assert_int_equal(fstat(dst, &st), 0);
	assert_true(st.st_size == size);
	assert_true(st.st_blocks < 2048); /* below 1 MiB */
	assert_int_equal(pread(dst, text, 6, 30 << 20), 6);
	assert_memory_equal(text, "middle", 6);
	close(src);
	close(dst);
}

static void data_empty_and_small(void **state)
{
	int src = temporary(), dst = temporary();
	char text[8];

	assert_int_equal(copy_data(src, dst, 0), 0);
	assert_int_equal(pwrite(src, "x", 1, 0), 1);
	assert_int_equal(copy_data(src, dst, 1), 0);
	assert_int_equal(pread(dst, text, 8, 0), 1);
	assert_int_equal(text[0], 'x');
	close(src);
	close(dst);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(caps_become_the_containers), cmocka_unit_test(caps_without_a_map_stay),
		cmocka_unit_test(caps_hostile),		      cmocka_unit_test(acl_shifts_named_ids_only),
		cmocka_unit_test(acl_hostile),		      cmocka_unit_test(data_with_holes),
		cmocka_unit_test(data_empty_and_small),	      cmocka_unit_test(caps_come_back),
	};

	return cmocka_run_group_tests_name("rootfs_copy_file", tests, NULL, NULL);
}
