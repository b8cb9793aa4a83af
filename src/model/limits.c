/* SPDX-License-Identifier: MIT */
#include "model/limits.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/text.h"
#include "base/units.h"
#include "lxc/probe.h"
#include "model/key_types.h"

#define CPU_MAX 4096
#define CPU_PRIORITY_NORMAL 10

/* The numbers of the CPUs that are online ("0-3,6" in sysfs), in order; returns how many. */
static unsigned host_cpus(unsigned short cpus[CPU_MAX])
{
	AUTO_STRBUF struct strbuf list = STRBUF_INIT;
	struct error ignored = ERROR_INIT;
	unsigned n = 0;
	char *s;

	if (fs_read_file("/sys/devices/system/cpu/online", 65536, &list, &ignored) < 0)
		strbuf_addstr(&list, "0");
	s = list.buf;
	while (*s >= '0' && *s <= '9') {
		unsigned long from = strtoul(s, &s, 10), to = *s == '-' ? strtoul(s + 1, &s, 10) : from;

		for (unsigned long cpu = from; cpu <= to && cpu < CPU_MAX && n < CPU_MAX; cpu++)
			cpus[n++] = (unsigned short)cpu;
		s += *s == ',';
	}
	return n ? n : 1;
}

void limits_cpu_set(const char *instance, const char *value_or_null, struct strbuf *out)
{
	unsigned short cpus[CPU_MAX] = { 0 };
	bool taken[CPU_MAX] = { false };
	unsigned host, count, first;

	if (value_or_null && !type_is_int(value_or_null, 1, CPU_MAX)) {
		strbuf_addstr(out, value_or_null);
		return;
	}
	host = count = host_cpus(cpus);
	if (value_or_null && (unsigned)atoi(value_or_null) < host)
		count = (unsigned)atoi(value_or_null);
	first = text_hash32(instance) % host;
	for (unsigned i = 0; i < count; i++)
		taken[(first + i) % host] = true;
	for (unsigned i = 0, n = 0; i < host; i++) {
		if (taken[i])
			strbuf_addf(out, "%s%u", n++ ? "," : "", (unsigned)cpus[i]);
	}
}

/* "0-1" or "3"; the end of it is returned in *rest. */
static int check_cpu_range(const char *s, const char **rest, struct error *err)
{
	long last = sysconf(_SC_NPROCESSORS_CONF) - 1;
	long from, to;
	char *end;

	if (*s < '0' || *s > '9')
		return error_set(err, ERROR_INVALID, "must be a number of CPUs or a set such as 0-1,3");
	from = to = strtol(s, &end, 10);
	if (*end == '-') {
		s = end + 1;
		if (*s < '0' || *s > '9')
			return error_set(err, ERROR_INVALID,
					 "must be a number of CPUs or a set such as 0-1,3");
		to = strtol(s, &end, 10);
	}
	if (from > to)
		return error_set(err, ERROR_INVALID, "the range %ld-%ld runs backwards", from, to);
	if (to > last)
		return error_set(err, ERROR_INVALID, "CPU %ld is not on this host, which has 0-%ld", to,
				 last);
	*rest = end;
	return 0;
}

int limits_cpu_check(const char *value, struct error *err)
{
	const char *s = value;

	if (strspn(value, "0123456789") == strlen(value)) {
		if (type_is_int(value, 1, CPU_MAX))
			return 0;
		return error_set(err, ERROR_INVALID, "a number of CPUs is 1 to %d", CPU_MAX);
	}
	for (;;) {
		if (check_cpu_range(s, &s, err) < 0)
			return -1;
		if (*s == '\0')
			return 0;
		if (*s++ != ',')
			return error_set(err, ERROR_INVALID,
					 "must be a number of CPUs or a set such as 0-1,3");
	}
}

/* "25ms/100ms" in microseconds. */
static bool parse_quota(const char *s, int64_t *ret_quota, int64_t *ret_period)
{
	char quota[16], period[16];
	const char *slash = strchr(s, '/');
	size_t quota_len = slash ? (size_t)(slash - s) : 0;
	size_t period_len = slash ? strlen(slash + 1) : 0;
	int64_t q, p;

	if (quota_len < 3 || quota_len > 12 || period_len < 3 || period_len > 12)
		return false;
	memcpy(quota, s, quota_len);
	quota[quota_len] = '\0';
	memcpy(period, slash + 1, period_len + 1);
	if (!type_has_suffix(quota, "ms") || !type_has_suffix(period, "ms"))
		return false;
	quota[quota_len - 2] = period[period_len - 2] = '\0';
	if (!type_is_int(quota, 1, 1000000) || !type_is_int(period, 1, 1000))
		return false;
	q = atoll(quota);
	p = atoll(period);
	*ret_quota = q * 1000;
	*ret_period = p * 1000;
	return true;
}

int limits_cpu_allowance_check(const char *value, struct error *err)
{
	int64_t quota, period;

	if (type_is_percent(value, NULL) || parse_quota(value, &quota, &period))
		return 0;
	return error_set(err, ERROR_INVALID,
			 "must be a percentage (50%%) or a time per period of at most 1000ms (25ms/100ms)");
}

void limits_cpu_share(const cJSON *config, bool unified, struct cpu_share *ret)
{
	const char *allowance = json_str_or(config, "limits.cpu.allowance", "");
	const char *priority = json_str_or(config, "limits.cpu.priority", "");
	int64_t normal = unified ? 100 : 1024;
	int percent = 100;

	ret->quota_us = -1;
	ret->period_us = 100000;
	if (!type_is_percent(allowance, &percent) && !parse_quota(allowance, &ret->quota_us, &ret->period_us))
		percent = 100;
	ret->weight = normal * percent / 100;
	if (type_is_int(priority, 0, CPU_PRIORITY_NORMAL))
		ret->weight -= CPU_PRIORITY_NORMAL - atoi(priority);
	if (ret->weight < (unified ? 1 : 2)) /* the kernel's smallest */
		ret->weight = unified ? 1 : 2;
}

bool limits_has_controller(const struct probe *probe, const char *legacy, const char *unified)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT;
	struct error ignored = ERROR_INIT;
	char path[64];
	size_t len = strlen(unified);

	if (probe->cgroups != CGROUP_UNIFIED) {
		snprintf(path, sizeof(path), "/sys/fs/cgroup/%s", legacy);
		return fs_exists(path);
	}
	if (fs_read_file("/sys/fs/cgroup/cgroup.controllers", 4096, &text, &ignored) < 0)
		return false;
	for (const char *s = text.buf; *s; s += strspn(s, " \n")) {
		size_t word = strcspn(s, " \n");

		if (word == len && memcmp(s, unified, len) == 0)
			return true;
		s += word;
	}
	return false;
}

uint64_t limits_memory_bytes(const char *value)
{
	struct error ignored = ERROR_INIT;
	uint64_t bytes = 0;
	int percent;

	if (type_is_percent(value, &percent))
		return (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE) / 100 *
		       (uint64_t)percent;
	if (!type_is_size(value) || units_parse_size(value, &bytes, &ignored) < 0)
		return 0;
	return bytes;
}

void limits_memory(const cJSON *config, struct memory_limit *ret)
{
	const char *max = json_str_or(config, "limits.memory", "");
	const char *swap = json_str_or(config, "limits.memory.swap", "");
	const char *priority = json_str_or(config, "limits.memory.swap.priority", "");

	ret->max = *max ? limits_memory_bytes(max) : LIMIT_NONE;
	ret->soft = strcmp(json_str_or(config, "limits.memory.enforce", ""), "soft") == 0;
	ret->swappiness = SWAPPINESS_NORMAL;
	if (type_is_int(priority, 0, 10))
		ret->swappiness += 10 - atoi(priority);
	ret->swap = LIMIT_NONE;
	if (type_is_false(swap))
		ret->swap = 0;
	else if (*swap && !type_is_bool(swap))
		ret->swap = limits_memory_bytes(swap);
}
