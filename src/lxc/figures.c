/* SPDX-License-Identifier: MIT */
#include "lxc/figures.h"

#include <string.h>

#include "base/json.h"
#include "lxc/cgroup.h"
#include "lxc/netns.h"

struct memory {
	uint64_t usage, peak, swap, swap_peak;
};

static uint64_t above(uint64_t sum, uint64_t part)
{
	return sum > part ? sum - part : 0;
}

static void memory_read(const char *cgroups, const struct probe *probe, struct memory *m)
{
	struct cgroup_dir dir;
	uint64_t both;

	if (!cgroup_find(cgroups, "memory", probe->cgroups, &dir))
		return;
	if (dir.unified) {
		cgroup_read_u64(&dir, "memory.current", &m->usage);
		cgroup_read_u64(&dir, "memory.peak", &m->peak); /* kernel >= 5.19 */
		cgroup_read_u64(&dir, "memory.swap.current", &m->swap);
		cgroup_read_u64(&dir, "memory.swap.peak", &m->swap_peak); /* kernel >= 6.5 */
		return;
	}
	cgroup_read_u64(&dir, "memory.usage_in_bytes", &m->usage);
	cgroup_read_u64(&dir, "memory.max_usage_in_bytes", &m->peak);
	/* v1 counts memory and swap together, and only with swapaccount=1 */
	if (cgroup_read_u64(&dir, "memory.memsw.usage_in_bytes", &both))
		m->swap = above(both, m->usage);
	if (cgroup_read_u64(&dir, "memory.memsw.max_usage_in_bytes", &both))
		m->swap_peak = above(both, m->peak);
}

static uint64_t cpu_read(const char *cgroups, const struct probe *probe)
{
	struct cgroup_dir dir;
	uint64_t n = 0;

	if (!cgroup_find(cgroups, "cpuacct", probe->cgroups, &dir))
		return 0;
	if (!dir.unified)
		cgroup_read_u64(&dir, "cpuacct.usage", &n);
	else if (cgroup_read_key(&dir, "cpu.stat", "usage_usec", &n))
		n *= 1000;
	return n;
}

static uint64_t processes_read(const char *cgroups, const struct probe *probe)
{
	struct cgroup_dir dir;
	uint64_t n = 0;

	if (cgroup_find(cgroups, "pids", probe->cgroups, &dir))
		cgroup_read_u64(&dir, "pids.current", &n);
	return n;
}

static void add_memory(cJSON *state, const struct memory *m)
{
	cJSON *memory = cJSON_AddObjectToObject(state, "memory");

	json_set_int(memory, "usage", (int64_t)m->usage);
	json_set_int(memory, "usage_peak", (int64_t)m->peak);
	json_set_int(memory, "swap_usage", (int64_t)m->swap);
	json_set_int(memory, "swap_usage_peak", (int64_t)m->swap_peak);
}

cJSON *figures_parts(pid_t pid, const struct probe *probe, unsigned parts)
{
	AUTO_STRBUF struct strbuf cgroups = STRBUF_INIT;
	struct error ignored = ERROR_INIT;
	struct memory memory = { 0 };
	cJSON *state = cJSON_CreateObject();
	cJSON *network = NULL;

	/* gone, or pid 0 for a stopped one: no figures, not an error */
	if (pid > 0 && (parts & (FIGURES_CPU | FIGURES_MEMORY | FIGURES_PROCESSES)))
		cgroup_load(pid, &cgroups, &ignored);
	if (parts & FIGURES_MEMORY) {
		memory_read(cgroups.buf, probe, &memory);
		add_memory(state, &memory);
	}
	if (parts & FIGURES_NETWORK) {
		network = pid > 0 ? netns_state(pid) : NULL;
		cJSON_AddItemToObject(state, "network", network != NULL ? network : cJSON_CreateNull());
	}
	if (parts & FIGURES_PID)
		json_set_int(state, "pid", pid);
	if (parts & FIGURES_PROCESSES)
		json_set_int(state, "processes", (int64_t)processes_read(cgroups.buf, probe));
	if (parts & FIGURES_CPU)
		json_set_int(cJSON_AddObjectToObject(state, "cpu"), "usage", (int64_t)cpu_read(cgroups.buf, probe));
	return state;
}

cJSON *figures_state(pid_t pid, const struct probe *probe)
{
	return figures_parts(pid, probe, FIGURES_ALL);
}

cJSON *figures_stopped(void)
{
	static const struct probe none = { .cgroups = CGROUP_UNIFIED };

	return figures_parts(0, &none, FIGURES_ALL);
}
