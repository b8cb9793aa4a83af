/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "lxc/cgroup.h"
#include "lxc/figures.h"
#include "lxc/netns.h"

/* What this development machine, a systemd host on v2 and one on hybrid v1 print. */
static const char hybrid[] =
	"9:name=systemd:/lxc.payload.p1\n8:pids:/lxc.payload.p1\n4:memory:/lxc.payload.p1\n"
	"2:cpu,cpuacct:/lxc.payload.p1\n0::/lxc.payload.p1\n";
static const char unified[] = "0::/lxc.payload.c1/init.scope\n";

static void expect_dir(const char *text, const char *controller, enum cgroup_layout layout, const char *path,
		       bool v2)
{
	struct cgroup_dir dir;

	if (cgroup_find(text, controller, layout, &dir) != (path != NULL))
		fail_msg("'%s'", text);
	if (!path)
		return;
	assert_string_equal(dir.path, path);
	assert_int_equal(dir.unified, v2);
}

static void test_cgroup_find(void **state)
{
	expect_dir(hybrid, "memory", CGROUP_HYBRID, "/sys/fs/cgroup/memory/lxc.payload.p1", false);
	expect_dir(hybrid, "cpuacct", CGROUP_HYBRID, "/sys/fs/cgroup/cpuacct/lxc.payload.p1", false);
	expect_dir(hybrid, "cpu", CGROUP_HYBRID, "/sys/fs/cgroup/cpu/lxc.payload.p1", false);
	expect_dir(hybrid, "", CGROUP_HYBRID, "/sys/fs/cgroup/unified/lxc.payload.p1", true);
	/* not on a v1 hierarchy: look on the unified one */
	expect_dir(hybrid, "io", CGROUP_HYBRID, "/sys/fs/cgroup/unified/lxc.payload.p1", true);
	expect_dir(unified, "memory", CGROUP_UNIFIED, "/sys/fs/cgroup/lxc.payload.c1", true);
	expect_dir(unified, "", CGROUP_UNIFIED, "/sys/fs/cgroup/lxc.payload.c1", true);
	expect_dir("0::/custom/c1/init.scope\n", "pids", CGROUP_UNIFIED, "/sys/fs/cgroup/custom/c1", true);
	expect_dir("0::/custom/c1", "pids", CGROUP_UNIFIED, "/sys/fs/cgroup/custom/c1", true);
	expect_dir("4:memory:/system.slice/lxc.payload.c1-1/x/y\n", "memory", CGROUP_LEGACY,
		   "/sys/fs/cgroup/memory/system.slice/lxc.payload.c1-1", false);
}

static void test_cgroup_find_hostile(void **state)
{
	static char endless[3 * PATH_MAX];

	/* what the container makes below its own cgroup does not count, whatever its name */
	expect_dir("0::/lxc.payload.c1/lxc.payload.other\n", "", CGROUP_UNIFIED,
		   "/sys/fs/cgroup/lxc.payload.c1", true);
	expect_dir("0::/\n", "memory", CGROUP_UNIFIED, NULL, true);
	expect_dir("4:memory:/\n0::/x\n", "memory", CGROUP_HYBRID, NULL, false);
	expect_dir("0::/init.scope\n", "memory", CGROUP_UNIFIED, NULL, true);
	expect_dir("", "memory", CGROUP_HYBRID, NULL, false);
	expect_dir("\n\n::\n:\nx", "memory", CGROUP_HYBRID, NULL, false);
	expect_dir("4:memory\n", "memory", CGROUP_HYBRID, NULL, false);
	expect_dir("4:memory:relative\n", "memory", CGROUP_HYBRID, NULL, false);
	expect_dir("4:memoryx,xmemory:/a\n", "memory", CGROUP_HYBRID, NULL, false);
	expect_dir("0::/../lxc.payload.c1\n", "", CGROUP_UNIFIED, NULL, true);
	expect_dir("0::/lxc.payload.c1/..\n", "", CGROUP_UNIFIED, NULL, true);
	expect_dir("0::/..a/b..\n", "", CGROUP_UNIFIED, "/sys/fs/cgroup/..a/b..", true);
	memset(endless, 'a', sizeof(endless) - 1);
	memcpy(endless, "0::/", 4);
	expect_dir(endless, "", CGROUP_UNIFIED, NULL, true);
}

static void write_text(const char *dir, const char *file, const char *text)
{
	char *path = fs_join(dir, file);
	struct error err = ERROR_INIT;

	assert_int_equal(fs_write_atomic(path, text, strlen(text), 0600, &err), 0);
	free(path);
}

static void test_cgroup_read(void **state)
{
	char work[] = "/tmp/berth-figures-XXXXXX";
	struct error err = ERROR_INIT;
	struct cgroup_dir dir;
	uint64_t n = 7;

	assert_non_null(mkdtemp(work));
	memcpy(dir.path, work, sizeof(work));
	write_text(work, "current", "12345678901234\n");
	write_text(work, "cpu.stat", "usage_usec_x 1\nusage_usec 42\nuser_usec 2\n");
	write_text(work, "max", "max\n");
	write_text(work, "huge", "99999999999999999999999\n");
	write_text(work, "negative", "-1\n");
	assert_true(cgroup_read_u64(&dir, "current", &n));
	assert_true(n == 12345678901234ull);
	assert_false(cgroup_read_u64(&dir, "max", &n));
	assert_false(cgroup_read_u64(&dir, "huge", &n));
	assert_false(cgroup_read_u64(&dir, "negative", &n));
	assert_false(cgroup_read_u64(&dir, "missing", &n));
	assert_true(cgroup_read_key(&dir, "cpu.stat", "usage_usec", &n));
	assert_int_equal(n, 42);
	assert_false(cgroup_read_key(&dir, "cpu.stat", "usage", &n));
	assert_false(cgroup_read_key(&dir, "cpu.stat", "nr_periods", &n));
	assert_int_equal(fs_remove_tree(work, &err), 0);
}

static void test_cgroup_write_refuses(void **state)
{
	struct probe probe = { .cgroups = CGROUP_HYBRID };
	struct error err = ERROR_INIT;

	assert_int_equal(cgroup_write(-1, "memory", "memory.limit_in_bytes", "1", &probe, &err), -1);
	assert_int_equal(err.code, ERROR_NOT_FOUND);
	error_clear(&err);
	assert_int_equal(cgroup_write(getpid(), "nonsense", "x.max", "1", &probe, &err), -1);
	assert_int_equal(err.code, ERROR_SYSTEM);
	assert_non_null(strstr(err.msg, "cannot set 'x.max' to '1'"));
}

static void test_stopped(void **state)
{
	cJSON *s = figures_stopped();
	char *text;

	assert_non_null(s);
	text = json_text(s);
	assert_string_equal(
		text, "{\"memory\":{\"usage\":0,\"usage_peak\":0,\"swap_usage\":0,\"swap_usage_peak\":0},"
		      "\"network\":null,\"pid\":0,\"processes\":0,\"cpu\":{\"usage\":0}}");
	free(text);
	cJSON_Delete(s);
}

static void test_gone(void **state)
{
	struct probe probe = { .cgroups = CGROUP_HYBRID };
	cJSON *s = figures_state(0x7ffffff0, &probe);

	assert_int_equal(json_int(s, "pid", 0), 0x7ffffff0);
	assert_true(cJSON_IsNull(cJSON_GetObjectItem(s, "network")));
	assert_int_equal(json_int(s, "processes", 1), 0);
	cJSON_Delete(s);
}

static void test_scope(void **state)
{
	assert_string_equal(netns_scope("127.0.0.1"), "local");
	assert_string_equal(netns_scope("::1"), "local");
	assert_string_equal(netns_scope("::11"), "global");
	assert_string_equal(netns_scope("fe80::1"), "link");
	assert_string_equal(netns_scope("169.254.1.1"), "link");
	assert_string_equal(netns_scope("10.0.0.1"), "global");
}

/* A process in a network namespace of its own, with lo up; it ends when the pipe is closed. */
struct guest {
	pid_t pid;
	int hold;
};

static void guest_start(struct guest *g)
{
	int hold[2], ready[2];
	char c;

	assert_int_equal(pipe2(hold, O_CLOEXEC) | pipe2(ready, O_CLOEXEC), 0);
	g->pid = fork();
	if (g->pid == 0) {
		close(hold[1]);
		if (unshare(CLONE_NEWNET) < 0 || write(ready[1], "x", 1) != 1)
			_exit(1);
		_exit(read(hold[0], &c, 1) == 0 ? 0 : 1);
	}
	close(hold[0]);
	close(ready[1]);
	assert_int_equal(read(ready[0], &c, 1), 1);
	close(ready[0]);
	g->hold = hold[1];
}

static void guest_end(struct guest *g)
{
	int status;

	close(g->hold);
	assert_int_equal(waitpid(g->pid, &status, 0), g->pid);
	assert_int_equal(status, 0);
}

static void ip_run(const char *const argv[])
{
	int status;
	pid_t pid;

	assert_int_equal(posix_spawnp(&pid, argv[0], NULL, NULL, (char **)(uintptr_t)argv, environ), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void test_real_namespace(void **state)
{
	char pid[16], host[IF_NAMESIZE];
	struct probe probe = { .cgroups = CGROUP_HYBRID };
	struct stat before, after;
	struct guest g;
	cJSON *s, *eth0, *address;

	if (geteuid() != 0)
		skip();
	guest_start(&g);
	snprintf(pid, sizeof(pid), "%d", (int)g.pid);
	snprintf(host, sizeof(host), "bt%d", (int)g.pid);
	ip_run((const char *const[]){ "ip", "link", "add", host, "type", "veth", "peer", "name", "eth0",
				      "address", "00:16:3e:01:02:03", "mtu", "1400", "netns", pid, NULL });
	ip_run((const char *const[]){ "nsenter", "-t", pid, "-n", "ip", "addr", "add", "10.91.4.2/25", "dev",
				      "eth0", NULL });
	stat("/proc/self/ns/net", &before);
	s = figures_state(g.pid, &probe);
	stat("/proc/self/ns/net", &after);
	assert_true(before.st_ino == after.st_ino);
	ip_run((const char *const[]){ "ip", "link", "del", host, NULL });
	guest_end(&g);

	eth0 = json_obj(json_obj(s, "network"), "eth0");
	assert_string_equal(json_str(eth0, "hwaddr"), "00:16:3e:01:02:03");
	assert_string_equal(json_str(eth0, "host_name"), host);
	assert_string_equal(json_str(eth0, "state"), "down");
	assert_string_equal(json_str(eth0, "type"), "broadcast");
	assert_int_equal(json_int(eth0, "mtu", 0), 1400);
	assert_int_equal(json_int(json_obj(eth0, "counters"), "bytes_sent", -1), 0);
	assert_int_equal(cJSON_GetArraySize(json_arr(eth0, "addresses")), 1);
	address = cJSON_GetArrayItem(json_arr(eth0, "addresses"), 0);
	assert_string_equal(json_str(address, "family"), "inet");
	assert_string_equal(json_str(address, "address"), "10.91.4.2");
	assert_string_equal(json_str(address, "netmask"), "25");
	assert_string_equal(json_str(address, "scope"), "global");
	assert_string_equal(json_str(json_obj(json_obj(s, "network"), "lo"), "type"), "loopback");
	assert_string_equal(json_str(json_obj(json_obj(s, "network"), "lo"), "hwaddr"), "");
	cJSON_Delete(s);
}

/* A datagram of one message; attr_len is what its attribute claims. */
struct message {
	_Alignas(4) struct nlmsghdr h;
	union {
		struct ifinfomsg link;
		struct ifaddrmsg address;
	} u;
	_Alignas(4) struct rtattr rta;
	unsigned char data[64];
};

static int parse(struct netns_dump *dump, struct message *m, size_t len)
{
	return netns_parse(dump, m, len);
}

static struct message link_message(const char *name)
{
	struct message m = { .h = { .nlmsg_type = RTM_NEWLINK }, .u.link.ifi_index = 2 };
	size_t at = offsetof(struct message, rta);

	m.rta.rta_type = IFLA_IFNAME;
	m.rta.rta_len = (unsigned short)RTA_LENGTH(strlen(name) + 1);
	memcpy(m.data, name, strlen(name) + 1);
	m.h.nlmsg_len = (unsigned)(at + RTA_ALIGN(m.rta.rta_len));
	return m;
}

static void test_netlink_hostile(void **state)
{
	struct netns_dump dump = { .net = cJSON_CreateObject(), .host_id = -1 };
	struct message good = link_message("eth\377\n"), m;

	assert_int_equal(parse(&dump, &good, good.h.nlmsg_len), 0);
	assert_non_null(json_obj(dump.net, "eth? "));
	assert_int_equal(parse(&dump, &good, good.h.nlmsg_len), 0); /* the same name again */
	assert_int_equal(cJSON_GetArraySize(dump.net), 1);
	for (size_t len = 0; len < good.h.nlmsg_len; len++) /* truncated anywhere */
		assert_int_equal(parse(&dump, &good, len), len == 0 ? 0 : -1);
	for (unsigned len = 0; len < sizeof(struct nlmsghdr) + 20; len++) {
		m = good; /* a length that lies */
		m.h.nlmsg_len = len;
		assert_true(parse(&dump, &m, good.h.nlmsg_len) <= 0);
	}
	for (unsigned short len = 0; len < 80; len++) {
		m = link_message("x");
		m.rta.rta_len = len;
		parse(&dump, &m, m.h.nlmsg_len);
	}
	m = good;
	m.h.nlmsg_type = NLMSG_ERROR;
	assert_int_equal(parse(&dump, &m, m.h.nlmsg_len), -1);
	m.h.nlmsg_type = NLMSG_DONE;
	assert_int_equal(parse(&dump, &m, m.h.nlmsg_len), 1);
	cJSON_Delete(dump.net);
}

static void test_netlink_addresses(void **state)
{
	struct netns_dump dump = { .net = cJSON_CreateObject(), .host_id = -1 };
	struct message link = link_message("wg0");
	struct message m = { .h = { .nlmsg_type = RTM_NEWADDR } };
	cJSON *addresses;

	parse(&dump, &link, link.h.nlmsg_len);
	m.u.address = (struct ifaddrmsg){ .ifa_family = AF_INET6, .ifa_prefixlen = 64, .ifa_index = 2 };
	m.h.nlmsg_len = sizeof(struct nlmsghdr) + sizeof(struct ifaddrmsg) + RTA_LENGTH(16);
	/* the address part is shorter than the link part: build it in place */
	struct rtattr *rta = (struct rtattr *)((char *)&m + NLMSG_LENGTH(sizeof(struct ifaddrmsg)));
	rta->rta_type = IFA_ADDRESS;
	rta->rta_len = RTA_LENGTH(16);
	inet_pton(AF_INET6, "fe80::5", RTA_DATA(rta));
	assert_int_equal(parse(&dump, &m, m.h.nlmsg_len), 0);
	addresses = json_arr(json_obj(dump.net, "wg0"), "addresses");
	assert_int_equal(cJSON_GetArraySize(addresses), 1);
	assert_string_equal(json_str(cJSON_GetArrayItem(addresses, 0), "address"), "fe80::5");
	rta->rta_len = RTA_LENGTH(4); /* too short for its family */
	parse(&dump, &m, m.h.nlmsg_len);
	m.u.address.ifa_family = 77;
	parse(&dump, &m, m.h.nlmsg_len);
	m.u.address.ifa_family = AF_INET;
	m.u.address.ifa_index = 99; /* nobody's */
	parse(&dump, &m, m.h.nlmsg_len);
	assert_int_equal(cJSON_GetArraySize(addresses), 1);
	m.u.address.ifa_index = 2;
	for (int i = 0; i < NETNS_ADDRESSES_MAX + 10; i++)
		parse(&dump, &m, m.h.nlmsg_len);
	assert_int_equal(cJSON_GetArraySize(addresses), NETNS_ADDRESSES_MAX);
	cJSON_Delete(dump.net);
}

static void test_netlink_many_links(void **state)
{
	struct netns_dump dump = { .net = cJSON_CreateObject(), .host_id = -1 };
	char name[IF_NAMESIZE];

	for (int i = 0; i < NETNS_LINKS_MAX + 10; i++) {
		struct message m;

		snprintf(name, sizeof(name), "d%d", i);
		m = link_message(name);
		assert_int_equal(parse(&dump, &m, m.h.nlmsg_len), 0);
	}
	assert_int_equal(cJSON_GetArraySize(dump.net), NETNS_LINKS_MAX);
	cJSON_Delete(dump.net);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cgroup_find),
		cmocka_unit_test(test_cgroup_find_hostile),
		cmocka_unit_test(test_cgroup_read),
		cmocka_unit_test(test_cgroup_write_refuses),
		cmocka_unit_test(test_stopped),
		cmocka_unit_test(test_gone),
		cmocka_unit_test(test_scope),
		cmocka_unit_test(test_real_namespace),
		cmocka_unit_test(test_netlink_hostile),
		cmocka_unit_test(test_netlink_addresses),
		cmocka_unit_test(test_netlink_many_links),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
