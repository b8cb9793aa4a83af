/* SPDX-License-Identifier: MIT */
#include "model/cgroup_settings.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"
#include "model/limits.h"

#define MEMSW_FILE "memory.memsw.limit_in_bytes"

static bool is_unified(const struct cgroup_context *ctx)
{
	return ctx->probe->cgroups == CGROUP_UNIFIED;
}

static void add(struct cgroup_settings *s, const char *controller, const char *file, bool live_only,
		char *value_taken)
{
	s->v[s->n++] = (struct cgroup_setting){ controller, file, value_taken, live_only };
}

static int cpu_set(const struct cgroup_context *ctx, struct cgroup_settings *out, struct error *err)
{
	const char *value = json_str_or(ctx->config, "limits.cpu", "");
	struct strbuf set = STRBUF_INIT;

	limits_cpu_set(ctx->instance, *value ? value : NULL, &set);
	add(out, is_unified(ctx) ? "" : "cpuset", "cpuset.cpus", !*value, strbuf_detach(&set));
	return 0;
}

static int cpu_share(const struct cgroup_context *ctx, struct cgroup_settings *out, struct error *err)
{
	bool unified = is_unified(ctx);
	struct cpu_share share;
	bool unlimited;

	limits_cpu_share(ctx->config, unified, &share);
	unlimited = share.quota_us < 0;
	if (unified) {
		add(out, "", "cpu.weight", share.weight == 100, mem_printf("%" PRId64, share.weight));
		if (unlimited)
			add(out, "", "cpu.max", true, mem_printf("max %" PRId64, share.period_us));
		else
			add(out, "", "cpu.max", false,
			    mem_printf("%" PRId64 " %" PRId64, share.quota_us, share.period_us));
		return 0;
	}
	add(out, "cpu", "cpu.shares", share.weight == 1024, mem_printf("%" PRId64, share.weight));
	add(out, "cpu", "cpu.cfs_quota_us", true,
	    mem_strdup("-1")); /* no period is refused while there is no quota */
	add(out, "cpu", "cpu.cfs_period_us", unlimited, mem_printf("%" PRId64, share.period_us));
	if (!unlimited)
		add(out, "cpu", "cpu.cfs_quota_us", false, mem_printf("%" PRId64, share.quota_us));
	return 0;
}

static char *bytes_or(uint64_t bytes, const char *none)
{
	return bytes == LIMIT_NONE ? mem_strdup(none) : mem_printf("%" PRIu64, bytes);
}

static void memory_unified(const struct memory_limit *m, struct cgroup_settings *out)
{
	uint64_t hard = m->soft ? LIMIT_NONE : m->max, soft = m->soft ? m->max : LIMIT_NONE;

	add(out, "", "memory.max", hard == LIMIT_NONE, bytes_or(hard, "max"));
	add(out, "", "memory.high", soft == LIMIT_NONE, bytes_or(soft, "max"));
	add(out, "", "memory.swap.max", m->swap == LIMIT_NONE, bytes_or(m->swap, "max"));
}

static int memory_legacy(const struct memory_limit *m, struct cgroup_settings *out, struct error *err)
{
	uint64_t hard = m->soft ? LIMIT_NONE : m->max, soft = m->soft ? m->max : LIMIT_NONE;
	bool swap_counted = access("/sys/fs/cgroup/memory/" MEMSW_FILE, F_OK) == 0;
	bool swap_limited = m->swap != LIMIT_NONE && hard != LIMIT_NONE && swap_counted;

	if (m->swap != LIMIT_NONE && m->swap > 0 && !swap_limited)
		return error_set(err, ERROR_INVALID,
				 "Invalid value: limits.memory.swap as a size needs %s on this host",
				 swap_counted ? "a hard limits.memory" : "swap accounting (swapaccount=1)");
	if (swap_counted) /* must never be below memory.limit_in_bytes, so it goes out of the way first */
		add(out, "memory", MEMSW_FILE, true, mem_strdup("-1"));
	add(out, "memory", "memory.limit_in_bytes", hard == LIMIT_NONE, bytes_or(hard, "-1"));
	add(out, "memory", "memory.soft_limit_in_bytes", soft == LIMIT_NONE, bytes_or(soft, "-1"));
	if (swap_limited)
		add(out, "memory", MEMSW_FILE, false, mem_printf("%" PRIu64, hard + m->swap));
	add(out, "memory", "memory.swappiness", m->swap != 0, mem_strdup(m->swap == 0 ? "0" : "60"));
	return 0;
}

static int memory(const struct cgroup_context *ctx, struct cgroup_settings *out, struct error *err)
{
	struct memory_limit m;

	limits_memory(ctx->config, &m);
	if (!is_unified(ctx))
		return memory_legacy(&m, out, err);
	memory_unified(&m, out);
	return 0;
}

static int processes(const struct cgroup_context *ctx, struct cgroup_settings *out, struct error *err)
{
	const char *value = json_str_or(ctx->config, "limits.processes", "");

	add(out, is_unified(ctx) ? "" : "pids", "pids.max", !*value, mem_strdup(*value ? value : "max"));
	return 0;
}

static const struct group {
	const char *keys[4];
	int (*get)(const struct cgroup_context *ctx, struct cgroup_settings *out, struct error *err);
} groups[] = {
	{ { "limits.cpu" }, cpu_set },
	{ { "limits.cpu.allowance", "limits.cpu.priority" }, cpu_share },
	{ { "limits.memory", "limits.memory.enforce", "limits.memory.swap" }, memory },
	{ { "limits.processes" }, processes },
};

static const struct group *find_group(const char *key)
{
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
		for (size_t k = 0; k < 4 && groups[i].keys[k]; k++) {
			if (strcmp(groups[i].keys[k], key) == 0)
				return &groups[i];
		}
	}
	return NULL;
}

int cgroup_settings_get(const struct cgroup_context *ctx, const char *key, struct cgroup_settings *out,
			struct error *err)
{
	const struct group *group = find_group(key);

	out->n = 0;
	if (!group)
		return error_set(err, ERROR_INVALID, "'%s' is no limit of a cgroup", key);
	return group->get(ctx, out, err);
}

void cgroup_settings_clear(struct cgroup_settings *s)
{
	while (s->n > 0)
		free(s->v[--s->n].value);
}

bool cgroup_settings_leads(const cJSON *config, const char *key)
{
	const struct group *group = find_group(key);

	for (size_t k = 0; group && k < 4 && group->keys[k]; k++) {
		if (*json_str_or(config, group->keys[k], ""))
			return strcmp(group->keys[k], key) == 0;
	}
	return false;
}
