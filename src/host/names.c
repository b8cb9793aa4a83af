/* SPDX-License-Identifier: MIT */
/* dnsmasq's files about our instances (dnsmasq_files.h) in the run folder: written anew when instances changed. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "host/dnsmasq_files.h"
#include "host/host_private.h"
#include "instance/instance.h"
#include "model/nic.h"

enum { SETTLE_MS = 100 };

struct dns_names {
	struct host *h;
	uv_timer_t timer;
};

static void add_instance(struct host *h, const struct host_network *net, struct dnsmasq_files *f, const struct instance *inst)
{
	AUTO_JSON cJSON *config = NULL;
	AUTO_JSON cJSON *devices = NULL;
	AUTO_FREE char *dir = instance_dir(h->b, inst->name);
	struct nic_source src = { .instance_dir = dir };
	const cJSON *device;

	instance_expand(h->b, inst->desired, &config, &devices);
	src.config = config;
	src.devices = devices;
	cJSON_ArrayForEach(device, devices) {
		const char *parent = nic_parent(device);
		struct nic nic;

		if (!nic_is_bridged(device) || parent == NULL || strcmp(parent, net->bridge) != 0)
			continue;
		nic_resolve(&src, device->string, device, &nic);
		dnsmasq_files_add(f, inst->name, &nic);
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
	const char **names = registry_names_by_claim(h->b->registry);
	struct dnsmasq_files f;
	bool changed;
	int pid;

	dnsmasq_files_init(&f, net->gateway4, net->gateway6);
	for (const char **name = names; *name != NULL; name++)
		add_instance(h, net, &f, registry_get(h->b->registry, *name));
	changed = write_file(net->files, "dnsmasq.hosts", &f.hosts);
	changed = write_file(net->files, "dnsmasq.dhcp-hosts", &f.dhcp) || changed;
	pid = changed ? dnsmasq_pid(h->b) : 0;
	if (pid > 0)
		(void)kill(pid, SIGHUP);
	free(names);
	dnsmasq_files_clear(&f);
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
	registry_on_change(n->h->b->registry, NULL, n);
	uv_close((uv_handle_t *)&n->timer, closed_cb);
}
