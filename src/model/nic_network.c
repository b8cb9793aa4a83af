/* SPDX-License-Identifier: MIT */
#include "model/nic_network.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/strmap.h"

static struct strmap *networks; /* NULL: none */

struct entry {
	struct nic_network public;
	char *nictype, *parent, *mtu;
};

static void entry_free(void *p)
{
	struct entry *e = p;

	free(e->nictype);
	free(e->parent);
	free(e->mtu);
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
	e->public = (struct nic_network){ e->nictype, e->parent, e->mtu };
	strmap_put(networks, name, e);
}

const struct nic_network *nic_network_get(const char *name)
{
	const struct entry *e = networks && name ? strmap_get(networks, name) : NULL;

	return e ? &e->public : NULL;
}
