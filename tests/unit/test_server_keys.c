/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include <cmocka.h>

#include "api/remote.h"
#include "api/server_keys.h"
#include "base/mem.h"

static void takes(const char *key, const char *value, const char *stored)
{
	struct error err = ERROR_INIT;
	AUTO_FREE char *got = server_key_value(key, value, &err);

	assert_non_null(got);
	assert_string_equal(got, stored);
}

static void refuses(const char *key, const char *value, const char *part)
{
	struct error err = ERROR_INIT;

	assert_null(server_key_value(key, value, &err));
	assert_int_equal(err.code, ERROR_INVALID);
	assert_non_null(strstr(err.msg, part));
}

static void test_values(void **state)
{
	struct utsname un;

	takes("user.x", "any\nthing", "any\nthing");
	takes("core.shutdown_timeout", "5", "5");
	takes("core.https_allowed_credentials", "true", "true");
	takes("core.https_allowed_credentials", "YES", "true");
	takes("core.remote_token_expiry", "1d 2H", "1d 2H");
	refuses("core.remote_token_expiry", "1x", "Invalid expiry expression");
	takes("images.compression_algorithm", "zstd", "zstd");
	assert_int_equal(uname(&un), 0);
	takes("images.default_architecture", un.machine, un.machine);
	refuses("user.", "1", "unknown key");
	refuses("user.a b", "1", "unknown key");
	refuses("nosuch.key", "1", "cannot set 'nosuch.key' to '1': unknown key");
	refuses("core.shutdown_timeout", "-1", "cannot set 'core.shutdown_timeout' to '-1'");
	refuses("core.https_allowed_origin", "a\r\nSet-Cookie: x", "one line");
	refuses("images.compression_algorithm", "rm -rf", "Invalid compression algorithm \"rm -rf\"");
	refuses("images.default_architecture", "z80", "Invalid value \"z80\" (not one of [");
	refuses("maas.api.url", "x", "berth has no MAAS");
	refuses("cluster.https_address", "x", "no member of a cluster");
}

static void test_hidden(void **state)
{
	struct error err = ERROR_INIT;
	AUTO_FREE char *stored = server_key_value("core.trust_password", "sekret", &err);

	assert_true(server_key_hidden("core.trust_password"));
	assert_false(server_key_hidden("core.https_address"));
	assert_non_null(stored);
	assert_null(strstr(stored, "sekret"));
}

static void test_addresses(void **state)
{
	takes("core.https_address", "10.0.0.1", "10.0.0.1:8443");
	takes("core.https_address", "10.0.0.1:1", "10.0.0.1:1");
	takes("core.https_address", ":8443", ":8443");
	takes("core.https_address", "::", "[::]:8443");
	takes("core.https_address", "[::]", "[::]:8443");
	takes("core.https_address", "[fd00::1]:99", "[fd00::1]:99");
	takes("core.https_address", "0.0.0.0:8443", "0.0.0.0:8443");
	refuses("core.https_address", "[]:1", "no address");
	refuses("core.https_address", "[::", "no address");
	refuses("core.https_address", "[::]x", "no address");
	refuses("core.https_address", "[10.0.0.1]:1", "no IPv6 address");
	refuses("core.https_address", "10.0.0.1:0", "port");
	refuses("core.https_address", "10.0.0.1:65536", "port");
	refuses("core.https_address", "10.0.0.1:", "port");
	refuses("core.https_address", "example.org:1", "no IP address");
	refuses("core.https_address", "1.2.3.4:5:6", "port");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_hidden),
		cmocka_unit_test(test_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
