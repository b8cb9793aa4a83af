/* SPDX-License-Identifier: MIT */
#include "api/resources_devices.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/json.h"
#include "base/sysfs.h"

/* {"<list>":[…],"total":n} of what one() makes of each entry of a folder of /sys; NULL: not counted. */
static cJSON *collect(const char *folder, const char *list_key, cJSON *(*one)(const char *name))
{
	cJSON *v = cJSON_CreateObject(), *list = cJSON_CreateArray(), *item;
	DIR *d = opendir(folder);
	struct dirent *entry;

	while (d && (entry = readdir(d)))
		if (entry->d_name[0] != '.' && (item = one(entry->d_name)))
			cJSON_AddItemToArray(list, item);
	if (d)
		closedir(d);
	json_set_int(v, "total", cJSON_GetArraySize(list));
	json_set(v, list_key, list);
	return v;
}

/* The PCI address on the way to a device ("…/0000:00:03.0/virtio0"), or "". */
static void pci_address(const char *device, char *buf, size_t size)
{
	char path[4096], *at;
	ssize_t n = readlink(device, path, sizeof(path) - 1);

	*buf = 0;
	path[n > 0 ? n : 0] = 0;
	while ((at = strrchr(path, '/'))) {
		unsigned domain, bus, slot, function;

		if (sscanf(at + 1, "%4x:%2x:%2x.%1x", &domain, &bus, &slot, &function) == 4) {
			snprintf(buf, size, "%s", at + 1);
			return;
		}
		*at = 0;
	}
}

static void add_pci_ids(cJSON *card, const char *pci)
{
	char text[32];

	json_set_str(card, "pci_address", pci);
	sysfs_text(text, sizeof(text), "/sys/bus/pci/devices/%s/vendor", pci);
	json_set_str(card, "vendor_id", strncmp(text, "0x", 2) == 0 ? text + 2 : text);
	sysfs_text(text, sizeof(text), "/sys/bus/pci/devices/%s/device", pci);
	json_set_str(card, "product_id", strncmp(text, "0x", 2) == 0 ? text + 2 : text);
}

static cJSON *port_json(const char *name)
{
	cJSON *port = cJSON_CreateObject();
	char text[64];

	json_set_str(port, "id", name);
	sysfs_text(text, sizeof(text), "/sys/class/net/%s/address", name);
	json_set_str(port, "address", text);
	json_set_int(port, "port", sysfs_int(0, "/sys/class/net/%s/dev_port", name));
	json_set_str(port, "protocol", "ethernet");
	json_set_bool(port, "auto_negotiation", false);
	json_set_bool(port, "link_detected", sysfs_int(0, "/sys/class/net/%s/carrier", name) == 1);
	return port;
}

static cJSON *card_json(const char *name)
{
	char device[300], driver[64], pci[64];
	struct utsname un;
	cJSON *v, *ports;

	snprintf(device, sizeof(device), "/sys/class/net/%s/device", name);
	sysfs_link(driver, sizeof(driver), "/sys/class/net/%s/device/driver", name);
	if (access(device, F_OK) < 0)
		return NULL;
	snprintf(device, sizeof(device), "/sys/class/net/%s", name);
	pci_address(device, pci, sizeof(pci));
	v = cJSON_CreateObject();
	json_set_str(v, "driver", driver);
	json_set_str(v, "driver_version", uname(&un) == 0 ? un.release : "");
	ports = cJSON_CreateArray();
	cJSON_AddItemToArray(ports, port_json(name));
	json_set(v, "ports", ports);
	json_set_int(v, "numa_node", 0);
	if (*pci)
		add_pci_ids(v, pci);
	return v;
}

cJSON *resources_network_json(void)
{
	return collect("/sys/class/net", "cards", card_json);
}

static cJSON *partitions_json(const char *disk)
{
	cJSON *list = cJSON_CreateArray();
	char path[300], text[32];
	struct dirent *entry;
	DIR *d;

	snprintf(path, sizeof(path), "/sys/block/%s", disk);
	d = opendir(path);
	while (d && (entry = readdir(d))) {
		int64_t number = sysfs_int(0, "/sys/block/%s/%s/partition", disk, entry->d_name);
		cJSON *v;

		if (number <= 0)
			continue;
		v = cJSON_CreateObject();
		json_set_str(v, "id", entry->d_name);
		sysfs_text(text, sizeof(text), "/sys/block/%s/%s/dev", disk, entry->d_name);
		json_set_str(v, "device", text);
		json_set_bool(v, "read_only", sysfs_int(0, "/sys/block/%s/%s/ro", disk, entry->d_name) != 0);
		json_set_int(v, "size", sysfs_int(0, "/sys/block/%s/%s/size", disk, entry->d_name) * 512);
		json_set_int(v, "partition", number);
		cJSON_AddItemToArray(list, v);
	}
	if (d)
		closedir(d);
	return list;
}

static cJSON *disk_json(const char *name)
{
	char path[300], text[64];
	cJSON *v;

	snprintf(path, sizeof(path), "/sys/block/%s/device", name);
	if (access(path, F_OK) < 0)
		return NULL;
	v = cJSON_CreateObject();
	json_set_str(v, "id", name);
	sysfs_text(text, sizeof(text), "/sys/block/%s/dev", name);
	json_set_str(v, "device", text);
	sysfs_text(text, sizeof(text), "/sys/block/%s/device/model", name);
	json_set_str(v, "model", text);
	sysfs_link(text, sizeof(text), "/sys/block/%s/device/subsystem", name);
	json_set_str(v, "type", text);
	json_set_bool(v, "read_only", sysfs_int(0, "/sys/block/%s/ro", name) != 0);
	json_set_int(v, "size", sysfs_int(0, "/sys/block/%s/size", name) * 512);
	json_set_bool(v, "removable", sysfs_int(0, "/sys/block/%s/removable", name) != 0);
	json_set_int(v, "numa_node", 0);
	json_set_int(v, "block_size", sysfs_int(0, "/sys/block/%s/queue/logical_block_size", name));
	json_set_int(v, "rpm", sysfs_int(0, "/sys/block/%s/queue/rotational", name));
	json_set_str(v, "device_id", "");
	json_set(v, "partitions", partitions_json(name));
	snprintf(path, sizeof(path), "/sys/block/%s", name);
	pci_address(path, text, sizeof(text));
	if (*text)
		json_set_str(v, "pci_address", text);
	return v;
}

cJSON *resources_storage_json(void)
{
	return collect("/sys/block", "disks", disk_json);
}
