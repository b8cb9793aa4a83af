/* SPDX-License-Identifier: MIT */
/*
 * Keeps alive what host-init made for this root. Everything is put back by `host-init --again`, which does what the
 * parameters it remembers say, and nothing when somebody ran --undo meanwhile.
 */
#include <net/if.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/process.h"
#include "host/host_private.h"
#include "host/link_watch.h"
#include "host/nft_watch.h"
#include "host/reattach.h"
#include "instance/registry.h"
#include "instance/watch.h"
#include "model/settings.h"
#include "proc/proc.h"

enum { FIRST_MS = 100, LAST_MS = 30000, GOOD_MS = 60000, AGAIN_MS = 120000 };

struct keeper {
	struct host *h;
	uv_timer_t timer; /* to the next try for dnsmasq or a bridge */
	struct proc *again;
	bool once_more; /* asked for while it ran */
	bool resting;
	struct pid_watch *dnsmasq;
	struct link_watch *links;
	bool lost_bridge; /* the watch said so */
	unsigned bridges; /* bridges_now() of those that what runs is on; 0: not known */
	uint64_t since; /* dnsmasq was started, or something was found gone */
	unsigned delay_ms;
	char table[80]; /* watched, or "" */
	struct waiter *waiting; /* for the end of host-init */
};

struct waiter {
	struct waiter *next;
	void (*done)(const struct error *err, void *data);
	void *data;
};

/* ---- what runs */

int dnsmasq_pid(const struct berthd *b)
{
	AUTO_FREE char *path = fs_join(b->settings->host_dir, "dnsmasq.pid");
	AUTO_FREE char *option = mem_printf("--pid-file=%s", path);

	return (int)process_of_pid_file(path, option);
}

static void run_again(struct keeper *k);

static void try_again_cb(uv_timer_t *timer)
{
	run_again(timer->data);
}

/* Something is gone: soon, unless it goes again and again. */
static unsigned again_later(struct keeper *k)
{
	unsigned delay;

	if (uv_now(k->timer.loop) - k->since > GOOD_MS)
		k->delay_ms = FIRST_MS;
	k->since = uv_now(k->timer.loop);
	delay = k->delay_ms;
	uv_timer_start(&k->timer, try_again_cb, delay, 0);
	k->delay_ms = delay > LAST_MS / 2 ? LAST_MS : 2 * delay;
	return delay;
}

static void dnsmasq_ended(void *data)
{
	struct keeper *k = data;
	struct host_network net;

	pid_watch_stop(k->dnsmasq);
	k->dnsmasq = NULL;
	if (k->resting || !host_network(k->h->b, &net) || !net.dnsmasq)
		return;
	log_warning("dnsmasq of '%s' ended; starting it again in %u ms", net.bridge, again_later(k));
}

static void watch_dnsmasq(struct keeper *k)
{
	int pid = dnsmasq_pid(k->h->b);

	if (k->dnsmasq != NULL)
		return;
	k->since = uv_now(k->timer.loop);
	if (pid > 0)
		k->dnsmasq = pid_watch_start(k->h->b->loop, pid, dnsmasq_ended, k, NULL);
	if (k->dnsmasq == NULL)
		dnsmasq_ended(k);
}

static bool table_gone(void *data)
{
	run_again(data);
	return true;
}

static void unwatch_table(struct keeper *k)
{
	if (k->table[0] != '\0')
		nft_watch_remove(k->h->b, k->table);
	k->table[0] = '\0';
}

static void watch_table(struct keeper *k, const struct host_network *net)
{
	struct error err = ERROR_INIT;

	if (strcmp(k->table, net->table) == 0)
		return;
	unwatch_table(k);
	if (nft_watch_add(k->h->b, net->table, table_gone, k, &err) < 0)
		log_warning("%s: our table is not watched", err.msg);
	else
		memcpy(k->table, net->table, sizeof(k->table));
}

/* Of all our bridges: another number when one was made anew, as indexes of interfaces only grow. 0: one is gone. */
static unsigned bridges_now(const struct host_network *net)
{
	unsigned sum = 1; /* host-init may have made none */

	for (size_t i = 0; i < sizeof(net->made) / sizeof(net->made[0]); i++) {
		unsigned index = net->made[i][0] != '\0' ? if_nametoindex(net->made[i]) : 0;

		if (net->made[i][0] != '\0' && index == 0)
			return 0;
		sum += index;
	}
	return sum;
}

static void link_deleted(const char *name, void *data)
{
	struct keeper *k = data;
	struct host_network net;

	if (k->lost_bridge || k->resting || !host_network(k->h->b, &net) ||
	    (name != NULL && !host_network_made(&net, name)) || bridges_now(&net) != 0)
		return; /* nothing of ours, or host-init is about to undo it */
	k->lost_bridge = true;
	log_warning("the bridge '%s' is gone: making it again in %u ms", name != NULL ? name : net.bridge, again_later(k));
}

/* What runs is known: also at berthd's start. */
static void reattach(void *data)
{
	const struct berthd *b = data;
	struct host_network net;

	if (b->host == NULL || !host_network(b, &net))
		return;
	for (size_t i = 0; i < sizeof(net.made) / sizeof(net.made[0]); i++)
		if (net.made[i][0] != '\0')
			instances_reattach(b, net.made[i]);
}

static void watch_links(struct keeper *k)
{
	struct error err = ERROR_INIT;

	if (k->links != NULL)
		return;
	k->links = link_watch_start(k->timer.loop, link_deleted, k, &err);
	if (k->links == NULL)
		log_warning("%s: our bridges are not watched", err.msg);
}

/* ---- host-init --again */

static void finish(struct keeper *k, const struct error *err)
{
	struct waiter *list = k->waiting, *w;

	k->waiting = NULL;
	while ((w = list) != NULL) {
		list = w->next;
		w->done(err, w->data);
		free(w);
	}
}

static void watch_all(struct keeper *k)
{
	struct host_network net;
	unsigned bridges;

	if (k->resting || !host_network(k->h->b, &net))
		return;
	watch_table(k, &net);
	watch_links(k);
	bridges = bridges_now(&net);
	k->lost_bridge = bridges == 0;
	if (k->lost_bridge) {
		again_later(k); /* host-init said why */
	} else if (bridges != k->bridges) {
		k->bridges = bridges;
		registry_sync(k->h->b->registry, reattach, k->h->b);
	}
	if (net.dnsmasq)
		watch_dnsmasq(k);
	dns_names_update(k->h->names);
}

static void again_exit_cb(const struct proc_result *result, void *data)
{
	struct keeper *k = data;
	struct error err = ERROR_INIT;

	k->again = NULL;
	if (proc_check("host-init", result, &err) < 0)
		log_warning("%s", err.msg);
	else
		log_debug("host-init: %s", result->out);
	if (k->once_more) {
		run_again(k);
		return;
	}
	watch_all(k);
	finish(k, &err);
}

static void run_again(struct keeper *k)
{
	const struct settings *s = k->h->b->settings;
	AUTO_ARGV struct argv argv = ARGV_INIT;
	struct host_network net;
	struct proc_spec spec = { .timeout_ms = AGAIN_MS, .on_exit = again_exit_cb, .data = k };
	struct error err = ERROR_INIT;

	k->once_more = k->again != NULL;
	if (k->once_more || k->resting)
		return;
	if (host_network(k->h->b, &net)) {
		/* before: what is taken away behind host-init's back, or made anew by it, is seen, too */
		watch_table(k, &net);
		if (k->bridges == 0)
			k->bridges = bridges_now(&net);
	}
	argv_pushf(&argv, "%s/host-init", s->libexec_dir);
	argv_pushl(&argv, "--again", "--root", s->host_dir, NULL);
	spec.argv = (const char *const *)argv.v;
	k->again = proc_start(k->h->b->loop, &spec, &err);
	if (k->again != NULL)
		return;
	log_warning("%s", err.msg);
	watch_all(k);
	finish(k, &err);
}

void keeper_bring_up(struct keeper *k, void (*done)(const struct error *err, void *data), void *data)
{
	AUTO_FREE char *state = host_state_path(k->h->b);
	struct error none = ERROR_INIT;
	struct waiter *w;

	k->resting = false;
	if (!fs_exists(state)) {
		done(&none, data);
		return;
	}
	w = mem_alloc(sizeof(*w));
	*w = (struct waiter){ k->waiting, done, data };
	k->waiting = w;
	run_again(k);
}

void keeper_rest(struct keeper *k)
{
	k->resting = true;
	uv_timer_stop(&k->timer);
	pid_watch_stop(k->dnsmasq);
	k->dnsmasq = NULL;
	link_watch_stop(k->links);
	k->links = NULL;
	k->lost_bridge = false;
	unwatch_table(k);
}

/* ---- life */

struct keeper *keeper_new(struct host *h)
{
	struct keeper *k = mem_alloc(sizeof(*k));

	k->h = h;
	k->delay_ms = FIRST_MS;
	k->timer.data = k;
	uv_timer_init(h->b->loop, &k->timer);
	uv_unref((uv_handle_t *)&k->timer);
	return k;
}

static void closed_cb(uv_handle_t *handle)
{
	free(handle->data);
}

void keeper_free(struct keeper *k)
{
	struct waiter *w;

	keeper_rest(k);
	if (k->again != NULL)
		proc_abandon(k->again);
	while ((w = k->waiting) != NULL) {
		k->waiting = w->next;
		free(w);
	}
	uv_close((uv_handle_t *)&k->timer, closed_cb);
}

/* ---- status */

bool interface_is_up(const char *name)
{
	struct ifreq request = { 0 };
	AUTO_CLOSE int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	memcpy(request.ifr_name, name, strnlen(name, IFNAMSIZ - 1));
	return fd >= 0 && ioctl(fd, SIOCGIFFLAGS, &request) == 0 && (request.ifr_flags & IFF_UP);
}

static cJSON *interface_json(const char *name)
{
	AUTO_FREE char *bridge = mem_printf("/sys/class/net/%s/bridge", name);
	cJSON *v = cJSON_CreateObject();

	json_set_str(v, "name", name);
	json_set_bool(v, "exists", if_nametoindex(name) != 0);
	json_set_bool(v, "bridge", fs_exists(bridge));
	json_set_bool(v, "up", interface_is_up(name));
	return v;
}

cJSON *keeper_status(const struct keeper *k)
{
	const struct berthd *b = k->h->b;
	cJSON *v = cJSON_CreateObject(), *nat = interface_json(b->settings->network_nat);
	struct host_network net;
	bool managed = host_network(b, &net);

	json_set(v, "pub", interface_json(b->settings->network_pub));
	json_set_bool(nat, "managed", managed && strcmp(net.bridge, b->settings->network_nat) == 0);
	if (managed) {
		int pid = dnsmasq_pid(b);

		json_set_strf(nat, "ipv4", "%s/%u", net.gateway4, net.bits4);
		if (net.gateway6[0] != '\0')
			json_set_strf(nat, "ipv6", "%s/%u", net.gateway6, net.bits6);
		json_set_str(nat, "domain", net.domain);
		json_set_str(nat, "nft_table", net.table);
		json_set_bool(nat, "dnsmasq", pid > 0);
		if (pid > 0)
			json_set_int(nat, "dnsmasq_pid", pid);
	}
	json_set(v, "nat", nat);
	return v;
}
