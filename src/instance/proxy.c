/* SPDX-License-Identifier: MIT */
#include "instance/proxy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/endpoint.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/strmap.h"
#include "base/text.h"
#include "instance/hotplug.h"
#include "instance/late.h"
#include "model/device.h"
#include "model/key_types.h"
#include "model/nic.h"
#include "model/proxy.h"
#include "model/settings.h"
#include "proc/supervise.h"

enum { WAIT_MS = 5000, TRIES = 5 };

enum proxy_state { PROXY_STARTING, PROXY_READY, PROXY_FAILED };

struct proxy {
	struct proxies *all;
	char *instance, *device;
	char *command; /* its whole command line: another one is another program */
	struct supervise *child;
	enum proxy_state state;
	bool fresh;    /* nobody was told of its start yet */
	bool replaces; /* another one, which may still be going */
	unsigned failures;
	char *why;     /* it failed */
};

struct waiter {
	LIST_ENTRY(waiter) link;
	struct proxies *all;
	struct op *op;
	char *instance;
	bool must;
	uv_timer_t timer;
};

LIST_HEAD(waiter_list, waiter);

/* One that was told to end and still has its ports, files or rules. */
struct leaver {
	LIST_ENTRY(leaver) link;
	struct proxies *all; /* NULL: berthd ends */
	char *instance;
};

LIST_HEAD(leaver_list, leaver);

struct proxies {
	struct berthd *b;
	struct strmap *running; /* "instance/device" -> struct proxy */
	struct waiter_list waiters;
	struct leaver_list leavers;
};

/* ---- who waits for a start */

static void waiter_closed_cb(uv_handle_t *handle)
{
	struct waiter *w = handle->data;

	free(w->instance);
	free(w);
}

static void resume(struct waiter *w, enum op_result result, const struct error *err)
{
	LIST_REMOVE(w, link);
	op_resume(w->op, result, result == OP_FAIL ? err : NULL);
	uv_close((uv_handle_t *)&w->timer, waiter_closed_cb);
}

static void no_longer_fresh(struct proxies *all, const char *instance)
{
	size_t pos = 0;
	void *value;

	while (strmap_next(all->running, &pos, NULL, &value)) {
		struct proxy *p = value;

		if (strcmp(p->instance, instance) == 0)
			p->fresh = false;
	}
}

static void too_long_cb(uv_timer_t *timer)
{
	struct waiter *w = timer->data;

	log_warning("instance '%s': its proxy devices take long to start or to end", w->instance);
	no_longer_fresh(w->all, w->instance); /* what a later update waits for is its own */
	resume(w, OP_DONE, NULL);
}

static bool is_leaving(const struct proxies *all, const char *instance)
{
	const struct leaver *l;

	LIST_FOREACH(l, &all->leavers, link)
		if (strcmp(l->instance, instance) == 0)
			return true;
	return false;
}

/* The first of the fresh ones that failed, or NULL; *ret_busy: some have yet to say, or to leave. */
static const struct proxy *look(const struct proxies *all, const char *instance, bool *ret_busy)
{
	const struct proxy *failed = NULL;
	size_t pos = 0;
	void *value;

	*ret_busy = is_leaving(all, instance);
	while (strmap_next(all->running, &pos, NULL, &value)) {
		const struct proxy *p = value;

		if (!p->fresh || strcmp(p->instance, instance) != 0)
			continue;
		if (p->state == PROXY_FAILED)
			failed = p;
		*ret_busy = *ret_busy || p->state == PROXY_STARTING;
	}
	return failed;
}

static enum op_result judge(struct proxies *all, struct op *op, const char *instance, bool must, struct error *err)
{
	bool busy;
	const struct proxy *failed = look(all, instance, &busy);

	if (failed)
		error_set(err, ERROR_TOOL, "Failed to start device \"%s\": Error occurred when starting proxy device: %s",
			  failed->device, failed->why);
	if (failed && must) {
		no_longer_fresh(all, instance);
		return OP_FAIL;
	}
	if (failed)
		op_metadata_set(op, "failed", cJSON_CreateString(err->msg));
	if (busy)
		return OP_WAIT;
	no_longer_fresh(all, instance);
	return OP_DONE;
}

static void told(struct proxies *all, const char *instance)
{
	struct waiter *w, *next;

	for (w = LIST_FIRST(&all->waiters); w; w = next) {
		struct error err = ERROR_INIT;
		enum op_result result;

		next = LIST_NEXT(w, link);
		if (strcmp(w->instance, instance) != 0)
			continue;
		result = judge(all, w->op, instance, w->must, &err);
		if (result != OP_WAIT)
			resume(w, result, &err);
	}
}

enum op_result proxy_wait(struct op *op, struct berthd *b, const char *name, bool must, struct error *err)
{
	enum op_result result = b->proxies ? judge(b->proxies, op, name, must, err) : OP_DONE;
	struct waiter *w;

	if (result != OP_WAIT)
		return result;
	w = mem_alloc(sizeof(*w));
	w->all = b->proxies;
	w->op = op;
	w->instance = mem_strdup(name);
	w->must = must;
	w->timer.data = w;
	uv_timer_init(b->loop, &w->timer);
	uv_timer_start(&w->timer, too_long_cb, WAIT_MS, 0);
	LIST_INSERT_HEAD(&b->proxies->waiters, w, link);
	return OP_WAIT;
}

/* ---- one of them */

static void left_cb(void *data)
{
	struct leaver *l = data;

	if (l->all) {
		LIST_REMOVE(l, link);
		told(l->all, l->instance);
	}
	free(l->instance);
	free(l);
}

static void leave(struct proxy *p)
{
	struct leaver *l;

	if (!p->child || !supervise_pid(p->child) || !p->all->b->proxies) {
		supervise_stop(p->child);
		return;
	}
	l = mem_alloc(sizeof(*l));
	l->all = p->all;
	l->instance = mem_strdup(p->instance);
	LIST_INSERT_HEAD(&p->all->leavers, l, link);
	(void)supervise_stop_then(p->child, left_cb, l);
}

static void proxy_free(void *value)
{
	struct proxy *p = value;

	leave(p);
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
	told(all, instance);
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
	p->replaces = old != NULL || is_leaving(all, inst->name);
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

static bool is_proxy(const cJSON *device)
{
	return strcmp(json_str_or(device, "type", ""), "proxy") == 0;
}

static bool is_nat(const cJSON *device)
{
	return type_is_true(device_prop(device, "nat"));
}

/* The table of a nat proxy: the same for one device of one instance folder, whoever asks. */
static char *table_of(const struct berthd *b, const char *instance, const char *device)
{
	AUTO_FREE char *dir = instance_dir(b, instance);
	uint64_t hash = text_hash(text_hash(text_hash(TEXT_HASH_BEGIN, dir), "/"), device);

	return mem_printf("berth_proxy_%016llx", (unsigned long long)hash);
}

/* Has a nic's property, ADDRESS[/PREFIX] or a list of addresses, the wanted one? Any of them does for a wildcard. */
static bool has_address(const char *property, const struct endpoint *wanted, char out[INET6_ADDRSTRLEN])
{
	while ((property = type_next_address(property, out))) {
		out[strcspn(out, "/")] = '\0';
		if (endpoint_is_any(wanted) || strcmp(out, wanted->host) == 0)
			return true;
	}
	return false;
}

/* A static address of this family that a nic of the instance has, and, when wanted is no wildcard, that one. */
static const char *static_address(const cJSON *devices, const struct endpoint *wanted, char out[INET6_ADDRSTRLEN])
{
	const char *key = wanted->family == AF_INET ? "ipv4.address" : "ipv6.address";
	const cJSON *device;

	cJSON_ArrayForEach(device, devices) {
		const char *address = device_prop(device, key);

		if (address && strcmp(json_str_or(device, "type", ""), "nic") == 0 && has_address(address, wanted, out))
			return out;
	}
	return NULL;
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
	    static_address(devices, to, address))
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

		if (!is_proxy(device))
			continue;
		props = is_nat(device) ? with_address(devices, device) : cJSON_Duplicate(device, true);
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
		    !is_proxy(json_obj(devices, *key + len + 1)))
			strmap_remove(all->running, *key);
	}
	told(all, instance);
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

/* ---- checks */

static int check_nat(const cJSON *devices, const cJSON *device, struct error *err)
{
	struct endpoint *to = mem_alloc(sizeof(*to));
	char address[INET6_ADDRSTRLEN];
	int ret = endpoint_parse(json_str_or(device, "connect", ""), to, err);

	if (ret == 0 && !static_address(devices, to, address))
		ret = error_set(err, ERROR_INVALID,
				"Connect IP \"%s\" must be one of the instance's static IPv4 or IPv6 addresses",
				to->host);
	free(to);
	return ret;
}

int proxy_check_nat(const cJSON *devices, struct error *err)
{
	const cJSON *device;

	cJSON_ArrayForEach(device, devices) {
		if (is_proxy(device) && is_nat(device) && check_nat(devices, device, err) < 0)
			return error_wrap(err, "Failed add validation for device \"%s\"", device->string);
	}
	return 0;
}

/* Does the kernel let one listen there? An address that the host does not have (yet) is no reason to refuse more than
 * the kernel would. */
static int try_bind(const struct endpoint *e, size_t i, struct error *err)
{
	struct sockaddr_storage address;
	socklen_t len = endpoint_address(e, i, &address);
	int fd = socket(e->family, (e->kind == ENDPOINT_UDP ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC, 0);
	int on = 1, failed;

	if (fd < 0)
		return error_sys(err, errno, "cannot make a socket");
	if (e->kind == ENDPOINT_TCP)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	failed = bind(fd, (struct sockaddr *)&address, len) < 0 ||
		 (e->kind == ENDPOINT_TCP && listen(fd, 1) < 0) ? errno : 0;
	close(fd);
	return failed ? error_sys(err, failed, "Failed to listen on %s:%u", e->host, (unsigned)e->ports[i]) : 0;
}

static int check_free(const cJSON *device, struct error *err)
{
	struct endpoint *e = mem_alloc(sizeof(*e));
	int ret = endpoint_parse(json_str_or(device, "listen", ""), e, err);

	for (size_t i = 0; ret == 0 && i < e->n_ports; i++)
		ret = try_bind(e, i, err);
	free(e);
	return ret;
}

int proxy_check(struct berthd *b, const char *name, const cJSON *devices, struct error *err)
{
	const cJSON *device;

	cJSON_ArrayForEach(device, devices) {
		int ret = 0;

		if (!is_proxy(device))
			continue;
		if (is_nat(device))
			ret = check_nat(devices, device, err);
		else if (!proxy_listens_inside(device) && !(b->proxies && is_leaving(b->proxies, name)))
			ret = check_free(device, err);
		if (ret < 0)
			return error_wrap(err, "Failed to start device \"%s\": Error occurred when starting proxy device",
					  device->string);
	}
	return 0;
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

		if (!is_proxy(device) || !is_nat(device))
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
	struct leaver *l;

	if (!all)
		return;
	b->proxies = NULL;
	while (!LIST_EMPTY(&all->waiters))
		resume(LIST_FIRST(&all->waiters), OP_DONE, NULL);
	while ((l = LIST_FIRST(&all->leavers))) {
		LIST_REMOVE(l, link);
		l->all = NULL;
	}
	strmap_free(all->running);
	free(all);
}
