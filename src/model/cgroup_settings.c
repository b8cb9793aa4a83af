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
	add(out, "memory", "memory.swappiness", m->swap != 0 && m->swappiness == SWAPPINESS_NORMAL,
	    mem_printf("%d", m->swap == 0 ? 0 : m->swappiness));
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

/* LXD's scale: ten steps of the weights that BFQ knows, 5 when unset. */
static int disk_priority(const struct cgroup_context *ctx, struct cgroup_settings *out, struct error *err)
{
	const char *value = json_str_or(ctx->config, "limits.disk.priority", "");
	int weight = *value ? atoi(value) * 100 : 500;

	if (is_unified(ctx))
		add(out, "", "io.weight", !*value, mem_printf("default %d", *value ? weight + (weight == 0) : 100));
	else
		add(out, "blkio", "blkio.bfq.weight", !*value, mem_printf("%d", *value ? (weight ? weight : 10) : 100));
	return 0;
}

static int hugepages(const struct cgroup_context *ctx, const char *size, struct cgroup_settings *out)
{
	AUTO_FREE char *key = mem_printf("limits.hugepages.%s", size);
	const char *value = json_str_or(ctx->config, key, "");
	uint64_t bytes = *value ? limits_memory_bytes(value) : LIMIT_NONE;
	static const char *const sizes[] = { "64KB", "1MB", "2MB", "1GB" };
	static const char *const files[][2] = {
		{ "hugetlb.64KB.limit_in_bytes", "hugetlb.64KB.max" },
		{ "hugetlb.1MB.limit_in_bytes", "hugetlb.1MB.max" },
		{ "hugetlb.2MB.limit_in_bytes", "hugetlb.2MB.max" },
		{ "hugetlb.1GB.limit_in_bytes", "hugetlb.1GB.max" },
	};

	for (size_t i = 0; i < 4; i++) {
		if (strcmp(sizes[i], size) == 0)
			add(out, is_unified(ctx) ? "" : "hugetlb", files[i][is_unified(ctx)], !*value,
			    bytes_or(bytes, is_unified(ctx) ? "max" : "-1"));
	}
	return 0;
}

#define HUGEPAGES(size)                                                                              \
	static int hugepages_##size(const struct cgroup_context *ctx, struct cgroup_settings *out, \
				    struct error *err)                                             \
	{                                                                                          \
		return hugepages(ctx, #size, out);                                                 \
	}
HUGEPAGES(64KB)
HUGEPAGES(1MB)
HUGEPAGES(2MB)
HUGEPAGES(1GB)

static const struct group {
	const char *keys[5];
	int (*get)(const struct cgroup_context *ctx, struct cgroup_settings *out, struct error *err);
} groups[] = {
	{ { "limits.cpu" }, cpu_set },
	{ { "limits.cpu.allowance", "limits.cpu.priority" }, cpu_share },
	{ { "limits.disk.priority" }, disk_priority },
	{ { "limits.hugepages.64KB" }, hugepages_64KB },
	{ { "limits.hugepages.1MB" }, hugepages_1MB },
	{ { "limits.hugepages.2MB" }, hugepages_2MB },
	{ { "limits.hugepages.1GB" }, hugepages_1GB },
	{ { "limits.memory", "limits.memory.enforce", "limits.memory.swap", "limits.memory.swap.priority" }, memory },
	{ { "limits.processes" }, processes },
};

static const struct group *find_group(const char *key)
{
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
		for (size_t k = 0; k < 5 && groups[i].keys[k]; k++) {
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

	for (size_t k = 0; group && k < 5 && group->keys[k]; k++) {
		if (*json_str_or(config, group->keys[k], ""))
			return strcmp(group->keys[k], key) == 0;
	}
	return false;
}
