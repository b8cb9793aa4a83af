/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/mem.h"
#include "model/key_types.h"

/* Lists of words ended by NULL. */
#define ALL(check, ...)                                               \
	do {                                                          \
		static const char *const v[] = { __VA_ARGS__, NULL }; \
		for (size_t i = 0; v[i]; i++) {                       \
			const char *s = v[i];                         \
			if (!(check))                                 \
				fail_msg("'%s' must pass", s);        \
		}                                                     \
	} while (0)
#define NONE(check, ...)                                              \
	do {                                                          \
		static const char *const v[] = { __VA_ARGS__, NULL }; \
		for (size_t i = 0; v[i]; i++) {                       \
			const char *s = v[i];                         \
			if (check)                                    \
				fail_msg("'%s' must not pass", s);    \
		}                                                     \
	} while (0)

static void interface_names(void **state)
{
	ALL(type_is_ifname(s), "eth0", "a", "veth-1.2_3", "123456789012345");
	NONE(type_is_ifname(s), "", ".", "..", "1234567890123456", "a/b", "a b", "a\n", "a:b", "$x",
	     "\xc3\xa9");
}

static void addresses(void **state)
{
	ALL(type_is_mac(s), "00:16:3e:12:34:56", "FE:ff:00:AA:bb:Cc");
	NONE(type_is_mac(s), "", "00:16:3e:12:34", "00:16:3e:12:34:56:78", "00-16-3e-12-34-56",
	     "01:00:00:00:00:01", "00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff", "0g:16:3e:12:34:56",
	     "00:16:3e:12:34:56\n", "00:16:3e:12:34:5");
	ALL(type_is_cidr(AF_INET, s), "10.0.0.1", "10.0.0.1/24", "1.2.3.4/32");
	NONE(type_is_cidr(AF_INET, s), "", "/", "10.0.0.1/", "10.0.0.1/33", "10.0.0.1/0", "10.0.0.1/-1",
	     "10.0.0", "010.0.0.1.1", "999.0.0.1", "::1", "10.0.0.1/24\n", "10.0.0.1 ", "10.0.0.1/24/24",
	     "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
	ALL(type_is_cidr(AF_INET6, s), "fd00::1", "fd00::1/64", "::1/128");
	NONE(type_is_cidr(AF_INET6, s), "10.0.0.1", "fd00::g", "fd00::1/129", "fd00::1%eth0");
}

static void paths(void **state)
{
	ALL(type_is_path(s), "/", "/a", "/a/b c", "/a/", "/a/.b", "/a/..b", "/a/...", "/it's");
	NONE(type_is_path(s), "", "a", "./a", "/..", "/a/..", "/a/../b", "/a/./b", "/.", "//", "/a//b",
	     "/a\nb", "/a\x01");
	char *longest = mem_alloc(5000);

	memset(longest, 'a', 4999);
	longest[0] = '/';
	assert_false(type_is_path(longest));
	longest[4095] = '\0';
	assert_true(type_is_path(longest));
	free(longest);
}

static void numbers(void **state)
{
	int percent = 0;

	assert_true(type_is_percent("50%", &percent));
	assert_int_equal(percent, 50);
	ALL(type_is_percent(s, NULL), "1%", "100%");
	NONE(type_is_percent(s, NULL), "", "%", "0%", "101%", "50", "5 %", "-5%", "5%%", "0050%", "1e1%");
	ALL(type_is_mode(s), "0", "660", "0660", "777");
	NONE(type_is_mode(s), "", "8", "1777", "0o660", "-1", "00660", "66 0");
	ALL(type_is_prlimit(s), "1", "1:2", "unlimited", "1:unlimited", "unlimited:unlimited",
	    "999999999999999999");
	NONE(type_is_prlimit(s), "", ":", "1:", ":1", "-1", "1:2:3", "infinite", "1 2", "9999999999999999999",
	     "1\n");
	ALL(type_is_bitrate(s), "10Mbit", "1Gbit", "500kbit");
	NONE(type_is_bitrate(s), "", "0", "-1", "fast", "10 Mbit;reboot");
	ALL(type_is_int(s, 0, 10), "0", "10");
	NONE(type_is_int(s, 0, 10), "", "11", "-1", "1 ", "0x1", "1.0", "99999999999999999999");
}

static void words(void **state)
{
	ALL(type_is_signal(s), "SIGPWR", "SIGUSR2", "SIGRTMIN+3", "SIGRTMAX-0", "15");
	NONE(type_is_signal(s), "", "PWR", "SIG", "SIGNOPE", "0", "65", "SIGRTMIN+", "SIGRTMIN+31",
	     "SIGRTMIN+-1", "sigpwr", "SIGPWR\n");
	ALL(type_is_env_name(s), "A", "_a1", "PATH");
	NONE(type_is_env_name(s), "", "1A", "A=B", "A B", "A.B", "A\n");
	ALL(type_is_dotted(s), "net.ipv4.ip_forward", "a", "kernel.shm-x", "lxc.net.0.ipv4.address");
	NONE(type_is_dotted(s), "", ".a", "a.", "a..b", "a/b", "a b", "a=b", "a\n");
	ALL(type_is_line(s), "", "x y", "\xc3\xa9");
	NONE(type_is_line(s), "a\nb", "a\tb", "\r", "\x7f", "\x1b[0m");
	ALL(type_is_text(s), "a\nb\tc");
	NONE(type_is_text(s), "a\rb", "\x1b", "\x7f");
	NONE(type_is_word(s), "a b", "a\nb");
	assert_true(type_is_true("TRUE"));
	assert_false(type_is_true(NULL));
	assert_true(type_is_false("off"));
	assert_false(type_is_false(NULL));
	assert_false(type_is_false(""));
}

static void showing(void **state)
{
	char buf[TYPE_SHOW_SIZE], longer[200];

	assert_string_equal(type_show("abc", buf), "abc");
	assert_string_equal(type_show("a\nb\x7f", buf), "a?b?");
	memset(longer, 'x', sizeof(longer));
	longer[sizeof(longer) - 1] = '\0';
	assert_int_equal(strlen(type_show(longer, buf)), 63);
	/* cut between characters: two bytes each, starting at an odd place */
	longer[0] = 'x';
	for (size_t i = 1; i + 1 < sizeof(longer); i += 2)
		memcpy(longer + i, "\xc3\xa9", 2);
	type_show(longer, buf);
	assert_string_equal(buf + strlen(buf) - 5, "\xc3\xa9...");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(interface_names), cmocka_unit_test(addresses), cmocka_unit_test(paths),
		cmocka_unit_test(numbers),	   cmocka_unit_test(words),	cmocka_unit_test(showing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
