/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/mem.h"
#include "cli/cli.h"

/* What table_print writes to stdout. */
static char *printed(const struct table *t, enum format format, const cJSON *objects)
{
	struct error err = ERROR_INIT;
	FILE *out = tmpfile();
	int saved = dup(STDOUT_FILENO);
	char *text = mem_alloc(65536);

	fflush(stdout);
	dup2(fileno(out), STDOUT_FILENO);
	assert_int_equal(table_print(t, format, objects, &err), 0);
	fflush(stdout);
	dup2(saved, STDOUT_FILENO);
	close(saved);
	assert_true(pread(fileno(out), text, 65535, 0) >= 0);
	fclose(out);
	return text;
}

static void expect(const struct table *t, enum format format, const char *want)
{
	AUTO_FREE char *text = printed(t, format, NULL);

	assert_string_equal(text, want);
}

static const char *const headers[] = { "NAME", "STATE", "IPV4" };

static struct table *sample(void)
{
	struct table *t = table_new(headers, 3);

	table_row(t, (const char *const[]){ "c2", "RUNNING", "10.77.0.64 (eth0)" });
	table_row(t, (const char *const[]){ "c1", "STOPPED", NULL });
	return t;
}

static void test_table(void **state)
{
	struct table *t = sample();

	expect(t, FORMAT_TABLE,
	       "+------+---------+-------------------+\n"
	       "| NAME |  STATE  |       IPV4        |\n"
	       "+------+---------+-------------------+\n"
	       "| c1   | STOPPED |                   |\n"
	       "+------+---------+-------------------+\n"
	       "| c2   | RUNNING | 10.77.0.64 (eth0) |\n"
	       "+------+---------+-------------------+\n");
	table_free(t);
}

static void test_empty(void **state)
{
	struct table *t = table_new(headers, 3);

	expect(t, FORMAT_TABLE,
	       "+------+-------+------+\n"
	       "| NAME | STATE | IPV4 |\n"
	       "+------+-------+------+\n");
	expect(t, FORMAT_COMPACT, "NAME  STATE  IPV4\n");
	expect(t, FORMAT_CSV, "");
	table_free(t);
}

static void test_compact_and_csv(void **state)
{
	struct table *t = sample();

	expect(t, FORMAT_COMPACT,
	       "NAME  STATE    IPV4\n"
	       "c1    STOPPED\n"
	       "c2    RUNNING  10.77.0.64 (eth0)\n");
	expect(t, FORMAT_CSV, "c1,STOPPED,\nc2,RUNNING,10.77.0.64 (eth0)\n");
	table_free(t);
}

static void test_csv_quotes(void **state)
{
	struct table *t = table_new(headers, 3);

	table_row(t, (const char *const[]){ "a,b", "say \"hi\"", "x\ny" });
	expect(t, FORMAT_CSV, "\"a,b\",\"say \"\"hi\"\"\",\"x\ny\"\n");
	table_free(t);
}

static void test_lines_in_cells(void **state)
{
	struct table *t = table_new(headers, 3);

	table_row(t, (const char *const[]){ "c1", "", "1.1.1.1\n2.2.2.2" });
	expect(t, FORMAT_TABLE,
	       "+------+-------+---------+\n"
	       "| NAME | STATE |  IPV4   |\n"
	       "+------+-------+---------+\n"
	       "| c1   |       | 1.1.1.1 |\n"
	       "|      |       | 2.2.2.2 |\n"
	       "+------+-------+---------+\n");
	table_free(t);
}

static void test_order(void **state)
{
	static const char *const one[] = { "N" };
	static const char *const names[] = { "c10", "c9", "", "c1", "b2x", "c010" };
	struct table *t = table_new(one, 1);

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		table_row(t, &names[i]);
	expect(t, FORMAT_CSV, "b2x\nc1\nc9\nc10\nc010\n\n");
	table_free(t);
}

static void test_wide_and_hostile(void **state)
{
	static const char *const one[] = { "N" };
	static const char *const names[] = { "\xc3\xa9t\xc3\xa9", "\xe4\xb8\xad", "x\x1b[31m", "y\xff" };
	struct table *t = table_new(one, 1);

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		table_row(t, &names[i]);
	expect(t, FORMAT_TABLE,
	       "+--------+\n"
	       "|   N    |\n"
	       "+--------+\n"
	       "| x?[31m |\n"
	       "+--------+\n"
	       "| y?     |\n"
	       "+--------+\n"
	       "| \xc3\xa9t\xc3\xa9    |\n"
	       "+--------+\n"
	       "| \xe4\xb8\xad     |\n"
	       "+--------+\n");
	table_free(t);
}

static void test_objects(void **state)
{
	AUTO_JSON cJSON *objects = cJSON_Parse("[{\"name\":\"c1\"}]");
	struct table *t = sample();
	AUTO_FREE char *json = printed(t, FORMAT_JSON, objects);
	AUTO_FREE char *yaml = printed(t, FORMAT_YAML, objects);

	assert_string_equal(json, "[{\"name\":\"c1\"}]\n");
	assert_string_equal(yaml, "- name: c1\n");
	table_free(t);
}

static void test_format_names(void **state)
{
	struct error err = ERROR_INIT;
	enum format f;

	assert_int_equal(format_parse("csv", &f, &err), 0);
	assert_int_equal(f, FORMAT_CSV);
	assert_int_equal(format_parse("xml", &f, &err), -1);
	assert_non_null(strstr(err.msg, "'xml'"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_compact_and_csv),
		cmocka_unit_test(test_csv_quotes),
		cmocka_unit_test(test_lines_in_cells),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_wide_and_hostile),
		cmocka_unit_test(test_objects),
		cmocka_unit_test(test_format_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
