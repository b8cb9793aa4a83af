/* SPDX-License-Identifier: MIT */
/* attach_run with ordinary commands in the place of lxc-attach. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/strbuf.h"
#include "cli/attach.h"

struct child {
	pid_t pid;
	int in, out; /* ours; in -1: /dev/null */
};

/* attach_run in a process of its own, its streams on pipes. */
static void start(struct child *c, const char *script, enum attach_terminal terminal, bool with_input)
{
	int in[2], out[2];

	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	c->pid = fork();
	if (c->pid == 0) {
		struct error err = ERROR_INIT;
		struct argv a = ARGV_INIT;
		int rc;

		signal(SIGINT, SIG_DFL);
		dup2(with_input ? in[0] : open("/dev/null", O_RDONLY), STDIN_FILENO);
		dup2(out[1], STDOUT_FILENO);
		close(in[1]);
		close(out[0]);
		argv_pushl(&a, "sh", "-c", script, NULL);
		rc = attach_run(&a, terminal, &err);
		argv_clear(&a);
		_exit(rc < 0 ? 200 : rc);
	}
	close(in[0]);
	close(out[1]);
	c->in = in[1];
	c->out = out[0];
	if (!with_input) {
		close(c->in);
		c->in = -1;
	}
}

static char *read_all(int fd)
{
	struct strbuf sb = STRBUF_INIT;
	char buf[4096];
	ssize_t n;

	while ((n = read(fd, buf, sizeof(buf))) > 0)
		strbuf_add(&sb, buf, (size_t)n);
	return strbuf_detach(&sb);
}

static int finish(struct child *c)
{
	int status;

	if (c->in >= 0)
		close(c->in);
	close(c->out);
	assert_int_equal(waitpid(c->pid, &status, 0), c->pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static void expect(const char *script, enum attach_terminal terminal, const char *output, int rc)
{
	struct child c;
	AUTO_FREE char *text = NULL;

	start(&c, script, terminal, false);
	text = read_all(c.out);
	assert_int_equal(finish(&c), rc);
	assert_string_equal(text, output);
}

static void test_status(void **state)
{
	expect("exit 0", ATTACH_AUTO, "", 0);
	expect("exit 42", ATTACH_AUTO, "", 42);
	expect("kill -9 $$", ATTACH_AUTO, "", 137);
	expect("echo out; exit 3", ATTACH_NEVER, "out\n", 3);
}

static void test_bytes(void **state)
{
	struct child c;
	AUTO_FREE char *text = NULL;

	start(&c, "cat", ATTACH_AUTO, true);
	assert_int_equal(write(c.in, "a\0b\r\n\377", 6), 6);
	close(c.in);
	c.in = -1;
	text = read_all(c.out);
	assert_int_equal(finish(&c), 0);
	assert_memory_equal(text, "a\0b\r\n\377", 7);
}

static void test_terminal(void **state)
{
	expect("test -t 0 || echo none", ATTACH_AUTO, "none\n", 0);
	expect("test -t 0 && test -t 1 && test -t 2 && : </dev/tty && stty size; stty raw", ATTACH_ALWAYS, "24 80\n", 0);
}

/* Input waits until the terminal is in raw mode, and its end arrives as ^D. */
static void test_terminal_input(void **state)
{
	struct child c;
	AUTO_FREE char *text = NULL;

	start(&c, "stty raw -echo; head -c 4 | od -An -tx1", ATTACH_ALWAYS, true);
	assert_int_equal(write(c.in, "abc", 3), 3);
	close(c.in);
	c.in = -1;
	text = read_all(c.out);
	assert_int_equal(finish(&c), 0);
	assert_non_null(strstr(text, "61 62 63 04"));
}

/* A reader that goes away ends the command, as a broken pipe does. */
static void test_terminal_output_closed(void **state)
{
	struct child c;
	char byte;

	start(&c, "stty raw; while :; do echo y; done", ATTACH_ALWAYS, false);
	assert_int_equal(read(c.out, &byte, 1), 1);
	assert_int_not_equal(finish(&c), 0);
}

static void ready(const struct child *c)
{
	char buf[6];
	size_t n = 0;

	while (n < 6) {
		ssize_t got = read(c->out, buf + n, 6 - n);

		assert_true(got > 0);
		n += (size_t)got;
	}
	assert_memory_equal(buf, "ready\n", 6);
}

/* The signal goes to the child of what was run: lxc-attach itself would die and leave it. */
static void test_signals(void **state)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGHUP, SIGUSR1 };

	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		struct child c;
		AUTO_FREE char *text = NULL;

		start(&c, "sh -c 'trap \"echo got; exit 7\" TERM INT HUP USR1; echo ready; while :; do sleep 0.02; done'; "
			  "exit $(($? + 1))", ATTACH_AUTO, false);
		ready(&c);
		assert_int_equal(kill(c.pid, signals[i]), 0);
		text = read_all(c.out);
		assert_int_equal(finish(&c), 8);
		assert_string_equal(text, "got\n");
	}
}

static void test_missing_program(void **state)
{
	struct error err = ERROR_INIT;
	AUTO_ARGV struct argv a = ARGV_INIT;

	argv_push(&a, "/nosuch/lxc-attach");
	assert_int_equal(attach_run(&a, ATTACH_AUTO, &err), -1);
	assert_non_null(strstr(err.msg, "cannot run '/nosuch/lxc-attach'"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_status),
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_terminal),
		cmocka_unit_test(test_terminal_input),
		cmocka_unit_test(test_terminal_output_closed),
		cmocka_unit_test(test_signals),
		cmocka_unit_test(test_missing_program),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
