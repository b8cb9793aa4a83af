/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/argv.h"
#include "base/mem.h"

static void is_null_terminated(void **state)
{
	struct argv a = ARGV_INIT;
	int i;

	argv_push(&a, "lxc-start");
	assert_null(a.v[1]);
	argv_pushl(&a, "-n", "c1", NULL);
	argv_pushf(&a, "--define=%s=%d", "x", 3);
	argv_push_take(&a, mem_strdup("last"));
	assert_int_equal(a.n, 5);
	assert_string_equal(a.v[2], "c1");
	assert_string_equal(a.v[3], "--define=x=3");
	assert_null(a.v[5]);
	for (i = 0; i < 1000; i++)
		argv_push(&a, "");
	assert_int_equal(a.n, 1005);
	assert_null(a.v[1005]);
	argv_clear(&a);
	assert_int_equal(a.n, 0);
	assert_null(a.v);
	argv_clear(&a);
}

static void quotes_for_people(void **state)
{
	static const struct {
		const char *word, *quoted;
	} cases[] = {
		{ "plain-1.2_x/y:z=3,@%+^", "plain-1.2_x/y:z=3,@%+^" },
		{ "", "''" },
		{ "two words", "'two words'" },
		{ "$(reboot)", "'$(reboot)'" },
		{ "it's", "'it'\\''s'" },
		{ "a\nb", "$'a\\012b'" },
		{ "q'\\\x1b", "$'q\\'\\\\\\033'" },
		{ "\xc3\xa4", "'\xc3\xa4'" },
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		AUTO_ARGV struct argv a = ARGV_INIT;
		AUTO_FREE char *line = NULL;

		argv_push(&a, cases[i].word);
		line = argv_quote(&a);
		assert_string_equal(line, cases[i].quoted);
	}
}

/* What a shell makes of the line is what went in, and the line is one line. */
static void a_shell_reads_it_back(void **state)
{
	static const char *const words[] = { "a b", "it's", "$HOME", "`id`", "x\ny\tz",
					     "\\",  "\"",   "-n",    "*",    "'\x01'" };
	AUTO_ARGV struct argv a = ARGV_INIT;
	AUTO_FREE char *line = NULL, *script = NULL;
	char got[256];
	size_t i, n = 0, want = 0;
	ssize_t r;
	int fds[2];
	pid_t pid;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		argv_push(&a, words[i]);
	line = argv_quote(&a);
	assert_null(strpbrk(line, "\n\t\x01"));
	script = mem_printf("printf '%%s\\0' %s", line);
	assert_int_equal(pipe(fds), 0);
	pid = fork();
	if (pid == 0) {
		dup2(fds[1], 1);
		execl("/bin/bash", "bash", "-c", script, (char *)NULL);
		_exit(127);
	}
	close(fds[1]);
	while ((r = read(fds[0], got + n, sizeof(got) - n)) > 0)
		n += (size_t)r;
	close(fds[0]);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		assert_true(want < n);
		assert_string_equal(got + want, words[i]);
		want += strlen(words[i]) + 1;
	}
	assert_int_equal(want, n);
}

static void nothing_is_an_empty_line(void **state)
{
	struct argv a = ARGV_INIT;
	AUTO_FREE char *line = argv_quote(&a);

	assert_string_equal(line, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_null_terminated),
		cmocka_unit_test(quotes_for_people),
		cmocka_unit_test(a_shell_reads_it_back),
		cmocka_unit_test(nothing_is_an_empty_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
