/* SPDX-License-Identifier: MIT */
#include "base/ident.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

static const char hex_digits[] = "0123456789abcdef";

static void to_hex(const unsigned char *bytes, size_t n, char *out)
{
	size_t i;

	for (i = 0; i < n; i++) {
		*out++ = hex_digits[bytes[i] >> 4];
		*out++ = hex_digits[bytes[i] & 15];
	}
	*out = 0;
}

/* Without random numbers nothing that is secret or unique can be made: that ends the program. */
static void random_bytes(unsigned char *out, size_t n)
{
	while (n) {
		ssize_t got = getrandom(out, n, 0);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0) {
			perror("berth: getrandom");
			abort();
		}
		out += got;
		n -= (size_t)got;
	}
}

void ident_uuid(char out[UUID_TEXT_SIZE])
{
	unsigned char b[16];
	char hex[33];

	random_bytes(b, sizeof(b));
	b[6] = (unsigned char)((b[6] & 0x0f) | 0x40);
	b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
	to_hex(b, sizeof(b), hex);
	snprintf(out, UUID_TEXT_SIZE, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16,
		 hex + 20);
}

void ident_random_hex(char *out, size_t bytes)
{
	unsigned char b[64];

	*out = 0;
	while (bytes) {
		size_t n = bytes < sizeof(b) ? bytes : sizeof(b);

		random_bytes(b, n);
		to_hex(b, n, out);
		out += 2 * n;
		bytes -= n;
	}
	explicit_bzero(b, sizeof(b));
}

void time_rfc3339(struct timespec ts, char out[TIME_TEXT_SIZE])
{
	struct tm tm;
	size_t n;

	if (!gmtime_r(&ts.tv_sec, &tm) || tm.tm_year > 9999 - 1900 || tm.tm_year < 1 - 1900) {
		snprintf(out, TIME_TEXT_SIZE, "%s", TIME_UNSET);
		return;
	}
	n = (size_t)snprintf(out, TIME_TEXT_SIZE, "%04d-", tm.tm_year + 1900);
	n += strftime(out + n, TIME_TEXT_SIZE - n, "%m-%dT%H:%M:%S", &tm);
	snprintf(out + n, TIME_TEXT_SIZE - n, ".%09ldZ", ts.tv_nsec % 1000000000L);
}

void time_now(char out[TIME_TEXT_SIZE])
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	time_rfc3339(ts, out);
}

/* "Z" or "+01:00", in seconds east. */
static int parse_zone(const char *s, long *ret)
{
	int hours, minutes, used = 0;
	char sign;

	if (strcmp(s, "Z") == 0) {
		*ret = 0;
		return 0;
	}
	if (strlen(s) != 6 || !isdigit((unsigned char)s[1]) || !isdigit((unsigned char)s[4]) ||
	    sscanf(s, "%c%2d:%2d%n", &sign, &hours, &minutes, &used) != 3 || used != 6 ||
	    (sign != '+' && sign != '-') || hours > 23 || minutes > 59)
		return -1;
	*ret = (hours * 3600L + minutes * 60L) * (sign == '-' ? -1 : 1);
	return 0;
}

int time_parse(const char *text, time_t *ret)
{
	static const char shape[] = "dddd-dd-ddTdd:dd:dd";
	struct tm tm = { 0 }, check;
	const char *p = text;
	time_t t;
	long east;

	for (const char *s = shape; *s != 0; s++, p++)
		if (*s == 'd' ? !isdigit((unsigned char)*p) : *p != *s)
			return -1;
	if (sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2d", &tm.tm_year, &tm.tm_mon, &tm.tm_mday, &tm.tm_hour, &tm.tm_min,
		   &tm.tm_sec) != 6)
		return -1;
	if (*p == '.' && isdigit((unsigned char)p[1]))
		for (p++; isdigit((unsigned char)*p);)
			p++;
	if (parse_zone(p, &east) < 0)
		return -1;
	tm.tm_year -= 1900;
	tm.tm_mon--;
	check = tm;
	t = timegm(&check);
	if (check.tm_mon != tm.tm_mon || check.tm_mday != tm.tm_mday || check.tm_hour != tm.tm_hour ||
	    check.tm_min != tm.tm_min) /* February 30 */
		return -1;
	*ret = t - east;
	return 0;
}
