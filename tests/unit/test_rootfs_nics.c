/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "helper/rootfs_nics.h"

static void assert_commands(const char *config, const char *want)
{
	AUTO_STRBUF struct strbuf out = STRBUF_INIT;

	rootfs_nics_commands(config, &out);
	assert_string_equal(out.len ? out.buf : "", want);
}

static void each_nic_with_its_veth(void **state)
{
	assert_commands("lxc.uts.name = c\n"
			"lxc.net.0.type = veth\n"
			"lxc.net.0.veth.pair = v0\n"
			"lxc.net.1.veth.pair = v1\n"
			"lxc.net.1.script.up = /x/berth-nic-up --ingress=5 --egress=0\n"
			"lxc.net.1.script.down = /x/berth-nic-up --ingress=0 --egress=0\n"
			"lxc.net.10.script.down = /y/z/berth-nic-up --ingress=0 --egress=0 --gone --routed6=fd42::5,fd42::6 --parent=e.7\n"
			"lxc.net.10.veth.pair = v10\n",
			"/x/berth-nic-up --ingress=0 --egress=0 --device=v1\n"
			"/y/z/berth-nic-up --ingress=0 --egress=0 --gone --routed6=fd42::5,fd42::6 --parent=e.7 --device=v10\n");
	assert_commands("", "");
	assert_commands("\n\nlxc.net.\nlxc.net.0\nlxc.net.0.script.down\n", "");
}

static void what_is_not_ours(void **state)
{
#define DOWN(command) "lxc.net.0.veth.pair = v0\nlxc.net.0.script.down = " command "\n"
	assert_commands(DOWN("/etc/mine --ingress=0"), "");
	assert_commands(DOWN("/etc/not-berth-nic-up --ingress=0"), "");
	assert_commands(DOWN("berth-nic-up --ingress=0"), "");
	assert_commands(DOWN("/x/berth-nic-up"), "");
	assert_commands(DOWN("/x/berth-nic-up --mac=$(id)"), "");
	assert_commands(DOWN("/x/berth-nic-up '--mac=1'"), "");
	assert_commands("lxc.net.0.script.down = /x/berth-nic-up --ingress=0\n", "");
	assert_commands("lxc.net.0.script.down = /x/berth-nic-up --ingress=0\nlxc.net.1.veth.pair = v0\n", "");
	assert_commands("lxc.net.0.script.down = /x/berth-nic-up --ingress=0\nlxc.net.0.veth.pair = v0 --mac=x\n", "");
	assert_commands("# lxc.net.0.veth.pair = v0\nlxc.net.0.script.down = /x/berth-nic-up --ingress=0\n", "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_nic_with_its_veth),
		cmocka_unit_test(what_is_not_ours),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
