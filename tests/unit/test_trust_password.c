/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "api/trust_password.h"
#include "base/mem.h"

static void test_hash(void **state)
{
	struct error err = ERROR_INIT;
	AUTO_FREE char *a = trust_password_hash("sekret", &err), *b = trust_password_hash("sekret", &err);
	char large[1026];

	assert_string_not_equal(a, b); /* salted */
	assert_true(trust_password_matches(a, "sekret"));
	assert_true(trust_password_matches(b, "sekret"));
	assert_false(trust_password_matches(a, "Sekret"));
	assert_false(trust_password_matches(a, ""));
	assert_false(trust_password_matches("", "sekret"));
	assert_false(trust_password_matches("pbkdf2-sha256:0:ab:cd", "sekret"));
	assert_false(trust_password_matches("pbkdf2-sha256:99999999:ab:cd", "sekret"));
	memset(large, 'x', sizeof(large) - 1);
	large[sizeof(large) - 1] = 0;
	assert_null(trust_password_hash(large, &err));
	assert_false(trust_password_matches(a, large));
}

static void test_known_hash(void **state)
{
	/* python3: hashlib.pbkdf2_hmac('sha256', b'password', b'00ff', 1000).hex() */
	assert_true(trust_password_matches("pbkdf2-sha256:1000:00ff:b93e5e388ed867a5e8447c65a84d021dc7082c56aeb0d22ffd2dacb8ccc99576",
					   "password"));
}

static void test_guessing(void **state)
{
	char host[32];

	for (int i = 0; i < 5; i++) {
		assert_true(trust_password_may_try("10.0.0.1", 1000));
		trust_password_was_wrong("10.0.0.1", 1000);
	}
	assert_false(trust_password_may_try("10.0.0.1", 1000 + 59999));
	assert_true(trust_password_may_try("10.0.0.2", 1000)); /* nobody else is kept out */
	assert_true(trust_password_may_try("10.0.0.1", 1000 + 60000));
	for (int i = 0; i < 5; i++)
		trust_password_was_wrong("fd00::1", 200000);
	assert_false(trust_password_may_try("fd00::2", 200000)); /* one /64 is one guesser */
	assert_true(trust_password_may_try("fd00:0:0:1::2", 200000));
	trust_password_was_right("fd00::3");
	assert_true(trust_password_may_try("fd00::2", 200000));
	for (int i = 0; i < 25; i++) {
		snprintf(host, sizeof(host), "10.1.0.%d", i);
		trust_password_was_wrong(host, 200000);
	}
	assert_false(trust_password_may_try("10.2.0.1", 200000)); /* all of them together */
	assert_true(trust_password_may_try("10.2.0.1", 260001));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hash),
		cmocka_unit_test(test_known_hash),
		cmocka_unit_test(test_guessing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
