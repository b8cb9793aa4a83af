/* SPDX-License-Identifier: MIT */
#include "network/network.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "host/nft_watch.h"
#include "instance/instance.h"
#include "model/key_types.h"
#include "model/nic_network.h"
#include "model/profile.h"
#include "model/settings.h"
#include "network/network_keys.h"
#include "network/network_plan.h"
#include "network/network_private.h"

#define SUFFIX ".json"

/* ---- the store */

char *network_file(const struct networks *n, const char *name, const char *ending)
{
	return mem_printf("%s/%s.%s", n->dir, name, ending);
}

/* What the model must know of it: nics name networks. */
static void tell_model(const char *name, const cJSON *object)
{
	char interface[16];

	if (!object) {
		nic_network_set(name, NULL);
		return;
	}
	network_interface(object, interface);
	nic_network_set(name, &(struct nic_network){
				      .nictype = json_str_or(object, "type", ""),
				      .parent = interface,
				      .mtu = network_value(object, "bridge.mtu") ? network_value(object, "bridge.mtu")
										 : network_value(object, "mtu"),
				      .ip4 = network_value(object, "ipv4.address"),
				      .ip6 = network_value(object, "ipv6.address"),
			      });
}

static void keep(struct networks *n, const char *name, cJSON *object_taken)
{
	tell_model(name, object_taken);
	if (object_taken)
		strmap_put(n->objects, name, object_taken);
	else
		strmap_remove(n->objects, name);
}

int network_store(struct networks *n, const char *name, const cJSON *object, struct error *err)
{
	AUTO_FREE char *path = network_file(n, name, "json");

	if (object) {
		if (json_write_file(path, object, JSON_DURABLE, err) < 0)
			return -1;
	} else if (unlink(path) < 0 && errno != ENOENT) {
		return error_sys(err, errno, "cannot remove '%s'", path);
	} else if (fs_sync_dir(n->dir, err) < 0) {
		return -1;
	}
	keep(n, name, object ? cJSON_Duplicate(object, true) : NULL);
	return 0;
}

static void load_one(struct networks *n, const char *file)
{
	AUTO_FREE char *name = mem_strndup(file, strlen(file) - strlen(SUFFIX));
	AUTO_FREE char *path = fs_join(n->dir, file);
	struct error err = ERROR_INIT;
	cJSON *object = json_read_file(path, &err);
	const char *type = json_str_or(object, "type", "");

	if (object && network_check_name(name, &err) == 0 && network_check_type(type, &err) == 0 &&
	    network_check_config(name, type, json_obj(object, "config"), &err) == 0) {
		json_set_str(object, "name", name);
		keep(n, name, object);
		return;
	}
	cJSON_Delete(object);
	log_warning("network file '%s': %s: left alone", path, err.msg);
}

static int load_all(struct networks *n, struct error *err)
{
	DIR *dir = opendir(n->dir);
	const struct dirent *d;

	if (!dir)
		return error_sys(err, errno, "cannot open '%s'", n->dir);
	while ((d = readdir(dir)))
		if (d->d_name[0] != '.' && type_has_suffix(d->d_name, SUFFIX))
			load_one(n, d->d_name);
	closedir(dir);
	return 0;
}

const cJSON *network_get(const struct berthd *b, const char *name)
{
	return b->networks ? strmap_get(b->networks->objects, name) : NULL;
}

const char **network_names(const struct berthd *b)
{
	return strmap_keys(b->networks->objects);
}

/* ---- what runs */

static void live_free(void *p)
{
	struct network *net = p;
	char table[NETWORK_TABLE_SIZE];

	network_table(net->name, table);
	if (net->watched)
		nft_watch_remove(net->all->b, table);
	network_serve_end(net);
	free(net->name);
	free(net);
}

struct network *network_live(struct networks *n, const char *name)
{
	struct network *net = strmap_get(n->live, name);

	if (net)
		return net;
	net = mem_alloc(sizeof(*net));
	net->all = n;
	net->name = mem_strdup(name);
	strmap_put(n->live, name, net);
	return net;
}

void network_forget(struct networks *n, const char *name)
{
	AUTO_FREE char *leases = network_file(n, name, "leases");
	AUTO_FREE char *raw = network_file(n, name, "dnsmasq");
	AUTO_FREE char *test = network_file(n, name, "test");
	AUTO_FREE char *run = fs_join(n->run, name);
	struct error err = ERROR_INIT;

	strmap_remove(n->live, name);
	network_serve_end_stale(n, name);
	(void)unlink(leases);
	(void)unlink(raw);
	(void)unlink(test);
	if (fs_remove_tree(run, &err) < 0)
		log_warning("%s", err.msg);
}

bool network_works(const struct berthd *b, const char *name)
{
	const struct network *net = strmap_get(b->networks->live, name);

	return net && !net->broken && (!net->dnsmasq || supervise_pid(net->dnsmasq) > 0);
}

/* ---- users */

bool network_has_nic(const char *network, const cJSON *device)
{
	return strcmp(json_str_or(device, "type", ""), "nic") == 0 &&
	       (strcmp(json_str_or(device, "network", ""), network) == 0 ||
		strcmp(json_str_or(device, "parent", ""), network) == 0);
}

static bool any_nic(const char *network, const cJSON *devices)
{
	const cJSON *dev;

	cJSON_ArrayForEach(dev, devices)
		if (network_has_nic(network, dev))
			return true;
	return false;
}

bool network_used(const struct berthd *b, const char *name)
{
	AUTO_FREE const char **profiles = profile_names(b->profiles);
	AUTO_FREE const char **names = registry_names(b->registry);

	for (const char **p = profiles; *p; p++)
		if (any_nic(name, json_obj(profile_get(b->profiles, *p), "devices")))
			return true;
	for (const char **i = names; *i; i++) {
		AUTO_JSON cJSON *config = NULL;
		AUTO_JSON cJSON *devices = NULL;

		instance_expand_shown(b, registry_get(b->registry, *i)->desired, &config, &devices);
		if (any_nic(name, devices))
			return true;
	}
	return false;
}

/* ---- life */

static void object_free(void *object)
{
	cJSON_Delete(object);
}

static void names_cb(uv_timer_t *timer)
{
	network_names_write(timer->data);
}

static void instances_changed(void *data)
{
	struct networks *n = data;

	if (strmap_count(n->live) > 0 && !uv_is_active((uv_handle_t *)&n->names))
		uv_timer_start(&n->names, names_cb, 50, 0);
}

static void network_timer(struct networks *n, uv_timer_t *timer)
{
	uv_timer_init(n->b->loop, timer);
	uv_unref((uv_handle_t *)timer);
	timer->data = n;
}

int networks_open(struct berthd *b, struct error *err)
{
	struct networks *n = mem_alloc(sizeof(*n));

	n->b = b;
	n->dir = fs_join(b->settings->state_path, "networks");
	n->run = fs_join(b->settings->run_path, "networks");
	n->objects = strmap_new(object_free);
	n->live = strmap_new(live_free);
	network_timer(n, &n->timer);
	network_timer(n, &n->names);
	b->networks = n;
	if (fs_mkdirs(n->dir, 0700, err) < 0 || load_all(n, err) < 0)
		return -1;
	registry_on_change(b->registry, instances_changed, n);
	network_parts(b);
	return 0;
}

static void closed_cb(uv_handle_t *handle)
{
	free(handle->data);
}

static void names_closed_cb(uv_handle_t *handle)
{
	struct networks *n = handle->data;

	uv_close((uv_handle_t *)&n->timer, closed_cb);
}

void networks_close(struct berthd *b)
{
	struct networks *n = b->networks;
	AUTO_FREE const char **names = NULL;

	if (!n)
		return;
	b->networks = NULL;
	n->resting = true;
	if (b->registry)
		registry_on_change(b->registry, NULL, n);
	link_watch_stop(n->links);
	strmap_free(n->live);
	names = strmap_keys(n->objects);
	for (const char **name = names; *name; name++)
		tell_model(*name, NULL);
	strmap_free(n->objects);
	free(n->dir);
	free(n->run);
	uv_close((uv_handle_t *)&n->names, names_closed_cb);
}
