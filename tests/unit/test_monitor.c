/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "lxc/monitor.h"

#define HEAD "Num       RefCount Protocol Flags    Type St Inode Path\n"
#define LISTENER "00000000f1385249: 00000002 00000000 00010000 0001 01 82852 @lxc/555104faf2ee41b8//tmp/lxc\n"
#define ACCEPTED "000000000e789b45: 00000002 00000000 00000000 0001 03 82854 @lxc/555104faf2ee41b8//tmp/lxc\n"
#define WAITING "000000000e789b45: 00000002 00000000 00000000 0001 03     0 @lxc/555104faf2ee41b8//tmp/lxc\n"
#define ELSEWHERE                                                                                            \
	"000000000e789b45: 00000002 00000000 00000000 0001 03     0 @lxc/555104faf2ee41b8//tmp/lxc2\n"
#define OURS "000000000e789b46: 00000002 00000000 00000000 0001 03 82853\n"
#define OURS_ALONE "000000000e789b46: 00000002 00000000 00000000 0001 01 82853\n"

static bool connected(const char *text)
{
	static const uint64_t inodes[] = { 7, 82853 };

	return lxc_monitor_connected(text, "/tmp/lxc", inodes, 2);
}

static void test_connected(void **state)
{
	assert_true(connected(HEAD LISTENER ACCEPTED OURS));
	assert_true(connected(HEAD OURS ACCEPTED LISTENER));
	assert_true(connected(HEAD LISTENER ELSEWHERE OURS));
	assert_false(connected(HEAD LISTENER WAITING OURS));
	assert_false(connected(HEAD LISTENER OURS WAITING));
	assert_false(connected(HEAD LISTENER ACCEPTED));
	assert_false(connected(HEAD LISTENER OURS_ALONE));
	assert_false(connected(HEAD));
	assert_false(connected(""));
}

static void test_connected_hostile(void **state)
{
	static const char ours[] = OURS;
	char *text;

	assert_false(connected("\n\n:\nx: 1\nffff: 0 0 0 0 3\n"));
	assert_true(connected("zzzz\n" OURS));
	for (size_t len = 0; len < sizeof(ours) - 2; len++) {
		text = mem_strndup(ours, len);
		connected(text);
		free(text);
	}
	text = mem_alloc(100001);
	memset(text, '1', 100000);
	assert_false(connected(text));
	free(text);
}

/* LXC uses 105 bytes of the socket's name. */
static void test_long_lxcpath(void **state)
{
	char path[201] = "/";
	const uint64_t inode = 82853;
	char *text;

	memset(path + 1, 'p', 199);
	text = mem_printf(HEAD OURS "0: 2 0 0 1 03     0 @lxc/555104faf2ee41b8/%.83s\n", path);
	assert_false(lxc_monitor_connected(text, path, &inode, 1));
	free(text);
	text = mem_printf(HEAD OURS "0: 2 0 0 1 03     0 @lxc/555104faf2ee41b8/%.82s\n", path);
	assert_true(lxc_monitor_connected(text, path, &inode, 1));
	free(text);
}

/* ---- with a tool of our own in PATH */
struct run {
	uv_loop_t loop;
	struct lxc_monitor *monitor;
	struct strbuf seen;
	int stop_after_gaps; /* 0: at once */
};

static void state_cb(const char *name, enum lxc_state state, void *data)
{
	struct run *run = data;

	strbuf_addf(&run->seen, "%s=%s ", name, lxc_state_name(state));
}

static void gap_cb(void *data)
{
	struct run *run = data;

	strbuf_addstr(&run->seen, "gap ");
	if (--run->stop_after_gaps == 0)
		lxc_monitor_stop(run->monitor);
}

static void with_tool(struct run *run, const char *script)
{
	char work[] = "/tmp/berth-monitor-XXXXXX";
	char *old_path = mem_strdup(getenv("PATH"));
	struct error err = ERROR_INIT;
	char *path, *tool;

	assert_non_null(mkdtemp(work));
	tool = fs_join(work, "lxc-monitor");
	assert_int_equal(fs_write_atomic(tool, script, strlen(script), 0755, &err), 0);
	assert_int_equal(chmod(tool, 0755), 0);
	path = mem_printf("%s:%s", work, old_path);
	setenv("PATH", path, 1);
	uv_loop_init(&run->loop);
	strbuf_init(&run->seen);
	run->monitor = lxc_monitor_start(&run->loop, "/nonexistent/lxc", state_cb, gap_cb, run, &err);
	assert_string_equal(err.msg, "");
	assert_non_null(run->monitor);
	if (run->stop_after_gaps == 0)
		lxc_monitor_stop(run->monitor);
	uv_run(&run->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&run->loop), 0);
	setenv("PATH", old_path, 1);
	assert_int_equal(fs_remove_tree(work, &err), 0);
	free(old_path);
	free(path);
	free(tool);
}

/* This tool never connects, so the gap comes when the patience is over. */
static void test_events_and_late_gap(void **state)
{
	struct run run = { .stop_after_gaps = 1 };

	with_tool(
		&run,
		"#!/bin/sh\n[ \"$*\" = '-P /nonexistent/lxc -n .*' ] && [ -t 1 ] || exit 1\n"
		"echo \"'c1' changed state to [RUNNING]\"\necho \"'c1' exited with status [0]\"\necho noise\n"
		"echo \"'c 2' changed state to [STOPPED]\"\nexec sleep 1000\n");
	assert_string_equal(run.seen.buf, "c1=RUNNING c 2=STOPPED gap ");
	strbuf_clear(&run.seen);
}

static void test_stop_at_once(void **state)
{
	struct run run = { .stop_after_gaps = 0 };

	with_tool(&run, "#!/bin/sh\necho \"'c1' changed state to [RUNNING]\"\nexec sleep 1000\n");
	assert_string_equal(run.seen.buf, "");
	strbuf_clear(&run.seen);
	lxc_monitor_stop(NULL);
}

static void test_no_tool(void **state)
{
	char *old_path = mem_strdup(getenv("PATH"));
	struct error err = ERROR_INIT;
	struct run run = { 0 };

	setenv("PATH", "/nonexistent", 1);
	uv_loop_init(&run.loop);
	assert_null(lxc_monitor_start(&run.loop, "/nonexistent/lxc", state_cb, gap_cb, &run, &err));
	assert_non_null(strstr(err.msg, "cannot run 'lxc-monitor'"));
	uv_run(&run.loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&run.loop), 0);
	setenv("PATH", old_path, 1);
	free(old_path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_connected),    cmocka_unit_test(test_connected_hostile),
		cmocka_unit_test(test_long_lxcpath), cmocka_unit_test(test_events_and_late_gap),
		cmocka_unit_test(test_stop_at_once), cmocka_unit_test(test_no_tool),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
