/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "model/key.h"

static const struct probe probe = { .cgroups = CGROUP_HYBRID, .idmap_base = 100000, .idmap_size = 65536 };

/* What the manual, the validation, the renderer and live changes need. */
static void every_key_is_complete(void **state)
{
	for (const struct config_key *k = config_keys; k->name; k++) {
		if (!k->type || !*k->type || !k->def || !k->doc || strlen(k->doc) < 10 ||
		    k->doc[strlen(k->doc) - 1] != '.')
			fail_msg("%s is not documented", k->name);
		if (!k->validate)
			fail_msg("%s has no validation", k->name);
		if (!k->render != k->renderless)
			fail_msg("%s needs a renderer, or to be renderless, not both", k->name);
		if ((k->live == KEY_LIVE_APPLY) != (k->apply != NULL))
			fail_msg("%s: apply() belongs to KEY_LIVE_APPLY", k->name);
		/* found by its own name, and once */
		if (!strstr(k->name, ".*"))
			assert_ptr_equal(config_key_find(k->name), k);
		for (const struct config_key *other = k + 1; other->name; other++)
			assert_string_not_equal(k->name, other->name);
	}
}

static void every_device_is_complete(void **state)
{
	for (const struct device_type *t = device_types; t->name; t++) {
		if (!t->properties || !t->validate || !t->check_start || !t->render || !t->live || !t->doc)
			fail_msg("device type %s lacks something", t->name);
		for (const struct device_property *p = t->properties; p->name; p++) {
			if (!p->validate || !p->type || !p->doc || p->doc[strlen(p->doc) - 1] != '.')
				fail_msg("%s: %s lacks something", t->name, p->name);
			assert_true(p->live == KEY_LIVE_APPLY || p->live == KEY_LIVE_NOTHING ||
				    p->live == KEY_LIVE_RESTART);
			for (const struct device_property *other = p + 1; other->name; other++)
				assert_string_not_equal(p->name, other->name);
		}
		assert_ptr_equal(device_type_find(t->name), t);
	}
	assert_null(device_type_find("tpm"));
}

/* "" when it passes, else the message. */
static const char *check(const char *key, const char *value)
{
	static struct error err;
	AUTO_JSON cJSON *config = cJSON_CreateObject();

	error_clear(&err);
	cJSON_AddStringToObject(config, key, value);
	if (config_validate(config, &probe, &err) == 0)
		return "";
	assert_int_equal(err.code, ERROR_INVALID);
	for (const char *p = err.msg; *p; p++)
		assert_true((unsigned char)*p >= ' '); /* what is hostile is not repeated */
	return err.msg;
}

static void good_values(void **state)
{
	static const char *const good[][2] = {
		{ "limits.cpu", "2" },
		{ "limits.cpu", "0-0" },
		{ "limits.cpu.allowance", "50%" },
		{ "limits.cpu.allowance", "25ms/100ms" },
		{ "limits.cpu.priority", "0" },
		{ "limits.memory", "4MiB" },
		{ "limits.memory", "10%" },
		{ "limits.memory.enforce", "soft" },
		{ "limits.memory.swap", "false" },
		{ "limits.memory.swap", "1GiB" },
		{ "limits.processes", "100" },
		{ "security.privileged", "true" },
		{ "boot.autostart.priority", "-3" },
		{ "boot.host_shutdown_timeout", "0" },
		{ "environment.A_b1", "x=\"y\" z" },
		{ "user.x", "label" },
		{ "user.x.y.z", "\xc3\xa9" },
		{ "user.user-data", "#cloud-config\nusers: []\n" },
		{ "raw.lxc", "# x\nlxc.signal.halt = SIGUSR2\n" },
		{ "image.os", "busybox" },
		{ "image.halt_signal", "SIGUSR2" },
		{ "volatile.eth0.hwaddr", "00:16:3e:00:00:01" },
		{ "volatile.eth0.host_name", "veth1" },
		{ "volatile.last_state.power", "RUNNING" },
		{ "limits.kernel.nofile", "1000:2000" },
		{ "linux.sysctl.net.ipv4.ip_forward", "1" },
		{ "security.idmap.base", "200000" },
		{ "security.idmap.size", "65536" },
		{ "limits.memory", "" }, /* unset */
		{ "limits.memory.swap.priority", "3" },
		{ "linux.kernel_modules", "overlay, br_netfilter" },
		{ "nvidia.runtime", "no" }, /* what it is anyway */
		{ "raw.idmap", "" },
		{ "raw.idmap", "both 1000 1000\nuid 5-14 6-15\n" },
		{ "volatile.idmap.raw", "b1000:1000:1" },
		{ "security.devlxd", "false" },
		{ "security.protection.shift", "true" },
		{ "user.x", "two\nlines" },
	};

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		const char *msg = check(good[i][0], good[i][1]);

		if (*msg)
			fail_msg("%s=%s: %s", good[i][0], good[i][1], msg);
	}
}

static void bad_values(void **state)
{
	static const char *const bad[][3] = {
		{ "limits.memory", "abc", "Invalid value: abc (limits.memory must be a size such as 512MiB" },
		{ "limits.memory", "4194303", "at least 4MiB" },
		{ "limits.memory", "0", "at least 4MiB" },
		{ "limits.memory", "101%", "must be a size" },
		{ "limits.memory", "-1", "must be a size" },
		{ "limits.memory", "64MiB\nlxc.hook.start = /evil", "must be a size" },
		{ "limits.memory.enforce", "maybe", "hard or soft" },
		{ "limits.memory.swap", "some", "true, false or a size" },
		{ "limits.cpu", "0", "1 to" },
		{ "limits.cpu", "0-4095", "is not on this host" },
		{ "limits.cpu", "1-0", "backwards" },
		{ "limits.cpu.priority", "11", "0 to 10" },
		{ "limits.processes", "0", "1 to" },
		{ "limits.processes", "99999999999", "1 to" },
		{ "security.privileged", "perhaps", "true or false" },
		{ "user.x", "\x1b[2J", "control characters" },
		{ "limits.disk.priority", "11", "0 to 10" },
		{ "limits.memory.swap.priority", "x", "0 to 10" },
		{ "limits.hugepages.3MB", "1MiB", "Unknown configuration key: limits.hugepages.3MB" },
		{ "linux.kernel_modules", "a;b", "names of kernel modules" },
		{ "raw.apparmor", "mount,", "does not enforce AppArmor" },
		{ "raw.seccomp", "allow", "version" },
		{ "raw.seccomp", "2\nallowlist", "has no seccomp" },
		{ "security.syscalls.deny", "mkdir;x", "start with a system call" },
		{ "security.syscalls.deny_default", "perhaps", "true or false" },
		{ "security.syscalls.intercept.mknod", "true", "security.syscalls.intercept.* is not supported" },
		{ "nvidia.runtime", "true", "nvidia.runtime is not supported: " },
		{ "migration.incremental.memory.goal", "70", "is not supported" },
		{ "raw.idmap", "both 1000", "Failed to get ID map: Invalid ID map line \"both 1000\"" },
		{ "volatile.idmap.raw", "x' ; reboot", "invalid id map" },
		{ "image.os", "a\nb", "one line" },
		{ "environment.A", "1\nlxc.hook.start = /x", "one line" },
		{ "environment.A B", "1", "Unknown configuration key" },
		{ "environment.A=B", "1", "letters, digits and _" },
		{ "environment.1", "1", "letters, digits and _" },
		{ "environment.", "1", "Unknown configuration key" },
		{ "linux.sysctl.net/../x", "1", "sysctl" },
		{ "linux.sysctl.a..b", "1", "sysctl" },
		{ "linux.sysctl.kernel.shmmax", "1\n2", "sysctl" },
		{ "limits.kernel.nosuch", "1", "no such resource limit" },
		{ "limits.kernel.nofile", "lots", "SOFT:HARD" },
		{ "raw.lxc", "lxc.uts.name = x", "lxc.uts.name cannot be set here" },
		{ "raw.lxc", "not a line", "not of the form" },
		{ "image.halt_signal", "SIGNOPE", "name of a signal" },
		{ "volatile.eth0.hwaddr", "nonsense", "MAC address" },
		{ "volatile.eth0.host_name", "../x", "network interface" },
		{ "volatile.x", "a\nb", "one line" },
		{ "security.idmap.size", "100", "65536 or more" },
		{ "security.idmap.base", "0", "1 to" },
		{ "boot.autostart.delay", "-1", "seconds" },
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const char *msg = check(bad[i][0], bad[i][1]);

		if (!*msg || !strstr(msg, bad[i][2]))
			fail_msg("%s=%s: '%s', not '%s'", bad[i][0], bad[i][1], msg, bad[i][2]);
	}
}

static void unknown_keys_are_named_with_the_nearest(void **state)
{
	char longer[400];

	assert_string_equal(check("nosuch.key", "1"), "Unknown configuration key: nosuch.key");
	assert_string_equal(check("limit.memory", "1"),
			    "Unknown configuration key: limit.memory (did you mean limits.memory?)");
	assert_string_equal(check("limits.memroy", "1"),
			    "Unknown configuration key: limits.memroy (did you mean limits.memory?)");
	assert_string_equal(check("enviroment.X", "1"),
			    "Unknown configuration key: enviroment.X (did you mean environment.*?)");
	assert_string_equal(
		check("limits.kernal.nofile", "1"),
		"Unknown configuration key: limits.kernal.nofile (did you mean limits.kernel.*?)");
	assert_string_equal(check("Limits.Memory", "1"),
			    "Unknown configuration key: Limits.Memory (did you mean limits.memory?)");
	assert_non_null(strstr(check("user.\n", "1"), "Unknown configuration key: user.?"));
	assert_non_null(strstr(check("environment. x", "1"), "Unknown configuration key: environment. x"));
	assert_non_null(strstr(check("", "1"), "Unknown configuration key: "));
	memset(longer, 'x', sizeof(longer));
	memcpy(longer, "user.", 5);
	longer[sizeof(longer) - 1] = '\0';
	assert_non_null(strstr(check(longer, "1"), "Unknown configuration key: user.xxx"));
}

static void only_strings(void **state)
{
	static const char *const bad[] = { "{\"user.x\":1}",
					   "{\"user.x\":null}",
					   "{\"user.x\":{}}",
					   "{\"limits.cpu\":2}",
					   "[]",
					   "\"x\"",
					   "1" };
	struct error err = ERROR_INIT;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		AUTO_JSON cJSON *config = json_parse(bad[i], strlen(bad[i]), &err);

		assert_non_null(config);
		assert_int_equal(config_validate(config, &probe, &err), -1);
	}
	assert_int_equal(config_validate(NULL, &probe, &err), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_key_is_complete),
		cmocka_unit_test(every_device_is_complete),
		cmocka_unit_test(good_values),
		cmocka_unit_test(bad_values),
		cmocka_unit_test(unknown_keys_are_named_with_the_nearest),
		cmocka_unit_test(only_strings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
