/* SPDX-License-Identifier: MIT */
/* Runs at the top of the tree: templates/instance.conf is the real one. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "model/key.h"

static char shared[] = "/tmp/berth-test-render-XXXXXX"; /* stands for /usr/share/lxc/config */

static int setup(void **state)
{
	static const char *const names[] = { "common.conf", "userns.conf" };
	struct error err = ERROR_INIT;

	if (!mkdtemp(shared))
		return -1;
	for (int i = 0; i < 2; i++) {
		AUTO_FREE char *path = fs_join(shared, names[i]);

		if (fs_write_atomic(path, "", 0, 0644, &err) < 0)
			return -1;
	}
	return 0;
}

static int teardown(void **state)
{
	struct error err = ERROR_INIT;

	return fs_remove_tree(shared, &err);
}

static const struct probe hybrid = { .cgroups = CGROUP_HYBRID,
				     .idmapped_mounts = true,
				     .overlay_idmapped = true,
				     .seccomp = true,
				     .idmap_base = 100000,
				     .idmap_size = 65536,
				     .architecture = "x86_64" };

/* The rendered text, or "! message"; caller frees. */
static char *render_with(const struct probe *probe, const char *driver, const char *text)
{
	struct error err = ERROR_INIT;
	AUTO_JSON cJSON *v = json_parse(text, strlen(text), &err);
	struct strbuf out = STRBUF_INIT;
	struct render_input in = {
		.name = "c1",
		.config = json_obj(v, "config"),
		.devices = json_obj(v, "devices"),
		.probe = probe,
		.rootfs = { driver, "/var/lib/lxc/c1", "/images/abc/rootfs", "/usr/libexec/berth",
			    "/run/berth/reboots" },
		.template_dir = "templates",
		.include_config = shared,
	};

	if (!v)
		fail_msg("%s: %s", text, err.msg);
	if (render_instance(&in, &out, &err) < 0) {
		assert_int_equal(out.len, 0);
		strbuf_addf(&out, "! %s", err.msg);
	}
	return strbuf_detach(&out);
}

static char *render(const char *text)
{
	return render_with(&hybrid, "dir", text);
}

/* Is this a whole line of it? */
static bool has_line(const char *text, const char *line)
{
	for (const char *p = strstr(text, line); p; p = strstr(p + 1, line)) {
		if ((p == text || p[-1] == '\n') && p[strlen(line)] == '\n')
			return true;
	}
	return false;
}

static void assert_lines(const char *text, const char *const *lines)
{
	for (; *lines; lines++) {
		if (!has_line(text, *lines))
			fail_msg("no line '%s' in:\n%s", *lines, text);
	}
}
#define ASSERT_LINES(text, ...) assert_lines(text, (const char *const[]){ __VA_ARGS__, NULL })

/* Every line is a comment, blank, or "lxc.key = value". */
static void assert_well_formed(const char *text)
{
	for (const char *line = text; line && *line;
	     line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
		if (*line != '#' && *line != '\n' && strncmp(line, "lxc.", 4) != 0)
			fail_msg("what is this: '%.60s'", line);
	}
}

#define EMPTY "{\"config\":{},\"devices\":{}}"

static void minimal(void **state)
{
	AUTO_FREE char *text = render(EMPTY);
	AUTO_FREE char *common = mem_printf("lxc.include = %s/common.conf", shared);
	AUTO_FREE char *userns = mem_printf("lxc.include = %s/userns.conf", shared);

	assert_well_formed(text);
	ASSERT_LINES(text, common, userns, "lxc.hook.post-stop =", "lxc.hook.version = 1",
		     "lxc.uts.name = c1", "lxc.arch = x86_64", "lxc.rootfs.path = dir:/var/lib/lxc/c1/rootfs",
		     "lxc.rootfs.options = idmap=container,nodev", "lxc.idmap = u 0 100000 65536",
		     "lxc.idmap = g 0 100000 65536", "lxc.console.logfile = /var/lib/lxc/c1/console.log",
		     "lxc.net.0.type = empty");
	ASSERT_LINES(text, "lxc.hook.post-stop = /usr/libexec/berth/berth-rootfs nics-down /var/lib/lxc/c1");
	assert_null(strstr(text, "apparmor"));
	assert_null(strstr(text, "lxc.hook.pre-start"));
	/* the inherited hooks are cleared after they were included, before ours */
	assert_true(strstr(text, userns) < strstr(text, "lxc.hook.post-stop ="));
}

static void overlay(void **state)
{
	AUTO_FREE char *text = render_with(&hybrid, "overlay",
					   "{\"config\":{\"volatile.idmap.base\":\"200000\",\"volatile.idmap."
					   "size\":\"131072\"},\"devices\":{}}");
	AUTO_FREE char *privileged = render_with(
		&hybrid, "overlay", "{\"config\":{\"security.privileged\":\"true\"},\"devices\":{}}");

	ASSERT_LINES(text,
		     "lxc.hook.pre-start = /usr/libexec/berth/berth-rootfs mount --lower=/images/abc/rootfs "
		     "--idmap=200000:131072 /var/lib/lxc/c1",
		     "lxc.hook.post-stop = /usr/libexec/berth/berth-rootfs umount /var/lib/lxc/c1",
		     "lxc.hook.post-stop = /usr/libexec/berth/berth-rootfs reboot /run/berth/reboots",
		     "lxc.idmap = u 0 200000 131072");
	assert_null(strstr(text, "lxc.rootfs.options"));
	assert_true(strstr(text, "lxc.hook.post-stop =\n") < strstr(text, "lxc.hook.post-stop = /"));
	assert_non_null(strstr(privileged, "--idmap=none /var/lib/lxc/c1\n"));
	assert_non_null(strstr(privileged, "lxc.cgroup2.devices.allow = c 10:200 rwm"));
	assert_null(strstr(text, "devices.allow"));
	assert_null(strstr(privileged, "lxc.idmap"));
	assert_null(strstr(privileged, "userns.conf"));
}

#define RAW "{\"config\":{\"volatile.idmap.base\":\"200000\",\"volatile.idmap.size\":\"65536\",\"volatile.idmap.raw\":"
#define RAW_DISKS \
	"},\"devices\":{\"a\":{\"type\":\"disk\",\"source\":\"/tmp\",\"path\":\"/a\"}," \
	"\"b\":{\"type\":\"disk\",\"source\":\"/tmp\",\"path\":\"/b\",\"shift\":\"true\"}," \
	"\"z\":{\"type\":\"unix-char\",\"source\":\"/dev/zero\",\"uid\":\"1000\",\"gid\":\"6\"}}}"

/* Ids of the host's beside the range; folders of the host are shown as they are. */
static void raw_ids(void **state)
{
	AUTO_FREE char *text = render_with(&hybrid, "overlay", RAW "\"b500:1000:1,g7:6:1\"" RAW_DISKS);
	/* a word that is none is nobody's way into a hook */
	AUTO_FREE char *damaged = render_with(&hybrid, "overlay", RAW "\"b500:1000:1;reboot\"" RAW_DISKS);

	ASSERT_LINES(text, "lxc.idmap = u 0 200000 1000", "lxc.idmap = u 1000 500 1", "lxc.idmap = u 1001 201001 64535",
		     "lxc.idmap = g 0 200000 6", "lxc.idmap = g 6 7 1", "lxc.idmap = g 7 200007 993", "lxc.idmap = g 1000 500 1",
		     "lxc.idmap = g 1001 201001 64535",
		     "lxc.hook.pre-start = /usr/libexec/berth/berth-rootfs mount --lower=/images/abc/rootfs "
		     "--idmap=200000:65536,b500:1000:1,g7:6:1 /var/lib/lxc/c1",
		     "lxc.hook.start-host = /usr/libexec/berth/berth-rootfs attach --source=/tmp --target=/a --create=dir --pid=$LXC_PID",
		     "lxc.hook.start-host = /usr/libexec/berth/berth-rootfs attach --source=/tmp --target=/b --create=dir "
		     "--idmap=200000:65536,b500:1000:1,g7:6:1 --pid=$LXC_PID");
	assert_non_null(strstr(text, "--owner=500:7"));
	assert_null(strstr(damaged, "reboot\""));
	assert_null(strstr(damaged, "b500"));
	ASSERT_LINES(damaged, "lxc.idmap = u 0 200000 65536", "lxc.idmap = g 0 200000 65536");
}

static void the_host_decides(void **state)
{
	struct probe probe = hybrid;
	AUTO_FREE char *text = NULL, *none = NULL;

	probe.apparmor = true;
	probe.seccomp = false;
	probe.idmapped_mounts = false;
	probe.cgroups = CGROUP_UNIFIED;
	text = render_with(&probe, "dir",
			   "{\"config\":{\"limits.memory\":\"64MiB\",\"limits.memory.swap\":\"false\","
			   "\"limits.processes\":\"9\","
			   "\"limits.cpu.allowance\":\"10ms/"
			   "100ms\",\"security.nesting\":\"true\",\"image.architecture\":\"i686\"},"
			   "\"devices\":{\"d\":{\"type\":\"disk\",\"source\":\"/tmp\",\"path\":\"/d\"}}}");
	ASSERT_LINES(text, "lxc.apparmor.profile = generated", "lxc.apparmor.allow_nesting = 1",
		     "lxc.seccomp.profile =", "lxc.cgroup2.memory.max = 67108864",
		     "lxc.cgroup2.memory.swap.max = 0", "lxc.cgroup2.pids.max = 9",
		     "lxc.cgroup2.cpu.max = 10000 100000", "lxc.arch = i686",
		     "lxc.mount.entry = proc dev/.lxc/proc proc create=dir,optional 0 0");
	assert_null(strstr(text, "idmap=container"));
	assert_null(strstr(text, "--idmap"));
	assert_null(strstr(text, "lxc.cgroup."));
	probe.idmap_size = 0;
	none = render_with(&probe, "dir", EMPTY);
	assert_non_null(strstr(none, "! 'c1' has no id map: root has no range in /etc/subuid"));
}

static void keys(void **state)
{
	AUTO_FREE char *text = render("{\"config\":{\"environment.B\":\" x \\\"y\\\" "
				      "\",\"environment.A\":\"1\",\"boot.autostart\":\"true\","
				      "\"boot.autostart.priority\":\"7\",\"boot.autostart.delay\":\"3\","
				      "\"image.halt_signal\":\"SIGUSR2\","
				      "\"image.reboot_signal\":\"SIGTERM\",\"limits.kernel.nofile\":\"1:2\","
				      "\"linux.sysctl.net.ipv4.ip_forward\":\"1\","
				      "\"limits.memory\":\"64MiB\",\"limits.cpu\":\"0-0\",\"limits.cpu."
				      "priority\":\"5\",\"user.x\":\"lxc.evil = 1\","
				      "\"image.os\":\"busybox\",\"raw.lxc\":\"# mine\\nlxc.cap.drop = "
				      "sys_time\",\"limits.processes\":\"\"},\"devices\":{}}");

	assert_well_formed(text);
	ASSERT_LINES(text, "lxc.environment = \"B= x \"y\" \"", "lxc.environment = \"A=1\"",
		     "lxc.start.auto = 1", "lxc.start.order = -7", "lxc.start.delay = 3",
		     "lxc.signal.halt = SIGUSR2", "lxc.signal.reboot = SIGTERM", "lxc.prlimit.nofile = 1:2",
		     "lxc.sysctl.net.ipv4.ip_forward = 1", "lxc.cgroup.memory.limit_in_bytes = 67108864",
		     "lxc.cgroup.cpuset.cpus = 0-0", "lxc.cgroup.cpu.shares = 1019", "# mine",
		     "lxc.cap.drop = sys_time");
	assert_null(strstr(text, "evil"));
	assert_null(strstr(text, "busybox"));
	assert_null(strstr(text, "pids.max"));
	assert_true(strstr(text, "A=1") < strstr(text, "B= x"));
	/* raw.lxc has the last word */
	assert_true(strstr(text, "# mine") > strstr(text, "lxc.net.0.type"));
}

/* All lines looked at again for each would take minutes. */
static void many_lines(void **state)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT;
	AUTO_FREE char *lines = NULL;

	strbuf_addstr(&text, "{\"devices\":{},\"config\":{\"environment.LAST\":\"x\"");
	for (int i = 0; i < 50000; i++)
		strbuf_addf(&text, ",\"environment.K%d\":\"v\"", i);
	strbuf_addstr(&text, "}}");
	lines = render(text.buf);
	ASSERT_LINES(lines, "lxc.environment = \"LAST=x\"", "lxc.environment = \"K49999=v\"");
}

static void nics(void **state)
{
	AUTO_FREE char *text = render(
		"{\"config\":{\"volatile.eth0.hwaddr\":\"00:16:3e:00:00:01\",\"volatile.eth0.host_name\":"
		"\"veth1\","
		"\"raw.lxc\":\"lxc.net.1.type = vlan\"},\"devices\":{"
		"\"eth0\":{\"type\":\"nic\",\"nictype\":\"bridged\",\"parent\":\"nosuch0\",\"mtu\":\"1400\","
		"\"ipv4.address\":\"10.0.0.2/24\","
		"\"ipv4.gateway\":\"10.0.0.1\",\"limits.max\":\"8Mbit\"},"
		"\"eth1\":{\"type\":\"nic\",\"nictype\":\"macvlan\",\"parent\":\"up0\",\"name\":\"wan\"},"
		"\"eth2\":{\"type\":\"none\"},\"eth3\":{\"type\":\"nic\",\"nictype\":\"physical\",\"parent\":"
		"\"up1\"}}}");

	ASSERT_LINES(
		text, "lxc.net.0.type = veth", "lxc.net.0.link = nosuch0", "lxc.net.0.flags = up",
		"lxc.net.0.name = eth0", "lxc.net.0.hwaddr = 00:16:3e:00:00:01", "lxc.net.0.mtu = 1400",
		"lxc.net.0.veth.pair = veth1", "lxc.net.0.ipv4.address = 10.0.0.2/24",
		"lxc.net.0.ipv4.gateway = 10.0.0.1",
		"lxc.net.0.script.up = /usr/libexec/berth/berth-nic-up --ingress=8000000 --egress=8000000",
		"lxc.net.0.script.down = /usr/libexec/berth/berth-nic-up --ingress=0 --egress=0",
		"lxc.net.2.type = macvlan", "lxc.net.2.macvlan.mode = bridge", "lxc.net.2.link = up0",
		"lxc.net.2.name = wan", "lxc.net.3.type = phys", "lxc.net.3.link = up1");
	assert_null(strstr(text, "empty"));
	assert_null(strstr(text, "lxc.net.2.veth"));
}

static void routed_nics(void **state)
{
	AUTO_FREE char *text = render(
		"{\"config\":{\"volatile.r.host_name\":\"veth1\"},\"devices\":{\"r\":{\"type\":\"nic\",\"nictype\":\"routed\","
		"\"parent\":\"up0\",\"name\":\"eth0\",\"ipv4.address\":\"10.0.0.2, 10.0.0.3\",\"ipv6.address\":\"fd42::2\","
		"\"ipv6.gateway\":\"none\",\"ipv4.host_table\":\"7\",\"ipv4.routes\":\"10.9.0.0/16, 10.8.0.0/16\"}}}");
	ASSERT_LINES(text, "lxc.net.0.type = veth", "lxc.net.0.ipv4.address = 10.0.0.2/32", "lxc.net.0.ipv4.address = 10.0.0.3/32",
		     "lxc.net.0.ipv6.address = fd42::2/128", "lxc.net.0.ipv4.gateway = 169.254.0.1",
		     "lxc.net.0.script.up = /usr/libexec/berth/berth-nic-up --ingress=0 --egress=0 --routes4=10.9.0.0/16,10.8.0.0/16 "
		     "--routed4=10.0.0.2,10.0.0.3 --routed6=fd42::2 --parent=up0 --host4=169.254.0.1 --host6=fe80::1 --table4=7",
		     "lxc.net.0.script.down = /usr/libexec/berth/berth-nic-up --ingress=0 --egress=0 --gone --routes4=10.9.0.0/16,10.8.0.0/16 "
		     "--routed4=10.0.0.2,10.0.0.3 --routed6=fd42::2 --parent=up0 --host4=169.254.0.1 --host6=fe80::1 --table4=7");
	assert_null(strstr(text, "lxc.net.0.link"));
	assert_null(strstr(text, "ipv6.gateway"));
}

static void disks(void **state)
{
	AUTO_FREE char *text = render(
		"{\"config\":{},\"devices\":{\"root\":{\"type\":\"disk\",\"path\":\"/\"},"
		"\"a\":{\"type\":\"disk\",\"source\":\"/tmp\",\"path\":\"/mnt/deep\",\"readonly\":\"true\"},"
		"\"b\":{\"type\":\"disk\",\"source\":\"/it's $(x) "
		"`y`\",\"path\":\"/mnt\",\"shift\":\"false\",\"optional\":\"true\"},"
		"\"f\":{\"type\":\"disk\",\"source\":\"/etc/passwd\",\"path\":\"/f\"},"
		"\"r\":{\"type\":\"disk\",\"source\":\"/tmp\",\"path\":\"/a "
		"b\\\\c\",\"recursive\":\"true\",\"propagation\":\"rslave\",\"raw.mount.options\":\"noexec,nosuid\"}}}");

	assert_well_formed(text);
	ASSERT_LINES(text,
		     "lxc.hook.start-host = /usr/libexec/berth/berth-rootfs attach --source=/tmp "
		     "--target=/mnt/deep --create=dir --readonly "
		     "--or-plain --idmap=100000:65536 --pid=$LXC_PID",
		     "lxc.hook.start-host = /usr/libexec/berth/berth-rootfs attach '--source=/it'\\''s $(x) "
		     "`y`' --target=/mnt --create=dir "
		     "--optional --pid=$LXC_PID",
		     "lxc.hook.start-host = /usr/libexec/berth/berth-rootfs attach --source=/etc/passwd "
		     "--target=/f --create=file "
		     "--or-plain --idmap=100000:65536 --pid=$LXC_PID",
		     "lxc.mount.entry = /tmp a\\040b\\134c none rbind,create=dir,rslave,noexec,nosuid,idmap=container 0 0");
	assert_true(strstr(text, "--target=/mnt ") <
		    strstr(text, "--target=/mnt/deep")); /* or the first would be hidden */
}

static void nodes(void **state)
{
	static const char devices[] =
		"\"devices\":{\"z\":{\"type\":\"unix-char\",\"source\":\"/dev/zero\",\"path\":\"/dev/"
		"z\",\"uid\":\"5\"},"
		"\"b\":{\"type\":\"unix-block\",\"path\":\"/dev/"
		"b\",\"major\":\"7\",\"minor\":\"9\",\"mode\":\"0600\",\"required\":\"false\"}}}";
	AUTO_FREE char *unprivileged = mem_printf("{\"config\":{},%s", devices);
	AUTO_FREE char *privileged = mem_printf("{\"config\":{\"security.privileged\":\"1\"},%s", devices);
	AUTO_FREE char *text = render(unprivileged), *plain = render(privileged);

	ASSERT_LINES(text,
		     "lxc.hook.pre-start = /usr/libexec/berth/berth-device-node "
		     "--node=/var/lib/lxc/c1/devices/z --type=c --source=/dev/zero "
		     "--mode=0660 --owner=100005:100000",
		     "lxc.mount.entry = /var/lib/lxc/c1/devices/z dev/z none bind,create=file 0 0",
		     "lxc.hook.pre-start = /usr/libexec/berth/berth-device-node "
		     "--node=/var/lib/lxc/c1/devices/b --type=b --number=7:9 "
		     "--mode=0600 --owner=100000:100000 --optional",
		     "lxc.mount.entry = /var/lib/lxc/c1/devices/b dev/b none bind,create=file,optional 0 0");
	assert_null(strstr(text, "devices.allow"));
	ASSERT_LINES(plain, "lxc.cgroup.devices.allow = c 1:5 rwm", "lxc.cgroup.devices.allow = b 7:9 rwm");
	assert_non_null(strstr(plain, "--owner=5:0"));
}

/* The renderer does not rely on validation having been asked. */
static void hostile_values_are_refused_again(void **state)
{
	static const char *const bad[] = {
		"{\"config\":{\"environment.A\":\"1\\nlxc.hook.start = /x\"},\"devices\":{}}",
		"{\"config\":{\"environment.A\\nlxc.x\":\"1\"},\"devices\":{}}",
		"{\"config\":{\"linux.sysctl.a\\nlxc.x\":\"1\"},\"devices\":{}}",
		"{\"config\":{\"linux.sysctl.a = 1 \":\"1\"},\"devices\":{}}",
		"{\"config\":{\"image.halt_signal\":\"1\\nlxc.hook.start = /x\"},\"devices\":{}}",
		"{\"config\":{\"raw.lxc\":\"lxc.a = \\u001b[2J\"},\"devices\":{}}",
		"{\"config\":{\"limits.cpu\":\"0\\nlxc.x = y\"},\"devices\":{}}",
		"{\"config\":{},\"devices\":{\"e\":{\"type\":\"nic\",\"nictype\":\"p2p\",\"mtu\":\"1\\nlxc.x "
		"= y\"}}}",
		"{\"config\":{},\"devices\":{\"e\":{\"type\":\"disk\",\"source\":\"/a\\nlxc.x = "
		"y\",\"path\":\"/b\",\"recursive\":\"1\"}}}",
		"{\"config\":{},\"devices\":{\"e\":{\"type\":\"disk\",\"source\":\"/a\",\"path\":\"/"
		"b\\n\",\"recursive\":\"1\"}}}",
		"{\"config\":{},\"devices\":{\"e\\nlxc.x = y\":{\"type\":\"nic\",\"nictype\":\"p2p\"}}}",
		"{\"config\":{},\"devices\":{\"e\":{\"type\":\"teapot\"}}}",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		AUTO_FREE char *text = render(bad[i]);

		if (text[0] != '!')
			fail_msg("%s was rendered:\n%s", bad[i], text);
	}
}

static void paths_must_be_harmless(void **state)
{
	static const char *const bad[] = { "/a b", "/a;b", "/$(x)", "a", "", "/a/../b", "/a\n" };
	struct strbuf out = STRBUF_INIT;
	struct error err = ERROR_INIT;
	AUTO_JSON cJSON *empty = cJSON_CreateObject();
	struct render_input in = {
		.name = "c1", .config = empty, .devices = empty, .probe = &hybrid, .template_dir = "templates"
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		in.rootfs = (struct render_rootfs){ "dir", bad[i], NULL, "/lib", "/r" };
		assert_int_equal(render_instance(&in, &out, &err), -1);
		in.rootfs = (struct render_rootfs){ "dir", "/c", NULL, bad[i], "/r" };
		assert_int_equal(render_instance(&in, &out, &err), -1);
		in.rootfs = (struct render_rootfs){ "overlay", "/c", bad[i], "/lib", "/r" };
		assert_int_equal(render_instance(&in, &out, &err), -1);
	}
	in.rootfs = (struct render_rootfs){ "overlay", "/c", NULL, "/lib", "/r" };
	assert_int_equal(render_instance(&in, &out, &err), -1);
	in.rootfs = (struct render_rootfs){ "dir", "/c", NULL, "/lib", "/r" };
	in.template_dir = "/nosuch";
	assert_int_equal(render_instance(&in, &out, &err), -1);
	assert_int_equal(out.len, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(minimal),
		cmocka_unit_test(overlay),
		cmocka_unit_test(raw_ids),
		cmocka_unit_test(the_host_decides),
		cmocka_unit_test(keys), cmocka_unit_test(many_lines),
		cmocka_unit_test(nics), cmocka_unit_test(routed_nics),
		cmocka_unit_test(disks),
		cmocka_unit_test(nodes),
		cmocka_unit_test(hostile_values_are_refused_again),
		cmocka_unit_test(paths_must_be_harmless),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
