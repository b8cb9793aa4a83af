/* SPDX-License-Identifier: MIT */
#include "network/network_values.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/address_maps.h"
#include "model/key_types.h"
#include "network/network_keys.h"

enum { MTU_MIN = 1280, MTU_MAX = 16384 };

static int refuse(struct error *err, const char *what, const char *value)
{
	char buf[TYPE_SHOW_SIZE];

	return error_set(err, ERROR_INVALID, "%s \"%s\"", what, type_show(value, buf));
}

int network_is_bool(const char *v, struct error *err)
{
	return type_is_bool(v) ? 0 : refuse(err, "Invalid value for a boolean", v);
}

static int is_line(const char *v, struct error *err)
{
	return type_is_line(v) ? 0 : refuse(err, "Control characters in", v);
}

static int one_of(const char *v, const char *a, const char *b, const char *c, struct error *err)
{
	char buf[TYPE_SHOW_SIZE];

	if (strcmp(v, a) == 0 || strcmp(v, b) == 0 || (c && strcmp(v, c) == 0))
		return 0;
	return error_set(err, ERROR_INVALID, "Invalid value \"%s\" (not one of [%s %s%s%s])", type_show(v, buf), a, b, c ? " " : "",
			 c ? c : "");
}

int network_is_order(const char *v, struct error *err)
{
	return one_of(v, "before", "after", NULL, err);
}

int network_is_dns_mode(const char *v, struct error *err)
{
	return one_of(v, "dynamic", "managed", "none", err);
}

int network_is_driver(const char *v, struct error *err)
{
	if (strcmp(v, "openvswitch") == 0)
		return error_set(err, ERROR_UNSUPPORTED, "not supported: berth makes bridges of the kernel (native)");
	return one_of(v, "native", "openvswitch", NULL, err);
}

int network_is_mode(const char *v, struct error *err)
{
	if (strcmp(v, "fan") == 0)
		return error_set(err, ERROR_UNSUPPORTED, "not supported: fan needs a patched kernel");
	return one_of(v, "standard", "fan", NULL, err);
}

int network_is_mtu(const char *v, struct error *err)
{
	if (!type_is_int(v, 0, UINT32_MAX))
		return refuse(err, "Invalid MTU", v);
	return type_is_int(v, MTU_MIN, MTU_MAX) ? 0 : refuse(err, "Out of MTU range (1280-16384)", v);
}

int network_is_vlan(const char *v, struct error *err)
{
	return type_is_int(v, 1, 4094) ? 0 : refuse(err, "Out of VLAN ID range (1-4094)", v);
}

int network_is_mac(const char *v, struct error *err)
{
	return type_is_mac(v) ? 0 : error_set(err, ERROR_INVALID, "Invalid MAC address, must be 6 bytes of hex separated by colons");
}

int network_is_interface(const char *v, struct error *err)
{
	return network_check_name(v, err);
}

int network_is_expiry(const char *v, struct error *err)
{
	size_t n = strspn(v, "0123456789");

	if (strcmp(v, "infinite") == 0 || (n > 0 && n < 9 && (!v[n] || (strchr("smhdw", v[n]) && !v[n + 1]))))
		return 0;
	return refuse(err, "Invalid lease time (such as 90s, 5m, 1h, 2d or infinite)", v);
}

static int is_address_of(int family, const char *v, struct error *err)
{
	return type_is_address(family, v) ? 0 : refuse(err, family == AF_INET ? "Not an IPv4 address" : "Not an IPv6 address", v);
}

int network_is_ip4(const char *v, struct error *err)
{
	return is_address_of(AF_INET, v, err);
}

int network_is_ip6(const char *v, struct error *err)
{
	return is_address_of(AF_INET6, v, err);
}

int network_is_gateway4(const char *v, struct error *err)
{
	return strcmp(v, "none") == 0 ? 0 : network_is_ip4(v, err);
}

/* "ADDRESS/BITS" of the family. */
static int split_cidr(int family, const char *v, struct address *ret, unsigned *bits, struct error *err)
{
	const char *slash = strchr(v, '/');

	char buf[TYPE_SHOW_SIZE];

	if (!slash || !type_is_cidr(family, v) || address_parse_cidr(v, ret) < 0)
		return error_set(err, ERROR_INVALID, "invalid CIDR address: %s", type_show(v, buf));
	*bits = (unsigned)strtoul(slash + 1, NULL, 10);
	return 0;
}

static bool is_network_address(const struct address *a, unsigned bits)
{
	return bits < (a->family == AF_INET ? 32 : 128) && address_host_bits_are(a, bits, false);
}

static int is_own(int family, const char *v, struct error *err)
{
	struct address a = { 0 };
	unsigned bits = 0;

	if (strcmp(v, "auto") == 0 || strcmp(v, "none") == 0)
		return 0;
	if (split_cidr(family, v, &a, &bits, err) < 0)
		return -1;
	if (bits == 0 || is_network_address(&a, bits))
		return refuse(err, family == AF_INET ? "Not a usable IPv4 address" : "Not a usable IPv6 address", v);
	return 0;
}

int network_is_own4(const char *v, struct error *err)
{
	return is_own(AF_INET, v, err);
}

int network_is_own6(const char *v, struct error *err)
{
	return is_own(AF_INET6, v, err);
}

/* ---- lists */

bool network_each_word(const char *list, bool (*cb)(const char *word, void *data), void *data)
{
	AUTO_FREE char *copy = mem_strdup(list ? list : "");
	char *save = NULL;

	for (char *w = strtok_r(copy, ",", &save); w; w = strtok_r(NULL, ",", &save)) {
		while (isspace((unsigned char)*w))
			w++;
		for (size_t n = strlen(w); n > 0 && isspace((unsigned char)w[n - 1]); n--)
			w[n - 1] = '\0';
		if (!cb(w, data))
			return false;
	}
	return true;
}

struct list_check {
	int family;
	struct error *err;
};

static bool good_route(const char *word, void *data)
{
	const struct list_check *c = data;
	char buf[TYPE_SHOW_SIZE];
	struct address a = { 0 };
	unsigned bits = 0;

	if (split_cidr(c->family, word, &a, &bits, c->err) == 0 &&
	    (is_network_address(&a, bits) || bits == (c->family == AF_INET ? 32 : 128) ||
	     refuse(c->err, c->family == AF_INET ? "Not an IPv4 network address" : "Not an IPv6 network address", word) == 0))
		return true;
	error_wrap(c->err, "Item \"%s\"", type_show(word, buf));
	return false;
}

static bool good_range(const char *word, void *data)
{
	const struct list_check *c = data;
	AUTO_FREE char *from = mem_strndup(word, strcspn(word, "-"));
	const char *to = strchr(word, '-');
	struct address a, b;

	if (to && address_parse(from, &a) == 0 && address_parse(to + 1, &b) == 0 && a.family == c->family &&
	    b.family == c->family) {
		if (memcmp(a.bytes, b.bytes, sizeof(a.bytes)) <= 0)
			return true;
		refuse(c->err, "Start IP must be less than End IP in", word);
		return false;
	}
	refuse(c->err, "IP range must contain start and end IP addresses:", word);
	return false;
}

static bool good_interface(const char *word, void *data)
{
	return network_check_name(word, ((const struct list_check *)data)->err) == 0;
}

static bool good_domain(const char *word, void *data)
{
	for (const char *p = word; *p; p++)
		if (!isalnum((unsigned char)*p) && !strchr(".-_", *p))
			return refuse(((const struct list_check *)data)->err, "Invalid domain name", word) == 0;
	if (*word && *word != '-' && *word != '.' && strlen(word) <= 253)
		return true;
	refuse(((const struct list_check *)data)->err, "Invalid domain name", word);
	return false;
}

static int check_list(const char *v, int family, bool (*good)(const char *, void *), struct error *err)
{
	struct list_check c = { family, err };

	return is_line(v, err) == 0 && network_each_word(v, good, &c) ? 0 : -1;
}

int network_is_routes4(const char *v, struct error *err)
{
	return check_list(v, AF_INET, good_route, err);
}

int network_is_routes6(const char *v, struct error *err)
{
	return check_list(v, AF_INET6, good_route, err);
}

int network_is_ranges4(const char *v, struct error *err)
{
	return check_list(v, AF_INET, good_range, err);
}

int network_is_ranges6(const char *v, struct error *err)
{
	return check_list(v, AF_INET6, good_range, err);
}

int network_is_interfaces(const char *v, struct error *err)
{
	return check_list(v, 0, good_interface, err);
}

int network_is_search(const char *v, struct error *err)
{
	return check_list(v, 0, good_domain, err);
}

int network_is_domain(const char *v, struct error *err)
{
	struct list_check c = { 0, err };

	return good_domain(v, &c) ? 0 : -1;
}

int network_is_lines(const char *v, struct error *err)
{
	return type_is_text(v) ? 0 : refuse(err, "Control characters in", v);
}
