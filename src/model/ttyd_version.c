/* SPDX-License-Identifier: MIT */
#include "model/ttyd_version.h"

#include <stdio.h>
#include <string.h>

bool ttyd_parse_version(const char *out, unsigned ret[3])
{
	const char *p = strstr(out, "version ");

	ret[2] = 0;
	return p && sscanf(p + strlen("version "), "%3u.%3u.%3u", &ret[0], &ret[1], &ret[2]) >= 2;
}

static bool at_least(const unsigned version[3], unsigned a, unsigned b, unsigned c)
{
	return (version[0] * 1000u + version[1]) * 1000u + version[2] >= (a * 1000u + b) * 1000u + c;
}

int ttyd_judge(const unsigned v[3], bool *ret_writable, struct error *err)
{
	*ret_writable = at_least(v, 1, 7, 4);
	if (!at_least(v, 1, 6, 1))
		return error_set(err, ERROR_UNSUPPORTED,
				 "ttyd %u.%u.%u is too old: the web terminal needs 1.6.1 or newer: " TTYD_WHERE, v[0],
				 v[1], v[2]);
	return 0;
}
