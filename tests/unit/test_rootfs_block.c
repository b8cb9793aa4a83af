/* SPDX-License-Identifier: MIT */
/* helper/rootfs_block.c: mount options; what mounts is in tests/bats/lxd-device.bats. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mount.h>

#include <cmocka.h>

#include "helper/rootfs_block.h"
#include "helper/rootfs_sys.h"

static void flags_are_taken_out_of_options(void **state)
{
	static const struct {
		const char *given, *left;
		uint64_t attrs;
	} cases[] = {
		{ "", "", 0 },
		{ "ro", "", MOUNT_ATTR_RDONLY },
		{ "noatime,uid=7", "uid=7", MOUNT_ATTR_NOATIME },
		{ "uid=7,noexec,x", "uid=7,x", MOUNT_ATTR_NOEXEC },
		{ ",,a,,nosuid,nodev,", "a", MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV },
		{ "defaults,rw", "", 0 },
		{ "ros,=,ro=1", "ros,=,ro=1", 0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char options[64];
		uint64_t attrs = 0;

		snprintf(options, sizeof(options), "%s", cases[i].given);
		block_take_flags(options, &attrs);
		assert_string_equal(options, cases[i].left);
		assert_int_equal(attrs, cases[i].attrs);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(flags_are_taken_out_of_options),
	};

	return cmocka_run_group_tests_name("rootfs_block", tests, NULL, NULL);
}
