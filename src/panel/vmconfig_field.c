/* SPDX-License-Identifier: MIT */
#include "panel/vmconfig_field.h"

#include <arpa/inet.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "model/key_types.h"

int vmconfig_number(const char *field, const cJSON *value, double min, double max, double *ret, struct error *err)
{
	double n = 0;
	char *end = NULL;

	if (cJSON_IsNumber(value)) {
		n = value->valuedouble;
	} else if (cJSON_IsString(value) && value->valuestring[0] != '\0') {
		n = strtod(value->valuestring, &end);
		if (*end != '\0' || strspn(value->valuestring, "0123456789.") != strlen(value->valuestring))
			return error_set(err, ERROR_INVALID, "%s must be a number, not '%.64s'", field, value->valuestring);
	} else {
		return error_set(err, ERROR_INVALID, "%s must be a number", field);
	}
	if (!isfinite(n) || n < min || n > max)
		return error_set(err, ERROR_INVALID, "%s must be from %g to %g, not %g", field, min, max, n);
	*ret = n;
	return 0;
}

void vmconfig_warn(struct vmconfig *c, const char *text)
{
	cJSON_AddItemToArray(c->warnings, cJSON_CreateString(text));
}

/* Every member of the object must be one of these words. */
static int check_members(const char *field, const cJSON *object, const char *const *words, struct error *err)
{
	const cJSON *item;
	const char *const *w;

	if (!cJSON_IsObject(object))
		return error_set(err, ERROR_INVALID, "%s must be an object", field);
	cJSON_ArrayForEach(item, object) {
		for (w = words; *w != NULL && strcmp(*w, item->string) != 0; w++)
			;
		if (*w == NULL)
			return error_set(err, ERROR_INVALID, "%s: unknown field '%.64s'", field, item->string);
	}
	return 0;
}

/* "" for a member that is absent, null or empty. */
static int text_member(const char *field, const cJSON *object, const char *key, const char **ret, struct error *err)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(object, key);

	*ret = cJSON_IsString(v) ? v->valuestring : "";
	if (v != NULL && !cJSON_IsNull(v) && !cJSON_IsString(v))
		return error_set(err, ERROR_INVALID, "%s: %s must be a string", field, key);
	return 0;
}

/* ---- NICs */

/* "255.255.255.0" or "24"; -1: neither. */
static int prefix_of_mask(const char *mask)
{
	struct in_addr address;
	uint32_t bits, inverted;

	if (type_is_int(mask, 0, 128))
		return atoi(mask);
	if (inet_pton(AF_INET, mask, &address) != 1)
		return -1;
	bits = ntohl(address.s_addr);
	inverted = ~bits;
	return (inverted & (inverted + 1)) == 0 ? __builtin_popcount(bits) : -1;
}

static int nic_address(const char *field, const char *key, int family, const char *address, const char *mask,
		       cJSON *device, struct error *err)
{
	int prefix = -1;

	if (address[0] == '\0')
		return 0;
	if (!type_is_cidr(family, address))
		return error_set(err, ERROR_INVALID, "%s: %s '%.64s' is no IPv%d address", field, key, address,
				 family == AF_INET ? 4 : 6);
	if (family == AF_INET && mask[0] != '\0' && strchr(address, '/') == NULL) {
		prefix = prefix_of_mask(mask);
		if (prefix < 0 || prefix > 32)
			return error_set(err, ERROR_INVALID, "%s: nic_mask '%.64s' must be 0 to 32 or 255.255.255.0", field, mask);
	}
	if (prefix >= 0)
		json_set_strf(device, family == AF_INET ? "ipv4.address" : "ipv6.address", "%s/%d", address, prefix);
	else
		json_set_str(device, family == AF_INET ? "ipv4.address" : "ipv6.address", address);
	return 0;
}

static int nic_gateway(const char *field, const char *gateway, cJSON *device, struct error *err)
{
	if (gateway[0] == '\0')
		return 0;
	if (type_is_address(AF_INET, gateway))
		json_set_str(device, "ipv4.gateway", gateway);
	else if (type_is_address(AF_INET6, gateway))
		json_set_str(device, "ipv6.gateway", gateway);
	else
		return error_set(err, ERROR_INVALID, "%s: nic_gate '%.64s' is no IP address", field, gateway);
	return 0;
}

static int nic_dns(const char *field, const cJSON *nic, struct vmconfig *c, struct error *err)
{
	const cJSON *list = cJSON_GetObjectItemCaseSensitive(nic, "dns_addr"), *item;

	if (list == NULL || cJSON_IsNull(list))
		return 0;
	if (!cJSON_IsArray(list))
		return error_set(err, ERROR_INVALID, "%s: dns_addr must be an array of IP addresses", field);
	if (c->dns == NULL)
		c->dns = cJSON_CreateArray();
	cJSON_ArrayForEach(item, list) {
		const char *text = cJSON_IsString(item) ? item->valuestring : "";

		if (!type_is_address(AF_INET, text) && !type_is_address(AF_INET6, text))
			return error_set(err, ERROR_INVALID, "%s: dns_addr '%.64s' is no IP address", field, text);
		cJSON_AddItemToArray(c->dns, cJSON_CreateString(text));
	}
	return 0;
}

static int take_nic(const struct settings *s, const cJSON *nic, struct vmconfig *c, struct error *err)
{
	static const char *const words[] = { "nic_type", "mac_addr", "ip4_addr", "ip6_addr", "nic_gate", "nic_mask",
					     "dns_addr", NULL };
	AUTO_FREE char *field = mem_printf("nic_all.%.32s", nic->string);
	const char *type, *mac, *ip4, *ip6, *gateway, *mask;
	cJSON *device;

	if (check_members(field, nic, words, err) < 0 || text_member(field, nic, "nic_type", &type, err) < 0 ||
	    text_member(field, nic, "mac_addr", &mac, err) < 0 || text_member(field, nic, "ip4_addr", &ip4, err) < 0 ||
	    text_member(field, nic, "ip6_addr", &ip6, err) < 0 || text_member(field, nic, "nic_gate", &gateway, err) < 0 ||
	    text_member(field, nic, "nic_mask", &mask, err) < 0)
		return -1;
	if (strcmp(type, "pub") != 0 && strcmp(type, "nat") != 0)
		return error_set(err, ERROR_INVALID, "%s: nic_type '%.64s' must be pub or nat", field, type);
	device = cJSON_AddObjectToObject(c->nics, nic->string);
	json_set_str(device, "type", "nic");
	json_set_str(device, "nictype", "bridged");
	json_set_str(device, "parent", strcmp(type, "pub") == 0 ? s->network_pub : s->network_nat);
	if (mac[0] != '\0')
		json_set_str(device, "hwaddr", mac);
	if (nic_address(field, "ip4_addr", AF_INET, ip4, mask, device, err) < 0 ||
	    nic_address(field, "ip6_addr", AF_INET6, ip6, mask, device, err) < 0 ||
	    nic_gateway(field, gateway, device, err) < 0)
		return -1;
	return nic_dns(field, nic, c, err);
}

int vmconfig_nics(const struct settings *s, const char *field, const cJSON *value, struct vmconfig *c, struct error *err)
{
	const cJSON *nic;

	if (!cJSON_IsObject(value))
		return error_set(err, ERROR_INVALID, "%s must be an object {NIC: {nic_type, …}}", field);
	c->nics = cJSON_CreateObject();
	cJSON_ArrayForEach(nic, value) {
		if (take_nic(s, nic, c, err) < 0)
			return -1;
	}
	return 0;
}

/* ---- volumes */

static int take_volume(const cJSON *volume, struct vmconfig *c, struct error *err)
{
	static const char *const words[] = { "path", "ro", "source", NULL };
	AUTO_FREE char *field = mem_printf("hdd_all.%.64s", volume->string);
	const cJSON *ro = cJSON_GetObjectItemCaseSensitive(volume, "ro");
	const char *path, *source;
	cJSON *v;

	if (check_members(field, volume, words, err) < 0 || text_member(field, volume, "path", &path, err) < 0 ||
	    text_member(field, volume, "source", &source, err) < 0)
		return -1;
	if (ro != NULL && !cJSON_IsBool(ro) && !cJSON_IsNull(ro))
		return error_set(err, ERROR_INVALID, "%s: ro must be true or false", field);
	v = cJSON_CreateObject();
	cJSON_AddItemToArray(c->volumes, v);
	json_set_str(v, "name", volume->string);
	if (path[0] != '\0')
		json_set_str(v, "path", path);
	if (source[0] != '\0')
		json_set_str(v, "source", source);
	json_set_bool(v, "readonly", cJSON_IsTrue(ro));
	return 0;
}

int vmconfig_volumes(const struct settings *s, const char *field, const cJSON *value, struct vmconfig *c,
		     struct error *err)
{
	const cJSON *volume;

	if (!cJSON_IsObject(value))
		return error_set(err, ERROR_INVALID, "%s must be an object {VOLUME: {path, ro, source}}", field);
	c->volumes = cJSON_CreateArray();
	cJSON_ArrayForEach(volume, value) {
		if (take_volume(volume, c, err) < 0)
			return -1;
	}
	return 0;
}

/* ---- port forwards */

/* A port or range as text: 80, "80", "8000-8010"; 0 and "" for what is left to us. */
static int port_member(const char *field, const cJSON *object, const char *key, const char *automatic, cJSON *forward,
		       const char *as, struct error *err)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(object, key);

	if (cJSON_IsNumber(v) && v->valuedouble >= 1 && v->valuedouble <= 65535 && v->valuedouble == floor(v->valuedouble))
		json_set_strf(forward, as, "%.0f", v->valuedouble);
	else if (v == NULL || cJSON_IsNull(v) || (cJSON_IsNumber(v) && v->valuedouble == 0))
		json_set_str(forward, as, automatic);
	else if (cJSON_IsString(v))
		json_set_str(forward, as, v->valuestring[0] != '\0' ? v->valuestring : automatic);
	else
		return error_set(err, ERROR_INVALID, "%s: %s must be a port (1 to 65535) or a range \"8000-8010\"", field, key);
	return 0;
}

static void add_forward(const cJSON *forward, const char *protocol, struct vmconfig *c)
{
	cJSON *v = cJSON_Duplicate(forward, true);

	json_set_str(v, "protocol", protocol);
	cJSON_AddItemToArray(c->forwards, v);
}

static int take_forward(const cJSON *object, int number, struct vmconfig *c, struct error *err)
{
	static const char *const words[] = { "wan_port", "lan_port", "protocol", "wan_addr", "nat_tips", NULL };
	AUTO_FREE char *field = mem_printf("nat_all[%d]", number);
	AUTO_JSON cJSON *forward = cJSON_CreateObject();
	const char *protocol, *address, *hint;

	if (check_members(field, object, words, err) < 0 || text_member(field, object, "protocol", &protocol, err) < 0 ||
	    text_member(field, object, "wan_addr", &address, err) < 0 || text_member(field, object, "nat_tips", &hint, err) < 0 ||
	    port_member(field, object, "wan_port", "auto", forward, "listen_port", err) < 0 ||
	    port_member(field, object, "lan_port", "", forward, "target_port", err) < 0)
		return -1;
	if (strcmp(json_str_or(forward, "listen_port", ""), "auto") == 0 && json_str_or(forward, "target_port", "")[0] == '\0')
		return error_set(err, ERROR_INVALID, "%s: lan_port is missing", field);
	json_set_str(forward, "listen_address", address);
	json_set_str(forward, "description", hint);
	if (strcmp(protocol, "") == 0 || strcmp(protocol, "tcp") == 0)
		add_forward(forward, "tcp", c);
	else if (strcmp(protocol, "udp") == 0)
		add_forward(forward, "udp", c);
	else if (strcmp(protocol, "both") == 0) {
		add_forward(forward, "tcp", c);
		add_forward(forward, "udp", c);
	} else
		return error_set(err, ERROR_INVALID, "%s: protocol '%.32s' must be tcp, udp or both", field, protocol);
	return 0;
}

int vmconfig_forwards(const struct settings *s, const char *field, const cJSON *value, struct vmconfig *c,
		      struct error *err)
{
	const cJSON *object;
	int number = 0;

	if (!cJSON_IsArray(value))
		return error_set(err, ERROR_INVALID, "%s must be an array [{wan_port, lan_port, …}]", field);
	c->forwards = cJSON_CreateArray();
	cJSON_ArrayForEach(object, value) {
		if (take_forward(object, number++, c, err) < 0)
			return -1;
	}
	return 0;
}
