/* SPDX-License-Identifier: MIT */
/* Two bridges with one subnet: the kernel would route to one of them only, and dnsmasq could not listen. */
#include <ifaddrs.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "host/leases.h"
#include "network/network_plan.h"
#include "network/network_private.h"

static const char *name_of(const cJSON *object)
{
	return json_str_or(object, "name", "");
}

/* Has another interface of the host an address in the subnet of this side? */
static const char *interface_in(const struct ifaddrs *all, const struct network_side *side, const char *but)
{
	struct address a;

	for (; side->address.family && all; all = all->ifa_next)
		if (strcmp(all->ifa_name, but) != 0 && address_of_interface(all, &a) && a.family == side->address.family &&
		    address_same_net(&a, &side->address, side->prefix))
			return all->ifa_name;
	return NULL;
}

static int check_host(const cJSON *new, struct error *err)
{
	static const int families[] = { AF_INET, AF_INET6 };
	struct ifaddrs *all = NULL;

	if (getifaddrs(&all) < 0)
		return 0;
	for (size_t i = 0; i < 2 && err->code == ERROR_NONE; i++) {
		struct network_side side;
		const char *interface;

		network_side(new, families[i], &side);
		interface = interface_in(all, &side, name_of(new));
		if (interface)
			error_set(err, ERROR_INVALID, "The interface \"%s\" has an address in the subnet %s already", interface, side.subnet);
	}
	freeifaddrs(all);
	return err->code == ERROR_NONE ? 0 : -1;
}

int network_check_subnet(const struct berthd *b, const cJSON *old, const cJSON *new, struct error *err)
{
	AUTO_FREE const char **names = network_names(b);
	char subnet[INET6_ADDRSTRLEN + 4];

	for (const char **n = names; *n; n++) {
		const cJSON *other = network_get(b, *n);

		if (strcmp(*n, name_of(new)) == 0 || (old && strcmp(*n, name_of(old)) == 0))
			continue;
		if (network_same_subnet(other, new, subnet) && !(old && network_same_subnet(other, old, subnet)))
			return error_set(err, ERROR_INVALID, "The network \"%s\" has the subnet %s already", *n, subnet);
	}
	return old ? 0 : check_host(new, err);
}
