/* SPDX-License-Identifier: MIT */
/* One dnsmasq for each bridge with an address, and what it is told of instances. */
#include <errno.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/process.h"
#include "host/dnsmasq_files.h"
#include "instance/instance.h"
#include "model/nic.h"
#include "model/settings.h"
#include "network/network_plan.h"
#include "network/network_private.h"

enum { NAMES_MAX = 64 << 20 };

struct files {
	char *leases, *hosts, *reservations, *raw, *pid, *run;
};

static void files_init(const struct network *net, struct files *f)
{
	f->run = fs_join(net->all->run, net->name);
	f->leases = network_file(net->all, net->name, "leases");
	f->raw = network_file(net->all, net->name, "dnsmasq");
	f->hosts = fs_join(f->run, "hosts");
	f->reservations = fs_join(f->run, "reservations");
	f->pid = fs_join(f->run, "dnsmasq.pid");
}

static void files_clear(struct files *f)
{
	free(f->leases);
	free(f->hosts);
	free(f->reservations);
	free(f->raw);
	free(f->pid);
	free(f->run);
}
#define AUTO_FILES __attribute__((cleanup(files_clear)))

/* ---- names */

/* What one dnsmasq is told. */
struct told {
	struct network *net;
	struct files f;
	struct dnsmasq_files text;
};

static void told_init(struct network *net, const cJSON *object, struct told *t)
{
	struct network_side four, six;

	t->net = net;
	files_init(net, &t->f);
	network_side(object, AF_INET, &four);
	network_side(object, AF_INET6, &six);
	dnsmasq_files_init(&t->text, four.gateway, network_flag(object, "ipv6.dhcp.stateful", false) ? six.gateway : "");
	t->text.unnamed = strcmp(json_str_or(json_obj(object, "config"), "dns.mode", ""), "none") == 0;
}

static void told_clear(struct told *t)
{
	dnsmasq_files_clear(&t->text);
	files_clear(&t->f);
}

static void add_instance(const struct berthd *b, const struct instance *inst, struct told *all, size_t n)
{
	AUTO_JSON cJSON *config = NULL;
	AUTO_JSON cJSON *devices = NULL;
	AUTO_FREE char *dir = instance_dir(b, inst->name);
	const cJSON *device;

	instance_expand_shown(b, inst->desired, &config, &devices);
	cJSON_ArrayForEach(device, devices) {
		const struct nic_source src = { config, devices, dir };
		struct nic nic;

		if (!nic_is_bridged(device))
			continue;
		for (size_t i = 0; i < n; i++) {
			if (!network_has_nic(all[i].net->name, device))
				continue;
			nic_resolve(&src, device->string, device, &nic);
			dnsmasq_files_add(&all[i].text, inst->name, &nic);
		}
	}
}

/* Each instance is looked at once, however many networks there are. */
static void add_instances(const struct berthd *b, struct told *all, size_t n)
{
	AUTO_FREE const char **names = registry_names_by_claim(b->registry);

	for (const char **name = names; *name; name++)
		add_instance(b, registry_get(b->registry, *name), all, n);
}

/* 1 when it was another text. */
static int write_changed(const char *path, const struct strbuf *text, struct error *err)
{
	AUTO_STRBUF struct strbuf old = STRBUF_INIT;
	struct error ignored = ERROR_INIT;

	if (fs_read_file(path, NAMES_MAX, &old, &ignored) == 0 && old.len == text->len &&
	    memcmp(old.buf, text->buf, text->len) == 0)
		return 0;
	return fs_write_quick(path, text->buf, text->len, 0644, err) < 0 ? -1 : 1;
}

/* 1: dnsmasq is to read them again. */
static int write_told(const struct told *t, struct error *err)
{
	int hosts = write_changed(t->f.hosts, &t->text.hosts, err);
	int dhcp = hosts < 0 ? -1 : write_changed(t->f.reservations, &t->text.dhcp, err);

	return dhcp < 0 ? -1 : hosts | dhcp;
}

static void tell(const struct told *t)
{
	struct error err = ERROR_INIT;
	int rc = write_told(t, &err);
	pid_t pid = supervise_pid(t->net->dnsmasq);

	if (rc < 0)
		log_warning("names of the network '%s': %s", t->net->name, err.msg);
	else if (rc > 0 && pid > 0 && fs_exists(t->f.pid)) /* else it has yet to read them, and a SIGHUP might end it */
		(void)kill(pid, SIGHUP);
}

static void tell_one(struct network *net, const cJSON *object)
{
	struct told t;

	told_init(net, object, &t);
	add_instances(net->all->b, &t, 1);
	tell(&t);
	told_clear(&t);
}

/* Before dnsmasq runs. */
static int write_first(struct network *net, const cJSON *object, struct error *err)
{
	struct told t;
	int rc;

	told_init(net, object, &t);
	add_instances(net->all->b, &t, 1);
	rc = write_told(&t, err);
	told_clear(&t);
	return rc;
}

void network_names_write(struct networks *n)
{
	AUTO_FREE const char **names = strmap_keys(n->objects);
	AUTO_FREE struct told *all = mem_alloc((strmap_count(n->objects) + 1) * sizeof(*all));
	size_t count = 0;

	for (const char **name = names; *name; name++) {
		struct network *net = strmap_get(n->live, *name);

		if (net && net->dnsmasq)
			told_init(net, network_get(n->b, *name), &all[count++]);
	}
	if (count > 0)
		add_instances(n->b, all, count);
	for (size_t i = 0; i < count; i++) {
		tell(&all[i]);
		told_clear(&all[i]);
	}
}

/* ---- dnsmasq */

pid_t network_serve_end_stale(const struct networks *n, const char *name)
{
	AUTO_FREE char *option = mem_printf("--pid-file=%s/%s/dnsmasq.pid", n->run, name);
	const char *file = strchr(option, '=') + 1;
	pid_t pid = process_of_pid_file(file, option);

	if (pid > 0)
		(void)kill(pid, SIGKILL);
	(void)unlink(file);
	return pid;
}

static const char *user(void)
{
	return getpwnam("dnsmasq") ? "dnsmasq" : getpwnam("nobody") ? "nobody" : "root";
}

static void command(const struct network *net, const cJSON *object, const struct files *f, struct argv *out)
{
	const struct network_paths paths = { f->leases, f->hosts, f->reservations, f->raw, f->pid, user() };

	if (!object || net->index == 0)
		return;
	network_dnsmasq(object, &paths, out);
}

static int start(struct network *net, const cJSON *object, const struct files *f, const struct argv *argv, struct error *err)
{
	const struct proc_spec spec = { .argv = (const char *const *)argv->v, .data = net };
	const char *raw = network_value(object, "raw.dnsmasq");

	if (fs_mkdirs(f->run, 0755, err) < 0 || write_first(net, object, err) < 0 ||
	    (raw && fs_write_quick(f->raw, raw, strlen(raw), 0600, err) < 0))
		return -1;
	net->dnsmasq = supervise_start(net->all->b->loop, &spec, NULL, err);
	return net->dnsmasq ? 0 : -1;
}

void network_serve_end(struct network *net)
{
	pid_t pid = net->dnsmasq ? supervise_pid(net->dnsmasq) : 0;

	supervise_stop(net->dnsmasq);
	if (pid > 0) /* it keeps nothing that is not on disk; the next one needs its ports */
		(void)kill(pid, SIGKILL);
	net->dnsmasq = NULL;
	free(net->serving);
	net->serving = NULL;
}

/* What it runs with, to be compared: all that makes another dnsmasq. */
static char *serving_of(const struct network *net, const cJSON *object, const struct argv *argv)
{
	AUTO_FREE char *line = argv_quote(argv);
	const char *raw = object ? network_value(object, "raw.dnsmasq") : NULL;

	return mem_printf("%u %s %s", net->index, line, raw ? raw : "");
}

static bool serves_so(const struct network *net, const char *serving)
{
	return net->dnsmasq && net->serving && strcmp(net->serving, serving) == 0;
}

int network_serve_test(struct network *net, const cJSON *object, struct argv *out, struct error *err)
{
	const char *raw = network_value(object, "raw.dnsmasq");
	AUTO_FREE char *test = network_file(net->all, net->name, "test");
	AUTO_FILES struct files f = { .run = NULL };
	AUTO_ARGV struct argv argv = ARGV_INIT;
	AUTO_FREE char *serving = NULL;

	files_init(net, &f);
	command(net, object, &f, &argv);
	serving = serving_of(net, object, &argv);
	if (argv.n == 0 || serves_so(net, serving))
		return 0;
	if (raw) { /* not the file itself: it may be the old one's */
		free(f.raw);
		f.raw = mem_strdup(test);
		if (fs_write_quick(test, raw, strlen(raw), 0600, err) < 0)
			return -1;
	}
	command(net, object, &f, out);
	argv_push(out, "--test");
	return 0;
}

pid_t network_serve_leave(struct network *net, const cJSON *object)
{
	pid_t pid = net->dnsmasq ? supervise_pid(net->dnsmasq) : 0, stale;
	AUTO_FILES struct files f = { .run = NULL };
	AUTO_ARGV struct argv argv = ARGV_INIT;
	AUTO_FREE char *serving = NULL;

	files_init(net, &f);
	command(net, object, &f, &argv);
	serving = serving_of(net, object, &argv);
	if (argv.n > 0 && serves_so(net, serving))
		return 0;
	network_serve_end(net);
	stale = network_serve_end_stale(net->all, net->name);
	return pid > 0 ? pid : stale;
}

int network_serve(struct network *net, const cJSON *object, struct error *err)
{
	AUTO_FREE char *test = network_file(net->all, net->name, "test");
	AUTO_FILES struct files f = { .run = NULL };
	AUTO_ARGV struct argv argv = ARGV_INIT;

	(void)unlink(test);
	files_init(net, &f);
	if (net->dnsmasq) {
		tell_one(net, object);
		return 0;
	}
	command(net, object, &f, &argv);
	if (argv.n == 0)
		return 0;
	if (start(net, object, &f, &argv, err) < 0)
		return -1;
	net->serving = serving_of(net, object, &argv);
	return 0;
}
