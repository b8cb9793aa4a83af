/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "model/key.h"

static const struct probe probe = {
	.cgroups = CGROUP_HYBRID, .idmapped_mounts = true, .idmap_base = 100000, .idmap_size = 65536
};

#define NO_PROCESS 0x3fffffff /* above the kernel's largest pid: no cgroup can be found, none is written */

static bool unsure; /* what the next live() shall do */

/* What live_apply() says: "applied: …; pending: …; warnings; commands, one a line". */
static char *live(const char *old_text, const char *new_text)
{
	struct error err = ERROR_INIT;
	AUTO_JSON cJSON *old = json_parse(old_text, strlen(old_text), &err);
	AUTO_JSON cJSON *new = json_parse(new_text, strlen(new_text), &err);
	AUTO_JSON cJSON *applied = cJSON_CreateArray(), *pending = cJSON_CreateArray();
	AUTO_JSON cJSON *warnings = cJSON_CreateArray(), *commands = cJSON_CreateArray();
	struct live_change c = {
		.live = { "c1", NO_PROCESS, &probe, json_obj(new, "config") },
		.old_config = json_obj(old, "config"),
		.new_config = json_obj(new, "config"),
		.old_devices = json_obj(old, "devices"),
		.new_devices = json_obj(new, "devices"),
		.instance_dir = "/i/c1",
		.libexec_dir = "/x",
		.unsure = unsure,
		.applied = applied,
		.pending = pending,
		.warnings = warnings,
		.commands = commands,
	};
	struct strbuf out = STRBUF_INIT;
	const cJSON *item, *arg;

	if (!old || !new)
		fail_msg("%s", err.msg);
	if (live_apply(&c, &err) < 0) {
		strbuf_addf(&out, "! %s", err.msg);
		return strbuf_detach(&out);
	}
	strbuf_addstr(&out, "applied");
	cJSON_ArrayForEach(item, applied)
		strbuf_addf(&out, " %s", item->valuestring);
	strbuf_addstr(&out, "\npending");
	cJSON_ArrayForEach(item, pending)
		strbuf_addf(&out, " %s", item->valuestring);
	cJSON_ArrayForEach(item, warnings)
		strbuf_addf(&out, "\nwarning %.14s", item->valuestring);
	cJSON_ArrayForEach(item, commands) {
		strbuf_addf(&out, "\n%s:", json_str(item, "device"));
		cJSON_ArrayForEach(arg, json_arr(item, "argv"))
			strbuf_addf(&out, " %s", arg->valuestring);
		strbuf_addstr(&out, json_bool(item, "may_fail", false) ? " || true" : "");
	}
	return strbuf_detach(&out);
}

static void assert_live(const char *old, const char *new, const char *want)
{
	AUTO_FREE char *got = live(old, new);

	assert_string_equal(got, want);
}

#define CONFIG(c) "{\"config\":{" c "},\"devices\":{}}"
#define DEVICES(d) "{\"config\":{},\"devices\":{" d "}}"
#define PID "1073741823"
#define INSIDE "nsenter --net=/proc/" PID "/ns/net ip "

static void keys(void **state)
{
	assert_live(CONFIG("\"user.a\":\"1\""), CONFIG("\"user.a\":\"1\""), "applied\npending");
	assert_live(CONFIG("\"user.a\":\"1\",\"user.gone\":\"1\""),
		    CONFIG("\"user.a\":\"2\",\"boot.autostart\":\"true\""),
		    "applied user.a boot.autostart user.gone\npending");
	assert_live(CONFIG(""),
		    CONFIG("\"security.nesting\":\"true\",\"environment.A\":\"1\",\"raw.lxc\":\"#\""),
		    "applied\npending security.nesting environment.A raw.lxc");
	assert_live(CONFIG("\"user.a\":\"\""), CONFIG(""), "applied\npending"); /* "" was unset before */
	assert_live(CONFIG("\"volatile.x\":\"1\""), CONFIG("\"volatile.x\":\"2\""),
		    "applied\npending"); /* berth's own notes */
}

static void a_limit_that_cannot_be_written_is_pending(void **state)
{
	assert_live(CONFIG(""), CONFIG("\"limits.memory\":\"64MiB\""),
		    "applied\npending limits.memory\nwarning limits.memory:");
	assert_live(CONFIG("\"limits.processes\":\"5\""), CONFIG(""),
		    "applied\npending limits.processes\nwarning limits.process");
}

#define HD(more) "\"hd\":{\"type\":\"disk\",\"source\":\"/tmp\",\"path\":\"/mnt\"" more "}"
#define ATTACH "/x/berth-rootfs attach --source=/tmp --target=/mnt --create=dir "
#define DETACH "/x/berth-rootfs detach --pid=" PID " --target=/mnt"

static void disks(void **state)
{
	assert_live(DEVICES(""), DEVICES(HD("")),
		    "applied hd\npending\nhd: " ATTACH "--or-plain --idmap=100000:65536 --pid=" PID);
	assert_live(DEVICES(HD("")), DEVICES(""), "applied hd\npending\nhd: " DETACH);
	assert_live(DEVICES(HD("")), DEVICES(HD(",\"readonly\":\"true\"")),
		    "applied hd\npending\nhd: " DETACH "\nhd: " ATTACH
		    "--readonly --or-plain --idmap=100000:65536 --pid=" PID);
	assert_live(DEVICES(HD("")), DEVICES(HD(",\"optional\":\"true\"")), "applied hd\npending");
	assert_live(DEVICES(""), DEVICES(HD(",\"recursive\":\"true\"")), "applied\npending hd");
	assert_live(DEVICES("\"root\":{\"type\":\"disk\",\"path\":\"/\"}"),
		    DEVICES("\"root\":{\"type\":\"disk\",\"path\":\"/\",\"pool\":\"default\"}"),
		    "applied root\npending");
	assert_live(DEVICES("\"root\":{\"type\":\"disk\",\"path\":\"/\"}"), DEVICES(""),
		    "applied\npending root");
}

static void hiding(void **state)
{
	assert_live(DEVICES(HD("")), DEVICES("\"hd\":{\"type\":\"none\"}"),
		    "applied hd\npending\nhd: " DETACH);
	assert_live(DEVICES("\"hd\":{\"type\":\"none\"}"), DEVICES(""), "applied\npending");
	assert_live(DEVICES("\"hd\":{\"type\":\"none\"}"), DEVICES(HD(",\"shift\":\"false\"")),
		    "applied hd\npending\nhd: " ATTACH "--pid=" PID);
}

/* What goes makes room for what comes, and /mnt is mounted before /mnt/deep. */
static void order(void **state)
{
	assert_live(DEVICES("\"z\":{\"type\":\"disk\",\"source\":\"/tmp\",\"path\":\"/mnt\"}"),
		    DEVICES("\"a\":{\"type\":\"disk\",\"source\":\"/tmp\",\"path\":\"/mnt/"
			    "deep\",\"shift\":\"0\"}," HD(",\"shift\":\"0\"")),
		    "applied z hd a\npending\nz: " DETACH "\nhd: " ATTACH "--pid=" PID
		    "\na: /x/berth-rootfs attach --source=/tmp --target=/mnt/deep --create=dir --pid=" PID);
}

static void nodes(void **state)
{
	assert_live(DEVICES(""),
		    DEVICES("\"n\":{\"type\":\"unix-char\",\"path\":\"/dev/zero\",\"mode\":\"0666\"}"),
		    "applied n\npending\nn: /x/berth-device-node --node=/i/c1/devices/n --type=c "
		    "--source=/dev/zero --mode=0666 "
		    "--owner=100000:100000\n"
		    "n: /x/berth-rootfs attach --pid=" PID
		    " --source=/i/c1/devices/n --target=/dev/zero --create=file");
	assert_live(DEVICES("\"n\":{\"type\":\"unix-char\",\"path\":\"/dev/zero\"}"), DEVICES(""),
		    "applied n\npending\nn: /x/berth-rootfs detach --pid=" PID " --target=/dev/zero");
	assert_live("{\"config\":{\"security.privileged\":\"1\"},\"devices\":{}}",
		    "{\"config\":{\"security.privileged\":\"1\"},\"devices\":{\"n\":{\"type\":\"unix-char\","
		    "\"path\":\"/dev/zero\"}}}",
		    "applied\npending n");
}

#define NIC(more) \
	"\"eth0\":{\"type\":\"nic\",\"nictype\":\"bridged\",\"parent\":\"br7\",\"host_name\":\"v0\"" more "}"

static void nics(void **state)
{
	assert_live(
		DEVICES(""),
		DEVICES(NIC(
			",\"hwaddr\":\"00:16:3e:00:00:01\",\"mtu\":\"1400\",\"ipv4.address\":\"10.0.0.2/24\","
			"\"ipv4.gateway\":\"10.0.0.1\",\"limits.max\":\"8Mbit\"")),
		"applied eth0\npending\n"
		"eth0: ip link add name v0 type veth peer name eth0 netns " PID "\n"
		"eth0: " INSIDE "link set dev eth0 address 00:16:3e:00:00:01\n"
		"eth0: ip link set dev v0 mtu 1400\n"
		"eth0: " INSIDE "link set dev eth0 mtu 1400\n"
		"eth0: ip link set dev v0 master br7\n"
		"eth0: ip link set dev v0 up\n"
		"eth0: " INSIDE "link set dev eth0 up\n"
		"eth0: " INSIDE "-4 addr replace 10.0.0.2/24 dev eth0\n"
		"eth0: " INSIDE "-4 route replace default via 10.0.0.1 dev eth0\n"
		"eth0: /x/berth-nic-up --device=v0 --ingress=8000000 --egress=8000000");
	assert_live(DEVICES(NIC("")), DEVICES(""), "applied eth0\npending\neth0: ip link del dev v0");
	assert_live(DEVICES(NIC(",\"limits.egress\":\"1Mbit\"")), DEVICES(""),
		    "applied eth0\npending\neth0: /x/berth-nic-up --device=v0 --ingress=0 --egress=0\neth0: "
		    "ip link del dev v0");
	assert_live(DEVICES(NIC(",\"ipv4.address\":\"10.0.0.2/24\"")),
		    DEVICES(NIC(",\"ipv4.address\":\"10.0.0.3/24\",\"limits.ingress\":\"1Mbit\"")),
		    "applied eth0\npending\n"
		    "eth0: " INSIDE "-4 addr del 10.0.0.2/24 dev eth0\n"
		    "eth0: " INSIDE "-4 addr replace 10.0.0.3/24 dev eth0\n"
		    "eth0: /x/berth-nic-up --device=v0 --ingress=1000000 --egress=0");
	assert_live(DEVICES(NIC("")),
		    DEVICES("\"eth0\":{\"type\":\"nic\",\"network\":\"br8\",\"host_name\":\"v0\"}"),
		    "applied eth0\npending\neth0: ip link set dev v0 master br8");
}

static void routed_nics(void **state)
{
#define ROUTED(more) "\"r\":{\"type\":\"nic\",\"nictype\":\"routed\",\"name\":\"eth0\",\"host_name\":\"v0\",\"parent\":\"up0\"" more "}"
	assert_live(DEVICES(""), DEVICES(ROUTED(",\"ipv4.address\":\"10.0.0.2,10.0.0.3\"")),
		    "applied r\npending\n"
		    "r: ip link add name v0 type veth peer name eth0 netns " PID "\n"
		    "r: ip link set dev v0 up\n"
		    "r: " INSIDE "link set dev eth0 up\n"
		    "r: /x/berth-nic-up --device=v0 --ingress=0 --egress=0 --routed4=10.0.0.2,10.0.0.3 --parent=up0 --host4=169.254.0.1\n"
		    "r: " INSIDE "-4 addr replace 10.0.0.2/32 dev eth0\n"
		    "r: " INSIDE "-4 addr replace 10.0.0.3/32 dev eth0\n"
		    "r: " INSIDE "-4 route replace 169.254.0.1 dev eth0 scope link\n"
		    "r: " INSIDE "-4 route replace default via 169.254.0.1 dev eth0");
	assert_live(DEVICES(ROUTED(",\"ipv6.address\":\"fd42::2\"")), DEVICES(ROUTED(",\"ipv6.address\":\"fd42::3\",\"ipv6.gateway\":\"none\"")),
		    "applied r\npending\n"
		    "r: /x/berth-nic-up --device=v0 --ingress=0 --egress=0 --gone --routed6=fd42::2 --parent=up0 --host6=fe80::1\n"
		    "r: " INSIDE "-6 route del default via fe80::1 dev eth0\n"
		    "r: " INSIDE "-6 route del fe80::1 dev eth0\n"
		    "r: " INSIDE "-6 addr del fd42::2/128 dev eth0\n"
		    "r: /x/berth-nic-up --device=v0 --ingress=0 --egress=0 --routed6=fd42::3 --parent=up0 --host6=fe80::1\n"
		    "r: " INSIDE "-6 addr replace fd42::3/128 dev eth0 nodad");
	/* another parent, and networks behind it */
	assert_live(DEVICES(ROUTED(",\"ipv4.address\":\"10.0.0.2\"")),
		    DEVICES("\"r\":{\"type\":\"nic\",\"nictype\":\"routed\",\"name\":\"eth0\",\"host_name\":\"v0\",\"parent\":\"up1\","
			    "\"ipv4.address\":\"10.0.0.2\",\"ipv4.gateway\":\"none\",\"ipv4.routes\":\"10.9.0.0/16\"}"),
		    "applied r\npending\n"
		    "r: /x/berth-nic-up --device=v0 --ingress=0 --egress=0 --gone --routed4=10.0.0.2 --parent=up0 --host4=169.254.0.1\n"
		    "r: " INSIDE "-4 route del default via 169.254.0.1 dev eth0\n"
		    "r: " INSIDE "-4 route del 169.254.0.1 dev eth0\n"
		    "r: /x/berth-nic-up --device=v0 --ingress=0 --egress=0 --routes4=10.9.0.0/16 --routed4=10.0.0.2 --parent=up1 "
		    "--host4=169.254.0.1\n"
		    "r: " INSIDE "-4 addr replace 10.0.0.2/32 dev eth0");
	assert_live(DEVICES(ROUTED(",\"ipv4.address\":\"10.0.0.2\"")), DEVICES(""),
		    "applied r\npending\n"
		    "r: /x/berth-nic-up --device=v0 --ingress=0 --egress=0 --gone --routed4=10.0.0.2 --parent=up0 --host4=169.254.0.1\n"
		    "r: ip link del dev v0");
}

/* berthd was killed in the middle of the same change: it is made true whatever is there. */
static void again(void **state)
{
	unsure = true;
	assert_live(DEVICES(""), DEVICES(NIC("")),
		    "applied eth0\npending\n"
		    "eth0: ip link del dev v0 || true\n"
		    "eth0: ip link add name v0 type veth peer name eth0 netns " PID "\n"
		    "eth0: ip link set dev v0 master br7\n"
		    "eth0: ip link set dev v0 up\n"
		    "eth0: " INSIDE "link set dev eth0 up");
	assert_live(DEVICES(NIC(",\"limits.egress\":\"1Mbit\"")), DEVICES(""),
		    "applied eth0\npending\neth0: /x/berth-nic-up --device=v0 --ingress=0 --egress=0 || true\neth0: "
		    "ip link del dev v0 || true");
	assert_live(DEVICES(NIC(",\"ipv4.address\":\"10.0.0.2/24\"")), DEVICES(NIC(",\"ipv4.address\":\"10.0.0.3/24\"")),
		    "applied eth0\npending\n"
		    "eth0: " INSIDE "-4 addr del 10.0.0.2/24 dev eth0 || true\n"
		    "eth0: " INSIDE "-4 addr replace 10.0.0.3/24 dev eth0");
	assert_live(DEVICES(""), DEVICES("\"n\":{\"type\":\"unix-char\",\"path\":\"/dev/zero\"}"),
		    "applied n\npending\nn: /x/berth-rootfs detach --pid=" PID " --target=/dev/zero\n"
		    "n: /x/berth-device-node --node=/i/c1/devices/n --type=c --source=/dev/zero --mode=0660 "
		    "--owner=100000:100000\n"
		    "n: /x/berth-rootfs attach --pid=" PID
		    " --source=/i/c1/devices/n --target=/dev/zero --create=file");
	unsure = false;
}

#define GONE "applied eth0\npending\neth0: ip link del dev v0\n"
#define MADE(guest) "eth0: ip link add name v0 type veth peer name " guest " netns " PID "\n"
#define BRIDGED "eth0: ip link set dev v0 master br7\n"

static void nics_that_are_replaced(void **state)
{
	assert_live(DEVICES(NIC("")), DEVICES(NIC(",\"hwaddr\":\"00:16:3e:00:00:01\"")),
		    GONE MADE("eth0") "eth0: " INSIDE "link set dev eth0 address 00:16:3e:00:00:01\n" BRIDGED
		    "eth0: ip link set dev v0 up\neth0: " INSIDE "link set dev eth0 up");
	assert_live(DEVICES(NIC("")), DEVICES(NIC(",\"name\":\"wan\"")),
		    GONE MADE("wan") BRIDGED "eth0: ip link set dev v0 up\neth0: " INSIDE "link set dev wan up");
	assert_live(DEVICES(NIC("")),
		    DEVICES("\"eth0\":{\"type\":\"nic\",\"nictype\":\"p2p\",\"host_name\":\"v0\"}"),
		    GONE MADE("eth0") "eth0: ip link set dev v0 up\neth0: " INSIDE "link set dev eth0 up");
}

static void nics_that_need_a_restart(void **state)
{
	assert_live(DEVICES(NIC("")),
		    DEVICES("\"eth0\":{\"type\":\"nic\",\"nictype\":\"physical\",\"parent\":\"up0\"}"),
		    "applied\npending eth0");
	assert_live(DEVICES(NIC("")),
		    DEVICES(NIC(",\"ipv4.address\":\"10.0.0.2/24\",\"ipv4.gateway\":\"auto\"")),
		    "applied\npending eth0");
	assert_live(DEVICES(""),
		    DEVICES("\"p\":{\"type\":\"nic\",\"nictype\":\"physical\",\"parent\":\"up0\"}"),
		    "applied\npending p");
	/* a device that changes its type: half of it has to wait, so all of it does */
	assert_live(DEVICES("\"p\":{\"type\":\"nic\",\"nictype\":\"p2p\",\"host_name\":\"v0\"}"),
		    DEVICES("\"p\":{\"type\":\"disk\",\"source\":\"/tmp\",\"path\":\"/"
			    "mnt\",\"recursive\":\"1\"}"),
		    "applied\npending p\np: ip link del dev v0");
}

static void an_unknown_type_is_an_error(void **state)
{
	assert_live(DEVICES(""), DEVICES("\"x\":{\"type\":\"teapot\"}"),
		    "! Failed loading device \"x\": Unsupported device type");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys),
		cmocka_unit_test(a_limit_that_cannot_be_written_is_pending),
		cmocka_unit_test(disks),
		cmocka_unit_test(hiding),
		cmocka_unit_test(order),
		cmocka_unit_test(nodes),
		cmocka_unit_test(nics), cmocka_unit_test(routed_nics),
		cmocka_unit_test(again),
		cmocka_unit_test(nics_that_are_replaced),
		cmocka_unit_test(nics_that_need_a_restart),
		cmocka_unit_test(an_unknown_type_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
