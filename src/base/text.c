/* SPDX-License-Identifier: MIT */
#include "base/text.h"

#include <stddef.h>
#include <string.h>

static bool is_control(unsigned char c)
{
	return c < ' ' || c == 0x7f;
}

bool text_is_line(const char *s)
{
	for (; *s != '\0'; s++)
		if (is_control((unsigned char)*s))
			return false;
	return true;
}

bool text_is_word(const char *s)
{
	return text_is_line(s) && strchr(s, ' ') == NULL;
}

uint64_t text_hash(uint64_t hash, const char *s)
{
	for (; *s != '\0'; s++)
		hash = (hash ^ (unsigned char)*s) * 1099511628211u;
	return hash;
}

uint32_t text_hash32(const char *s)
{
	uint32_t hash = 2166136261u;

	for (; *s != '\0'; s++)
		hash = (hash ^ (unsigned char)*s) * 16777619u;
	return hash;
}

bool text_same_secret(const char *a, const char *b)
{
	size_t n = strlen(a);
	unsigned char differ = 0;

	if (strlen(b) != n)
		return false;
	for (size_t i = 0; i < n; i++)
		differ |= (unsigned char)(a[i] ^ b[i]);
	return differ == 0;
}
