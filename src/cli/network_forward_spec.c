/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <ctype.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "cli/network.h"

bool forward_is_address(const char *text)
{
	unsigned char bytes[16];

	return inet_pton(AF_INET, text, bytes) == 1 || inet_pton(AF_INET6, text, bytes) == 1;
}

static bool is_protocol(const char *s)
{
	/* NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker): the copy of a text is never NULL */
	return strcmp(s, "tcp") == 0 || strcmp(s, "udp") == 0;
}

cJSON *forward_spec_parse(const char *spec, struct error *err)
{
	AUTO_FREE char *copy = mem_strdup(spec);
	char *part[4] = { NULL }, *p, *next;
	const char *protocol = "tcp";
	size_t n = 0, i = 0;
	cJSON *v;

	for (p = copy; p != NULL && n < 4; p = next) {
		next = strchr(p, ':');
		if (next != NULL)
			*next++ = '\0';
		part[n++] = p;
	}
	if (is_protocol(part[0]))
		protocol = part[i++];
	else if (isalpha((unsigned char)part[0][0]) && strcmp(part[0], "auto") != 0) {
		error_set(err, ERROR_INVALID, "'%s' is no protocol: it must be tcp or udp, such as in tcp:8080:80", part[0]);
		return NULL;
	}
	if (n == 4 || n - i < 1 || n - i > 2 || !*part[i] || (n - i == 2 && !*part[i + 1])) {
		error_set(err, ERROR_INVALID,
			  "'%s' is no [PROTOCOL:]PORT[-PORT][:TARGET-PORT], such as tcp:8080:80, udp:5000-5010 or 443", spec);
		return NULL;
	}
	v = cJSON_CreateObject();
	json_set_str(v, "protocol", protocol);
	json_set_str(v, "listen_port", part[i]);
	if (n - i == 2)
		json_set_str(v, "target_port", part[i + 1]);
	return v;
}
