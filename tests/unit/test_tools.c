/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/strbuf.h"
#include "lxc/tools.h"

static void expect_argv(struct argv *a, const char *line)
{
	char *text = argv_quote(a);

	assert_string_equal(text, line);
	free(text);
	argv_clear(a);
}

static void test_command_lines(void **state)
{
	AUTO_ARGV struct argv a = ARGV_INIT;

	lxc_argv_create(&a, "/lxc", "c1", "/run/c1.conf");
	expect_argv(&a, "lxc-create -P /lxc -n c1 -f /run/c1.conf -t none");
	lxc_argv_destroy(&a, "/lxc", "c1");
	expect_argv(&a, "lxc-destroy -P /lxc -n c1");
	lxc_argv_start(&a, "/lxc", "c1", "/lxc/c1/lxc.log");
	expect_argv(&a, "lxc-start -P /lxc -n c1 -d -o /lxc/c1/lxc.log -l DEBUG");
	lxc_argv_kill(&a, "/lxc", "c1");
	expect_argv(&a, "lxc-stop -P /lxc -n c1 -k");
	lxc_argv_shutdown(&a, "/lxc", "c1", 30);
	expect_argv(&a, "lxc-stop -P /lxc -n c1 --nokill -t 30");
	lxc_argv_shutdown(&a, "/lxc", "c1", -5);
	expect_argv(&a, "lxc-stop -P /lxc -n c1 --nokill -t -1");
	lxc_argv_freeze(&a, "/lxc", "c1");
	expect_argv(&a, "lxc-freeze -P /lxc -n c1");
	lxc_argv_unfreeze(&a, "/lxc", "c1");
	expect_argv(&a, "lxc-unfreeze -P /lxc -n c1");
	lxc_argv_info(&a, "/lxc", "c1");
	expect_argv(&a, "lxc-info -P /lxc -n c1 -s -p");
	lxc_argv_list_active(&a, "/lxc");
	expect_argv(&a, "lxc-ls -P /lxc --active -f -F STATE,PID,NAME");
	lxc_argv_cgroup_set(&a, "/lxc", "c1", "memory.memsw.limit_in_bytes", "-1");
	expect_argv(&a, "lxc-cgroup -P /lxc -n c1 -- memory.memsw.limit_in_bytes -1");
	lxc_argv_device(&a, "/lxc", "c1", true, "/dev/a", "/dev/b");
	expect_argv(&a, "lxc-device -P /lxc -n c1 -- add /dev/a /dev/b");
	lxc_argv_device(&a, "/lxc", "c1", false, "/dev/a", "/dev/b");
	expect_argv(&a, "lxc-device -P /lxc -n c1 -- del /dev/a /dev/b");
}

static void test_monitor_command_line(void **state)
{
	AUTO_ARGV struct argv a = ARGV_INIT;

	lxc_argv_monitor(&a, "/lxc");
	assert_int_equal(a.n, 5);
	assert_string_equal(a.v[4], ".*");
	assert_null(a.v[5]);
}

static void test_states(void **state)
{
	enum lxc_state s;

	for (int i = LXC_STOPPED; i <= LXC_THAWED; i++) {
		assert_true(lxc_state_parse(lxc_state_name((enum lxc_state)i), &s));
		assert_int_equal(s, i);
	}
	assert_string_equal(lxc_state_name((enum lxc_state)99), "UNKNOWN");
	assert_string_equal(lxc_state_name((enum lxc_state) - 1), "UNKNOWN");
	assert_false(lxc_state_parse("", &s));
	assert_false(lxc_state_parse("running", &s));
	assert_false(lxc_state_parse("RUNNING ", &s));
	assert_false(lxc_state_parse("UNKNOWN", &s));
}

static void test_info(void **state)
{
	struct error err = ERROR_INIT;
	struct lxc_status st;

	assert_int_equal(lxc_parse_info("State:          RUNNING\nPID:            16226\n", &st, &err), 0);
	assert_int_equal(st.state, LXC_RUNNING);
	assert_int_equal(st.pid, 16226);
	assert_int_equal(lxc_parse_info("State:          STOPPED\n", &st, &err), 0);
	assert_int_equal(st.state, LXC_STOPPED);
	assert_int_equal(st.pid, 0);
	assert_int_equal(lxc_parse_info("Name: c1\nPID: 7\nState: FROZEN", &st, &err), 0);
	assert_int_equal(st.state, LXC_FROZEN);
	assert_int_equal(st.pid, 7);
	assert_int_equal(lxc_parse_info("State: RUNNING\nPID: 99999999999999999999\n", &st, &err), 0);
	assert_int_equal(st.pid, 0);
	assert_int_equal(lxc_parse_info("State: RUNNING\nPID: -5\n", &st, &err), 0);
	assert_int_equal(st.pid, 0);
}

static void test_info_hostile(void **state)
{
	static const char *const bad[] = { "",
					   "\n\n",
					   "State:",
					   "State: \n",
					   "State: RUN",
					   "State: RUNNINGX\n",
					   "PID: 5\n",
					   "c1 doesn't exist\n",
					   " State: RUNNING\n" };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct error err = ERROR_INIT;
		struct lxc_status st;

		assert_int_equal(lxc_parse_info(bad[i], &st, &err), -1);
		assert_int_equal(err.code, ERROR_TOOL);
	}
}

static void list_cb(const struct lxc_status *st, void *data)
{
	strbuf_addf(data, "[%s %s %d]", st->name, lxc_state_name(st->state), (int)st->pid);
}

static void expect_list(const char *out, const char *seen, int refused)
{
	AUTO_STRBUF struct strbuf sb = STRBUF_INIT;

	assert_int_equal(lxc_parse_list(out, list_cb, &sb), refused);
	assert_string_equal(sb.buf, seen);
}

static void test_list(void **state)
{
	expect_list("STATE   PID   NAME \nRUNNING 16226 p1   \nFROZEN  16241 p2   \n",
		    "[p1 RUNNING 16226][p2 FROZEN 16241]", 0);
	expect_list("STATE    PID NAME\nSTARTING -   p1\n", "[p1 STARTING 0]", 0);
	expect_list("RUNNING 5 a name  ", "[a name RUNNING 5]", 0);
	expect_list("", "", 0);
	expect_list("STATE PID NAME\n", "", 0);
}

static void test_list_hostile(void **state)
{
	char line[400];

	expect_list("RUNNING\nRUNNING 5\nRUNNING 5 \nRUNNING x c1\nWHAT 5 c1\n", "", 5);
	expect_list("RUNNING 5 ../c1\nRUNNING 5 .\nRUNNING 5 a/b\nRUNNING 5 a\033b\nRUNNING 5 a\377\n", "",
		    5);
	expect_list("RUNNING 4294967296 c1\nRUNNING 5x c1\nRUNNING  c1\n", "", 3);
	expect_list("junk\nRUNNING 5 c1\njunk", "[c1 RUNNING 5]", 2);
	snprintf(line, sizeof(line), "RUNNING 5 %0300d\n", 1);
	expect_list(line, "", 1);
}

static void expect_event(const char *line, const char *name, enum lxc_state s)
{
	struct lxc_status st;

	assert_int_equal(lxc_parse_monitor_line(line, &st), 1);
	assert_string_equal(st.name, name);
	assert_int_equal(st.state, s);
}

static void test_monitor_line(void **state)
{
	expect_event("'p1' changed state to [RUNNING]", "p1", LXC_RUNNING);
	expect_event("'p1' changed state to [THAWED]", "p1", LXC_THAWED);
	expect_event("'a b' changed state to [STOPPED]", "a b", LXC_STOPPED);
	expect_event("'it's' changed state to [STOPPED]", "it's", LXC_STOPPED);
	/* a name made to look like an event of another */
	expect_event("'x' changed state to [y' changed state to [STOPPED]", "x' changed state to [y",
		     LXC_STOPPED);
}

static void test_monitor_line_noise(void **state)
{
	static const char *const noise[] = {
		"",
		"'",
		"]",
		"']",
		"'p1' exited with status [0]",
		"'p1' changed state to [RUNNING",
		"p1' changed state to [RUNNING]",
		"'p1' changed state to []",
		"'p1' changed state to [NOPE]",
		"'' changed state to [RUNNING]",
		"'a/b' changed state to [RUNNING]",
		"'..' changed state to [RUNNING]",
		"'a\001b' changed state to [RUNNING]",
		"' changed state to [RUNNING]",
	};
	struct lxc_status st;

	for (size_t i = 0; i < sizeof(noise) / sizeof(noise[0]); i++)
		assert_int_equal(lxc_parse_monitor_line(noise[i], &st), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_command_lines),
		cmocka_unit_test(test_monitor_command_line),
		cmocka_unit_test(test_states),
		cmocka_unit_test(test_info),
		cmocka_unit_test(test_info_hostile),
		cmocka_unit_test(test_list),
		cmocka_unit_test(test_list_hostile),
		cmocka_unit_test(test_monitor_line),
		cmocka_unit_test(test_monitor_line_noise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
