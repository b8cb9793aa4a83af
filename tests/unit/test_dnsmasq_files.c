/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>

#include "host/dnsmasq_files.h"

static void add(struct dnsmasq_files *f, const char *name, const char *mac, const char *ip4, const char *ip6)
{
	struct nic nic = { .kind = NIC_BRIDGED, .hwaddr = mac };

	snprintf(nic.ip4.text, sizeof(nic.ip4.text), "%s", ip4);
	snprintf(nic.ip6.text, sizeof(nic.ip6.text), "%s", ip6);
	dnsmasq_files_add(f, name, &nic);
}

static void reservations_and_names(void **state)
{
	struct dnsmasq_files f;

	dnsmasq_files_init(&f, "10.7.0.1", "fd00::1");
	add(&f, "web", "00:16:3e:00:00:01", "10.7.0.5/24", "fd00::5/64");
	add(&f, "leased", "00:16:3e:00:00:02", "", "");
	add(&f, "free", NULL, "10.7.0.6", "");
	assert_string_equal(f.hosts.buf, "10.7.0.5 web\nfd00::5 web\n10.7.0.6 free\n");
	assert_string_equal(f.dhcp.buf, "00:16:3e:00:00:01,10.7.0.5,[fd00::5],web\n00:16:3e:00:00:02,leased\n");
	dnsmasq_files_clear(&f);
	dnsmasq_files_init(&f, "10.7.0.1", "");
	add(&f, "web", "00:16:3e:00:00:01", "", "fd00::5");
	assert_string_equal(f.dhcp.buf, "00:16:3e:00:00:01,web\n"); /* nothing of IPv6 is leased */
	dnsmasq_files_clear(&f);
}

/* However it is written. */
static void the_first_has_it(void **state)
{
	struct dnsmasq_files f;

	dnsmasq_files_init(&f, "10.7.0.1", "FD00:0::1");
	add(&f, "one", "00:16:3e:00:00:0a", "10.7.0.5", "fd00::5");
	add(&f, "two", "00:16:3E:00:00:0A", "10.7.0.5/8", "FD00:0:0::0005/64");
	add(&f, "bridge", "00:16:3e:00:00:0b", "10.7.0.1", "fd00::1");
	assert_string_equal(f.hosts.buf, "10.7.0.5 one\nfd00::5 one\n");
	assert_string_equal(f.dhcp.buf, "00:16:3e:00:00:0a,10.7.0.5,[fd00::5],one\n00:16:3e:00:00:0b,bridge\n");
	dnsmasq_files_clear(&f);
}

static void what_would_break_the_files_is_left_out(void **state)
{
	static const char *const names[] = { "", "-a", "a-", "a_b", "a.b", "a b", "a,b", "a\nb", "a#b", "ünï",
					     "a123456789012345678901234567890123456789012345678901234567890123" };
	struct dnsmasq_files f;

	dnsmasq_files_init(&f, "10.7.0.1", "");
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		add(&f, names[i], "00:16:3e:00:00:01", "10.7.0.5", "fd00::5");
	add(&f, "a", "00:16:3e:00:00:01,set:x", "10.7.0.5 b", "fd00::5\nx");
	add(&f, "a", "01:16:3e:00:00:01", "10.7.0.256", "fd00::g");
	assert_string_equal(f.hosts.buf, "");
	assert_string_equal(f.dhcp.buf, "");
	dnsmasq_files_clear(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reservations_and_names),
		cmocka_unit_test(the_first_has_it),
		cmocka_unit_test(what_would_break_the_files_is_left_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
