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

static cJSON *state_new(const struct memory *m, cJSON *network_taken, pid_t pid, uint64_t processes,
			uint64_t cpu)
{
	cJSON *state = cJSON_CreateObject();
	cJSON *memory = cJSON_AddObjectToObject(state, "memory");

	json_set_int(memory, "usage", (int64_t)m->usage);
	json_set_int(memory, "usage_peak", (int64_t)m->peak);
	json_set_int(memory, "swap_usage", (int64_t)m->swap);
	json_set_int(memory, "swap_usage_peak", (int64_t)m->swap_peak);
	cJSON_AddItemToObject(state, "network", network_taken ? network_taken : cJSON_CreateNull());
	json_set_int(state, "pid", pid);
	json_set_int(state, "processes", (int64_t)processes);
	json_set_int(cJSON_AddObjectToObject(state, "cpu"), "usage", (int64_t)cpu);
	return state;
}

cJSON *figures_state(pid_t pid, const struct probe *probe)
{
	AUTO_STRBUF struct strbuf cgroups = STRBUF_INIT;
	struct error ignored = ERROR_INIT;
	struct memory memory = { 0 };

	cgroup_load(pid, &cgroups, &ignored); /* gone: no figures, not an error */
	memory_read(cgroups.buf, probe, &memory);
	return state_new(&memory, netns_state(pid), pid, processes_read(cgroups.buf, probe),
			 cpu_read(cgroups.buf, probe));
}

cJSON *figures_stopped(void)
{
	struct memory none = { 0 };

	return state_new(&none, NULL, 0, 0, 0);
}
