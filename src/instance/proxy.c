/* SPDX-License-Identifier: MIT */
#include "instance/proxy_private.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "instance/hotplug.h"
#include "instance/late.h"
#include "model/proxy.h"
#include "model/settings.h"

enum { TRIES = 5 };

/* ---- one of them */

static void proxy_free(void *value)
{
	struct proxy *p = value;

	proxy_leave(p);
	free(p->instance);
	free(p->device);
	free(p->command);
	free(p->why);
	free(p);
}

/* "ready", or "error: …" just before it ends. */
static void line_cb(const char *line, void *data)
{
	struct proxy *p = data;
	struct proxies *all = p->all;
	AUTO_FREE char *instance = mem_strdup(p->instance); /* who is told may end it */

	if (strcmp(line, "ready") == 0) {
		p->state = PROXY_READY;
		p->failures = 0;
	} else if (strncmp(line, "error: ", 7) == 0) {
		free(p->why);
		p->why = mem_strdup(line + 7);
		log_warning("instance '%s': proxy device '%s': %s", p->instance, p->device, p->why);
		p->failures++;
		if (!p->replaces || p->failures >= TRIES)
			p->state = PROXY_FAILED;
	}
	proxy_told(all, instance);
}

static void start_one(struct proxies *all, const char *key, const struct instance *inst, const char *device,
		      const struct argv *argv)
{
	struct proxy *old = strmap_get(all->running, key), *p;
	AUTO_FREE char *command = argv_quote(argv);
	struct proc_spec spec = { .argv = (const char *const *)argv->v, .on_line = line_cb };
	struct error err = ERROR_INIT;

	if (old && strcmp(old->command, command) == 0)
		return;
	p = mem_alloc(sizeof(*p));
	p->all = all;
	p->instance = mem_strdup(inst->name);
	p->device = mem_strdup(device);
	p->command = mem_strdup(command);
	p->fresh = true;
	p->replaces = old != NULL || proxy_is_leaving(all, inst->name);
	strmap_remove(all->running, key); /* the old one is on its way before the new one comes */
	strmap_put(all->running, key, p);
	spec.data = p;
	p->child = supervise_start(all->b->loop, &spec, NULL, &err);
	if (!p->child) {
		log_warning("instance '%s': proxy device '%s': %s", inst->name, device, err.msg);
		p->state = PROXY_FAILED;
		p->why = mem_strdup(err.msg);
	}
}

/* ---- what there should be */

/* The table of a nat proxy: the same for one device of one instance folder, whoever asks. */
static char *table_of(const struct berthd *b, const char *instance, const char *device)
{
	AUTO_FREE char *dir = instance_dir(b, instance);
	uint64_t hash = text_hash(text_hash(text_hash(TEXT_HASH_BEGIN, dir), "/"), device);

	return mem_printf("berth_proxy_%016llx", (unsigned long long)hash);
}

/* The device with the address that nat is to send to. */
static cJSON *with_address(const cJSON *devices, const cJSON *device)
{
	cJSON *copy = cJSON_Duplicate(device, true);
	struct endpoint *to = mem_alloc(sizeof(*to));
	const char *connect = json_str_or(device, "connect", "");
	struct error ignored = ERROR_INIT;
	char address[INET6_ADDRSTRLEN];

	if (endpoint_parse(connect, to, &ignored) == 0 && endpoint_is_any(to) &&
	    proxy_static_address(devices, to, address))
		json_set_strf(copy, "connect", to->family == AF_INET ? "%s:%s%s" : "%s:[%s]%s",
			      endpoint_kind_name(to->kind), address, strrchr(connect, ':'));
	free(to);
	return copy;
}

static void start_wanted(struct proxies *all, const struct instance *inst, const cJSON *devices)
{
	const cJSON *device;

	cJSON_ArrayForEach(device, devices) {
		AUTO_FREE char *key = mem_printf("%s/%s", inst->name, device->string);
		AUTO_FREE char *table = table_of(all->b, inst->name, device->string);
		struct proxy_where where = { all->b->settings->libexec_dir, inst->pid, table };
		AUTO_ARGV struct argv argv = ARGV_INIT;
		AUTO_JSON cJSON *props = NULL;

		if (!proxy_is(device))
			continue;
		props = proxy_is_nat(device) ? with_address(devices, device) : cJSON_Duplicate(device, true);
		proxy_arguments(props, &where, &argv);
		start_one(all, key, inst, device->string, &argv);
	}
}

/* devices NULL: all of the instance's. */
static void stop_unwanted(struct proxies *all, const char *instance, const cJSON *devices)
{
	AUTO_FREE const char **keys = strmap_keys(all->running);
	size_t len = strlen(instance);

	for (const char **key = keys; *key; key++) {
		if (strncmp(*key, instance, len) == 0 && (*key)[len] == '/' &&
		    !proxy_is(json_obj(devices, *key + len + 1)))
			strmap_remove(all->running, *key);
	}
	proxy_told(all, instance);
}

void proxy_reconcile(struct berthd *b, const struct instance *inst)
{
	AUTO_JSON cJSON *config = NULL;
	AUTO_JSON cJSON *devices = NULL;

	if (!b->proxies || inst->adopted || inst->note)
		return;
	if (inst->pid == 0) {
		stop_unwanted(b->proxies, inst->name, NULL);
		late_reconcile(b, inst, NULL);
		hotplug_reconcile(b, inst, NULL);
		return;
	}
	instance_expand(b, inst->desired, &config, &devices);
	stop_unwanted(b->proxies, inst->name, devices);
	start_wanted(b->proxies, inst, devices);
	late_reconcile(b, inst, devices);
	hotplug_reconcile(b, inst, devices);
}

void proxy_instance_gone(struct berthd *b, const char *name)
{
	late_instance_gone(b, name);
	hotplug_instance_gone(b, name);
	if (b->proxies)
		stop_unwanted(b->proxies, name, NULL);
}

/* ---- the life of berthd */

static void forget_done(const struct proc_result *result, void *data)
{
}

/* Rules that a berthd that was killed left, of an instance that has stopped since. */
static void forget_rules(struct proxies *all, const struct instance *inst)
{
	AUTO_JSON cJSON *config = NULL;
	AUTO_JSON cJSON *devices = NULL;
	const cJSON *device;

	instance_expand(all->b, inst->desired, &config, &devices);
	cJSON_ArrayForEach(device, devices) {
		AUTO_FREE char *table = table_of(all->b, inst->name, device->string);
		AUTO_ARGV struct argv argv = ARGV_INIT;
		struct proc_spec spec = { .on_exit = forget_done };
		struct error err = ERROR_INIT;

		if (!proxy_is(device) || !proxy_is_nat(device))
			continue;
		argv_pushf(&argv, "%s/berth-proxy", all->b->settings->libexec_dir);
		argv_pushf(&argv, "--forget=%s", table);
		spec.argv = (const char *const *)argv.v;
		if (!proc_start(all->b->loop, &spec, &err))
			log_warning("%s", err.msg);
	}
}

void proxies_start(struct berthd *b)
{
	AUTO_FREE const char **names = registry_names(b->registry);

	b->proxies = mem_alloc(sizeof(*b->proxies));
	b->proxies->b = b;
	b->proxies->running = strmap_new(proxy_free);
	LIST_INIT(&b->proxies->waiters);
	LIST_INIT(&b->proxies->leavers);
	for (const char **name = names; *name; name++) {
		const struct instance *inst = registry_get(b->registry, *name);

		if (inst->pid == 0 && !inst->adopted && !inst->note)
			forget_rules(b->proxies, inst);
		proxy_reconcile(b, inst);
	}
}

void proxies_stop(struct berthd *b)
{
	struct proxies *all = b->proxies;

	if (!all)
		return;
	b->proxies = NULL;
	proxy_wait_no_more(all);
	strmap_free(all->running);
	free(all);
}
