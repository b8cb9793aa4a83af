/* SPDX-License-Identifier: MIT */
#include "model/device_match.h"

#include <ctype.h>
#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/sysfs.h"
#include "model/device.h"

struct match {
	const struct match_roots *roots;
	const cJSON *props;
	cJSON *nodes;
	cJSON **hanging; /* what hangs on USB devices, looked for once: [{"vendorid", "productid", "type", "number", "path"}]; or NULL */
};

#define NODE_CHARS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/._:@,=-"

/* number: "MAJOR:MINOR". A path of other characters could not stand in a hook line or name a file: such a node is left out. */
static void add_node(const struct match *m, char type, const char *number, const char *path)
{
	AUTO_FREE char *text = mem_printf("%c %s %s", type, number, path);
	struct match_node ignored;
	const cJSON *item;

	if (!match_node_parse(text, &ignored))
		return;
	cJSON_ArrayForEach(item, m->nodes)
		if (strcmp(strchr(item->valuestring + 2, ' '), strchr(text + 2, ' ')) == 0)
			return;
	cJSON_AddItemToArray(m->nodes, cJSON_CreateString(text));
}

/* Calls found(m, folder, name) for each entry of the folder. */
static void each(const struct match *m, const char *folder, void (*found)(const struct match *m, const char *folder, const char *name))
{
	DIR *dir = opendir(folder);
	const struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			found(m, folder, entry->d_name);
	if (dir)
		closedir(dir);
}

static bool wanted(const struct match *m, const char *key, const char *value)
{
	const char *want = device_prop(m->props, key);

	return !want || strcasecmp(want, value) == 0;
}

/* ---- usb */

static void usb_found(const struct match *m, const char *folder, const char *name)
{
	char vendor[16], product[16], number[32], path[64];
	int64_t bus = sysfs_int(-1, "%s/%s/busnum", folder, name), dev = sysfs_int(-1, "%s/%s/devnum", folder, name);

	sysfs_text(vendor, sizeof(vendor), "%s/%s/idVendor", folder, name);
	sysfs_text(product, sizeof(product), "%s/%s/idProduct", folder, name);
	sysfs_text(number, sizeof(number), "%s/%s/dev", folder, name);
	if (!*vendor || bus < 0 || dev < 0 || !wanted(m, "vendorid", vendor) || !wanted(m, "productid", product))
		return;
	snprintf(path, sizeof(path), "/dev/bus/usb/%03d/%03d", (int)bus, (int)dev);
	add_node(m, 'c', number, path);
}

static void find_usb(const struct match *m)
{
	AUTO_FREE char *folder = mem_printf("%s/bus/usb/devices", m->roots->sys);

	each(m, folder, usb_found);
}

/* ---- unix-hotplug: any node whose hardware hangs on a USB device, but not the USB device's own */

/* Of DEVNAME=… in its file uevent. */
static bool node_name(const char *device, char *out, size_t size)
{
	AUTO_FREE char *path = mem_printf("%s/uevent", device);
	AUTO_STRBUF struct strbuf text = STRBUF_INIT;
	const char *name;

	if (fs_read_file(path, 4096, &text, &(struct error)ERROR_INIT) < 0)
		return false;
	name = strncmp(text.buf, "DEVNAME=", 8) == 0 ? text.buf : strstr(text.buf, "\nDEVNAME=");
	if (!name)
		return false;
	name = strchr(name, '=') + 1;
	snprintf(out, size, "/dev/%.*s", (int)strcspn(name, "\n"), name);
	return true;
}

/* Of the USB device that it hangs on; device is cut on the way up. */
static bool usb_above(const struct match *m, char *device, char vendor[16], char product[16])
{
	size_t root = strlen(m->roots->sys);
	char *slash;

	while (strlen(device) > root) {
		sysfs_text(vendor, 16, "%s/idVendor", device);
		sysfs_text(product, 16, "%s/idProduct", device);
		if (*vendor)
			return true;
		slash = strrchr(device, '/');
		if (!slash)
			return false;
		*slash = '\0';
	}
	return false;
}

/* Most nodes are of no hardware, and the link says so. */
static bool is_virtual(const char *link)
{
	static const char virtual[] = "../../devices/virtual/";
	char target[sizeof(virtual)] = "";

	return readlink(link, target, sizeof(target) - 1) > 0 && strcmp(target, virtual) == 0;
}

static void number_found(const struct match *m, const char *folder, const char *number)
{
	AUTO_FREE char *link = fs_join(folder, number);
	char device[PATH_MAX], subsystem[64], path[128], vendor[16], product[16];
	cJSON *node;

	if (is_virtual(link) || !realpath(link, device))
		return;
	sysfs_link(subsystem, sizeof(subsystem), "%s/subsystem", device);
	if (strcmp(subsystem, "usb") == 0 || !node_name(device, path, sizeof(path)) || !usb_above(m, device, vendor, product))
		return;
	node = cJSON_CreateObject();
	json_set_str(node, "vendorid", vendor);
	json_set_str(node, "productid", product);
	json_set_str(node, "type", strcmp(strrchr(folder, '/'), "/block") == 0 ? "b" : "c");
	json_set_str(node, "number", number);
	json_set_str(node, "path", path);
	cJSON_AddItemToArray(*m->hanging, node);
}

static void look_for_hanging(const struct match *m)
{
	AUTO_FREE char *chars = mem_printf("%s/dev/char", m->roots->sys);
	AUTO_FREE char *blocks = mem_printf("%s/dev/block", m->roots->sys);

	*m->hanging = cJSON_CreateArray();
	each(m, chars, number_found);
	each(m, blocks, number_found);
}

static void find_hotplug(const struct match *m)
{
	const cJSON *node;

	if (!*m->hanging)
		look_for_hanging(m);
	cJSON_ArrayForEach(node, *m->hanging)
		if (wanted(m, "vendorid", json_str_or(node, "vendorid", "")) && wanted(m, "productid", json_str_or(node, "productid", "")))
			add_node(m, *json_str_or(node, "type", ""), json_str_or(node, "number", ""), json_str_or(node, "path", ""));
}

/* ---- gpu */

static void drm_found(const struct match *m, const char *folder, const char *name)
{
	char number[32], path[128];

	sysfs_text(number, sizeof(number), "%s/%s/dev", folder, name);
	snprintf(path, sizeof(path), "/dev/dri/%.64s", name);
	if (*number)
		add_node(m, 'c', number, path);
}

static void add_host_node(const struct match *m, const char *folder, const char *name)
{
	AUTO_FREE char *host = fs_join(folder, name);
	char number[32], path[128];
	struct stat st;

	if (stat(host, &st) < 0 || !S_ISCHR(st.st_mode))
		return;
	snprintf(number, sizeof(number), "%u:%u", major(st.st_rdev), minor(st.st_rdev));
	snprintf(path, sizeof(path), "/dev/%.64s", name);
	add_node(m, 'c', number, path);
}

/* nvidiactl, nvidia-uvm, …: what all cards share. */
static void nvidia_found(const struct match *m, const char *folder, const char *name)
{
	if (strncmp(name, "nvidia", 6) == 0 && name[6] && !isdigit((unsigned char)name[6]))
		add_host_node(m, folder, name);
}

static void find_nvidia(const struct match *m, const char *pci)
{
	AUTO_FREE char *file = mem_printf("%s/driver/nvidia/gpus/%s/information", m->roots->proc, pci);
	AUTO_STRBUF struct strbuf text = STRBUF_INIT;
	const char *at;
	char name[32];

	if (fs_read_file(file, 65536, &text, &(struct error)ERROR_INIT) < 0)
		return;
	at = strstr(text.buf, "Device Minor:");
	if (!at)
		return;
	snprintf(name, sizeof(name), "nvidia%d", atoi(at + strlen("Device Minor:")));
	add_host_node(m, m->roots->dev, name);
	each(m, m->roots->dev, nvidia_found);
}

static bool same_pci(const char *want, const char *pci)
{
	return strcasecmp(want, pci) == 0 || (strlen(want) == 7 && strncmp(pci, "0000:", 5) == 0 && strcasecmp(want, pci + 5) == 0);
}

static void card_found(const struct match *m, const char *folder, const char *name)
{
	AUTO_FREE char *drm = mem_printf("%s/%s/device/drm", folder, name);
	const char *want_pci = device_prop(m->props, "pci");
	char vendor[16], product[16], driver[64], pci[64];

	if (strncmp(name, "card", 4) != 0 || !name[4] || name[4 + strspn(name + 4, "0123456789")])
		return;
	sysfs_text(vendor, sizeof(vendor), "%s/%s/device/vendor", folder, name);
	sysfs_text(product, sizeof(product), "%s/%s/device/device", folder, name);
	sysfs_link(pci, sizeof(pci), "%s/%s/device", folder, name);
	sysfs_link(driver, sizeof(driver), "%s/%s/device/driver", folder, name);
	if (!wanted(m, "id", name + 4) || (want_pci && !same_pci(want_pci, pci)) ||
	    !wanted(m, "vendorid", strncmp(vendor, "0x", 2) == 0 ? vendor + 2 : vendor) ||
	    !wanted(m, "productid", strncmp(product, "0x", 2) == 0 ? product + 2 : product))
		return;
	each(m, drm, drm_found);
	if (strcmp(driver, "nvidia") == 0)
		find_nvidia(m, pci);
}

static void find_gpu(const struct match *m)
{
	AUTO_FREE char *folder = mem_printf("%s/class/drm", m->roots->sys);

	each(m, folder, card_found);
}

/* ---- all of them */

static const struct {
	const char *type;
	void (*find)(const struct match *m);
} matched[] = { { "usb", find_usb }, { "unix-hotplug", find_hotplug }, { "gpu", find_gpu } };

enum { MATCHED = sizeof(matched) / sizeof(matched[0]) };

static unsigned matched_index(const cJSON *props)
{
	const char *type = json_str_or(props, "type", "");
	unsigned i = 0;

	while (i < MATCHED && strcmp(matched[i].type, type) != 0)
		i++;
	return i;
}

bool device_is_matched(const cJSON *props)
{
	return matched_index(props) < MATCHED;
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static cJSON *sorted(const cJSON *nodes)
{
	int n = cJSON_GetArraySize(nodes), i = 0;
	AUTO_FREE const char **list = mem_realloc(NULL, (size_t)n + 1, sizeof(*list));
	cJSON *result = cJSON_CreateArray();
	const cJSON *item;

	cJSON_ArrayForEach(item, nodes)
		list[i++] = item->valuestring;
	qsort(list, (size_t)n, sizeof(*list), compare);
	for (i = 0; i < n; i++)
		cJSON_AddItemToArray(result, cJSON_CreateString(list[i]));
	return result;
}

void devices_match(cJSON *devices, const struct match_roots *roots)
{
	char real[PATH_MAX];
	struct match_roots own = *roots;
	AUTO_JSON cJSON *hanging = NULL;
	cJSON *device;

	cJSON_ArrayForEach(device, devices) {
		AUTO_JSON cJSON *nodes = NULL;
		unsigned i = matched_index(device);

		if (i == MATCHED)
			continue;
		if (realpath(roots->sys, real))
			own.sys = real; /* what usb_above() walks up to */
		nodes = cJSON_CreateArray();
		matched[i].find(&(struct match){ &own, device, nodes, &hanging });
		json_set(device, MATCH_NODES, sorted(nodes));
	}
}

bool match_node_parse(const char *text, struct match_node *ret)
{
	int n = 0;

	if (sscanf(text, "%c %7u:%7u %n", &ret->type, &ret->major, &ret->minor, &n) != 3 || !n)
		return false;
	ret->path = text + n;
	return (ret->type == 'c' || ret->type == 'b') && strncmp(ret->path, "/dev/", 5) == 0 && !strstr(ret->path, "/.") &&
	       ret->path[strspn(ret->path, NODE_CHARS)] == '\0';
}

char *match_device_file(const char *device)
{
	char *file = mem_strdup(device);

	for (char *p = file; *p; p++)
		if (*p == '/')
			*p = '@';
	return file;
}

char *match_file_name(const char *device, const char *path)
{
	char *name = mem_printf("%s%s", device, path);

	for (char *p = name + strlen(device); *p; p++)
		if (*p == '/')
			*p = '+';
	return name;
}

char *match_file_path(const char *device, const char *file)
{
	AUTO_FREE char *prefix = match_device_file(device);
	size_t n = strlen(prefix);
	char *path;

	if (strncmp(file, prefix, n) != 0 || file[n] != '+')
		return NULL;
	path = mem_strdup(file + n);
	for (char *p = path; *p; p++)
		if (*p == '+')
			*p = '/';
	return path;
}
