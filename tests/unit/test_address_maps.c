/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#include "model/address_maps.h"

static void good(const char *text, size_t n, struct address_maps *maps)
{
	struct error err = ERROR_INIT;

	if (address_maps_parse(text, maps, &err) < 0)
		fail_msg("%s", err.msg);
	assert_int_equal(maps->n, n);
}

static void bad(const char *text, const char *part)
{
	struct error err = ERROR_INIT;
	struct address_maps maps;

	assert_int_equal(address_maps_parse(text, &maps, &err), -1);
	assert_int_equal(err.code, ERROR_INVALID);
	if (!strstr(err.msg, part))
		fail_msg("'%s' lacks '%s'", err.msg, part);
}

static void ranges_are_read(void **state)
{
	struct address_maps maps;
	char text[INET6_ADDRSTRLEN];

	good("", 0, &maps);
	good("  \t", 0, &maps);
	good("lan nat 10.7.0.10 90 10.7.0.1 255.255.255.0, pub4 pub 203.0.113.8 8 203.0.113.1 24,"
	     "six\tnat 2001:db8::100 50 2001:db8::1 /64 , bare pub 192.0.2.5 1 none 32", 4, &maps);
	assert_string_equal(maps.maps[0].name, "lan");
	assert_true(maps.maps[0].nat);
	assert_int_equal(maps.maps[0].count, 90);
	assert_int_equal(maps.maps[0].prefix, 24);
	assert_false(maps.maps[1].nat);
	address_text(&maps.maps[2].gateway, text);
	assert_string_equal(text, "2001:db8::1");
	assert_int_equal(maps.maps[2].prefix, 64);
	assert_int_equal(maps.maps[3].gateway.family, 0);
	address_maps_clear(&maps);
	address_maps_clear(&maps);
}

static void mistakes_are_named(void **state)
{
	bad("lan nat 10.7.0.10 90 10.7.0.1", "has 5 words instead of the six");
	bad("lan nat 10.7.0.10 90 10.7.0.1 24 x", "has 7 words");
	bad("lan nat 10.7.0.10 90 10.7.0.1 24,", "has 0 words");
	bad("l*n nat 10.7.0.10 90 10.7.0.1 24", "'l*n'");
	bad("lan lan 10.7.0.10 90 10.7.0.1 24", "neither pub nor nat");
	bad("lan nat 10.7.0.300 90 10.7.0.1 24", "'10.7.0.300' is no address");
	bad("lan nat 10.7.0.10 0 10.7.0.1 24", "range 'lan': count");
	bad("lan nat 10.7.0.10 99999999 10.7.0.1 8", "range 'lan': count");
	bad("lan nat 10.7.0.10 9 auto 24", "the gateway 'auto'");
	bad("lan nat 10.7.0.10 9 10.8.0.1 24", "does not lie in the network");
	bad("lan nat 10.7.0.10 9 2001:db8::1 24", "does not lie in the network");
	bad("lan nat 10.7.0.10 9 10.7.0.1 33", "the mask '33'");
	bad("lan nat 10.7.0.10 9 10.7.0.1 0", "the mask '0'");
	bad("lan nat 10.7.0.10 9 10.7.0.1 255.0.255.0", "the mask '255.0.255.0'");
	bad("lan nat 10.7.0.10 9 10.7.0.1 0.0.0.0", "the mask '0.0.0.0'");
	bad("six nat 2001:db8::5 9 2001:db8::1 255.255.255.0", "from 1 to 128");
	bad("lan nat 10.7.0.250 7 10.7.0.1 24", "leave the network");
	bad("lan nat 255.255.255.250 7 none 8", "leave the network");
	bad("lan nat 10.7.0.1 1 10.7.0.1 24", "nothing to hand out");
	bad("lan nat 10.7.0.0 2 10.7.0.1 24", "nothing to hand out");
	bad("lan nat 10.7.0.255 1 10.7.0.1 24", "nothing to hand out");
	bad("a nat 10.7.0.10 9 none 24, a pub 10.8.0.10 9 none 24", "two ranges with the name 'a'");
	bad("a nat 10.7.0.10 9 none 24, b pub 10.7.0.18 9 none 24", "'a' and 'b' overlap");
	bad("b nat 10.7.0.18 9 none 24, a pub 10.7.0.10 9 none 24", "'b' and 'a' overlap");
}

static void reserved_addresses_are_left_out(void **state)
{
	struct address_maps maps;
	struct address a;
	unsigned n = 0;

	good("lan nat 10.7.0.0 256 10.7.0.1 24", 1, &maps);
	for (uint32_t i = 0; i < 300; i++)
		n += address_map_at(&maps.maps[0], i, &a);
	assert_int_equal(n, 253);
	assert_false(address_map_at(&maps.maps[0], 0, &a));
	assert_false(address_map_at(&maps.maps[0], 1, &a));
	assert_true(address_map_at(&maps.maps[0], 2, &a));
	assert_false(address_map_at(&maps.maps[0], 255, &a));
	address_maps_clear(&maps);
	good("six nat 2001:db8:: 4 2001:db8::1 64", 1, &maps);
	assert_false(address_map_at(&maps.maps[0], 0, &a));
	assert_true(address_map_at(&maps.maps[0], 3, &a));
	address_maps_clear(&maps);
	good("link pub 192.0.2.0 2 192.0.2.0 31", 1, &maps); /* both ends of a /31 are hosts */
	assert_true(address_map_at(&maps.maps[0], 1, &a));
	address_maps_clear(&maps);
}

static void addresses_carry(void **state)
{
	struct address a, b;
	char text[INET6_ADDRSTRLEN];

	assert_int_equal(address_parse("10.0.255.250", &a), 0);
	assert_true(address_add(&a, 10, &b));
	address_text(&b, text);
	assert_string_equal(text, "10.1.0.4");
	assert_int_equal(address_parse("255.255.255.255", &a), 0);
	assert_false(address_add(&a, 1, &b));
	assert_int_equal(address_parse_cidr("2001:db8::1/64", &a), 0);
	assert_int_equal(a.family, AF_INET6);
	assert_int_equal(address_parse("10.0.0.1/24", &a), -1);
	assert_int_equal(address_parse("", &a), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ranges_are_read),
		cmocka_unit_test(mistakes_are_named),
		cmocka_unit_test(reserved_addresses_are_left_out),
		cmocka_unit_test(addresses_carry),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
