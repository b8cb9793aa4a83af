/* SPDX-License-Identifier: MIT */
#include "api/resources.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "api/resources_devices.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/sysfs.h"

#define CPU "/sys/devices/system/cpu/cpu%d"
#define CPUS_MAX 4096
#define NODES_MAX 64

/* ---- cpu */

/* "48K" as sysfs writes cache sizes. */
static int64_t cache_size(int cpu, int index)
{
	char text[32];
	long long n = 0;
	char unit = 0;

	sysfs_text(text, sizeof(text), CPU "/cache/index%d/size", cpu, index);
	if (sscanf(text, "%15lld%c", &n, &unit) < 1)
		return 0;
	return n * (unit == 'K' ? 1024 : unit == 'M' ? 1024 * 1024 : 1);
}

static cJSON *caches_json(int cpu)
{
	cJSON *list = cJSON_CreateArray();
	char type[32];
	int i;

	for (i = 0; i < 16; i++) {
		int64_t level = sysfs_int(-1, CPU "/cache/index%d/level", cpu, i);
		cJSON *v;

		if (level < 0)
			break;
		sysfs_text(type, sizeof(type), CPU "/cache/index%d/type", cpu, i);
		v = cJSON_CreateObject();
		json_set_int(v, "level", level);
		json_set_str(v, "type", type);
		json_set_int(v, "size", cache_size(cpu, i));
		cJSON_AddItemToArray(list, v);
	}
	return list;
}

/* The member of a list whose key has this number; made with it when missing. */
static cJSON *member(cJSON *list, const char *key, int64_t number)
{
	cJSON *v;

	cJSON_ArrayForEach(v, list)
		if (json_int(v, key, -1) == number)
			return v;
	v = cJSON_CreateObject();
	json_set_int(v, key, number);
	cJSON_AddItemToArray(list, v);
	return v;
}

/* "model name : Intel…" of /proc/cpuinfo, whose fields differ between architectures. */
static void cpuinfo_value(const char *field, char *buf, size_t size)
{
	FILE *f = fopen("/proc/cpuinfo", "re");
	char line[1024], *colon;

	*buf = 0;
	while (f && !*buf && fgets(line, sizeof(line), f)) {
		if (strncmp(line, field, strlen(field)) != 0 || !(colon = strchr(line, ':')))
			continue;
		line[strcspn(line, "\n")] = 0;
		colon += 1 + strspn(colon + 1, " ");
		snprintf(buf, size, "%s", colon);
	}
	if (f)
		fclose(f);
}

static cJSON *socket_json(cJSON *sockets, int64_t number, int cpu)
{
	cJSON *v = member(sockets, "socket", number);
	char text[256];

	if (json_arr(v, "cores"))
		return v;
	cpuinfo_value("model name", text, sizeof(text));
	json_set_str(v, "name", text);
	cpuinfo_value("vendor_id", text, sizeof(text));
	json_set_str(v, "vendor", text);
	json_set(v, "cache", caches_json(cpu));
	json_set(v, "cores", cJSON_CreateArray());
	return v;
}

static int64_t numa_node_of(int cpu)
{
	char path[80];
	int node;

	for (node = 0; node < NODES_MAX; node++) {
		snprintf(path, sizeof(path), CPU "/node%d", cpu, node);
		if (access(path, F_OK) == 0)
			return node;
	}
	return 0;
}

static void add_thread(cJSON *sockets, int cpu)
{
	bool online = sysfs_int(1, CPU "/online", cpu) != 0;
	int64_t mhz = sysfs_int(0, CPU "/cpufreq/scaling_cur_freq", cpu) / 1000;
	cJSON *socket, *core, *threads, *thread = cJSON_CreateObject();

	socket = socket_json(sockets, sysfs_int(0, CPU "/topology/physical_package_id", cpu), cpu);
	core = member(json_arr(socket, "cores"), "core", sysfs_int(cpu, CPU "/topology/core_id", cpu));
	threads = json_arr(core, "threads");
	if (!threads) {
		threads = cJSON_CreateArray();
		json_set_int(core, "die", sysfs_int(0, CPU "/topology/die_id", cpu));
		json_set(core, "threads", threads);
		if (mhz > 0)
			json_set_int(core, "frequency", mhz);
	}
	json_set_int(thread, "id", cpu);
	json_set_int(thread, "numa_node", numa_node_of(cpu));
	json_set_int(thread, "thread", cJSON_GetArraySize(threads));
	json_set_bool(thread, "online", online);
	json_set_bool(thread, "isolated", false);
	cJSON_AddItemToArray(threads, thread);
}

/* "0-3,8": the last number of a CPU list. */
static int last_cpu(void)
{
	char text[1024], *p;

	sysfs_text(text, sizeof(text), "/sys/devices/system/cpu/present");
	p = text + strlen(text);
	while (p > text && p[-1] != ',' && p[-1] != '-')
		p--;
	return (int)strtol(p, NULL, 10);
}

static cJSON *cpu_json(void)
{
	cJSON *v = cJSON_CreateObject(), *sockets = cJSON_CreateArray();
	int cpu, last = last_cpu(), total = 0;
	struct utsname un;

	for (cpu = 0; cpu <= last && cpu < CPUS_MAX; cpu++) {
		if (sysfs_int(-1, CPU "/topology/physical_package_id", cpu) < 0)
			continue; /* offline or not there */
		add_thread(sockets, cpu);
		total++;
	}
	json_set_str(v, "architecture", uname(&un) == 0 ? un.machine : "");
	json_set(v, "sockets", sockets);
	json_set_int(v, "total", total);
	return v;
}

/* ---- memory */

/* The number behind "MemTotal:" (kB, or a count); lines of a node begin with "Node 0 ". */
static int64_t meminfo_value(const char *text, const char *field)
{
	size_t n = strlen(field);
	const char *at;
	long long value = 0;

	for (at = strstr(text, field); at; at = strstr(at + n, field)) {
		if (at[n] != ':' || (at != text && at[-1] != ' ' && at[-1] != '\n'))
			continue;
		sscanf(at + n + 1, "%15lld", &value);
		break;
	}
	return value;
}

static cJSON *node_json(int node)
{
	AUTO_FREE char *path = mem_printf("/sys/devices/system/node/node%d/meminfo", node);
	AUTO_STRBUF struct strbuf text = STRBUF_INIT;
	struct error err = ERROR_INIT;
	cJSON *v;

	if (access(path, F_OK) < 0 || fs_read_file(path, 65536, &text, &err) < 0)
		return NULL;
	v = cJSON_CreateObject();
	json_set_int(v, "numa_node", node);
	json_set_int(v, "hugepages_used", 0);
	json_set_int(v, "hugepages_total", 0);
	json_set_int(v, "used", meminfo_value(text.buf, "MemUsed") * 1024);
	json_set_int(v, "total", meminfo_value(text.buf, "MemTotal") * 1024);
	return v;
}

static cJSON *memory_json(void)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT;
	struct error err = ERROR_INIT;
	cJSON *v = cJSON_CreateObject(), *nodes = cJSON_CreateArray(), *item;
	int64_t total, page, huge;
	int node;

	(void)fs_read_file("/proc/meminfo", 65536, &text, &err);
	total = meminfo_value(text.buf, "MemTotal");
	page = meminfo_value(text.buf, "Hugepagesize") * 1024;
	huge = meminfo_value(text.buf, "HugePages_Total");
	for (node = 0; node < NODES_MAX; node++)
		if ((item = node_json(node)))
			cJSON_AddItemToArray(nodes, item);
	json_set(v, "nodes", nodes);
	json_set_int(v, "hugepages_total", huge * page);
	json_set_int(v, "hugepages_used", (huge - meminfo_value(text.buf, "HugePages_Free")) * page);
	json_set_int(v, "hugepages_size", page);
	json_set_int(v, "used", (total - meminfo_value(text.buf, "MemAvailable")) * 1024);
	json_set_int(v, "total", total * 1024);
	return v;
}

/* What a client prints nothing for. */
static cJSON *empty_json(const char *list)
{
	cJSON *v = cJSON_CreateObject();

	json_set(v, list, cJSON_CreateArray());
	json_set_int(v, "total", 0);
	return v;
}

static cJSON *system_json(void)
{
	static const struct { const char *key, *file; } rows[] = {
		{ "uuid", "product_uuid" }, { "vendor", "sys_vendor" }, { "product", "product_name" },
		{ "family", "product_family" }, { "version", "product_version" }, { "sku", "product_sku" },
		{ "serial", "product_serial" },
	};
	cJSON *v = cJSON_CreateObject();
	char text[256];
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		sysfs_text(text, sizeof(text), "/sys/class/dmi/id/%s", rows[i].file);
		json_set_str(v, rows[i].key, text);
	}
	json_set_str(v, "type", "");
	json_set(v, "firmware", cJSON_CreateNull());
	json_set(v, "chassis", cJSON_CreateNull());
	json_set(v, "motherboard", cJSON_CreateNull());
	return v;
}

cJSON *resources_json(void)
{
	cJSON *v = cJSON_CreateObject();

	json_set(v, "cpu", cpu_json());
	json_set(v, "memory", memory_json());
	json_set(v, "gpu", empty_json("cards"));
	json_set(v, "network", resources_network_json());
	json_set(v, "storage", resources_storage_json());
	json_set(v, "usb", empty_json("devices"));
	json_set(v, "pci", empty_json("devices"));
	json_set(v, "system", system_json());
	return v;
}
