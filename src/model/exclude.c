/* SPDX-License-Identifier: MIT */
#include "model/exclude.h"

#include <string.h>

#include "base/mem.h"
#include "model/key_types.h"

enum { PATTERN_MAX = 500 };

int exclude_check(const char *s, struct error *err)
{
	const char *p;
	char show[TYPE_SHOW_SIZE];

	if (!type_is_line(s) || strlen(s) > PATTERN_MAX || s[strspn(s, "/")] == '\0')
		return error_set(err, ERROR_INVALID,
				 "invalid pattern '%s' to exclude: it must be a path in the instance, of 1 to %d characters on one line",
				 type_show(s, show), PATTERN_MAX);
	for (p = s; *p != '\0'; p += strcspn(p, "/")) {
		size_t n;

		p += strspn(p, "/");
		n = strcspn(p, "/");
		if ((n == 1 && p[0] == '.') || (n == 2 && p[0] == '.' && p[1] == '.'))
			return error_set(err, ERROR_INVALID, "invalid pattern '%s' to exclude: it must not have '.' or '..' in it",
					 type_show(s, show));
	}
	return 0;
}

cJSON *exclude_split(const char *text)
{
	cJSON *list = cJSON_CreateArray();

	while (*text != '\0') {
		size_t len = strcspn(text, ",");
		AUTO_FREE char *one = mem_strndup(text, len);
		char *start = one + strspn(one, " ");
		size_t n = strlen(start);

		while (n > 0 && start[n - 1] == ' ')
			start[--n] = '\0';
		if (n > 0)
			cJSON_AddItemToArray(list, cJSON_CreateString(start));
		text += len + (text[len] == ',');
	}
	return list;
}
