/* SPDX-License-Identifier: MIT */
/*
 * What the limits.* keys come to in numbers of the kernel, the same for the
 * rendered config and for a running container.
 */
#ifndef BERTH_MODEL_LIMITS_H
#define BERTH_MODEL_LIMITS_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/strbuf.h"

#define LIMIT_NONE UINT64_MAX

/*
 * limits.cpu as a cpuset list ("0,3"). A set is taken as it is. A count takes that
 * many CPUs in a row, starting at one that is derived from the instance's name:
 * always the same for one instance, spread evenly over many. More than the host
 * has, or NULL, is all of them.
 */
void limits_cpu_set(const char *instance, const char *value_or_null, struct strbuf *out);
/* "2", or a set of CPUs this host has: "0-1,3". */
int limits_cpu_check(const char *value, struct error *err);

struct cpu_share {
	int64_t weight;    /* cpu.shares (v1, 1024 is normal), cpu.weight (v2, 100 is normal) */
	int64_t quota_us;  /* -1: no hard limit */
	int64_t period_us;
};
/* limits.cpu.allowance and .priority together, by LXD's formula (lxd/cgroup/abstraction.go, ParseCPU). */
void limits_cpu_share(const cJSON *config, bool unified, struct cpu_share *ret);
int limits_cpu_allowance_check(const char *value, struct error *err); /* "50%" or "25ms/100ms" */

#define SWAPPINESS_NORMAL 60
struct memory_limit {
	uint64_t max;      /* limits.memory, bytes */
	bool soft;         /* limits.memory.enforce is soft */
	int swappiness;    /* 0-100, v1; SWAPPINESS_NORMAL unless limits.memory.swap.priority is set */
	uint64_t swap;     /* LIMIT_NONE: as much as there is; 0: none */
};
void limits_memory(const cJSON *config, struct memory_limit *ret);
struct probe;
/* Has this host a cgroup controller of that name, in the layout it uses? */
bool limits_has_controller(const struct probe *probe, const char *legacy, const char *unified);
/* A size, or a percentage of the host's memory; 0 when it is neither. */
uint64_t limits_memory_bytes(const char *value);

#endif
