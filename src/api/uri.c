/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "api/request.h"
#include "base/mem.h"

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

char *uri_decode(const char *s, size_t len, bool plus)
{
	char *out = mem_alloc(len + 1), *p = out;
	size_t i;

	for (i = 0; i < len; i++) {
		int high, low;

		if (s[i] != '%') {
			*p++ = plus && s[i] == '+' ? ' ' : s[i];
			continue;
		}
		high = i + 2 < len ? hex_value(s[i + 1]) : -1;
		low = i + 2 < len ? hex_value(s[i + 2]) : -1;
		if (high < 0 || low < 0 || (high == 0 && low == 0)) {
			free(out);
			return NULL;
		}
		*p++ = (char)(high << 4 | low);
		i += 2;
	}
	return out;
}
