/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"
#include "model/cgroup_settings.h"
#include "model/limits.h"

static cJSON *config(const char *key, const char *value, const char *key2, const char *value2)
{
	cJSON *c = cJSON_CreateObject();

	json_set_str(c, key, value);
	if (key2)
		json_set_str(c, key2, value2);
	return c;
}

static void cpu_values(void **state)
{
	static const char *const good[] = { "1",
					    "2",
					    "4096",
					    "0-0",
					    "0,0",
					    "0"
					    "-0"
					    ",0" };
	static const char *const bad[] = { "",
					   "0",
					   "-1",
					   "a",
					   "1-",
					   "1-0",
					   "0,",
					   ",0",
					   "0--0",
					   "0 ",
					   "999999",
					   "0-99999",
					   "0-0;",
					   "99999999999999999999",
					   "0-99999999999999999999",
					   "1.5",
					   "0\n" };
	struct error err = ERROR_INIT;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_int_equal(limits_cpu_check(good[i], &err), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (limits_cpu_check(bad[i], &err) == 0)
			fail_msg("'%s' must not pass", bad[i]);
	}
}

static void cpu_count_is_spread(void **state)
{
	unsigned host = (unsigned)sysconf(_SC_NPROCESSORS_ONLN), used[4096] = { 0 };
	AUTO_STRBUF struct strbuf again = STRBUF_INIT, all = STRBUF_INIT;

	for (unsigned i = 0; i < 64 * host; i++) {
		AUTO_STRBUF struct strbuf set = STRBUF_INIT;
		char name[16];
		unsigned cpu = 9999;

		snprintf(name, sizeof(name), "c%u", i);
		limits_cpu_set(name, "1", &set);
		assert_int_equal(sscanf(set.buf, "%u", &cpu), 1);
		assert_true(cpu < host);
		used[cpu]++;
		if (i == 0) { /* the same instance always gets the same */
			limits_cpu_set(name, "1", &again);
			assert_string_equal(again.buf, set.buf);
		}
	}
	for (unsigned cpu = 0; cpu < host; cpu++)
		assert_true(used[cpu] > 16); /* 64 on average */
	limits_cpu_set("c1", "4096", &all);
	strbuf_reset(&again);
	limits_cpu_set("c2", NULL, &again);
	assert_string_equal(all.buf, again.buf); /* more than there are: all */
	strbuf_reset(&again);
	limits_cpu_set("c2", "0-0", &again);
	assert_string_equal(again.buf, "0-0"); /* a set is what it is */
}

static void cpu_shares(void **state)
{
	static const struct {
		const char *allowance, *priority;
		int v1, v2, quota, period;
	} cases[] = {
		{ "", "", 1024, 100, -1, 100000 },
		{ "50%", "", 512, 50, -1, 100000 },
		{ "100%", "0", 1014, 90, -1, 100000 },
		{ "1%", "0", 2, 1, -1, 100000 },
		{ "", "5", 1019, 95, -1, 100000 },
		{ "25ms/100ms", "", 1024, 100, 25000, 100000 },
		{ "200ms/100ms", "9", 1023, 99, 200000, 100000 },
	};
	struct cpu_share share;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		AUTO_JSON cJSON *c = config("limits.cpu.allowance", cases[i].allowance, "limits.cpu.priority",
					    cases[i].priority);

		limits_cpu_share(c, false, &share);
		assert_int_equal(share.weight, cases[i].v1);
		assert_int_equal(share.quota_us, cases[i].quota);
		assert_int_equal(share.period_us, cases[i].period);
		limits_cpu_share(c, true, &share);
		assert_int_equal(share.weight, cases[i].v2);
	}
}

static void allowances(void **state)
{
	static const char *const good[] = { "1%", "100%", "1ms/1ms", "25ms/100ms", "1000000ms/1000ms" };
	static const char *const bad[] = { "",
					   "0%",
					   "101%",
					   "25ms",
					   "25/100",
					   "0ms/100ms",
					   "25ms/0ms",
					   "25ms/1001ms",
					   "ms/ms",
					   "-1ms/100ms",
					   "25ms/100ms/1ms",
					   "25ms / 100ms",
					   "9999999999999ms/1ms",
					   "25s/1s" };
	struct error err = ERROR_INIT;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_int_equal(limits_cpu_allowance_check(good[i], &err), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (limits_cpu_allowance_check(bad[i], &err) == 0)
			fail_msg("'%s' must not pass", bad[i]);
	}
}

static void memory(void **state)
{
	uint64_t host = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
	AUTO_JSON cJSON *c = config("limits.memory", "64MiB", "limits.memory.swap", "32MiB");
	struct memory_limit m;

	assert_true(limits_memory_bytes("50%") <= host / 2 && limits_memory_bytes("50%") > host / 2 - 100);
	assert_int_equal(limits_memory_bytes("64MiB"), 64 << 20);
	assert_int_equal(limits_memory_bytes("junk"), 0);
	limits_memory(c, &m);
	assert_int_equal(m.max, 64 << 20);
	assert_int_equal(m.swap, 32 << 20);
	assert_false(m.soft);
	json_set_str(c, "limits.memory.swap", "false");
	json_set_str(c, "limits.memory.enforce", "soft");
	limits_memory(c, &m);
	assert_int_equal(m.swap, 0);
	assert_true(m.soft);
	json_set_str(c, "limits.memory.swap", "true");
	json_set_str(c, "limits.memory", NULL);
	limits_memory(c, &m);
	assert_true(m.swap == LIMIT_NONE && m.max == LIMIT_NONE);
}

/* "file=value…" of all files that are rendered. */
static char *rendered(const cJSON *c, const char *key, enum cgroup_layout layout)
{
	struct probe probe = { .cgroups = layout };
	struct cgroup_context ctx = { "c1", c, &probe };
	struct strbuf out = STRBUF_INIT;
	struct cgroup_settings s;
	struct error err = ERROR_INIT;

	if (cgroup_settings_get(&ctx, key, &s, &err) < 0) {
		strbuf_addf(&out, "! %s", err.msg);
		return strbuf_detach(&out);
	}
	for (size_t i = 0; i < s.n; i++) {
		assert_string_equal(layout == CGROUP_UNIFIED ? "" : s.v[i].controller, s.v[i].controller);
		if (!s.v[i].live_only)
			strbuf_addf(&out, "%s=%s;", s.v[i].file, s.v[i].value);
	}
	cgroup_settings_clear(&s);
	return strbuf_detach(&out);
}

static void files(void **state)
{
	AUTO_JSON cJSON *c = config("limits.memory", "64MiB", "limits.processes", "10");
	AUTO_FREE char *v1 = rendered(c, "limits.memory", CGROUP_HYBRID);
	AUTO_FREE char *v2 = rendered(c, "limits.memory.swap", CGROUP_UNIFIED);
	AUTO_FREE char *pids = rendered(c, "limits.processes", CGROUP_UNIFIED);
	AUTO_FREE char *cpu = NULL, *cpu2 = NULL, *none = NULL;

	assert_string_equal(v1, "memory.limit_in_bytes=67108864;");
	assert_string_equal(v2, "memory.max=67108864;");
	assert_string_equal(pids, "pids.max=10;");
	json_set_str(c, "limits.cpu.allowance", "25ms/100ms");
	cpu = rendered(c, "limits.cpu.priority", CGROUP_LEGACY);
	cpu2 = rendered(c, "limits.cpu.allowance", CGROUP_UNIFIED);
	assert_string_equal(cpu, "cpu.cfs_period_us=100000;cpu.cfs_quota_us=25000;");
	assert_string_equal(cpu2, "cpu.max=25000 100000;");
	none = rendered(c, "user.x", CGROUP_UNIFIED);
	assert_string_equal(none, "! 'user.x' is no limit of a cgroup");
}

static void swap_needs_a_limit(void **state)
{
	AUTO_JSON cJSON *c = config("limits.memory.swap", "32MiB", NULL, NULL);
	AUTO_FREE char *v1 = rendered(c, "limits.memory.swap", CGROUP_LEGACY);
	AUTO_FREE char *v2 = rendered(c, "limits.memory.swap", CGROUP_UNIFIED);

	assert_non_null(strstr(v1, "limits.memory.swap as a size needs"));
	assert_string_equal(v2, "memory.swap.max=33554432;");
}

static void one_key_leads(void **state)
{
	AUTO_JSON cJSON *c = config("limits.memory.swap", "false", "limits.memory.enforce", "soft");

	assert_true(cgroup_settings_leads(c, "limits.memory.enforce"));
	assert_false(cgroup_settings_leads(c, "limits.memory.swap"));
	assert_false(cgroup_settings_leads(c, "limits.memory"));
	assert_false(cgroup_settings_leads(c, "limits.cpu"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cpu_values),
		cmocka_unit_test(cpu_count_is_spread),
		cmocka_unit_test(cpu_shares),
		cmocka_unit_test(allowances),
		cmocka_unit_test(memory),
		cmocka_unit_test(files),
		cmocka_unit_test(swap_needs_a_limit),
		cmocka_unit_test(one_key_leads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
