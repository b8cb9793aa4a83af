/* SPDX-License-Identifier: MIT */
/* The kernel as the objects say: by ip and nft as children, one network after the other; what is right is left alone. */
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "host/nft_watch.h"
#include "host/reattach.h"
#include "instance/instance.h"
#include "instance/watch.h"
#include "model/settings.h"
#include "network/network_plan.h"
#include "network/network_private.h"

enum stage { LINK, SYSCTL, ADDRESSES, TABLE, TEST, LEAVE, SERVE, STAGES };

struct now { /* where a bring is */
	struct networks *n;
	const char *name;
	const cJSON *object; /* NULL: it is to be gone */
	const cJSON *old;    /* what is taken away, or NULL */
};

static bool interface_is_bridge(const char *name)
{
	AUTO_FREE char *path = mem_printf("/sys/class/net/%s/bridge", name);

	return fs_exists(path);
}

static struct now now_of(struct op *op, const struct bring *bring)
{
	const struct berthd *b = op_ctx(op);
	struct now now = { .n = b->networks, .name = bring->names[bring->next] };

	now.object = network_get(b, now.name);
	for (size_t i = 0; i < 2; i++)
		if (bring->was[i] && strcmp(json_str_or(bring->was[i], "name", ""), now.name) == 0 &&
		    (!now.object || !cJSON_Compare(now.object, bring->was[i], true)))
			now.old = bring->was[i];
	return now;
}

/* ---- stages */

/* Of one that is to be gone: its bridge, or the VLAN interface that was made for it. */
static void batch_removal(const struct now *now, struct strbuf *out)
{
	char interface[16] = "";

	if (!now->old)
		return;
	network_interface(now->old, interface);
	if (network_is_bridge(now->old) ? !interface_is_bridge(interface)
				: !json_bool(now->old, "made_vlan", false) || if_nametoindex(interface) == 0)
		return;
	strbuf_addf(out, "link del dev %s\n", interface);
}

static int link_text(const struct now *now, struct strbuf *out, struct error *err)
{
	const char *parent = now->object ? network_value(now->object, "parent") : NULL;
	char interface[16];

	if (!now->object) {
		batch_removal(now, out);
		return 0;
	}
	network_interface(now->object, interface);
	if (network_is_bridge(now->object) && if_nametoindex(interface) != 0 && !interface_is_bridge(interface))
		return error_set(err, ERROR_INVALID, "Network interface \"%s\" is not a bridge", interface);
	if (parent && if_nametoindex(parent) == 0)
		return error_set(err, ERROR_INVALID, "Parent interface \"%s\" not found", parent);
	if (now->old && !network_is_bridge(now->object)) { /* another parent or VLAN */
		char before[16];

		network_interface(now->old, before);
		if (strcmp(before, interface) != 0)
			batch_removal(now, out);
	}
	network_batch_link(now->object, now->n->b->settings->state_path, out);
	return 0;
}

static void sysctl(const char *path, const char *value)
{
	AUTO_STRBUF struct strbuf now = STRBUF_INIT;
	AUTO_CLOSE int fd = -1;
	struct error ignored = ERROR_INIT;

	if (fs_read_file(path, 64, &now, &ignored) < 0 || strncmp(now.buf, value, strlen(value)) == 0)
		return;
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, value, strlen(value)) < 0)
		log_warning("cannot write '%s': %s", path, strerror(errno));
}

static void sysctl_of(const char *interface, const char *key, const char *value)
{
	AUTO_FREE char *path = mem_printf("/proc/sys/net/ipv6/conf/%s/%s", interface, key);

	sysctl(path, value);
}

/* A router ignores what other routers say, unless told: the host's own default route may come from there. */
static void forward_six(void)
{
	struct if_nameindex *all = if_nameindex();

	for (const struct if_nameindex *i = all; i && i->if_index != 0; i++) {
		AUTO_FREE char *path = mem_printf("/proc/sys/net/ipv6/conf/%s/accept_ra", i->if_name);
		AUTO_STRBUF struct strbuf now = STRBUF_INIT;
		struct error ignored = ERROR_INIT;

		if (fs_read_file(path, 16, &now, &ignored) == 0 && *now.buf == '1')
			sysctl(path, "2");
	}
	if (all)
		if_freenameindex(all);
	sysctl("/proc/sys/net/ipv6/conf/all/forwarding", "1");
}

static void set_sysctls(const cJSON *object)
{
	const char *name = json_str_or(object, "name", "");
	bool four = network_value(object, "ipv4.address"), six = network_value(object, "ipv6.address");

	if (!network_is_bridge(object))
		return;
	sysctl_of(name, "autoconf", "0");
	sysctl_of(name, "accept_ra", "0");
	sysctl_of(name, "accept_dad", "0");
	sysctl_of(name, "disable_ipv6", six ? "0" : "1");
	if (four && network_flag(object, "ipv4.routing", true))
		sysctl("/proc/sys/net/ipv4/ip_forward", "1");
	if (six && network_flag(object, "ipv6.routing", true))
		forward_six();
}

static bool table_gone(void *data)
{
	const struct network *net = data;
	const cJSON *object = network_get(net->all->b, net->name);

	if (!object || !network_has_table(object))
		return false; /* it was us */
	network_look_soon(net->all, 20);
	return true;
}

static void watch_table(const struct now *now)
{
	struct network *net = network_live(now->n, now->name);
	struct error err = ERROR_INIT;
	char table[NETWORK_TABLE_SIZE];

	if (net->watched || !network_has_table(now->object))
		return;
	network_table(now->name, table);
	if (nft_watch_add(now->n->b, table, table_gone, net, &err) < 0)
		log_warning("%s: the table of '%s' is not watched", err.msg, now->name);
	else
		net->watched = true;
}

/* Running instances whose bridge is another one now. */
static void note_index(const struct now *now, struct network *net)
{
	unsigned index = network_is_bridge(now->object) ? if_nametoindex(now->name) : 1;

	if (net->index != index && network_is_bridge(now->object))
		instances_reattach(now->n->b, now->name);
	net->index = index;
}

/* The child that says whether dnsmasq takes its options; without one when they are as before. */
static int test_command(const struct now *now, struct argv *out, struct error *err)
{
	struct network *net;

	if (!now->object)
		return 0;
	net = network_live(now->n, now->name);
	note_index(now, net);
	watch_table(now);
	return network_serve_test(net, now->object, out, err);
}

static int serve(const struct now *now, struct error *err)
{
	if (now->object)
		return network_serve(network_live(now->n, now->name), now->object, err);
	network_forget(now->n, now->name);
	return 0;
}

/* ---- one after the other */

static const char *const ip_argv[] = { "ip", "-batch", "-", NULL };
static const char *const nft_argv[] = { "nft", "-f", "-", NULL };

static const char *const tools[STAGES] = { "ip", "", "ip", "nft", "dnsmasq", "", "" };

/* This stage's child and its input, none when there is nothing for it; stages without one are done here. */
static int stage_work(const struct now *now, unsigned stage, struct strbuf *out, struct argv *argv, struct error *err)
{
	switch (stage) {
	case LINK:
		return link_text(now, out, err);
	case SYSCTL:
		if (now->object)
			set_sysctls(now->object);
		return 0;
	case ADDRESSES:
		if (now->object)
			network_batch_addresses(now->object, now->old, out);
		return 0;
	case TABLE:
		if (now->object || (now->old && network_has_table(now->old)))
			network_nft(now->name, now->object, out);
		return 0;
	case TEST:
		return test_command(now, argv, err);
	default:
		return serve(now, err);
	}
}

static void next_stage(struct bring *bring)
{
	bring->stage = (bring->stage + 1) % STAGES;
	if (bring->stage == 0)
		bring->next++;
}

static void note(struct op *op, const char *name, const struct error *err)
{
	const struct berthd *b = op_ctx(op);

	if (network_get(b, name))
		network_live(b->networks, name)->broken = err != NULL;
	if (err)
		log_warning("network '%s': %s", name, err->msg);
}

/* True: go on with the next one. */
static bool failed(struct op *op, struct bring *bring, struct error *err)
{
	note(op, bring->names[bring->next], err);
	if (!bring->go_on)
		return false;
	bring->failed = true;
	bring->stage = 0;
	bring->next++;
	error_clear(err);
	return true;
}

/* They say first what they did not like, and last in which line that was. */
static int check(const char *tool, const struct proc_result *result, struct error *err)
{
	char text[256] = "";

	if (proc_check(tool, result, err) == 0)
		return 0;
	proc_clean_text(result->errs, strcspn(result->errs, "\n"), text, sizeof(text));
	if (*text && result->exit_code > 0)
		error_set(err, ERROR_TOOL, "Failed to run: %s: %s", tool, text);
	return -1;
}

static enum op_result child_done(struct op *op, const struct proc_result *result, struct error *err)
{
	struct bring *bring = op_data(op);

	if (check(tools[bring->stage], result, err) == 0)
		next_stage(bring);
	else if (!failed(op, bring, err))
		return OP_FAIL;
	return network_bring(op, bring, err);
}

static void has_left(void *data)
{
	struct op *op = data;
	struct bring *bring = op_data(op);
	struct error err = ERROR_INIT;
	enum op_result result;

	network_bring_end(bring);
	next_stage(bring);
	result = network_bring(op, bring, &err);
	if (result != OP_WAIT)
		op_resume(op, result, &err);
}

/* The dnsmasq before this one has the ports until it is gone. As run_stage(). */
static int leave(struct op *op, struct bring *bring, const struct now *now)
{
	pid_t pid = network_serve_leave(network_live(now->n, now->name), now->object);

	if (pid > 0)
		bring->leaving = pid_watch_start(op_loop(op), pid, has_left, op, NULL);
	return bring->leaving ? 1 : 0;
}

void network_bring_end(struct bring *bring)
{
	pid_watch_stop(bring->leaving);
	bring->leaving = NULL;
}

/* 0: the stage is done; 1: a child works at it, or one that ends is waited for */
static int run_stage(struct op *op, struct bring *bring, struct error *err)
{
	const struct now now = now_of(op, bring);
	AUTO_STRBUF struct strbuf text = STRBUF_INIT;
	AUTO_ARGV struct argv argv = ARGV_INIT;
	struct proc_spec spec = { .argv = bring->stage == TABLE ? nft_argv : ip_argv };

	if (bring->stage == LEAVE)
		return leave(op, bring, &now);
	if (stage_work(&now, bring->stage, &text, &argv, err) < 0)
		return -1;
	if (text.len == 0 && argv.n == 0)
		return 0;
	if (argv.n > 0) {
		spec.argv = (const char *const *)argv.v;
	} else {
		spec.input = text.buf;
		spec.input_len = text.len;
	}
	return op_child_spec(op, &spec, child_done, err) == OP_WAIT ? 1 : -1;
}

enum op_result network_bring(struct op *op, struct bring *bring, struct error *err)
{
	while (bring->names[bring->next]) {
		int rc = run_stage(op, bring, err);

		if (rc == 1)
			return OP_WAIT;
		if (rc == 0) {
			if (bring->stage == STAGES - 1)
				note(op, bring->names[bring->next], NULL);
			next_stage(bring);
		} else if (!failed(op, bring, err)) {
			return OP_FAIL;
		}
	}
	return OP_DONE;
}
