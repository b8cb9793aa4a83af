/* SPDX-License-Identifier: MIT */
/* A bridge that was deleted and made anew has no ports: instances that run get their ends back on it. */
#include <errno.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "host/reattach.h"
#include "instance/instance.h"
#include "instance/registry.h"
#include "model/device.h"
#include "model/nic.h"

static bool is_port(const char *interface)
{
	AUTO_FREE char *path = mem_printf("/sys/class/net/%s/brport", interface);

	return fs_exists(path);
}

static void attach(const char *instance, const char *bridge, const char *interface)
{
	struct ifreq request = { .ifr_ifindex = (int)if_nametoindex(interface) };
	AUTO_CLOSE int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (request.ifr_ifindex == 0 || is_port(interface))
		return;
	memcpy(request.ifr_name, bridge, strnlen(bridge, IFNAMSIZ - 1));
	if (fd < 0 || ioctl(fd, SIOCBRADDIF, &request) < 0)
		log_warning("'%s' is not on the bridge '%s' again, restart it: %s", instance, bridge, strerror(errno));
	else
		log_info("'%s' is on the bridge '%s' again, by '%s'", instance, bridge, interface);
}

static void attach_all(const struct berthd *b, const struct instance *inst, const char *bridge)
{
	AUTO_JSON cJSON *config = NULL;
	AUTO_JSON cJSON *devices = NULL;
	AUTO_FREE char *dir = instance_dir(b, inst->name);
	const cJSON *dev;

	instance_expand(b, inst->desired, &config, &devices);
	cJSON_ArrayForEach(dev, devices) {
		const struct nic_source source = { config, devices, dir };
		const char *parent = nic_parent(dev);
		struct nic nic;

		if (!nic_is_bridged(dev) || parent == NULL || strcmp(parent, bridge) != 0)
			continue;
		nic_resolve(&source, dev->string, dev, &nic);
		attach(inst->name, parent, nic.host);
	}
}

void instances_reattach(const struct berthd *b, const char *bridge)
{
	const char **names = registry_names(b->registry);

	for (const char **n = names; *n != NULL; n++) {
		const struct instance *inst = registry_get(b->registry, *n);

		if (!instance_active(inst))
			continue;
		if (inst->adopted)
			log_warning("'%s' was made by others: if it was on a bridge that was deleted, restart it", *n);
		else
			attach_all(b, inst, bridge);
	}
	free(names);
}
