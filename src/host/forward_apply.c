/* SPDX-License-Identifier: MIT */
/* From the store to the kernel: who is where, the ruleset as text, one nft at a time. */
#include <fcntl.h>
#include <ifaddrs.h>
#include <stdlib.h>
#include <string.h>
#include <net/if.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/strmap.h"
#include "host/forward_private.h"
#include "host/leases.h"
#include "model/key_types.h"
#include "model/settings.h"

enum {
	SOON_MS = 20,          /* several changes in one go */
	RETRY_FIRST_MS = 500,  /* nft failed: doubled up to */
	RETRY_MAX_MS = 60000,
	WAITS_MS = 250,        /* a container has yet to get its address by DHCP: for 15 s, then slower */
	WAITS_QUICK = 60,
	WAITS_SLOW_MS = 3000,
	DYNAMIC_MS = 15000,    /* it may get another one */
};

/* ---- the ruleset */

struct look {
	struct forwards *f;
	struct forward_rules rules;
	struct strmap *places; /* instance -> struct forward_place */
	struct strmap *bridges;
	struct ifaddrs *interfaces;
	bool br_netfilter;
};

static bool has_br_netfilter(void)
{
	AUTO_STRBUF struct strbuf on = STRBUF_INIT;
	struct error ignored = ERROR_INIT;

	return fs_read_file("/proc/sys/net/bridge/bridge-nf-call-iptables", 64, &on, &ignored) == 0 && *on.buf == '1';
}

/*
 * With br_netfilter (Docker loads it), the bridge itself turns round what a container sends to its own forward, and a
 * port gives nothing back to where it came from unless it is told to.
 */
static void let_hairpin(const char *veth)
{
	AUTO_FREE char *path = mem_printf("/sys/class/net/%s/brport/hairpin_mode", veth);
	AUTO_CLOSE int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd >= 0 && write(fd, "1", 1) < 0)
		log_debug("cannot write '%s'", path);
}

static const struct forward_place *place_of(struct look *l, const char *instance)
{
	struct forward_place *p = strmap_get(l->places, instance);

	if (p)
		return p;
	p = mem_alloc(sizeof(*p));
	if (!l->f->place(l->f->b, instance, p))
		*p = (struct forward_place){ .waits = false };
	if (l->br_netfilter && *p->veth)
		let_hairpin(p->veth);
	l->f->waits |= p->waits;
	l->f->dynamic |= p->dynamic;
	strmap_put(l->places, instance, p);
	return p;
}

/* The interface whose network the target lies in: that is where it is. */
static void note_bridge(struct look *l, const struct address *target)
{
	for (const struct ifaddrs *ifa = l->interfaces; ifa; ifa = ifa->ifa_next) {
		if (!address_in_network(ifa, target) || (ifa->ifa_flags & IFF_LOOPBACK) || !type_is_ifname(ifa->ifa_name) ||
		    strmap_get(l->bridges, ifa->ifa_name))
			continue;
		strmap_put(l->bridges, ifa->ifa_name, l);
		forward_rules_add_bridge(&l->rules, ifa->ifa_name);
	}
}

static void add_to(struct look *l, const struct forward_rule *rule, const struct address *target)
{
	if (!target->family)
		return;
	forward_rules_add(&l->rules, rule, target);
	note_bridge(l, target);
}

static void add_entry(struct look *l, const cJSON *entry)
{
	const struct forward_place *place;
	struct error err = ERROR_INIT;
	struct forward_rule rule;

	if (forward_rule_parse(entry, &rule, &err) < 0) /* was checked before it was stored */
		return;
	if (!rule.instance) {
		add_to(l, &rule, &rule.target);
		return;
	}
	place = place_of(l, rule.instance);
	add_to(l, &rule, &place->ip4);
	add_to(l, &rule, &place->ip6);
}

static void add_default(struct look *l, const cJSON *object)
{
	struct address listen, target;

	if (address_parse(json_str_or(object, "listen_address", ""), &listen) < 0 ||
	    address_parse(json_str_or(json_obj(object, "config"), "target_address", ""), &target) < 0 ||
	    listen.family != target.family)
		return;
	forward_rules_add_all(&l->rules, &listen, &target);
	note_bridge(l, &target);
}

static char *render(struct forwards *f)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT;
	struct look l = { .f = f, .places = strmap_new(free), .bridges = strmap_new(NULL),
			  .br_netfilter = has_br_netfilter() };
	const cJSON *item, *rule;

	f->waits = f->dynamic = false;
	if (getifaddrs(&l.interfaces) < 0)
		l.interfaces = NULL;
	forward_rules_init(&l.rules);
	cJSON_ArrayForEach(item, f->entries)
		add_entry(&l, item);
	cJSON_ArrayForEach(item, f->networks) {
		AUTO_JSON cJSON *rules = forward_network_rules(item);

		cJSON_ArrayForEach(rule, rules)
			add_entry(&l, rule);
	}
	cJSON_ArrayForEach(item, f->networks)
		add_default(&l, item);
	f->empty = l.rules.elements == 0;
	forward_rules_text(&l.rules, f->table, &text);
	forward_rules_clear(&l.rules);
	strmap_free(l.places);
	strmap_free(l.bridges);
	if (l.interfaces)
		freeifaddrs(l.interfaces);
	return strbuf_detach(&text);
}

/* ---- nft in the background */

static void timer_cb(uv_timer_t *timer);

static void look_in(struct forwards *f, unsigned ms)
{
	if (!uv_is_active((uv_handle_t *)&f->timer) || uv_timer_get_due_in(&f->timer) > ms)
		uv_timer_start(&f->timer, timer_cb, ms, 0);
}

void forward_apply_soon(struct forwards *f)
{
	if (f->applied && !*f->applied && cJSON_GetArraySize(f->entries) == 0 && cJSON_GetArraySize(f->networks) == 0)
		return;
	f->polls = 0;
	look_in(f, SOON_MS);
}

/* When to look again, now that nothing is to be done. */
static void rest(struct forwards *f)
{
	if (!f->waits)
		f->polls = 0;
	if (f->again) {
		f->again = false;
		look_in(f, SOON_MS);
	} else if (f->failures) {
		unsigned shift = f->failures < 8 ? f->failures - 1 : 7;

		look_in(f, RETRY_FIRST_MS << shift < RETRY_MAX_MS ? RETRY_FIRST_MS << shift : RETRY_MAX_MS);
	} else if (f->waits) {
		look_in(f, f->polls++ < WAITS_QUICK ? WAITS_MS : WAITS_SLOW_MS);
	} else if (f->dynamic) {
		look_in(f, DYNAMIC_MS);
	}
}

static void finished(struct forwards *f, bool done)
{
	free(f->applied);
	f->applied = done ? f->offered : NULL;
	if (!done)
		free(f->offered);
	f->offered = NULL;
}

static void nft_cb(const struct proc_result *result, void *data)
{
	struct forwards *f = data;
	struct error err = ERROR_INIT;
	bool done = proc_check("nft", result, &err) == 0;

	f->nft = NULL;
	finished(f, done);
	if (!done && f->failures == 0)
		log_warning("port forwards are not what they should be, trying again: %s", err.msg);
	else if (done && f->failures > 0)
		log_info("port forwards are in place");
	f->failures = done ? 0 : f->failures + 1;
	rest(f);
}

static void start(struct forwards *f)
{
	static const char *const argv[] = { "nft", "-f", "-", NULL };
	struct proc_spec spec = { .argv = argv, .input = f->offered, .input_len = strlen(f->offered),
				  .timeout_ms = (unsigned)(f->b->settings->nft_timeout_s * 1000),
				  .on_exit = nft_cb, .data = f };
	struct error err = ERROR_INIT;

	f->nft = proc_start(f->b->loop, &spec, &err);
	if (f->nft)
		return;
	finished(f, false);
	if (f->failures++ == 0)
		log_warning("port forwards are not what they should be, trying again: %s", err.msg);
	rest(f);
}

static void timer_cb(uv_timer_t *timer)
{
	struct forwards *f = timer->data;

	if (f->nft || f->busy) {
		f->again = true;
		return;
	}
	f->offered = render(f);
	if (!f->applied || strcmp(f->applied, f->offered) != 0) {
		start(f);
		return;
	}
	free(f->offered);
	f->offered = NULL;
	rest(f);
}

/* ---- for operations */

const char *forward_apply_begin(struct forwards *f)
{
	if (f->nft) {
		/* killed, it changes nothing any more or has changed all: ours comes after it */
		proc_abandon(f->nft);
		f->nft = NULL;
		finished(f, false);
	}
	f->offered = render(f);
	f->busy = true;
	if (!f->applied || strcmp(f->applied, f->offered) != 0)
		return f->offered;
	forward_apply_end(f, true);
	return NULL;
}

void forward_apply_end(struct forwards *f, bool done)
{
	if (!f->busy)
		return;
	f->busy = false;
	finished(f, done);
	if (done)
		f->failures = 0;
	else
		look_in(f, SOON_MS);
	rest(f);
}

/* ---- life */

void forward_apply_open(struct forwards *f)
{
	uv_timer_init(f->b->loop, &f->timer);
	uv_unref((uv_handle_t *)&f->timer);
	f->timer.data = f;
}

static void closed_cb(uv_handle_t *handle)
{
	struct forwards *f = handle->data;

	cJSON_Delete(f->entries);
	cJSON_Delete(f->networks);
	free(f->path);
	free(f->applied);
	free(f->offered);
	free(f);
}

void forward_apply_close(struct forwards *f)
{
	if (f->nft)
		proc_abandon(f->nft);
	uv_close((uv_handle_t *)&f->timer, closed_cb);
}
