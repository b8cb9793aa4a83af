/* SPDX-License-Identifier: MIT */
#include "model/address_maps.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/units.h"
#include "model/key_types.h"

#define NAME_CHARS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-"

/* ---- addresses */

static size_t address_len(int family)
{
	return family == AF_INET ? 4 : 16;
}

int address_parse(const char *text, struct address *ret)
{
	*ret = (struct address){ .family = strchr(text, ':') ? AF_INET6 : AF_INET };
	if (inet_pton(ret->family, text, ret->bytes) == 1)
		return 0;
	ret->family = 0;
	return -1;
}

int address_parse_cidr(const char *text, struct address *ret)
{
	AUTO_FREE char *bare = mem_strndup(text, strcspn(text, "/"));

	return address_parse(bare, ret);
}

void address_text(const struct address *a, char out[INET6_ADDRSTRLEN])
{
	if (!a->family || !inet_ntop(a->family, a->bytes, out, INET6_ADDRSTRLEN))
		out[0] = '\0';
}

bool address_equal(const struct address *a, const struct address *b)
{
	return a->family == b->family && memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

bool address_add(const struct address *a, uint64_t n, struct address *ret)
{
	size_t i = address_len(a->family);

	*ret = *a;
	while (i-- > 0 && n > 0) {
		n += ret->bytes[i];
		ret->bytes[i] = (unsigned char)n;
		n >>= 8;
	}
	return n == 0;
}

bool address_same_net(const struct address *a, const struct address *b, unsigned prefix)
{
	size_t whole = prefix / 8;
	unsigned rest = prefix % 8;

	if (a->family != b->family || memcmp(a->bytes, b->bytes, whole) != 0)
		return false;
	return rest == 0 || ((a->bytes[whole] ^ b->bytes[whole]) >> (8 - rest)) == 0;
}

bool address_host_bits_are(const struct address *a, unsigned prefix, bool ones)
{
	for (unsigned i = prefix; i < address_len(a->family) * 8; i++) {
		if (((a->bytes[i / 8] >> (7 - i % 8)) & 1) != ones)
			return false;
	}
	return true;
}

void address_set_host_bits(struct address *a, unsigned prefix, bool ones)
{
	for (unsigned i = prefix; i < address_len(a->family) * 8; i++) {
		unsigned char bit = (unsigned char)(0x80u >> i % 8);

		a->bytes[i / 8] = (unsigned char)(ones ? a->bytes[i / 8] | bit : a->bytes[i / 8] & ~bit);
	}
}

bool address_map_at(const struct address_map *m, uint32_t i, struct address *ret)
{
	/* nets of one and two addresses have none to spare: RFC 3021, RFC 6164 */
	bool small = m->prefix + 1 >= address_len(m->from.family) * 8;

	if (i >= m->count || !address_add(&m->from, i, ret) || address_equal(ret, &m->gateway))
		return false;
	if (!small && address_host_bits_are(ret, m->prefix, false))
		return false;
	return small || ret->family != AF_INET || !address_host_bits_are(ret, m->prefix, true);
}

/* ---- one range */

static int parse_prefix(const char *text, int family, unsigned *ret)
{
	struct in_addr mask;
	uint32_t bits;
	long n;

	if (family == AF_INET && strchr(text, '.') && inet_pton(AF_INET, text, &mask) == 1) {
		bits = ntohl(mask.s_addr);
		if ((~bits & (~bits + 1)) != 0)
			return -1;
		*ret = (unsigned)__builtin_popcount(bits);
		return *ret > 0 ? 0 : -1;
	}
	text += *text == '/';
	if (!type_is_int(text, 1, (int64_t)address_len(family) * 8))
		return -1;
	n = strtol(text, NULL, 10);
	*ret = (unsigned)n;
	return 0;
}

enum { NAME, TYPE, FROM, COUNT, GATEWAY, MASK, WORDS };

static int check_words(struct address_map *m, char *const word[WORDS], struct error *err)
{
	int64_t count = 0;

	if (strlen(word[NAME]) > ADDRESS_MAP_NAME_MAX || word[NAME][strspn(word[NAME], NAME_CHARS)])
		return error_set(err, ERROR_INVALID,
				 "the name '%.64s' must have from 1 to %d letters, digits, '.', '_' and '-'",
				 word[NAME], ADDRESS_MAP_NAME_MAX);
	memcpy(m->name, word[NAME], strlen(word[NAME]) + 1);
	if (strcmp(word[TYPE], "pub") != 0 && strcmp(word[TYPE], "nat") != 0)
		return error_set(err, ERROR_INVALID, "range '%s': the type '%.64s' is neither pub nor nat",
				 m->name, word[TYPE]);
	m->nat = strcmp(word[TYPE], "nat") == 0;
	if (address_parse(word[FROM], &m->from) < 0)
		return error_set(err, ERROR_INVALID, "range '%s': '%.64s' is no address", m->name, word[FROM]);
	if (units_parse_int(word[COUNT], 1, ADDRESS_MAP_COUNT_MAX, &count, err) < 0)
		return error_wrap(err, "range '%s': count", m->name);
	m->count = (uint32_t)count;
	if (strcmp(word[GATEWAY], "none") != 0 && address_parse(word[GATEWAY], &m->gateway) < 0)
		return error_set(err, ERROR_INVALID, "range '%s': the gateway '%.64s' is neither an address nor none",
				 m->name, word[GATEWAY]);
	if (parse_prefix(word[MASK], m->from.family, &m->prefix) < 0)
		return error_set(err, ERROR_INVALID,
				 "range '%s': the mask '%.64s' is no prefix length%s", m->name, word[MASK],
				 m->from.family == AF_INET ? " from 1 to 32 and no mask such as 255.255.255.0"
							   : " from 1 to 128");
	return 0;
}

static int check_range(const struct address_map *m, struct error *err)
{
	char from[INET6_ADDRSTRLEN], gateway[INET6_ADDRSTRLEN];
	struct address last, any;

	address_text(&m->from, from);
	address_text(&m->gateway, gateway);
	if (m->gateway.family && !address_same_net(&m->from, &m->gateway, m->prefix))
		return error_set(err, ERROR_INVALID, "range '%s': the gateway %s does not lie in the network of %s/%u",
				 m->name, gateway, from, m->prefix);
	if (!address_add(&m->from, m->count - 1, &last) || !address_same_net(&m->from, &last, m->prefix))
		return error_set(err, ERROR_INVALID, "range '%s': %u addresses from %s on leave the network %s/%u",
				 m->name, m->count, from, from, m->prefix);
	for (uint32_t i = 0; i < m->count && i < 4; i++) { /* at most three are not handed out */
		if (address_map_at(m, i, &any))
			return 0;
	}
	return error_set(err, ERROR_INVALID,
			 "range '%s': nothing to hand out: %s is the gateway, the network's address or its broadcast",
			 m->name, from);
}

static int parse_range(char *text, struct address_map *m, struct error *err)
{
	char *word[WORDS], *save = NULL, *p;
	size_t n = 0;

	for (p = strtok_r(text, " \t", &save); p; p = strtok_r(NULL, " \t", &save)) {
		if (n < WORDS)
			word[n] = p;
		n++;
	}
	if (n != WORDS)
		return error_set(err, ERROR_INVALID,
				 "the range '%.64s' has %zu words instead of the six NAME TYPE FROM COUNT GATEWAY MASK",
				 n > 0 ? word[0] : "", n);
	*m = (struct address_map){ .count = 0 };
	return check_words(m, word, err) < 0 ? -1 : check_range(m, err);
}

/* ---- all of them */

static int compare(const struct address *a, const struct address *b)
{
	return memcmp(a->bytes, b->bytes, sizeof(a->bytes));
}

static bool overlap(const struct address_map *a, const struct address_map *b)
{
	struct address a_last, b_last;

	if (a->from.family != b->from.family)
		return false;
	(void)address_add(&a->from, a->count - 1, &a_last);
	(void)address_add(&b->from, b->count - 1, &b_last);
	return compare(&a->from, &b_last) <= 0 && compare(&b->from, &a_last) <= 0;
}

static int check_others(const struct address_maps *maps, const struct address_map *m, struct error *err)
{
	for (size_t i = 0; i < maps->n; i++) {
		if (strcmp(maps->maps[i].name, m->name) == 0)
			return error_set(err, ERROR_INVALID, "there are two ranges with the name '%s'", m->name);
		if (overlap(&maps->maps[i], m))
			return error_set(err, ERROR_INVALID, "the ranges '%s' and '%s' overlap",
					 maps->maps[i].name, m->name);
	}
	return 0;
}

int address_maps_parse(const char *text, struct address_maps *ret, struct error *err)
{
	AUTO_FREE char *copy = mem_strdup(text);
	char *rest = copy, *part;
	struct address_map m = { 0 };

	*ret = (struct address_maps){ .n = 0 };
	while (copy[strspn(copy, " \t")] != '\0' && (part = strsep(&rest, ",")) != NULL) {
		if (parse_range(part, &m, err) < 0 || check_others(ret, &m, err) < 0) {
			address_maps_clear(ret);
			return -1;
		}
		ret->maps = mem_realloc(ret->maps, ret->n + 1, sizeof(*ret->maps));
		ret->maps[ret->n++] = m;
	}
	return 0;
}

void address_maps_clear(struct address_maps *m)
{
	free(m->maps);
	*m = (struct address_maps){ .n = 0 };
}
