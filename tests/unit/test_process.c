/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/process.h"

/* A child that waits; its name is set when this returns. */
static pid_t child_named(const char *name)
{
	int ready[2];
	pid_t pid;
	char c;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		prctl(PR_SET_NAME, name);
		if (write(ready[1], "x", 1) == 1)
			for (;;)
				pause();
		_exit(1);
	}
	assert_int_equal(read(ready[0], &c, 1), 1);
	close(ready[0]);
	close(ready[1]);
	return pid;
}

static void end(pid_t pid)
{
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void the_same_process_has_the_same_id(void **state)
{
	pid_t parent = 0;
	AUTO_FREE char *one = process_id(getpid(), &parent);
	AUTO_FREE char *two = process_id(getpid(), NULL);
	AUTO_FREE char *pid = mem_printf(" %d ", (int)getpid());

	assert_non_null(one);
	assert_string_equal(one, two);
	assert_int_equal(parent, getppid());
	assert_int_equal(strcspn(one, " "), 36);
	assert_non_null(strstr(one, pid));
}

static void a_name_with_brackets_and_blanks_confuses_nobody(void **state)
{
	pid_t plain = child_named("plain"), odd = child_named("a) R 1 (b"), parent = 0;
	AUTO_FREE char *a = process_id(plain, NULL);
	AUTO_FREE char *b = process_id(odd, &parent);

	end(plain);
	end(odd);
	assert_non_null(a);
	assert_non_null(b);
	assert_int_equal(parent, getpid());
	assert_string_not_equal(a, b);
	/* started within the same moment: their start times have the same number of digits, give or take one */
	assert_true(labs((long)strlen(strrchr(a, ' ')) - (long)strlen(strrchr(b, ' '))) <= 1);
}

static void what_has_ended_has_none(void **state)
{
	pid_t pid = child_named("gone");
	siginfo_t ended;

	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitid(P_PID, (id_t)pid, &ended, WEXITED | WNOWAIT), 0); /* a zombie */
	assert_null(process_id(pid, NULL));
	end(pid);
	assert_null(process_id(pid, NULL));
	assert_null(process_id(0, NULL));
	assert_null(process_id(-1, NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_same_process_has_the_same_id),
		cmocka_unit_test(a_name_with_brackets_and_blanks_confuses_nobody),
		cmocka_unit_test(what_has_ended_has_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
