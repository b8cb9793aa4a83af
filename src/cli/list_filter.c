/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/units.h"
#include "cli/list.h"

/* Members of an instance that are plain strings: what the server filters as well. */
static const char *const members[] = { "status", "type", "architecture", "location", "description" };

static const char *member_of(const char *filter, size_t key_len)
{
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
		if (strlen(members[i]) == key_len && !strncasecmp(members[i], filter, key_len))
			return members[i];
	return NULL;
}

static bool pattern_match(const char *pattern, const char *text, int flags)
{
	bool anchored = strchr(pattern, '^') || strchr(pattern, '$');
	AUTO_FREE char *whole = anchored ? mem_strdup(pattern) : mem_printf("^(%s)$", pattern);
	regex_t re;
	bool match;

	if (regcomp(&re, whole, REG_EXTENDED | REG_NOSUB | flags) != 0)
		return false;
	match = regexec(&re, text, 0, NULL, 0) == 0;
	regfree(&re);
	return match;
}

static bool name_match(const char *filter, const cJSON *instance)
{
	const char *name = json_str_or(instance, "name", "");

	return !strncmp(name, filter, strlen(filter)) || pattern_match(filter, name, 0);
}

static int family_of(const char *family)
{
	return strcmp(family, "inet") == 0 ? AF_INET : AF_INET6;
}

/* Whether an address is ADDRESS, or in ADDRESS/LENGTH. */
static bool in_network(const char *network, int family, const char *address)
{
	AUTO_FREE char *base = mem_strndup(network, strcspn(network, "/"));
	const char *slash = strchr(network, '/');
	unsigned char wanted[16], given[16];
	int64_t bits = family == AF_INET ? 32 : 128;
	struct error ignored = ERROR_INIT;
	size_t bytes;

	if (slash && units_parse_int(slash + 1, 0, bits, &bits, &ignored) < 0)
		return false;
	if (inet_pton(family, base, wanted) != 1 || inet_pton(family, address, given) != 1)
		return false;
	bytes = (size_t)bits / 8;
	if (memcmp(wanted, given, bytes) != 0)
		return false;
	return bits % 8 == 0 || (wanted[bytes] ^ given[bytes]) >> (8 - bits % 8) == 0;
}

static bool address_match(const char *value, const char *family, const cJSON *instance)
{
	const cJSON *nic, *a;

	cJSON_ArrayForEach(nic, json_obj(json_obj(instance, "state"), "network"))
	{
		cJSON_ArrayForEach(a, json_arr(nic, "addresses"))
		{
			if (!strcmp(json_str_or(a, "family", ""), family) &&
			    in_network(value, family_of(family), json_str_or(a, "address", "")))
				return true;
		}
	}
	return false;
}

/* user.role=web, but also u.role=web: parts of a key may be shortened. */
static bool key_abbreviates(const char *given, size_t len, const char *key)
{
	const char *end = given + len;

	while (given < end) {
		if (*given == '.') {
			key = strchr(key, '.');
			if (!key)
				return false;
		} else if (*given != *key) {
			return false;
		}
		given++;
		key++;
	}
	return strchr(key, '.') == NULL;
}

static bool config_match(const char *filter, size_t key_len, const char *value, const cJSON *instance)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, json_obj(instance, "expanded_config"))
	{
		if (cJSON_IsString(item) && key_abbreviates(filter, key_len, item->string) &&
		    (!strcmp(item->valuestring, value) || pattern_match(value, item->valuestring, 0)))
			return true;
	}
	return false;
}

static bool value_match(const char *filter, size_t key_len, const char *value, const cJSON *instance)
{
	const char *member = member_of(filter, key_len);

	if (member)
		return !strcasecmp(json_str_or(instance, member, ""), value) ||
		       pattern_match(value, json_str_or(instance, member, ""), REG_ICASE);
	if (key_len == 4 && !strncmp(filter, "ipv4", 4))
		return address_match(value, "inet", instance);
	return address_match(value, "inet6", instance);
}

/* status=running,frozen: one of them is enough. */
static bool values_match(const char *filter, size_t key_len, const char *values, const cJSON *instance)
{
	bool match = false;

	for (;;) {
		size_t len = strcspn(values, ",");
		AUTO_FREE char *value = mem_strndup(values, len);

		match = match || value_match(filter, key_len, value, instance);
		values += len;
		if (!*values++)
			return match;
	}
}

static bool is_address(const char *filter, size_t key_len)
{
	return key_len == 4 && (!strncmp(filter, "ipv4", 4) || !strncmp(filter, "ipv6", 4));
}

static bool one_match(const char *filter, const cJSON *instance)
{
	const char *equals = strchr(filter, '=');
	const char *value = equals ? equals + 1 : NULL;
	size_t key_len = equals ? (size_t)(equals - filter) : 0;

	if (!equals)
		return name_match(filter, instance);
	if (key_len == 4 && !strncmp(filter, "name", 4))
		return pattern_match(value, json_str_or(instance, "name", ""), 0);
	if (member_of(filter, key_len) && strcmp(member_of(filter, key_len), "description") != 0)
		return values_match(filter, key_len, value, instance);
	if (member_of(filter, key_len))
		return value_match(filter, key_len, value, instance);
	if (is_address(filter, key_len))
		return values_match(filter, key_len, value, instance);
	return config_match(filter, key_len, value, instance);
}

bool list_filter_match(char *const *filters, int n, const cJSON *instance)
{
	for (int i = 0; i < n; i++)
		if (!one_match(filters[i], instance))
			return false;
	return true;
}

bool list_filter_members_only(char *const *filters, int n)
{
	for (int i = 0; i < n; i++) {
		const char *equals = strchr(filters[i], '=');

		if (equals && !member_of(filters[i], (size_t)(equals - filters[i])))
			return false;
	}
	return true;
}

char *list_filter_server(char *const *filters, int n)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
	struct strbuf sb = STRBUF_INIT;

	for (int i = 0; i < n; i++) {
		const char *equals = strchr(filters[i], '=');
		const char *member = equals ? member_of(filters[i], (size_t)(equals - filters[i])) : NULL;

		if (!member || !equals[1] || strspn(equals + 1, plain) != strlen(equals + 1))
			continue;
		strbuf_addf(&sb, "%s%s eq %s", sb.len ? " and " : "", member, equals + 1);
	}
	if (sb.len)
		return strbuf_detach(&sb);
	strbuf_clear(&sb);
	return NULL;
}
