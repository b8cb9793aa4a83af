/* SPDX-License-Identifier: MIT */
#include "network/network_forward.h"

#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "host/forward_rule.h"
#include "network/network_plan.h"

struct check {
	const cJSON *network;
	struct address listen, target; /* target: of ports that say none; family 0 */
	struct port_list seen[2];      /* tcp, udp: all listening ports so far */
};

/* A network without an address of the family has no subnet to be in. */
static bool is_inside(const cJSON *network, const struct address *a)
{
	struct network_side side;

	if (!network)
		return true;
	network_side(network, a->family, &side);
	return !side.address.family || address_same_net(&side.address, a, side.prefix);
}

static int check_default(struct check *c, const char *text, struct error *err)
{
	if (!*text)
		return 0;
	if (address_parse(text, &c->target) < 0)
		return error_set(err, ERROR_INVALID, "Invalid default target address");
	if (c->target.family != c->listen.family)
		return error_set(err, ERROR_INVALID, "Cannot mix IP versions in listen address and default target address");
	if (!is_inside(c->network, &c->target))
		return error_set(err, ERROR_INVALID, "Default target address is not within the network subnet");
	return 0;
}

static int check_target(const struct check *c, const char *text, int i, struct error *err)
{
	struct address target;

	if (!*text) /* the default's */
		return 0;
	if (address_parse(text, &target) < 0)
		return error_set(err, ERROR_INVALID, "Invalid target address in port specification %d", i);
	if (address_equal(&target, &c->target))
		return error_set(err, ERROR_INVALID, "Target address is same as default target address in port specification %d", i);
	if (target.family != c->listen.family)
		return error_set(err, ERROR_INVALID,
				 "Cannot mix IP versions in listen address and port specification %d target address", i);
	if (!is_inside(c->network, &target))
		return error_set(err, ERROR_INVALID, "Target address is not within the network subnet in port specification %d", i);
	return 0;
}

static int check_listen(struct port_list *seen, const struct port_list *l, const char *protocol, int i, struct error *err)
{
	uint16_t port;

	if (port_list_overlap(seen, l, &port))
		return error_set(err, ERROR_INVALID, "Duplicate listen port %u for protocol \"%s\" in port specification %d", port,
				 protocol, i);
	for (unsigned k = 0; k < l->n && seen->n < FORWARD_RANGES_MAX; k++) /* what no longer fits is found when it begins */
		seen->range[seen->n++] = l->range[k];
	return 0;
}

static int check_port(struct check *c, const cJSON *port, int i, struct error *err)
{
	const char *protocol = json_str_or(port, "protocol", ""), *target_port = json_str_or(port, "target_port", "");
	bool udp = strcmp(protocol, "udp") == 0;
	struct port_list listen, target;

	if (!udp && strcmp(protocol, "tcp") != 0)
		return error_set(err, ERROR_INVALID, "Invalid port protocol in port specification %d, protocol must be one of: tcp, udp",
				 i);
	if (check_target(c, json_str_or(port, "target_address", ""), i, err) < 0)
		return -1;
	if (port_list_parse("listen_port", json_str_or(port, "listen_port", ""), &listen, err) < 0)
		return error_wrap(err, "Invalid listen port in port specification %d", i);
	if (check_listen(&c->seen[udp], &listen, protocol, i, err) < 0)
		return -1;
	if (!*target_port)
		return 0;
	if (port_list_parse("target_port", target_port, &target, err) < 0)
		return error_wrap(err, "Invalid target port in port specification %d", i);
	if (target.total != 1 && target.total != listen.total)
		return error_set(err, ERROR_INVALID, "Mismatch of listen port(s) and target port(s) count in port specification %d", i);
	return 0;
}

int network_check_forward(const cJSON *network, const char *listen, const cJSON *forward, struct error *err)
{
	AUTO_FREE struct check *c = mem_alloc(sizeof(*c));
	const cJSON *port;
	int i = 0;

	c->network = network;
	if (address_parse(listen, &c->listen) < 0)
		return 0;
	if (check_default(c, json_str_or(json_obj(forward, "config"), "target_address", ""), err) < 0)
		return -1;
	cJSON_ArrayForEach(port, json_arr(forward, "ports"))
		if (cJSON_IsObject(port) && check_port(c, port, i++, err) < 0)
			return -1;
	return 0;
}
