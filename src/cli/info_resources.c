/* SPDX-License-Identifier: MIT */
/* berth info --resources: the host's hardware, as `lxc info --resources` lays it out. */
#include "cli/info.h"

#include <inttypes.h>
#include <string.h>

#include "base/json.h"
#include "base/strbuf.h"
#include "base/units.h"

typedef void (*put_fn)(struct strbuf *out, int indent, const cJSON *item);

static void put(struct strbuf *out, int indent, const char *label, const char *value)
{
	if (value[0] != '\0')
		strbuf_addf(out, "%*s%s: %s\n", indent, "", label, value);
}

static void put_bytes(struct strbuf *out, int indent, const char *label, int64_t bytes)
{
	char text[32];

	units_format_size(bytes > 0 ? (uint64_t)bytes : 0, text, sizeof(text));
	put(out, indent, label, text);
}

static void put_number(struct strbuf *out, int indent, const char *label, const cJSON *obj, const char *key)
{
	strbuf_addf(out, "%*s%s: %" PRId64 "\n", indent, "", label, json_int(obj, key, 0));
}

static void put_bool(struct strbuf *out, int indent, const char *label, const cJSON *obj, const char *key)
{
	put(out, indent, label, json_bool(obj, key, false) ? "true" : "false");
}

/* "Vendor: Intel (8086)"; nothing where the name is not known. */
static void put_named(struct strbuf *out, int indent, const char *label, const cJSON *obj, const char *name, const char *id)
{
	if (json_str_or(obj, name, "")[0] != '\0')
		strbuf_addf(out, "%*s%s: %s (%s)\n", indent, "", label, json_str_or(obj, name, ""), json_str_or(obj, id, ""));
}

/* One stands alone; several are numbered. */
static void put_all(struct strbuf *out, const char *heading, const char *about, const char *each, const cJSON *list, put_fn fn)
{
	int n = cJSON_GetArraySize(list), i = 0;
	const cJSON *item;

	if (n == 0)
		return;
	strbuf_addf(out, "%s%s%s%s:\n", out->len > 0 ? "\n" : "", heading, n > 1 ? "s" : "", about);
	cJSON_ArrayForEach(item, list) {
		if (n > 1)
			strbuf_addf(out, "  %s %d:\n", each, i++);
		fn(out, n > 1 ? 4 : 2, item);
	}
}

static void put_core(struct strbuf *out, int indent, const cJSON *core)
{
	const cJSON *t;

	strbuf_addf(out, "%*s- Core %" PRId64 "\n", indent, "", json_int(core, "core", 0));
	strbuf_addf(out, "%*sFrequency: %" PRId64 "Mhz\n%*sThreads:\n", indent + 2, "", json_int(core, "frequency", 0), indent + 2, "");
	cJSON_ArrayForEach(t, json_arr(core, "threads"))
		strbuf_addf(out, "%*s- %" PRId64 " (id: %" PRId64 ", online: %s, NUMA node: %" PRId64 ")\n", indent + 4, "",
			    json_int(t, "thread", 0), json_int(t, "id", 0), json_bool(t, "online", false) ? "true" : "false",
			    json_int(t, "numa_node", 0));
}

static void put_socket(struct strbuf *out, int indent, const cJSON *socket)
{
	const cJSON *caches = json_arr(socket, "cache"), *item;

	put(out, indent, "Vendor", json_str_or(socket, "vendor", ""));
	put(out, indent, "Name", json_str_or(socket, "name", ""));
	if (cJSON_GetArraySize(caches) > 0)
		strbuf_addf(out, "%*sCaches:\n", indent, "");
	cJSON_ArrayForEach(item, caches) {
		int64_t kib = json_int(item, "size", 0) / 1024;

		strbuf_addf(out, "%*s- Level %" PRId64 " (type: %s): %" PRId64 "%s\n", indent + 2, "", json_int(item, "level", 0),
			    json_str_or(item, "type", ""), kib < 1024 ? kib : kib / 1024, kib < 1024 ? "KiB" : "MiB");
	}
	strbuf_addf(out, "%*sCores:\n", indent, "");
	cJSON_ArrayForEach(item, json_arr(socket, "cores"))
		put_core(out, indent + 2, item);
}

static void put_memory(struct strbuf *out, const cJSON *memory)
{
	int64_t total = json_int(memory, "total", 0), used = json_int(memory, "used", 0);

	strbuf_addstr(out, "\nMemory:\n");
	put_bytes(out, 2, "Free", total - used);
	put_bytes(out, 2, "Used", used);
	put_bytes(out, 2, "Total", total);
}

static void put_card(struct strbuf *out, int indent, const cJSON *card)
{
	put_number(out, indent, "NUMA node", card, "numa_node");
	put_named(out, indent, "Vendor", card, "vendor", "vendor_id");
	put_named(out, indent, "Product", card, "product", "product_id");
	put(out, indent, "PCI address", json_str_or(card, "pci_address", ""));
	put_named(out, indent, "Driver", card, "driver", "driver_version");
}

static void put_nic(struct strbuf *out, int indent, const cJSON *card)
{
	const cJSON *port;

	put_card(out, indent, card);
	if (cJSON_GetArraySize(json_arr(card, "ports")) > 0)
		strbuf_addf(out, "%*sPorts:\n", indent, "");
	cJSON_ArrayForEach(port, json_arr(card, "ports")) {
		strbuf_addf(out, "%*s- Port %" PRId64 " (%s)\n", indent + 2, "", json_int(port, "port", 0),
			    json_str_or(port, "protocol", ""));
		put(out, indent + 4, "ID", json_str_or(port, "id", ""));
		put(out, indent + 4, "Address", json_str_or(port, "address", ""));
		put_bool(out, indent + 4, "Auto negotiation", port, "auto_negotiation");
		put_bool(out, indent + 4, "Link detected", port, "link_detected");
	}
}

static void put_disk(struct strbuf *out, int indent, const cJSON *disk)
{
	const cJSON *part;

	put_number(out, indent, "NUMA node", disk, "numa_node");
	put(out, indent, "ID", json_str_or(disk, "id", ""));
	put(out, indent, "Device", json_str_or(disk, "device", ""));
	put(out, indent, "Model", json_str_or(disk, "model", ""));
	put(out, indent, "Type", json_str_or(disk, "type", ""));
	put_bytes(out, indent, "Size", json_int(disk, "size", 0));
	put_bool(out, indent, "Read-Only", disk, "read_only");
	put_bool(out, indent, "Removable", disk, "removable");
	if (cJSON_GetArraySize(json_arr(disk, "partitions")) > 0)
		strbuf_addf(out, "%*sPartitions:\n", indent, "");
	cJSON_ArrayForEach(part, json_arr(disk, "partitions")) {
		strbuf_addf(out, "%*s- Partition %" PRId64 "\n", indent + 2, "", json_int(part, "partition", 0));
		put(out, indent + 4, "ID", json_str_or(part, "id", ""));
		put(out, indent + 4, "Device", json_str_or(part, "device", ""));
		put_bool(out, indent + 4, "Read-Only", part, "read_only");
		put_bytes(out, indent + 4, "Size", json_int(part, "size", 0));
	}
}

int info_resources(struct cli *cli, struct error *err)
{
	AUTO_JSON cJSON *v = client_get(cli->client, "/1.0/resources", NULL, err);
	AUTO_STRBUF struct strbuf out = STRBUF_INIT, about = STRBUF_INIT;
	const cJSON *cpu = json_obj(v, "cpu");

	if (!v)
		return -1;
	strbuf_addf(&about, " (%s)", json_str_or(cpu, "architecture", ""));
	put_all(&out, "CPU", about.buf, "Socket", json_arr(cpu, "sockets"), put_socket);
	put_memory(&out, json_obj(v, "memory"));
	put_all(&out, "GPU", "", "Card", json_arr(json_obj(v, "gpu"), "cards"), put_card);
	put_all(&out, "NIC", "", "Card", json_arr(json_obj(v, "network"), "cards"), put_nic);
	put_all(&out, "Disk", "", "Disk", json_arr(json_obj(v, "storage"), "disks"), put_disk);
	text_print(stdout, out.buf);
	return 0;
}
