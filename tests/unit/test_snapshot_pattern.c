/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "model/snapshot_pattern.h"

#define NOW 1795339805 /* Sunday 2026-11-22 09:30:05 UTC */

static bool in_list(const char *name, void *data)
{
	for (const char *const *n = data; *n != NULL; n++)
		if (strcmp(*n, name) == 0)
			return true;
	return false;
}

static void names(void **state)
{
	static const char *const taken[] = { "snap0", "snap1", "snap3", "daily", "daily-0", NULL };
	static const struct {
		const char *pattern, *name;
	} cases[] = {
		{ "", "snap2" },
		{ "snap%d", "snap2" },
		{ "x%d-y", "x0-y" },
		{ "nightly", "nightly" },
		{ "daily", "daily-1" },
		{ "{{ creation_date|date:'2006-01-02_15-04-05' }}", "2026-11-22_09-30-05" },
		{ "{{creation_date}}", "2026-11-22_09-30-05" },
		{ "{{ creation_date | date:\"Mon Jan _2 06\" }}", "Sun Nov 22 26" },
		{ "a {{ creation_date|date:'Monday, 2 January 2006 3:04PM MST' }} %d", "a Sunday, 22 November 2026 9:30AM UTC 0" },
		{ "100%", "100%" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct error err = ERROR_INIT;
		char *name = snapshot_pattern_name(cases[i].pattern, NOW, in_list, (void *)taken, &err);

		if (name == NULL)
			fail_msg("'%s': %s", cases[i].pattern, err.msg);
		assert_string_equal(name, cases[i].name);
		free(name);
	}
}

static void bad_patterns(void **state)
{
	static const char *const cases[] = { "%d-%d", "a/b", "{{ creation_date", "{{ name }}", "{{ creation_date|upper }}",
					     "{{ creation_date|date:'2006 }}", "{{ creation_date|date:'2006/01' }}", "..",
					     "a\nb", "{{ creation_date|date:'2006'|x }}", "{{}}", NULL };

	for (const char *const *c = cases; *c != NULL; c++) {
		struct error err = ERROR_INIT;

		if (snapshot_pattern_check(*c, &err) == 0)
			fail_msg("'%s' was accepted", *c);
		assert_int_equal(err.code, ERROR_INVALID);
	}
}

static void valid_names(void **state)
{
	static const char *const good[] = { "snap0", "before the update", "vor dem \xc3\x9c" "bel", "a%b", ".hidden", "-x", NULL };
	static const char *const bad[] = { "", ".", "..", "a/b", "a\tb", "a\x7f", NULL };
	struct error err = ERROR_INIT;
	char name[202];

	for (const char *const *n = good; *n != NULL; n++)
		assert_int_equal(name_validate_snapshot(*n, &err), 0);
	for (const char *const *n = bad; *n != NULL; n++)
		assert_int_equal(name_validate_snapshot(*n, &err), -1);
	memset(name, 'x', sizeof(name));
	name[201] = '\0';
	assert_int_equal(name_validate_snapshot(name, &err), -1);
	name[200] = '\0';
	assert_int_equal(name_validate_snapshot(name, &err), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(names), cmocka_unit_test(bad_patterns),
					    cmocka_unit_test(valid_names) };

	setenv("TZ", "UTC", 1);
	tzset();
	return cmocka_run_group_tests_name("snapshot_pattern", tests, NULL, NULL);
}
