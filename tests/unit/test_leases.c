/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#include "base/strbuf.h"
#include "host/leases.h"

static void note(const struct lease *lease, void *data)
{
	strbuf_addf(data, "%lld|%s|%s|%s\n", (long long)lease->expires, lease->hwaddr, lease->address, lease->hostname);
}

static void leases_are_read_and_rubbish_is_not(void **state)
{
	static const char text[] = "1795000000 00:16:3e:aa:bb:cc 10.7.0.100 web1 01:00:16:3e:aa:bb:cc\n"
				   "0 00:16:3e:aa:bb:cd 10.7.0.101 * *\n"
				   "duid 00:01:00:01:2d:aa\n"
				   "1795000000 1234567 2001:db8::17 web1 00:01:00:01\n"
				   "\n"
				   "x 00:16:3e:aa:bb:cd 10.7.0.102 a *\n"
				   "1 00:16:3e:aa:bb:cd 10.7.0.999 a *\n"
				   "-5 00:16:3e:aa:bb:cd 10.7.0.102 a *\n"
				   "5 not-a-mac 10.7.0.103 \033[31m *\n"
				   "6 00:16:3e:aa:bb:cd";
	AUTO_STRBUF struct strbuf out = STRBUF_INIT;

	leases_parse(text, sizeof(text) - 1, note, &out);
	assert_string_equal(out.buf, "1795000000|00:16:3e:aa:bb:cc|10.7.0.100|web1\n"
				     "0|00:16:3e:aa:bb:cd|10.7.0.101|\n"
				     "1795000000||2001:db8::17|web1\n"
				     "5||10.7.0.103| [31m\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(leases_are_read_and_rubbish_is_not) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
