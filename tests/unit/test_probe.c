/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"
#include "lxc/probe.h"
#include "lxc/subid.h"

static char work[] = "/tmp/berth-probe-XXXXXX";
static char *old_path;

static void write_program(const char *name, const char *script)
{
	char *path = fs_join(work, name);
	struct error err = ERROR_INIT;

	assert_int_equal(fs_write_atomic(path, script, strlen(script), 0755, &err), 0);
	assert_int_equal(chmod(path, 0755), 0);
	free(path);
}

static void remove_program(const char *name)
{
	char *path = fs_join(work, name);

	unlink(path);
	free(path);
}

/* Our folder first in PATH. */
static int setup(void **state)
{
	char *path;

	old_path = mem_strdup(getenv("PATH"));
	memcpy(work + strlen(work) - 6, "XXXXXX", 6);
	assert_non_null(mkdtemp(work));
	path = mem_printf("%s:%s", work, old_path);
	setenv("PATH", path, 1);
	free(path);
	return 0;
}

static int teardown(void **state)
{
	struct error err = ERROR_INIT;

	setenv("PATH", old_path, 1);
	free(old_path);
	return fs_remove_tree(work, &err);
}

static void expect_range(const char *uids, const char *gids, uint32_t base, uint32_t size)
{
	uint32_t b = 1, s = 1;

	assert_int_equal(subid_range(uids, gids, &b, &s), size != 0);
	assert_int_equal(b, base);
	assert_int_equal(s, size);
}

static void test_subid_range(void **state)
{
	expect_range("root:100000:65536\n", "root:100000:65536\n", 100000, 65536);
	expect_range("root:100000:65536", "0:100000:65536", 100000, 65536);
	expect_range("user:1:99999\nroot:1000000:1000000000\n", "root:1000000:1000000000\n", 1000000,
		     1000000000);
	/* the first pair that has room */
	expect_range("root:5000:10\nroot:200000:65536\nroot:300000:65536\n",
		     "root:300000:65536\nroot:200000:65536\n", 200000, 65536);
	/* an overlap */
	expect_range("root:100000:200000\n", "root:150000:200000\n", 150000, 150000);
	expect_range("root:100000:100000\n", "root:150000:100000\n", 0, 0);
	expect_range("root:100000:65536\n", "", 0, 0);
	expect_range("root:100000:65535\n", "root:100000:65535\n", 0, 0);
}

static void test_subid_allows(void **state)
{
	static const char text[] = "user:1:9\nroot:1000:1\nroot:3000:10\n0:3010:5\nroot:100000:65536";

	assert_true(subid_allows(text, 1000, 1));
	assert_false(subid_allows(text, 1000, 2));
	assert_false(subid_allows(text, 999, 2));
	assert_false(subid_allows(text, 1, 1));
	assert_true(subid_allows(text, 3000, 15)); /* of two lines */
	assert_false(subid_allows(text, 3000, 16));
	assert_true(subid_allows(text, 165535, 1));
	assert_false(subid_allows(text, 165535, 2));
	assert_false(subid_allows("", 1, 1));
	assert_false(subid_allows("root:0:9\n", 5, 1));
}

static void test_subid_hostile(void **state)
{
	static const char *const bad[] = {
		"",
		"\n\n\n",
		"root",
		"root:",
		"root::",
		"root:1:",
		"root:0:65536",
		"root:-1:65536",
		"root:100000:-65536",
		"root:100000:65536x",
		"root:100000:65536:1",
		" root:100000:65536",
		"rooted:100000:65536",
		"00:100000:65536",
		"root:4294967295:65536",
		"root:4294901760:65537",
		"root:99999999999999999999999999:65536",
		"root:100000:18446744073709551617",
		"#root:100000:65536",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		expect_range(bad[i], "root:1:4294967294\n", 0, 0);
	expect_range("root:4294901759:65536", "root:1:4294967294\n", 4294901759u, 65536);
	expect_range("root:x:1\nroot:100000:65536", "junk\nroot:100000:65536", 100000, 65536);
}

static void test_this_host(void **state)
{
	struct error err = ERROR_INIT;
	struct probe *p = probe_host("/tmp", "/nonexistent", &err);
	unsigned major, minor;

	assert_string_equal(err.msg, "");
	assert_non_null(p);
	assert_int_equal(sscanf(p->lxc_version, "%u.%u", &major, &minor), 2);
	assert_true(major >= 4);
	assert_true(*p->kernel_version && *p->architecture);
	assert_int_equal(p->cgroups == CGROUP_UNIFIED,
			 access("/sys/fs/cgroup/cgroup.controllers", F_OK) == 0);
	assert_false(p->idmapped_mounts); /* no program: not an error, but nothing is promised */
	assert_false(p->overlay_idmapped);
	assert_true(p->idmap_size == 0 || p->idmap_size >= SUBID_SIZE_MIN);
	probe_free(p);
}

static void test_helper_is_asked(void **state)
{
	struct error err = ERROR_INIT;
	struct probe *p;

	write_program("lxc-start", "#!/bin/sh\necho 6.0.4-devel\n");
	write_program(
		"berth-rootfs",
		"#!/bin/sh\n[ \"$1\" = probe ] && [ \"$2\" = /some/dir ] && echo idmapped=1 overlay=0\n");
	p = probe_host("/some/dir", work, &err);
	assert_non_null(p);
	assert_string_equal(p->lxc_version, "6.0.4");
	assert_true(p->idmapped_mounts);
	assert_false(p->overlay_idmapped);
	probe_free(p);
	write_program("berth-rootfs", "#!/bin/sh\necho idmapped=1 overlay=1\nexit 1\n");
	p = probe_host("/some/dir", work, &err);
	assert_non_null(p);
	assert_false(p->idmapped_mounts);
	probe_free(p);
	remove_program("berth-rootfs");
	remove_program("lxc-start");
}

static void test_bad_lxc_start(void **state)
{
	static const char *const scripts[] = {
		"#!/bin/sh\nexit 1\n",
		"#!/bin/sh\necho hello\n",
		"#!/bin/sh\n",
		"#!/bin/sh\nhead -c 100 /dev/zero | tr '\\0' 5\n",
		"#!/bin/sh\nexec cat /dev/zero\n",
		"#!/bin/sh\nkill -9 $$\n",
	};

	for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++) {
		struct error err = ERROR_INIT;

		write_program("lxc-start", scripts[i]);
		assert_null(probe_host("/tmp", work, &err));
		assert_non_null(strstr(err.msg, "lxc-start --version"));
	}
	remove_program("lxc-start");
}

static void test_no_lxc_start(void **state)
{
	struct error err = ERROR_INIT;

	setenv("PATH", work, 1);
	assert_null(probe_host("/tmp", work, &err));
	assert_int_equal(err.code, ERROR_TOOL);
	assert_string_equal(err.msg, "'lxc-start' is not in PATH: install the package 'lxc'");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_subid_range),
		cmocka_unit_test(test_subid_allows),
		cmocka_unit_test(test_subid_hostile),
		cmocka_unit_test_setup_teardown(test_this_host, setup, teardown),
		cmocka_unit_test_setup_teardown(test_helper_is_asked, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bad_lxc_start, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_lxc_start, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
