/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/strbuf.h"
#include "proc/proc.h"

/* A loop, and what the last child's on_exit saw. */
struct run {
	uv_loop_t loop;
	struct proc *proc;
	int exits;
	struct proc_result result;
	char *out, *errs;
	char check[1024];
	enum error_code code;
	struct strbuf lines; /* each followed by '|' */
	bool abandon_on_line;
};

static int count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static void exit_cb(const struct proc_result *result, void *data)
{
	struct run *run = data;
	struct error err = ERROR_INIT;

	run->exits++;
	free(run->out);
	free(run->errs);
	run->result = *result;
	run->out = mem_strndup(result->out, result->out_len);
	run->errs = mem_strndup(result->errs, result->errs_len);
	assert_int_equal(result->out[result->out_len], 0);
	if (proc_check("tool", result, &err) < 0)
		assert_int_not_equal(err.code, ERROR_NONE);
	run->code = err.code;
	memcpy(run->check, err.msg, sizeof(run->check));
}

static void line_cb(const char *line, void *data)
{
	struct run *run = data;

	strbuf_addstr(&run->lines, line);
	strbuf_addch(&run->lines, '|');
	if (run->abandon_on_line)
		proc_abandon(run->proc);
}

static void run_forget(struct run *run)
{
	free(run->out);
	free(run->errs);
	run->out = run->errs = NULL;
	strbuf_reset(&run->lines);
	run->exits = 0;
}

static struct proc_spec spec_for(struct run *run, const char *const *argv)
{
	return (struct proc_spec){ .argv = argv, .on_exit = exit_cb, .data = run };
}

static void run_spec(struct run *run, const struct proc_spec *spec)
{
	struct error err = ERROR_INIT;

	run_forget(run);
	run->proc = proc_start(&run->loop, spec, &err);
	assert_string_equal(err.msg, "");
	assert_non_null(run->proc);
	assert_true(proc_pid(run->proc) > 1);
	uv_run(&run->loop, UV_RUN_DEFAULT);
	assert_int_equal(run->exits, 1);
}

#define SH(script)                                                                                           \
	(const char *const[])                                                                                \
	{                                                                                                    \
		"sh", "-c", script, NULL                                                                     \
	}

static void run_sh(struct run *run, const char *script)
{
	struct proc_spec spec = spec_for(run, SH(script));

	run_spec(run, &spec);
}

static int setup(void **state)
{
	struct run *run = mem_alloc(sizeof(*run));

	uv_loop_init(&run->loop);
	strbuf_init(&run->lines);
	*state = run;
	return 0;
}

static int teardown(void **state)
{
	struct run *run = *state;

	run_forget(run);
	strbuf_clear(&run->lines);
	uv_run(&run->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&run->loop), 0);
	free(run);
	return 0;
}

static void test_captures_both_streams(void **state)
{
	struct run *run = *state;

	run_sh(run, "echo out; echo err >&2");
	assert_string_equal(run->out, "out\n");
	assert_string_equal(run->errs, "err\n");
	assert_int_equal(run->result.exit_code, 0);
	assert_int_equal(run->result.signal, 0);
	assert_false(run->result.truncated);
	assert_false(run->result.timed_out);
	assert_int_equal(run->code, ERROR_NONE);
}

static void test_surroundings_are_clean(void **state)
{
	struct run *run = *state;

	run_sh(run,
	       "env | grep -v -e ^PATH= -e ^_= -e ^PWD= -e ^SHLVL= | sort; pwd; readlink /proc/self/fd/0;"
	       "ls /proc/self/fd; echo x >/dev/stderr");
	assert_string_equal(run->out, "HOME=/root\nLC_ALL=C\n/\n/dev/null\n0\n1\n2\n3\n");
	assert_string_equal(run->errs, "x\n");
}

static void test_signals_are_reset(void **state)
{
	struct run *run = *state;
	sigset_t set, old;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, &old);
	run_sh(run, "grep -E '^Sig(Blk|Ign)' /proc/self/status");
	sigprocmask(SIG_SETMASK, &old, NULL);
	signal(SIGPIPE, SIG_DFL);
	assert_string_equal(run->out, "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
}

static void test_leads_its_own_session(void **state)
{
	struct run *run = *state;
	const char *const argv[] = { "sh", "-c", "read -r p x y z g s t </proc/self/stat; echo $p $g $s $t",
				     NULL };
	struct proc_spec spec = spec_for(run, argv);
	int pid, group, session, tty;

	spec.tty_stdout = true;
	run_spec(run, &spec);
	assert_int_equal(sscanf(run->out, "%d %d %d %d", &pid, &group, &session, &tty), 4);
	assert_int_equal(pid, group);
	assert_int_equal(pid, session);
	assert_int_equal(tty, 0); /* the pty does not become its controlling terminal */
}

static void test_exit_errors(void **state)
{
	struct run *run = *state;

	run_sh(run, "echo first >&2; echo 'second line' >&2; echo >&2; exit 3");
	assert_int_equal(run->result.exit_code, 3);
	assert_string_equal(run->check, "'tool' exited with 3: second line");
	assert_int_equal(run->code, ERROR_TOOL);
	run_sh(run, "echo from stdout; exit 1");
	assert_string_equal(run->check, "'tool' exited with 1: from stdout");
	run_sh(run, "exit 255");
	assert_string_equal(run->check, "'tool' exited with 255");
	run_sh(run, "kill -9 $$");
	assert_int_equal(run->result.signal, 9);
	assert_int_equal(run->result.exit_code, -1);
	assert_string_equal(run->check, "'tool' was killed by signal 9");
}

static void test_last_line_is_made_printable(void **state)
{
	struct run *run = *state;

	run_sh(run, "printf 'a\\tb\\033[1mc\\303\\251\\377\\300\\200d\\r\\n' >&2; exit 1");
	assert_string_equal(run->check, "'tool' exited with 1: a b [1mc\303\251???d");
	run_sh(run, "head -c 100000 /dev/zero | tr '\\0' x >&2; exit 1");
	assert_true(strlen(run->check) < 700);
}

static void test_clean_text_keeps_sequences_whole(void **state)
{
	char buf[5];

	proc_clean_text("abc\303\251", 5, buf, sizeof(buf));
	assert_string_equal(buf, "abc");
	proc_clean_text("ab\303\251", 4, buf, sizeof(buf));
	assert_string_equal(buf, "ab\303\251");
	proc_clean_text("\303", 1, buf, sizeof(buf));
	assert_string_equal(buf, "?");
	proc_clean_text("\355\240\200", 3, buf, sizeof(buf)); /* a surrogate */
	assert_string_equal(buf, "???");
	proc_clean_text("x", 0, buf, sizeof(buf));
	assert_string_equal(buf, "");
}

static void test_cannot_run(void **state)
{
	struct run *run = *state;
	int fds = count_fds();

	for (int i = 0; i < 3; i++) {
		const char *argv[] = { i == 0	? "/nonexistent/tool"
				       : i == 1 ? "no-such-tool-x"
						: "/etc/passwd",
				       NULL };
		struct proc_spec spec = spec_for(run, argv);
		struct error err = ERROR_INIT;

		spec.input = "x";
		spec.input_len = 1;
		assert_null(proc_start(&run->loop, &spec, &err));
		assert_int_equal(err.code, ERROR_TOOL);
		assert_non_null(strstr(err.msg, "cannot run '"));
		assert_int_equal(err.sys, i == 2 ? EACCES : ENOENT);
	}
	uv_run(&run->loop, UV_RUN_DEFAULT);
	assert_int_equal(run->exits, 0);
	assert_true(count_fds() <= fds + 2); /* libuv's own signal pipe */
}

static void test_input_from_memory(void **state)
{
	struct run *run = *state;
	size_t size = 3 * 1024 * 1024;
	char *big = mem_alloc(size);
	struct proc_spec spec = spec_for(run, (const char *const[]){ "wc", "-c", NULL });

	memset(big, 'x', size);
	spec.input = big;
	spec.input_len = size;
	run_spec(run, &spec);
	assert_string_equal(run->out, "3145728\n");
	spec.argv = (const char *const[]){ "true", NULL }; /* does not read it */
	run_spec(run, &spec);
	assert_int_equal(run->code, ERROR_NONE);
	spec.argv = (const char *const[]){ "cat", NULL };
	spec.input = "";
	spec.input_len = 0;
	run_spec(run, &spec);
	assert_string_equal(run->out, "");
	free(big);
}

static void test_output_keeps_the_tail(void **state)
{
	struct run *run = *state;
	struct proc_spec spec = spec_for(run, SH("seq 1 200000; seq 1 9 >&2"));

	spec.output_max = 1000;
	run_spec(run, &spec);
	assert_true(run->result.truncated);
	assert_int_equal(run->result.out_len, 1000);
	assert_string_equal(run->out + 1000 - 7, "200000\n");
	assert_string_equal(run->errs, "1\n2\n3\n4\n5\n6\n7\n8\n9\n");
	spec.argv = SH("head -c 1000 /dev/zero | tr '\\0' y");
	run_spec(run, &spec);
	assert_false(run->result.truncated);
	assert_int_equal(run->result.out_len, 1000);
}

static void test_lines(void **state)
{
	struct run *run = *state;
	struct proc_spec spec = spec_for(run, SH("printf 'one\\ntwo\\r\\n\\nthr'; printf 'ee'"));

	spec.on_line = line_cb;
	run_spec(run, &spec);
	assert_string_equal(run->lines.buf, "one|two||three|");
	assert_string_equal(run->out, "");
	spec.argv = SH("head -c 200000 /dev/zero | tr '\\0' z; echo; echo end");
	run_spec(run, &spec);
	assert_int_equal(run->lines.len, 65536 + 1 + 4);
	assert_string_equal(run->lines.buf + 65536, "|end|");
}

static void test_lines_from_a_pty(void **state)
{
	struct run *run = *state;
	struct proc_spec spec =
		spec_for(run, SH("test -t 1 && echo tty; test -t 0 || echo no; test -t 2 || echo no"));

	spec.on_line = line_cb;
	spec.tty_stdout = true;
	run_spec(run, &spec);
	assert_string_equal(run->lines.buf, "tty|no|no|");
}

static void test_inherited_descriptors(void **state)
{
	struct run *run = *state;
	struct proc_spec spec = spec_for(run, SH("cat; cat <&3"));
	int in[2], out[2], extra[2];
	char buf[32];

	assert_int_equal(pipe2(in, O_CLOEXEC) | pipe2(out, O_CLOEXEC) | pipe2(extra, O_CLOEXEC), 0);
	assert_int_equal(write(in[1], "in ", 3), 3);
	assert_int_equal(write(extra[1], "extra", 5), 5);
	close(in[1]);
	close(extra[1]);
	spec.use_stdin_fd = spec.use_stdout_fd = spec.use_extra_fd = true;
	spec.stdin_fd = in[0];
	spec.stdout_fd = out[1];
	spec.extra_fd = extra[0];
	run_spec(run, &spec);
	close(out[1]);
	assert_int_equal(read(out[0], buf, sizeof(buf)), 8);
	assert_memory_equal(buf, "in extra", 8);
	assert_int_equal(read(out[0], buf, sizeof(buf)), 0);
	close(in[0]);
	close(out[0]);
	close(extra[0]);
	assert_string_equal(run->out, "");
}

static void test_ids(void **state)
{
	struct run *run = *state;
	struct proc_spec spec = spec_for(run, SH("id -u; id -g; id -G"));

	if (geteuid() != 0)
		skip();
	spec.use_ids = true;
	spec.uid = 12345;
	spec.gid = 23456;
	run_spec(run, &spec);
	assert_string_equal(run->out, "12345\n23456\n23456\n");
}

static void test_env_and_cwd(void **state)
{
	struct run *run = *state;
	struct proc_spec spec = spec_for(run, (const char *const[]){ "/usr/bin/env", "pwd", NULL });

	spec.env = (const char *const[]){ "PATH=/usr/bin:/bin", "A=b", NULL };
	spec.cwd = "/tmp";
	run_spec(run, &spec);
	assert_string_equal(run->out, "/tmp\n");
	spec.argv = (const char *const[]){ "env", NULL };
	run_spec(run, &spec);
	assert_string_equal(run->out, "PATH=/usr/bin:/bin\nA=b\n");
}

static void test_timeout_ends_the_group(void **state)
{
	struct run *run = *state;
	/* the grandchild ignores SIGTERM and keeps the pipe: it must not outlive the timeout */
	struct proc_spec spec = spec_for(run, SH("(trap '' TERM; echo ready; exec sleep 1000) & wait"));

	spec.timeout_ms = 2000; /* until then it must have said so */
	run_spec(run, &spec);
	assert_true(run->result.timed_out);
	assert_int_equal(run->result.signal, SIGTERM);
	assert_int_equal(run->code, ERROR_TIMEOUT);
	assert_string_equal(run->check, "'tool' timed out: ready");
}

static void kill_cb(uv_timer_t *timer)
{
	struct run *run = timer->data;

	proc_kill(run->proc, SIGKILL);
	uv_close((uv_handle_t *)timer, NULL);
}

static void test_kill(void **state)
{
	struct run *run = *state;
	struct proc_spec spec = spec_for(run, SH("sleep 1000 & sleep 1000"));
	uv_timer_t timer;

	uv_timer_init(&run->loop, &timer);
	timer.data = run;
	uv_timer_start(&timer, kill_cb, 20, 0);
	run_spec(run, &spec);
	assert_int_equal(run->result.signal, SIGKILL);
	assert_false(run->result.timed_out);
}

static void test_drain_grace(void **state)
{
	struct run *run = *state;
	pid_t left;

	/* a daemon that left the group and keeps both pipes: on_exit comes all the same */
	run_sh(run, "setsid sh -c 'echo $$; exec sleep 1000' & exit 0");
	assert_int_equal(run->result.exit_code, 0);
	left = (pid_t)atoi(run->out);
	assert_true(left > 1);
	assert_int_equal(kill(left, SIGKILL), 0);
}

static void test_abandon(void **state)
{
	struct run *run = *state;
	struct proc_spec spec = spec_for(run, SH("sleep 1000 & echo line; sleep 1000"));
	struct error err = ERROR_INIT;
	pid_t pid;

	run->proc = proc_start(&run->loop, &spec, &err);
	assert_non_null(run->proc);
	pid = proc_pid(run->proc);
	proc_abandon(run->proc);
	proc_abandon(run->proc);
	uv_run(&run->loop, UV_RUN_DEFAULT);
	assert_int_equal(run->exits, 0);
	assert_int_equal(kill(pid, 0), -1);
	assert_int_equal(errno, ESRCH);

	run->abandon_on_line = true;
	spec.on_line = line_cb;
	spec.argv = SH("echo a; echo b; sleep 1000");
	run->proc = proc_start(&run->loop, &spec, &err);
	assert_non_null(run->proc);
	uv_run(&run->loop, UV_RUN_DEFAULT);
	assert_string_equal(run->lines.buf, "a|");
	assert_int_equal(run->exits, 0);
}

/* Or a zombie, where nobody reaps orphans. */
static bool is_gone(pid_t pid)
{
	char *path = mem_printf("/proc/%d/status", (int)pid);
	FILE *file = fopen(path, "r");
	char text[512] = "";
	bool gone = !file || fread(text, 1, sizeof(text) - 1, file) == 0 || strstr(text, "State:\tZ");

	if (file)
		fclose(file);
	free(path);
	return gone;
}

/* kill -9 of the daemon: no tool goes on behind the next one's back. */
static void test_child_dies_with_parent(void **state)
{
	struct run *run = *state;
	struct proc_spec spec = spec_for(run, (const char *const[]){ "sleep", "1000", NULL });
	struct error err = ERROR_INIT;
	int fds[2], status;
	pid_t pid, parent;

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	parent = fork();
	if (parent == 0) {
		uv_loop_t loop;

		uv_loop_init(&loop);
		pid = proc_pid(proc_start(&loop, &spec, &err));
		if (write(fds[1], &pid, sizeof(pid)) != sizeof(pid))
			_exit(1);
		kill(getpid(), SIGKILL);
	}
	assert_int_equal(waitpid(parent, &status, 0), parent);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(read(fds[0], &pid, sizeof(pid)), sizeof(pid));
	close(fds[0]);
	close(fds[1]);
	for (int i = 0; i < 10000 && !is_gone(pid); i++)
		usleep(1000);
	assert_true(is_gone(pid));
}

static void test_many_leave_nothing(void **state)
{
	struct run *run = *state;
	struct proc_spec spec = spec_for(run, SH("echo x; echo y >&2"));
	struct error err = ERROR_INIT;
	int fds;

	run_spec(run, &spec);
	run_forget(run);
	fds = count_fds();
	spec.argv = (const char *const[]){ "true", NULL };
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 40; i++) {
			spec.tty_stdout = i % 4 == 0;
			assert_non_null(proc_start(&run->loop, &spec, &err));
		}
		uv_run(&run->loop, UV_RUN_DEFAULT);
		assert_int_equal(run->exits, 40);
		run_forget(run);
	}
	assert_int_equal(count_fds(), fds);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_captures_both_streams, setup, teardown),
		cmocka_unit_test_setup_teardown(test_surroundings_are_clean, setup, teardown),
		cmocka_unit_test_setup_teardown(test_signals_are_reset, setup, teardown),
		cmocka_unit_test_setup_teardown(test_leads_its_own_session, setup, teardown),
		cmocka_unit_test_setup_teardown(test_exit_errors, setup, teardown),
		cmocka_unit_test_setup_teardown(test_last_line_is_made_printable, setup, teardown),
		cmocka_unit_test(test_clean_text_keeps_sequences_whole),
		cmocka_unit_test_setup_teardown(test_cannot_run, setup, teardown),
		cmocka_unit_test_setup_teardown(test_input_from_memory, setup, teardown),
		cmocka_unit_test_setup_teardown(test_output_keeps_the_tail, setup, teardown),
		cmocka_unit_test_setup_teardown(test_lines, setup, teardown),
		cmocka_unit_test_setup_teardown(test_lines_from_a_pty, setup, teardown),
		cmocka_unit_test_setup_teardown(test_inherited_descriptors, setup, teardown),
		cmocka_unit_test_setup_teardown(test_ids, setup, teardown),
		cmocka_unit_test_setup_teardown(test_env_and_cwd, setup, teardown),
		cmocka_unit_test_setup_teardown(test_timeout_ends_the_group, setup, teardown),
		cmocka_unit_test_setup_teardown(test_kill, setup, teardown),
		cmocka_unit_test_setup_teardown(test_drain_grace, setup, teardown),
		cmocka_unit_test_setup_teardown(test_abandon, setup, teardown),
		cmocka_unit_test_setup_teardown(test_child_dies_with_parent, setup, teardown),
		cmocka_unit_test_setup_teardown(test_many_leave_nothing, setup, teardown),
	};

	close_range(3, ~0u, CLOSE_RANGE_CLOEXEC); /* what the caller left open is no child's business */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
