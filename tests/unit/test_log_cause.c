/* SPDX-License-Identifier: MIT */
/* The logs in data/lxc-log are LXC 5.0.2's own, without most of their INFO and DEBUG lines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "lxc/tools.h"

#define DATA "tests/unit/data/lxc-log"

static const struct {
	const char *log, *cause;
} logs[] = {
	{ "bad-address",
	  "configuration line 'lxc.net.0.ipv4.address = 1.2.3.999/24': invalid ipv4 address '1.2.3.999/24'" },
	{ "bad-cgroup-value", "the kernel refuses 'lots' as 'memory.limit_in_bytes': Invalid argument" },
	{ "bad-cpuset", "the kernel refuses '99' as 'cpuset.cpus': Numerical result out of range" },
	{ "bad-hwaddr", "'00:16:3e:zz:00:01' is not a hardware address" },
	{ "bad-include", "configuration line 'lxc.include = /nonexistent/inc.conf': cannot open "
			 "'/nonexistent/inc.conf': No such file or directory" },
	{ "bad-net-type", "configuration line 'lxc.net.1.type = warp': invalid network type warp" },
	{ "closed-rootfs", "cannot open '/tmp/proc-lxc/lxc/closed-rootfs/rootfs': Permission denied" },
	{ "failing-hook",
	  "hook '/tmp/proc-lxc/hook-bad' (pre-start) exited with 3: no space on device /dev/foo" },
	{ "failing-start-host-hook",
	  "hook '/tmp/proc-lxc/hook-bad' (start-host) exited with 3: no space on device /dev/foo" },
	{ "foreign-init", "cannot run '/sbin/init' in the container: Exec format error" },
	{ "idmap-refused",
	  "root may not give the host users [5000000-5000010) to containers: /etc/subuid has no such range" },
	{ "killed-hook", "hook '/tmp/proc-lxc/hook-killed' (pre-start) was killed by signal 9" },
	{ "memory-300k", "its first process was killed while it was set up: is the memory limit too small?" },
	{ "memory-4k", "its first process was killed while it was set up: is the memory limit too small?" },
	{ "memory-900k", "its first process was killed: is the memory limit too small?" },
	{ "missing-bridge", "bridge 'nosuchbr0' does not exist" },
	{ "missing-hook",
	  "hook '/nonexistent/hook' (pre-start) exited with 127: sh: 1: exec: /nonexistent/hook: not found" },
	{ "missing-init", "cannot run '/sbin/nosuchinit' in the container: No such file or directory" },
	{ "missing-macvlan-parent",
	  "cannot make a macvlan on 'nosuch0': it is missing or of the wrong kind" },
	{ "missing-mount-hook", "hook '/nonexistent/hook' exited with 127: /nonexistent/hook: not found" },
	{ "missing-mount-source",
	  "cannot mount '/nonexistent/dir' on '/mnt' of the container: No such file or directory" },
	{ "missing-mount-target",
	  "cannot mount '/tmp' on '/nosuchdir' of the container: No such file or directory" },
	{ "missing-physical", "network interface 'nosuch1' does not exist" },
	{ "missing-rootfs",
	  "cannot open '/tmp/proc-lxc/lxc/missing-rootfs/rootfs': No such file or directory" },
	{ "missing-seccomp",
	  "failed to open seccomp policy file /nonexistent/seccomp: No such file or directory" },
	{ "no-cgroup-controller", "this host has no usable cgroup controller 'nosuch'" },
	{ "silent-hook", "hook '/tmp/proc-lxc/hook-quiet' (pre-start) exited with 1" },
	{ "unknown-key",
	  "configuration line 'lxc.nosuchkey = 1': this LXC does not know the key 'lxc.nosuchkey'" },
};

enum { LOG_COUNT = sizeof(logs) / sizeof(logs[0]) };

static void add_log(struct strbuf *out, const char *name)
{
	char *path = mem_printf(DATA "/%s.log", name);
	struct error err = ERROR_INIT;

	if (fs_read_file(path, 1 << 20, out, &err) < 0)
		fail_msg("%s", err.msg);
	free(path);
}

static void expect_cause(const char *log, const char *cause)
{
	char buf[512];

	assert_int_equal(lxc_log_cause(log, buf, sizeof(buf)), cause != NULL);
	assert_string_equal(buf, cause ? cause : "");
}

static void test_real_logs(void **state)
{
	for (size_t i = 0; i < LOG_COUNT; i++) {
		AUTO_STRBUF struct strbuf text = STRBUF_INIT;

		add_log(&text, logs[i].log);
		expect_cause(text.buf, logs[i].cause);
	}
}

/* Every file is in the table. */
static void test_all_logs_are_expected(void **state)
{
	DIR *dir = opendir(DATA);
	size_t count = 0;

	assert_non_null(dir);
	for (const struct dirent *entry; (entry = readdir(dir));)
		count += strstr(entry->d_name, ".log") != NULL;
	closedir(dir);
	assert_int_equal(count, LOG_COUNT);
}

/* The log is appended to: only the last attempt counts, whatever came before. */
static void test_last_attempt_counts(void **state)
{
	for (size_t i = 0; i < LOG_COUNT; i++) {
		for (size_t k = 0; k < LOG_COUNT; k++) {
			AUTO_STRBUF struct strbuf text = STRBUF_INIT;

			add_log(&text, logs[i].log);
			add_log(&text, logs[k].log);
			expect_cause(text.buf, logs[k].cause);
		}
	}
}

static void test_stderr_format(void **state)
{
	expect_cause(
		"lxc-start: c1: ../src/lxc/confile.c: set_config_unsupported_key: 164 Invalid argument - "
		"Unsupported config "
		"key \"lxc.nosuchkey\"\n"
		"lxc-start: c1: ../src/lxc/parse.c: lxc_file_for_each_line_mmap: 129 Failed to parse config "
		"file "
		"\"/lxc/c1/config\" at line \"lxc.nosuchkey = 1\"\n"
		"Failed to load config for c1\n"
		"lxc-start: c1: ../src/lxc/tools/lxc_start.c: main: 240 Failed to create lxc_container\n",
		"configuration line 'lxc.nosuchkey = 1': this LXC does not know the key 'lxc.nosuchkey'");
}

#define LINE(level, text)                                                                                    \
	"lxc-start c1 20261122025059.777 " level " conf - ../src/lxc/conf.c:f:1 - " text "\n"

static void test_unknown_errors_are_kept(void **state)
{
	expect_cause(LINE("ERROR   ", "Operation not permitted - Something \"new\" failed"),
		     "something 'new' failed: Operation not permitted");
	expect_cause(LINE("ERROR   ", "BPF program refused"), "BPF program refused");
	expect_cause(LINE("WARN    ", "Something") LINE("INFO    ", "x") LINE("DEBUG   ", "y"), NULL);
	expect_cause(LINE("ERROR   ", "Failed to spawn container \"c1\""), NULL);
}

static void test_hook_output_is_not_taken_for_a_log(void **state)
{
	expect_cause(LINE("INFO    ", "Executing script \"/h\" for container \"c1\"")
			     LINE("DEBUG   ", "Script exec /h produced output: one\nERROR two\n\n")
				     LINE("DEBUG   ", "Script exec /h produced output: three\n")
					     LINE("ERROR   ", "Script exited with status 1"),
		     "hook '/h' exited with 1: three");
}

static void test_hostile(void **state)
{
	static const char *const none[] = {
		"",
		"\n",
		"lxc-",
		"lxc-start",
		"lxc-start c1 20261122025059.777 ",
		"lxc-start c1 20261122025059.777 ERROR",
		"lxc-start c1 20261122025059.777 ERROR    conf",
		"lxc-start c1 20261122025059.777 ERROR    conf - f",
		"lxc-start c1 2026112202505x.777 ERROR    conf - f - m",
		"lxc-start: c1: x.c: ",
		"lxc-start: c1: x.c: f: ",
		"lxc-start: c1: x.c: f: 12",
	};
	char small[8];

	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		expect_cause(none[i], NULL);
	expect_cause(LINE("ERROR   ", "\033[31mred\377"), " [31mred?");
	expect_cause(LINE("ERROR   ", "Failed to set \"only one"), "the kernel refuses '' as ''");
	expect_cause(LINE("ERROR   ", "newuidmap failed -> [1"), "newuidmap failed -> [1");
	assert_true(
		lxc_log_cause(LINE("ERROR   ", "a long message that does not fit"), small, sizeof(small)));
	assert_string_equal(small, "a long ");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_real_logs),
		cmocka_unit_test(test_all_logs_are_expected),
		cmocka_unit_test(test_last_attempt_counts),
		cmocka_unit_test(test_stderr_format),
		cmocka_unit_test(test_unknown_errors_are_kept),
		cmocka_unit_test(test_hook_output_is_not_taken_for_a_log),
		cmocka_unit_test(test_hostile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
