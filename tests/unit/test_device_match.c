/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/mem.h"
#include "model/device_match.h"
#include "instance/hotplug.h"

static char root[] = "/tmp/berth-test-XXXXXX";

/* A file, and the folders on the way to it. */
static void put(const char *path, const char *text)
{
	AUTO_FREE char *command = mem_printf("mkdir -p '%s/%s' && rmdir '%s/%s' && printf '%s' >'%s/%s'", root, path, root, path, text,
					     root, path);

	assert_int_equal(system(command), 0);
}

static void put_link(const char *path, const char *target)
{
	AUTO_FREE char *command = mem_printf("mkdir -p '%s/%s' && rmdir '%s/%s' && ln -s '%s' '%s/%s'", root, path, root, path, target,
					     root, path);

	assert_int_equal(system(command), 0);
}

/* The nodes of one device, one a line. */
static char *nodes_of(const char *device)
{
	AUTO_FREE char *text = mem_printf("{\"d\":%s,\"other\":{\"type\":\"nic\"}}", device);
	AUTO_FREE char *sys = mem_printf("%s/sys", root);
	AUTO_FREE char *proc = mem_printf("%s/proc", root);
	AUTO_FREE char *dev = mem_printf("%s/dev", root);
	AUTO_JSON cJSON *devices = json_parse(text, strlen(text), &(struct error)ERROR_INIT);
	AUTO_STRBUF struct strbuf out = STRBUF_INIT;
	const cJSON *node;

	assert_non_null(devices);
	devices_match(devices, &(struct match_roots){ sys, proc, dev });
	assert_null(json_arr(json_obj(devices, "other"), MATCH_NODES));
	cJSON_ArrayForEach(node, json_arr(json_obj(devices, "d"), MATCH_NODES))
		strbuf_addf(&out, "%s\n", node->valuestring);
	return mem_strdup(out.buf);
}

static void expect(const char *device, const char *nodes)
{
	AUTO_FREE char *got = nodes_of(device);

	assert_string_equal(got, nodes);
}

static void usb_device(const char *name, const char *bus, const char *dev, const char *vendor)
{
	const char *const files[][2] = { { "busnum", bus }, { "devnum", dev }, { "idVendor", vendor }, { "idProduct", "c52b" },
					 { "dev", "189:1" } };
	AUTO_FREE char *link = mem_printf("sys/bus/usb/devices/%s", name);
	AUTO_FREE char *target = mem_printf("../../../devices/pci/%s", name);

	for (size_t i = 0; i < 5; i++) {
		AUTO_FREE char *path = mem_printf("sys/devices/pci/%s/%s", name, files[i][0]);

		put(path, files[i][1]);
	}
	put_link(link, target);
}

static int setup(void **state)
{
	if (!mkdtemp(root))
		return -1;
	usb_device("1-1", "1", "2", "046d");
	usb_device("1-2", "1", "13", "1d6b");
	put("sys/devices/pci/1-1/1-1:1.0/bInterfaceNumber", "0"); /* an interface: no device */
	put_link("sys/bus/usb/devices/1-1:1.0", "../../../devices/pci/1-1/1-1:1.0");
	/* what hangs on the first: a disk; and its own node, which is no unix-hotplug's */
	put("sys/devices/pci/1-1/block/sdb/uevent", "MAJOR=8\nDEVNAME=sdb\nDEVTYPE=disk\n");
	put_link("sys/devices/pci/1-1/block/sdb/subsystem", "/sys/class/block");
	put_link("sys/dev/block/8:16", "../../devices/pci/1-1/block/sdb");
	put("sys/devices/pci/1-1/input/uevent", "DEVNAME=../../etc/passwd\n");
	put_link("sys/dev/char/13:64", "../../devices/pci/1-1/input");
	put("sys/devices/pci/1-1/uevent", "DEVNAME=bus/usb/001/002\n");
	put_link("sys/devices/pci/1-1/subsystem", "/sys/bus/usb");
	put_link("sys/dev/char/189:1", "../../devices/pci/1-1");
	put("sys/devices/virtual/null/uevent", "DEVNAME=null\n");
	put_link("sys/dev/char/1:3", "../../devices/virtual/null");
	/* a card with NVIDIA's driver, and a connector */
	put("sys/devices/0000:01:00.0/drm/card0/dev", "226:0");
	put("sys/devices/0000:01:00.0/drm/renderD128/dev", "226:128");
	put("sys/devices/0000:01:00.0/vendor", "0x10de");
	put("sys/devices/0000:01:00.0/device", "0x1b80");
	put_link("sys/devices/0000:01:00.0/driver", "../../bus/pci/drivers/nvidia");
	put_link("sys/devices/0000:01:00.0/drm/card0/device", "../../../0000:01:00.0");
	put_link("sys/class/drm/card0", "../../devices/0000:01:00.0/drm/card0");
	put("sys/class/drm/card0-HDMI-A-1/status", "connected");
	put("proc/driver/nvidia/gpus/0000:01:00.0/information", "Model: \t X\nDevice Minor: \t 0\n");
	put_link("dev/nvidia0", "/dev/null");
	put_link("dev/nvidia1", "/dev/full");
	put_link("dev/nvidiactl", "/dev/zero");
	put("dev/nvidia-log", "no device");
	return 0;
}

static int teardown(void **state)
{
	AUTO_FREE char *command = mem_printf("rm -rf '%s'", root);

	return system(command);
}

static void test_usb(void **state)
{
	expect("{\"type\":\"usb\"}", "c 189:1 /dev/bus/usb/001/002\nc 189:1 /dev/bus/usb/001/013\n");
	expect("{\"type\":\"usb\",\"vendorid\":\"046d\"}", "c 189:1 /dev/bus/usb/001/002\n");
	expect("{\"type\":\"usb\",\"vendorid\":\"046d\",\"productid\":\"c52b\"}", "c 189:1 /dev/bus/usb/001/002\n");
	expect("{\"type\":\"usb\",\"vendorid\":\"046d\",\"productid\":\"c52c\"}", "");
}

static void test_hotplug(void **state)
{
	expect("{\"type\":\"unix-hotplug\",\"vendorid\":\"046d\"}", "b 8:16 /dev/sdb\n");
	expect("{\"type\":\"unix-hotplug\",\"productid\":\"c52b\"}", "b 8:16 /dev/sdb\n");
	expect("{\"type\":\"unix-hotplug\",\"vendorid\":\"1d6b\"}", "");
	/* each of several gets its own */
	expect("{\"type\":\"unix-hotplug\",\"vendorid\":\"1d6b\"},\"e\":{\"type\":\"unix-hotplug\"}", "");
	expect("{\"type\":\"unix-hotplug\"},\"e\":{\"type\":\"unix-hotplug\",\"vendorid\":\"1d6b\"}", "b 8:16 /dev/sdb\n");
}

static void test_gpu(void **state)
{
	static const char all[] = "c 1:3 /dev/nvidia0\nc 1:5 /dev/nvidiactl\nc 226:0 /dev/dri/card0\nc 226:128 /dev/dri/renderD128\n";

	expect("{\"type\":\"gpu\"}", all);
	expect("{\"type\":\"gpu\",\"gputype\":\"physical\",\"id\":\"0\"}", all);
	expect("{\"type\":\"gpu\",\"id\":\"1\"}", "");
	expect("{\"type\":\"gpu\",\"pci\":\"01:00.0\"}", all);
	expect("{\"type\":\"gpu\",\"pci\":\"0000:01:00.1\"}", "");
	expect("{\"type\":\"gpu\",\"vendorid\":\"10de\",\"productid\":\"1b80\"}", all);
	expect("{\"type\":\"gpu\",\"vendorid\":\"1002\"}", "");
}

static void test_node_text(void **state)
{
	static const char *const bad[] = { "",		    "c",	       "c 1:3",		  "x 1:3 /dev/a", "c 1 /dev/a",
					   "c 1:3 /etc/a", "c 1:3 /dev/../a", "c 1:3 /dev/a b",  "c 1:3 /dev/a+b", "c 1:3 /dev/$(x)" };
	struct match_node node;

	assert_true(match_node_parse("b 259:7 /dev/nvme0n1", &node));
	assert_int_equal(node.type, 'b');
	assert_int_equal(node.major, 259);
	assert_int_equal(node.minor, 7);
	assert_string_equal(node.path, "/dev/nvme0n1");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(match_node_parse(bad[i], &node));
}

static void test_file_names(void **state)
{
	AUTO_FREE char *file = match_file_name("usb0", "/dev/bus/usb/001/002");
	AUTO_FREE char *odd = match_file_name("usb/dev", "/dev/x"), *odd_file = match_device_file(odd);
	AUTO_FREE char *odd_path = match_file_path("usb/dev", odd_file);

	assert_string_equal(odd_file, "usb@dev+dev+x");
	assert_string_equal(odd_path, "/dev/x");
	assert_null(match_file_path("usb", odd_file));
	AUTO_FREE char *path = match_file_path("usb0", file);

	assert_string_equal(file, "usb0+dev+bus+usb+001+002");
	assert_string_equal(path, "/dev/bus/usb/001/002");
	assert_null(match_file_path("usb", file));
	assert_null(match_file_path("usb0", "usb0"));
}

static void test_events(void **state)
{
	static const char node[] = "add@/devices/x\0ACTION=add\0MAJOR=1\0MINOR=3";
	static const char link[] = "add@/devices/x\0ACTION=add\0SUBSYSTEM=net";
	static const char udev[] = "libudev\0MAJOR=1";

	assert_true(hotplug_is_node_event(node, sizeof(node)));
	assert_false(hotplug_is_node_event(link, sizeof(link)));
	assert_false(hotplug_is_node_event(udev, sizeof(udev)));
	assert_false(hotplug_is_node_event("MAJOR=", 3));
	assert_false(hotplug_is_node_event("", 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_usb),	   cmocka_unit_test(test_hotplug),    cmocka_unit_test(test_gpu),
		cmocka_unit_test(test_node_text), cmocka_unit_test(test_file_names), cmocka_unit_test(test_events),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
