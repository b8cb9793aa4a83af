/* SPDX-License-Identifier: MIT */
#include "model/key_types.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <limits.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/error.h"
#include "base/text.h"
#include "base/units.h"
#include "model/address_maps.h"

static const char ALNUM[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/* Is every character in a set, and is there at least one? */
static bool made_of(const char *s, const char *alnum, const char *others)
{
	if (!*s)
		return false;
	for (; *s; s++) {
		if (!strchr(alnum, *s) && !strchr(others, *s))
			return false;
	}
	return true;
}

bool type_is_bool(const char *s)
{
	struct error ignored = ERROR_INIT;
	int value;

	return units_parse_bool(s, &value, &ignored) == 0;
}

bool type_is_true(const char *s)
{
	struct error ignored = ERROR_INIT;
	int value = 0;

	return s && units_parse_bool(s, &value, &ignored) == 0 && value;
}

bool type_is_false(const char *s)
{
	return s && type_is_bool(s) && !type_is_true(s);
}

bool type_is_int(const char *s, int64_t min, int64_t max)
{
	struct error ignored = ERROR_INIT;
	int64_t value;

	return units_parse_int(s, min, max, &value, &ignored) == 0;
}

bool type_is_size(const char *s)
{
	struct error ignored = ERROR_INIT;
	uint64_t value;

	return units_parse_size(s, &value, &ignored) == 0 && value <= INT64_MAX;
}

bool type_is_bitrate(const char *s)
{
	struct error ignored = ERROR_INIT;
	uint64_t value;

	return units_parse_bitrate(s, &value, &ignored) == 0 && value > 0 && value <= INT64_MAX;
}

bool type_is_percent(const char *s, int *ret)
{
	size_t digits = strspn(s, "0123456789");
	int value;

	if (digits < 1 || digits > 3 || strcmp(s + digits, "%") != 0)
		return false;
	value = atoi(s);
	if (ret)
		*ret = value;
	return value >= 1 && value <= 100;
}

bool type_is_line(const char *s)
{
	return text_is_line(s);
}

bool type_is_word(const char *s)
{
	return text_is_word(s);
}

bool type_is_text(const char *s)
{
	for (; *s; s++) {
		if (((unsigned char)*s < ' ' && *s != '\n' && *s != '\t') || *s == 0x7f)
			return false;
	}
	return true;
}

bool type_is_ifname(const char *s)
{
	return made_of(s, ALNUM, "._-") && strlen(s) < IFNAMSIZ && strcmp(s, ".") != 0 &&
	       strcmp(s, "..") != 0;
}

bool type_is_name(const char *s)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
	size_t len = strlen(s);

	return len >= 1 && len <= 63 && strspn(s, plain) == len && !strchr("._-", s[0]);
}

bool type_is_mac(const char *s)
{
	for (size_t i = 0; i < 17; i++) {
		if (i % 3 == 2 ? s[i] != ':' : !isxdigit((unsigned char)s[i]))
			return false;
	}
	/* the lowest bit of the first byte marks a group address: no interface may have one */
	return s[17] == '\0' && (strtoul(s, NULL, 16) & 1) == 0 && strcmp(s, "00:00:00:00:00:00") != 0;
}

bool type_is_address(int family, const char *s)
{
	struct in6_addr address;

	return inet_pton(family, s, &address) == 1;
}

bool type_is_cidr(int family, const char *s)
{
	char text[INET6_ADDRSTRLEN];
	const char *slash = strchr(s, '/');
	size_t len = slash ? (size_t)(slash - s) : strlen(s);

	if (len >= sizeof(text))
		return false;
	memcpy(text, s, len);
	text[len] = '\0';
	return type_is_address(family, text) &&
	       (!slash || type_is_int(slash + 1, 1, family == AF_INET ? 32 : 128));
}

const char *type_next_address(const char *list, char out[INET6_ADDRSTRLEN])
{
	size_t len;

	list += strspn(list, ", ");
	len = strcspn(list, ", ");
	if (len == 0)
		return NULL;
	snprintf(out, INET6_ADDRSTRLEN, "%.*s", len < INET6_ADDRSTRLEN ? (int)len : INET6_ADDRSTRLEN - 1, list);
	return list + len;
}

static bool is_network(int family, const char *s)
{
	const char *slash = strchr(s, '/');
	struct address a;

	return slash && type_is_cidr(family, s) && address_parse_cidr(s, &a) == 0 &&
	       address_host_bits_are(&a, (unsigned)strtoul(slash + 1, NULL, 10), false);
}

static bool is_list(int family, const char *s, bool (*good)(int, const char *))
{
	char item[INET6_ADDRSTRLEN];
	bool any = false;

	for (; (s = type_next_address(s, item)); any = true)
		if (!good(family, item))
			return false;
	return any;
}

bool type_is_address_list(int family, const char *s)
{
	return is_list(family, s, type_is_address);
}

bool type_is_network_list(int family, const char *s)
{
	return is_list(family, s, is_network);
}

bool type_is_env_name(const char *s)
{
	return made_of(s, ALNUM, "_") && !isdigit((unsigned char)s[0]) && strlen(s) <= 255;
}

bool type_is_dotted(const char *s)
{
	return made_of(s, ALNUM, "._-") && s[0] != '.' && s[strlen(s) - 1] != '.' && !strstr(s, "..");
}

bool type_is_path(const char *s)
{
	if (s[0] != '/' || strlen(s) >= PATH_MAX || !type_is_line(s))
		return false;
	for (const char *part = s; part; part = strchr(part, '/')) {
		size_t len = strcspn(++part, "/");

		if (len == 0 && *part) /* "//" */
			return false;
		if ((len == 1 && part[0] == '.') || (len == 2 && part[0] == '.' && part[1] == '.'))
			return false;
	}
	return true;
}

bool type_is_signal(const char *s)
{
	static const char *const names[] = { "HUP",  "INT",  "QUIT", "ABRT", "KILL",  "USR1", "USR2",
					     "ALRM", "TERM", "CONT", "STOP", "WINCH", "PWR" };

	if (type_is_int(s, 1, 64))
		return true;
	if (strncmp(s, "SIG", 3) != 0)
		return false;
	s += 3;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(s, names[i]) == 0)
			return true;
	}
	if (strncmp(s, "RTMIN+", 6) == 0 || strncmp(s, "RTMAX-", 6) == 0)
		return isdigit((unsigned char)s[6]) && type_is_int(s + 6, 0, 30);
	return false;
}

static bool is_rlimit(const char *s, size_t len)
{
	return (len == 9 && strncmp(s, "unlimited", 9) == 0) ||
	       (len >= 1 && len <= 18 && strspn(s, "0123456789") >= len);
}

bool type_is_prlimit(const char *s)
{
	const char *colon = strchr(s, ':');

	if (!colon)
		return is_rlimit(s, strlen(s));
	return is_rlimit(s, (size_t)(colon - s)) && is_rlimit(colon + 1, strlen(colon + 1));
}

bool type_is_mode(const char *s)
{
	return made_of(s, "01234567", "") && strlen(s) <= 4 && strtoul(s, NULL, 8) <= 0777;
}

bool type_has_suffix(const char *s, const char *suffix)
{
	size_t len = strlen(s), suffix_len = strlen(suffix);

	return len >= suffix_len && strcmp(s + len - suffix_len, suffix) == 0;
}

const char *type_show(const char *s, char buf[TYPE_SHOW_SIZE])
{
	size_t n = 0;

	for (; s[n] && n < 60; n++)
		buf[n] = (unsigned char)s[n] < ' ' || s[n] == 0x7f ? '?' : s[n];
	while (s[n] && n > 0 && ((unsigned char)s[n] & 0xc0) == 0x80)
		n--; /* not in the middle of a UTF-8 sequence */
	memcpy(buf + n, s[n] ? "..." : "", s[n] ? 4 : 1);
	return buf;
}
