/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>
#include <sys/un.h>

#include "base/endpoint.h"

static struct endpoint e;

static void good(void **state)
{
	static const struct {
		const char *text, *host;
		size_t n_ports;
		unsigned last;
	} cases[] = {
		{ "tcp:127.0.0.1:80", "127.0.0.1", 1, 80 },
		{ "udp:[::1]:53-55,60", "::1", 4, 60 },
		{ "tcp::80", "::", 1, 80 },
		{ "tcp:0.0.0.0:65535", "0.0.0.0", 1, 65535 },
		{ "unix:/run/x.sock", "", 0, 0 },
		{ "unix:@name", "", 0, 0 },
	};
	struct error err = ERROR_INIT;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(endpoint_parse(cases[i].text, &e, &err), 0);
		assert_string_equal(e.host, cases[i].host);
		assert_int_equal(e.n_ports, cases[i].n_ports);
		if (e.n_ports)
			assert_int_equal(e.ports[e.n_ports - 1], cases[i].last);
	}
}

static void bad(void **state)
{
	static const char *const cases[][2] = {
		{ "", "Unknown connection type" },
		{ "tcp", "Unknown connection type" },
		{ "icmp:1.2.3.4:1", "Unknown connection type \"icmp\"" },
		{ "tcp:127.0.0.1", "no port" },
		{ "tcp:localhost:80", "must be an IPv4 address" },
		{ "tcp:[127.0.0.1]:80", "must be an IPv4 address" },
		{ "tcp:::1:80", "must be an IPv4 address" },
		{ "tcp:1.2.3.4:0", "Invalid port number" },
		{ "tcp:1.2.3.4:65536", "Invalid port number" },
		{ "tcp:1.2.3.4:80-", "Invalid port number" },
		{ "tcp:1.2.3.4:80,", "Invalid port number" },
		{ "tcp:1.2.3.4:+80", "Invalid port number" },
		{ "tcp:1.2.3.4:90-80", "runs backwards" },
		{ "tcp:1.2.3.4:1-65535", "more than" },
		{ "tcp:1.2.3.4:1-1024,2000", "more than" },
		{ "unix:relative", "absolute path" },
		{ "unix:", "absolute path" },
		{ "unix:@", "absolute path" },
		{ "unix:/a\nb", "control characters" },
		{ "unix:/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
		  "more than 107" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct error err = ERROR_INIT;

		assert_int_equal(endpoint_parse(cases[i][0], &e, &err), -1);
		if (!strstr(err.msg, cases[i][1]))
			fail_msg("%s: '%s', not '%s'", cases[i][0], err.msg, cases[i][1]);
	}
}

static void addresses(void **state)
{
	struct sockaddr_storage address;
	struct error err = ERROR_INIT;

	assert_int_equal(endpoint_parse("tcp:[2001:db8::1]:80,81", &e, &err), 0);
	assert_int_equal(endpoint_address(&e, 1, &address), sizeof(struct sockaddr_in6));
	assert_int_equal(((struct sockaddr_in6 *)&address)->sin6_port, htons(81));
	assert_int_equal(endpoint_parse("unix:@ab", &e, &err), 0);
	assert_int_equal(endpoint_address(&e, 0, &address), offsetof(struct sockaddr_un, sun_path) + 3);
	assert_memory_equal(((struct sockaddr_un *)&address)->sun_path, "\0ab", 3);
	assert_int_equal(endpoint_parse("udp:[::]:1", &e, &err), 0);
	assert_true(endpoint_is_any(&e));
	assert_int_equal(endpoint_parse("udp:[::1]:1", &e, &err), 0);
	assert_false(endpoint_is_any(&e));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good),
		cmocka_unit_test(bad),
		cmocka_unit_test(addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
