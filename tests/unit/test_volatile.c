/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "model/volatile.h"

static void known(void **state)
{
	static const char *const yes[] = { "volatile.uuid", "volatile.last_state.power", "volatile.eth0.hwaddr",
					   "volatile.a.b.host_name", "volatile.eth0.last_state.mtu", "volatile.eth0.ipv4.assigned",
					   NULL };
	static const char *const no[] = { "volatile", "volatile.", "volatile.foo", "volatile.hwaddr", "volatile..hwaddr",
					  "volatile.eth0.foo", "volatile.eth0hwaddr", "user.uuid", "", "volatile.uuid.x", NULL };

	for (const char *const *key = yes; *key; key++)
		assert_true(volatile_is_known(*key));
	for (const char *const *key = no; *key; key++)
		assert_false(volatile_is_known(*key));
}

static void chosen(void **state)
{
	assert_true(volatile_may_be_chosen("volatile.eth0.hwaddr"));
	assert_true(volatile_may_be_chosen("volatile.eth0.host_name"));
	assert_true(volatile_may_be_chosen("volatile.apply_template"));
	assert_false(volatile_may_be_chosen("volatile.uuid"));
	assert_false(volatile_may_be_chosen("volatile.idmap.base"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known),
		cmocka_unit_test(chosen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
