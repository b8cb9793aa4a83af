/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#include "model/raw_lxc.h"

static void good_lines(void **state)
{
	static const char *const good[] = {
		"",
		"\n\n",
		"# only a comment",
		"lxc.signal.halt = SIGUSR2",
		"lxc.signal.halt=SIGUSR2\n",
		"  lxc.a.b =  c d  \n\t# x\n\nlxc.cgroup.devices.allow = c 1:3 rwm",
		"lxc.include = /etc/lxc/more.conf",
		"lxc.cap.drop =",
		"lxc.environment = A=B=C",
		"lxc.mount.entry = /a b none bind 0 0",
		"lxc.net.3.type = vlan",
	};
	struct error err = ERROR_INIT;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		if (raw_lxc_validate(good[i], &err) < 0)
			fail_msg("'%s': %s", good[i], err.msg);
	}
}

static void bad_lines(void **state)
{
	static const struct {
		const char *text, *why;
	} bad[] = {
		{ "lxc.a", "line 1: 'lxc.a' is not of the form" },
		{ "#\n\nrm -rf /", "line 3" },
		{ "foo = bar", "line 1: 'foo' is not a key" },
		{ "lxc. = x", "not a key" },
		{ "lxc..a = x", "not a key" },
		{ "lxc.a\x01 = x", "control characters" },
		{ "lxc.a = x\rlxc.uts.name = y", "control characters" },
		{ "lxc.uts.name = other", "lxc.uts.name cannot be set here: rename the instance" },
		{ "\n lxc.rootfs.path = /", "line 2: lxc.rootfs.path" },
		{ "lxc.idmap = u 0 0 4294967295", "security.idmap" },
		{ "lxc.idmap =", "lxc.idmap" },
		{ "lxc.hook.version = 0", "lxc.hook.version" },
		{ "lxc.console.logfile = /etc/passwd", "console log" },
		{ "lxc.log.file = /etc/passwd", "log" },
		{ "lxc.hook.pre-start =", "cannot be cleared" },
		{ "lxc.hook =", "cannot be cleared" },
		{ "lxc.net =   ", "cannot be cleared" },
		{ "lxc.include = more.conf", "absolute path" },
		{ "lxc.include = /a/../b", "absolute path" },
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct error err = ERROR_INIT;

		assert_int_equal(raw_lxc_validate(bad[i].text, &err), -1);
		if (!strstr(err.msg, bad[i].why))
			fail_msg("'%s': %s", bad[i].text, err.msg);
	}
}

static void networks(void **state)
{
	assert_false(raw_lxc_has_networks(NULL));
	assert_false(raw_lxc_has_networks("# lxc.net.0.type = veth"));
	assert_true(raw_lxc_has_networks("lxc.a = b\n  lxc.net.0.type = veth"));
	assert_true(raw_lxc_has_network("lxc.net.12.type = veth", 12));
	assert_false(raw_lxc_has_network("lxc.net.12.type = veth", 1));
	assert_false(raw_lxc_has_network(NULL, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_lines),
		cmocka_unit_test(bad_lines),
		cmocka_unit_test(networks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
