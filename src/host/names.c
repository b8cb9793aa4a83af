/* SPDX-License-Identifier: MIT */
/*
 * What dnsmasq is told of our instances, two files in the run folder: reservations (dnsmasq.dhcp-hosts:
 * "MAC,ADDRESS,NAME" for every NIC on the NAT bridge) and names of static addresses (dnsmasq.hosts). Names and
 * addresses may be anybody's: what is no host name label, MAC or address is left out, and of two that want the same
 * one the first by name has it.
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/strmap.h"
#include "host/host_private.h"
#include "instance/instance.h"
#include "model/key_types.h"
#include "model/nic.h"

enum { SETTLE_MS = 100, LABEL_MAX = 63 };

struct dns_names {
	struct host *h;
	uv_timer_t timer;
};

struct files {
	struct strbuf hosts, dhcp;
	struct strmap *taken; /* addresses, MACs, names */
	const struct host_network *net;
};

static bool is_label(const char *name)
{
	size_t n = strlen(name);

	if (n == 0 || n > LABEL_MAX || !isalnum((unsigned char)name[0]) || !isalnum((unsigned char)name[n - 1]))
		return false;
	for (const char *p = name; *p != '\0'; p++)
		if (!isalnum((unsigned char)*p) && *p != '-')
			return false;
	return true;
}

/* "10.0.0.5/24" -> "10.0.0.5"; "" when it is no address. */
static void bare_address(int family, const char *text, char out[INET6_ADDRSTRLEN])
{
	size_t n = strcspn(text, "/");
	unsigned char raw[sizeof(struct in6_addr)];

	out[0] = '\0';
	if (n == 0 || n >= INET6_ADDRSTRLEN)
		return;
	memcpy(out, text, n);
	out[n] = '\0';
	if (inet_pton(family, out, raw) != 1)
		out[0] = '\0';
}

static bool take(struct files *f, const char *what)
{
	if (what[0] == '\0' || strmap_get(f->taken, what) != NULL)
		return false;
	strmap_put(f->taken, what, f);
	return true;
}

static void add_nic(struct files *f, const char *name, const struct nic *nic)
{
	char ip4[INET6_ADDRSTRLEN], ip6[INET6_ADDRSTRLEN];

	bare_address(AF_INET, nic->ip4.text, ip4);
	bare_address(AF_INET6, nic->ip6.text, ip6);
	if (!take(f, ip4))
		ip4[0] = '\0';
	if (!take(f, ip6))
		ip6[0] = '\0';
	if (ip4[0] != '\0')
		strbuf_addf(&f->hosts, "%s %s\n", ip4, name);
	if (ip6[0] != '\0')
		strbuf_addf(&f->hosts, "%s %s\n", ip6, name);
	if (nic->hwaddr == NULL || !type_is_mac(nic->hwaddr) || !take(f, nic->hwaddr))
		return;
	strbuf_addf(&f->dhcp, "%s%s%s", nic->hwaddr, ip4[0] != '\0' ? "," : "", ip4);
	if (ip6[0] != '\0' && f->net->gateway6[0] != '\0')
		strbuf_addf(&f->dhcp, ",[%s]", ip6);
	strbuf_addf(&f->dhcp, ",%s\n", name);
}

static void add_instance(struct host *h, struct files *f, const struct instance *inst)
{
	AUTO_JSON cJSON *config = NULL;
	AUTO_JSON cJSON *devices = NULL;
	AUTO_FREE char *dir = instance_dir(h->b, inst->name);
	struct nic_source src = { .instance_dir = dir };
	const cJSON *device;

	if (!is_label(inst->name))
		return;
	instance_expand(h->b, inst->desired, &config, &devices);
	src.config = config;
	src.devices = devices;
	cJSON_ArrayForEach(device, devices) {
		const char *parent = nic_parent(device);
		struct nic nic;

		if (strcmp(json_str_or(device, "type", ""), "nic") != 0 || nic_kind(device) != NIC_BRIDGED ||
		    parent == NULL || strcmp(parent, f->net->bridge) != 0)
			continue;
		nic_resolve(&src, device->string, device, &nic);
		add_nic(f, inst->name, &nic);
	}
}

/* True when it was another text. */
static bool write_file(const char *dir, const char *name, const struct strbuf *text)
{
	AUTO_FREE char *path = fs_join(dir, name);
	AUTO_STRBUF struct strbuf old = STRBUF_INIT;
	struct error err = ERROR_INIT;

	if (fs_read_file(path, 64 << 20, &old, &err) == 0 && old.len == text->len &&
	    memcmp(old.buf, text->buf, old.len) == 0)
		return false;
	if (fs_write_quick(path, text->buf, text->len, 0644, &err) == 0)
		return true;
	log_warning("names for dnsmasq: %s", err.msg);
	return false;
}

static void write_files(struct dns_names *n, const struct host_network *net)
{
	struct host *h = n->h;
	const char **names = registry_names(h->b->registry);
	struct files f = { .hosts = STRBUF_INIT, .dhcp = STRBUF_INIT, .taken = strmap_new(NULL), .net = net };
	bool changed;
	int pid;

	strmap_put(f.taken, net->gateway4, n);
	for (const char **name = names; *name != NULL; name++)
		add_instance(h, &f, registry_get(h->b->registry, *name));
	changed = write_file(net->files, "dnsmasq.hosts", &f.hosts);
	changed = write_file(net->files, "dnsmasq.dhcp-hosts", &f.dhcp) || changed;
	pid = changed ? dnsmasq_pid(h->b) : 0;
	if (pid > 0)
		(void)kill(pid, SIGHUP);
	free(names);
	strmap_free(f.taken);
	strbuf_clear(&f.hosts);
	strbuf_clear(&f.dhcp);
}

void dns_names_update(struct dns_names *n)
{
	struct host_network net;

	if (n->h->b->registry != NULL && host_network(n->h->b, &net) && net.dnsmasq)
		write_files(n, &net);
}

static void timer_cb(uv_timer_t *timer)
{
	dns_names_update(timer->data);
}

static void changed_cb(void *data)
{
	struct dns_names *n = data;

	if (!uv_is_active((uv_handle_t *)&n->timer))
		uv_timer_start(&n->timer, timer_cb, SETTLE_MS, 0);
}

struct dns_names *dns_names_new(struct host *h)
{
	struct dns_names *n = mem_alloc(sizeof(*n));

	n->h = h;
	n->timer.data = n;
	uv_timer_init(h->b->loop, &n->timer);
	uv_unref((uv_handle_t *)&n->timer);
	registry_on_change(h->b->registry, changed_cb, n);
	return n;
}

static void closed_cb(uv_handle_t *handle)
{
	free(handle->data);
}

void dns_names_free(struct dns_names *n)
{
	registry_on_change(n->h->b->registry, NULL, NULL);
	uv_close((uv_handle_t *)&n->timer, closed_cb);
}
