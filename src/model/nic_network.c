/* SPDX-License-Identifier: MIT */
#include "model/nic_network.h"

#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/strmap.h"
#include "model/address_maps.h"
#include "model/device.h"

static struct strmap *networks; /* NULL: none */

struct entry {
	struct nic_network public;
	char *nictype, *parent, *mtu, *ip4, *ip6;
};

static void entry_free(void *p)
{
	struct entry *e = p;

	free(e->nictype);
	free(e->parent);
	free(e->mtu);
	free(e->ip4);
	free(e->ip6);
	free(e);
}

void nic_network_set(const char *name, const struct nic_network *network)
{
	struct entry *e;

	if (!network) {
		if (!networks)
			return;
		strmap_remove(networks, name);
		if (strmap_count(networks) == 0) {
			strmap_free(networks);
			networks = NULL;
		}
		return;
	}
	if (!networks)
		networks = strmap_new(entry_free);
	e = mem_alloc(sizeof(*e));
	e->nictype = mem_strdup(network->nictype);
	e->parent = mem_strdup(network->parent);
	e->mtu = network->mtu ? mem_strdup(network->mtu) : NULL;
	e->ip4 = network->ip4 ? mem_strdup(network->ip4) : NULL;
	e->ip6 = network->ip6 ? mem_strdup(network->ip6) : NULL;
	e->public = (struct nic_network){ e->nictype, e->parent, e->mtu, e->ip4, e->ip6 };
	strmap_put(networks, name, e);
}

const struct nic_network *nic_network_get(const char *name)
{
	const struct entry *e = networks && name ? strmap_get(networks, name) : NULL;

	return e ? &e->public : NULL;
}

/* own: of the host in the network; NULL: nothing is known of its addresses. */
static int check_address(const char *network, const char *own, const char *value, struct error *err)
{
	char text[INET6_ADDRSTRLEN] = "";
	struct address net, a;

	if (!own || !value || address_parse_cidr(own, &net) < 0)
		return 0;
	snprintf(text, sizeof(text), "%.*s", (int)strcspn(value, "/"), value);
	if (address_parse(text, &a) == 0 && address_same_net(&net, &a, (unsigned)strtoul(strchr(own, '/') + 1, NULL, 10)))
		return 0;
	return error_set(err, ERROR_INVALID, "Device IP address \"%s\" not within network \"%s\" subnet", text, network);
}

int nic_network_check(const char *device, const cJSON *props, struct error *err)
{
	const char *name = device_prop(props, "network");
	const struct nic_network *network = nic_network_get(name);

	if (name && !network && if_nametoindex(name) == 0)
		return error_set(err, ERROR_INVALID,
				 "Failed loading device \"%s\": Failed to load network \"%s\" for project \"default\": Network not found",
				 device, name);
	if (!network || strcmp(network->nictype, "bridge") != 0)
		return 0;
	return check_address(name, network->ip4, device_prop(props, "ipv4.address"), err) < 0 ||
			       check_address(name, network->ip6, device_prop(props, "ipv6.address"), err) < 0
		       ? -1
		       : 0;
}
