/* SPDX-License-Identifier: MIT */
#include "model/volatile.h"

#include <string.h>

#include "model/key_types.h"

#define PREFIX "volatile."

static const char *const of_instance[] = {
	"apply_nvram", "apply_template", "base_image", "cloud-init.instance-id", "evacuate.origin", "idmap.base",
	"idmap.current", "idmap.next", "idmap.size", "last_state.idmap", "last_state.power", "last_state.ready", "uuid",
	"vsock_id", NULL,
};

/* volatile.DEVICE.… */
static const char *const of_device[] = {
	"apply_quota", "ceph_rbd", "host_name", "hwaddr", "id", "mig.uuid", "name", "vgpu.uuid", "last_state.created",
	"last_state.hwaddr", "last_state.ip_addresses", "last_state.mtu", "last_state.pci.driver",
	"last_state.pci.parent", "last_state.pci.slot.name", "last_state.usb.bus", "last_state.usb.device",
	"last_state.vdpa.name", "last_state.vf.hwaddr", "last_state.vf.id", "last_state.vf.parent",
	"last_state.vf.spoofcheck", "last_state.vf.vlan", "ipv4.assigned", "ipv6.assigned", NULL,
};

/* "volatile.eth0.hwaddr": the part is "hwaddr", and something is before it. */
static bool ends_in(const char *rest, const char *part)
{
	size_t len = strlen(rest), part_len = strlen(part);

	return len > part_len + 1 && rest[0] != '.' && rest[len - part_len - 1] == '.' && strcmp(rest + len - part_len, part) == 0;
}

bool volatile_is_known(const char *key)
{
	const char *rest = key + strlen(PREFIX);

	if (strncmp(key, PREFIX, strlen(PREFIX)) != 0)
		return false;
	for (const char *const *name = of_instance; *name; name++)
		if (strcmp(rest, *name) == 0)
			return true;
	for (const char *const *part = of_device; *part; part++)
		if (ends_in(rest, *part))
			return true;
	return false;
}

bool volatile_may_be_chosen(const char *key)
{
	return strcmp(key, PREFIX "apply_template") == 0 || type_has_suffix(key, ".hwaddr") || type_has_suffix(key, ".host_name");
}
