/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "lxc/active.h"

#define HEAD "0000000000000000: 00000002 00000000 00010000 0001 01 12345 "

static void names_of_sockets(void **state)
{
	static const char text[] =
		"Num       RefCount Protocol Flags    Type St Inode Path\n"
		HEAD "@/var/lib/lxc/c1/command\n"
		HEAD "/run/other.sock\n"
		HEAD "\n"
		"0000000000000000: 00000003 00000000 00000000 0001 03 777\n"
		HEAD "@/var/lib/lxc/with blank/command\n"
		HEAD "@/var/lib/lxc/c1/command\n"
		HEAD "@/var/lib/lxc2/no/command\n"
		HEAD "@/var/lib/lxc/no/commander\n"
		HEAD "@/var/lib/lxc/a/b/command\n"
		HEAD "@/var/lib/lxc//command\n"
		HEAD "@/var/lib/lxc/command\n"
		HEAD "@lxc/ad055575fe28ddd5/var/lib/lxc\n"
		HEAD "@/var/lib/lxc/last/command";
	struct strmap *names = lxc_active_names(text, "/var/lib/lxc");
	const char **keys = strmap_keys(names);

	assert_int_equal(strmap_count(names), 3);
	assert_string_equal(keys[0], "c1");
	assert_string_equal(keys[1], "last");
	assert_string_equal(keys[2], "with blank");
	assert_true(lxc_active_may_be(names, "/var/lib/lxc", "c1"));
	assert_false(lxc_active_may_be(names, "/var/lib/lxc", "no"));
	free(keys);
	strmap_free(names);
}

static void nonsense(void **state)
{
	static const char *const texts[] = { "", "\n\n@", "@\n@@@/command\n", "@/var/lib/lxc", "/command", "@/var/lib/lxc/" };

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct strmap *names = lxc_active_names(texts[i], "/var/lib/lxc");

		assert_int_equal(strmap_count(names), 0);
		strmap_free(names);
	}
}

/* A socket's name of more than 100 bytes may be a hash: nothing can be told. */
static void long_names(void **state)
{
	struct strmap *names = lxc_active_names("", "/l");
	char name[120];

	memset(name, 'a', sizeof(name));
	name[89] = '\0';
	assert_false(lxc_active_may_be(names, "/l", name));
	name[89] = 'a';
	name[90] = '\0';
	assert_true(lxc_active_may_be(names, "/l", name));
	strmap_free(names);
}

static void of_this_host(void **state)
{
	struct strmap *names = lxc_active_now("/nonexistent/lxcpath");

	assert_int_equal(strmap_count(names), 0);
	strmap_free(names);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_of_sockets),
		cmocka_unit_test(nonsense),
		cmocka_unit_test(long_names),
		cmocka_unit_test(of_this_host),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
