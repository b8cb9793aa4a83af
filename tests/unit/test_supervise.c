/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "proc/supervise.h"

struct run {
	uv_loop_t loop;
	struct supervise *supervise;
	int starts;
	int stop_after; /* starts, then supervise_stop from on_line */
	pid_t pid;
	struct strbuf lines, warnings;
};

static void sink_cb(enum log_level level, const char *msg, void *data)
{
	struct run *run = data;

	strbuf_addf(&run->warnings, "%s\n", msg);
}

static int setup(void **state)
{
	struct run *run = mem_alloc(sizeof(*run));

	uv_loop_init(&run->loop);
	strbuf_init(&run->lines);
	strbuf_init(&run->warnings);
	log_set_sink(sink_cb, run);
	*state = run;
	return 0;
}

static int teardown(void **state)
{
	struct run *run = *state;

	uv_run(&run->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&run->loop), 0);
	log_set_sink(NULL, NULL);
	strbuf_clear(&run->lines);
	strbuf_clear(&run->warnings);
	free(run);
	return 0;
}

static void start_cb(void *data)
{
	struct run *run = data;

	run->starts++;
}

static void line_cb(const char *line, void *data)
{
	struct run *run = data;

	strbuf_addf(&run->lines, "%s|", line);
	run->pid = supervise_pid(run->supervise);
	if (run->starts == run->stop_after)
		supervise_stop(run->supervise);
}

static struct proc_spec spec_for(struct run *run, const char *const *argv)
{
	return (struct proc_spec){ .argv = argv, .on_line = line_cb, .data = run };
}

#define SH(script)                                                                                           \
	(const char *const[])                                                                                \
	{                                                                                                    \
		"sh", "-c", script, NULL                                                                     \
	}

static void test_starts_again(void **state)
{
	struct run *run = *state;
	char *argv[] = { mem_strdup("sh"), mem_strdup("-c"), mem_strdup("echo $0 $V; pwd; exit 3"),
			 mem_strdup("zero"), NULL };
	struct proc_spec spec = spec_for(run, (const char *const *)argv);
	struct error err = ERROR_INIT;

	spec.env = (const char *const[]){ "V=x", NULL };
	spec.cwd = "/proc";
	run->stop_after = 3;
	run->supervise = supervise_start(&run->loop, &spec, start_cb, &err);
	assert_non_null(run->supervise);
	assert_int_equal(run->starts, 1);
	for (int i = 0; argv[i]; i++) { /* it has its own copy */
		memset(argv[i], 'X', strlen(argv[i]));
		free(argv[i]);
	}
	uv_run(&run->loop, UV_RUN_DEFAULT);
	assert_int_equal(run->starts, 3);
	assert_string_equal(run->lines.buf, "zero x|/proc|zero x|/proc|zero x|");
	assert_non_null(strstr(run->warnings.buf, "'sh' exited with 3; starting it again in 100 ms\n"));
	assert_non_null(strstr(run->warnings.buf, "'sh' exited with 3; starting it again in 200 ms\n"));
}

static void test_stop_ends_the_child(void **state)
{
	struct run *run = *state;
	struct proc_spec spec = spec_for(run, SH("echo up; exec sleep 1000"));
	struct error err = ERROR_INIT;

	run->stop_after = 1;
	run->supervise = supervise_start(&run->loop, &spec, start_cb, &err);
	assert_non_null(run->supervise);
	uv_run(&run->loop, UV_RUN_DEFAULT);
	assert_string_equal(run->lines.buf, "up|");
	assert_int_equal(kill(run->pid, 0), -1);
	assert_int_equal(errno, ESRCH);
	assert_string_equal(run->warnings.buf, "");
}

static void ended_cb(void *data)
{
	struct run *run = data;

	assert_int_equal(kill(run->pid, 0), -1); /* it is gone, not only told to go */
	strbuf_addf(&run->lines, "ended|");
}

static void test_stop_tells_when_it_has_ended(void **state)
{
	struct run *run = *state;
	struct proc_spec spec = spec_for(run, SH("trap 'sleep 0.1; exit' TERM; echo up; while :; do sleep 0.01; done"));
	struct error err = ERROR_INIT;

	run->stop_after = -1;
	run->supervise = supervise_start(&run->loop, &spec, start_cb, &err);
	assert_non_null(run->supervise);
	while (run->lines.len == 0 && uv_run(&run->loop, UV_RUN_ONCE))
		;
	assert_true(supervise_stop_then(run->supervise, ended_cb, run));
	assert_false(supervise_stop_then(run->supervise, ended_cb, run)); /* once */
	assert_string_equal(run->lines.buf, "up|");
	uv_run(&run->loop, UV_RUN_DEFAULT);
	assert_string_equal(run->lines.buf, "up|ended|");
	assert_false(supervise_stop_then(NULL, ended_cb, run));
}

static void test_no_callback_after_stop(void **state)
{
	struct run *run = *state;
	struct proc_spec spec = spec_for(
		run, SH("trap 'echo late; exit' TERM; echo one; echo two; while :; do sleep 0.01; done"));
	struct error err = ERROR_INIT;

	run->stop_after = 1;
	run->supervise = supervise_start(&run->loop, &spec, start_cb, &err);
	assert_non_null(run->supervise);
	uv_run(&run->loop, UV_RUN_DEFAULT);
	assert_string_equal(run->lines.buf, "one|");
}

static void test_stop_between_two_runs(void **state)
{
	struct run *run = *state;
	struct proc_spec spec = spec_for(run, (const char *const[]){ "false", NULL });
	struct error err = ERROR_INIT;

	run->supervise = supervise_start(&run->loop, &spec, NULL, &err);
	assert_non_null(run->supervise);
	assert_true(supervise_pid(run->supervise) > 1);
	while (supervise_pid(run->supervise) && uv_run(&run->loop, UV_RUN_ONCE))
		;
	supervise_stop(run->supervise);
	uv_run(&run->loop, UV_RUN_DEFAULT);
}

static void test_first_start_fails(void **state)
{
	struct run *run = *state;
	struct proc_spec spec = spec_for(run, (const char *const[]){ "/nonexistent/monitor", NULL });
	struct error err = ERROR_INIT;

	assert_null(supervise_start(&run->loop, &spec, start_cb, &err));
	assert_non_null(strstr(err.msg, "cannot run '/nonexistent/monitor'"));
	assert_int_equal(run->starts, 0);
	supervise_stop(NULL);
}

/* The program vanishes (a package upgrade) and comes back. */
static void test_later_start_fails(void **state)
{
	struct run *run = *state;
	char path[] = "/tmp/berth-supervise-XXXXXX";
	int fd = mkstemp(path);
	const char *script = "#!/bin/sh\nrm \"$0\"\necho gone\n";
	struct proc_spec spec = spec_for(run, (const char *const[]){ path, NULL });
	struct error err = ERROR_INIT;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, script, strlen(script)), (ssize_t)strlen(script));
	assert_int_equal(fchmod(fd, 0755), 0);
	close(fd);
	run->stop_after = -1;
	run->supervise = supervise_start(&run->loop, &spec, start_cb, &err);
	assert_non_null(run->supervise);
	while (!strstr(run->warnings.buf, "cannot run '") && uv_run(&run->loop, UV_RUN_ONCE))
		;
	assert_non_null(strstr(run->warnings.buf, "starting it again in 200 ms"));
	assert_int_equal(run->starts, 1);
	assert_string_equal(run->lines.buf, "gone|");
	supervise_stop(run->supervise);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_starts_again, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stop_ends_the_child, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stop_tells_when_it_has_ended, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_callback_after_stop, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stop_between_two_runs, setup, teardown),
		cmocka_unit_test_setup_teardown(test_first_start_fails, setup, teardown),
		cmocka_unit_test_setup_teardown(test_later_start_fails, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
