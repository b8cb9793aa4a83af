/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"

static char text[4096];
static int real_stderr, file;

static void capture_begin(void)
{
	char path[] = "/tmp/berth-test-log-XXXXXX";

	file = mkstemp(path);
	assert_true(file >= 0);
	unlink(path);
	real_stderr = dup(STDERR_FILENO);
	dup2(file, STDERR_FILENO);
}

static const char *capture_end(void)
{
	ssize_t n = pread(file, text, sizeof(text) - 1, 0);

	dup2(real_stderr, STDERR_FILENO);
	close(real_stderr);
	close(file);
	text[n > 0 ? n : 0] = 0;
	return text;
}

static void assert_matches(const char *s, const char *pattern)
{
	regex_t re;
	int rc;

	assert_int_equal(regcomp(&re, pattern, REG_EXTENDED | REG_NOSUB), 0);
	rc = regexec(&re, s, 0, NULL, 0);
	regfree(&re);
	if (rc)
		fail_msg("'%s' does not match '%s'", s, pattern);
}

static int setup(void **state)
{
	unsetenv("JOURNAL_STREAM");
	log_set_level(LOG_LEVEL_INFO);
	log_set_sink(NULL, NULL);
	return 0;
}

static void levels_have_names(void **state)
{
	enum log_level level = LOG_LEVEL_INFO;

	assert_true(log_level_parse("debug", &level));
	assert_int_equal(level, LOG_LEVEL_DEBUG);
	assert_true(log_level_parse("error", &level));
	assert_int_equal(level, LOG_LEVEL_ERROR);
	assert_false(log_level_parse("Info", &level));
	assert_false(log_level_parse("", &level));
	assert_int_equal(level, LOG_LEVEL_ERROR);
}

static void lines_have_time_and_level(void **state)
{
	capture_begin();
	errno = EINTR;
	log_warning("low on %s", "ports");
	assert_int_equal(errno, EINTR);
	assert_matches(
		capture_end(),
		"^20[0-9]{2}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-6][0-9]Z warning low on ports\n$");
}

static void the_level_filters(void **state)
{
	capture_begin();
	log_debug("no");
	log_set_level(LOG_LEVEL_ERROR);
	log_warning("no");
	log_error("yes");
	assert_int_equal(log_get_level(), LOG_LEVEL_ERROR);
	assert_matches(capture_end(), "^[^\n]* error yes\n$");
}

static void a_message_stays_one_line(void **state)
{
	capture_begin();
	log_error("name 'a\n2026-01-01T00:00:00Z error forged\x1b[2J\r\x7f'");
	assert_matches(
		capture_end(),
		"^[^\n]* error name 'a\\\\n2026-01-01T00:00:00Z error forged\\\\x1b\\[2J\\\\x0d\\\\x7f'\n$");
}

static void the_journal_gets_priorities(void **state)
{
	char stream[64];
	struct stat st;

	capture_begin();
	fstat(STDERR_FILENO, &st);
	snprintf(stream, sizeof(stream), "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
	setenv("JOURNAL_STREAM", stream, 1);
	log_error("a");
	log_info("b");
	setenv("JOURNAL_STREAM", "1:2", 1);
	log_info("c");
	assert_matches(capture_end(), "^<3>a\n<6>b\n20[^\n]* info c\n$");
}

static void sink(enum log_level level, const char *msg, void *data)
{
	snprintf(data, 64, "%d:%s", (int)level, msg);
	log_error("from the sink");
}

static void the_sink_gets_each_line_once(void **state)
{
	char got[64] = "";

	log_set_sink(sink, got);
	capture_begin();
	log_debug("below the level");
	assert_string_equal(got, "");
	log_info("x\ny");
	assert_matches(capture_end(), "^[^\n]* info x\\\\ny\n[^\n]* error from the sink\n$");
	assert_string_equal(got, "2:x\ny");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(levels_have_names, setup),
		cmocka_unit_test_setup(lines_have_time_and_level, setup),
		cmocka_unit_test_setup(the_level_filters, setup),
		cmocka_unit_test_setup(a_message_stays_one_line, setup),
		cmocka_unit_test_setup(the_journal_gets_priorities, setup),
		cmocka_unit_test_setup(the_sink_gets_each_line_once, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
