/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "base/cron.h"
#include "base/expiry.h"
#include "base/json.h"
#include "base/raw_idmap.h"
#include "model/exclude.h"
#include "model/key_rows.h"
#include "model/key_types.h"
#include "model/limits.h"
#include "model/raw_lxc.h"
#include "model/retention.h"
#include "model/seccomp.h"
#include "model/snapshot_pattern.h"

/* LXD's words first, then what is wrong with it. */
static int refuse(struct error *err, const char *key, const char *value, const char *rule)
{
	char show[TYPE_SHOW_SIZE];

	return error_set(err, ERROR_INVALID, "Invalid value: %s (%s %s)", type_show(value, show), key, rule);
}

/* The rule's own words first: clients know them. */
static int say(struct error *err, const char *key, const char *value, const char *rule)
{
	char show[TYPE_SHOW_SIZE];

	return error_set(err, ERROR_INVALID, "%s (%s=%s)", rule, key, type_show(value, show));
}

/* A validator out of a predicate and the rule it checks. */
#define VALIDATOR(name, predicate, rule)                                                       \
	static int valid_##name(const char *key, const char *value, const struct probe *probe, \
				struct error *err)                                             \
	{                                                                                      \
		return (predicate) ? 0 : refuse(err, key, value, rule);                        \
	}

/* The part of "limits.kernel.nofile" after a prefix of that many characters. */
#define REST(prefix) (key + strlen(prefix))

static int valid_bool(const char *key, const char *value, const struct probe *probe, struct error *err)
{
	char show[TYPE_SHOW_SIZE];

	return type_is_bool(value) ? 0 : error_set(err, ERROR_INVALID, "Invalid value for a boolean \"%s\" (%s must be true or false)",
						   type_show(value, show), key);
}

VALIDATOR(line, type_is_line(value), "must be one line without control characters")
VALIDATOR(text, type_is_text(value), "must not hold control characters other than newline and tab")
VALIDATOR(backup_mode, strcmp(value, "live") == 0 || strcmp(value, "freeze") == 0 || strcmp(value, "stop") == 0,
	  "must be live, freeze or stop")
VALIDATOR(cpu_priority, type_is_int(value, 0, 10), "must be a number from 0 to 10")
VALIDATOR(priority_10, type_is_int(value, 0, 10), "must be a number from 0 to 10")
VALIDATOR(enforce, strcmp(value, "hard") == 0 || strcmp(value, "soft") == 0, "must be hard or soft")
VALIDATOR(swap, type_is_bool(value) || type_is_size(value), "must be true, false or a size such as 512MiB")
VALIDATOR(processes, type_is_int(value, 1, 4194304), "must be a number from 1 to 4194304")
VALIDATOR(seconds, type_is_int(value, 0, 86400), "must be a number of seconds from 0 to 86400")
VALIDATOR(priority, type_is_int(value, -1000000, 1000000), "must be a number from -1000000 to 1000000")
VALIDATOR(id, type_is_int(value, 1, 4294901760), "must be an id from 1 to 4294901760")
VALIDATOR(id_count, type_is_int(value, 65536, 4294901760), "must be a number of ids, 65536 or more")
VALIDATOR(signal, type_is_signal(value), "must be the name of a signal such as SIGPWR")
VALIDATOR(environment, type_is_env_name(REST("environment.")) && type_is_line(value),
	  "must be a name of letters, digits and _, with a value of one line")
VALIDATOR(sysctl, type_is_dotted(REST("linux.sysctl.")) && strlen(key) <= 255 && type_is_line(value),
	  "must be a sysctl such as net.ipv4.ip_forward, with a value of one line")

static int valid_cpu(const char *key, const char *value, const struct probe *probe, struct error *err)
{
	struct error why = ERROR_INIT;

	return limits_cpu_check(value, &why) == 0 ? 0 : refuse(err, key, value, why.msg);
}

static int valid_allowance(const char *key, const char *value, const struct probe *probe, struct error *err)
{
	struct error why = ERROR_INIT;

	return limits_cpu_allowance_check(value, &why) == 0 ? 0 : refuse(err, key, value, why.msg);
}

static int valid_memory(const char *key, const char *value, const struct probe *probe, struct error *err)
{
	uint64_t bytes = limits_memory_bytes(value);

	if (!type_is_size(value) && !type_is_percent(value, NULL))
		return refuse(err, key, value,
			      "must be a size such as 512MiB or a percentage of the host's memory");
	if (bytes < CONFIG_MEMORY_MIN)
		return refuse(err, key, value, "must be at least 4MiB: no init starts with less");
	return 0;
}

static int valid_prlimit(const char *key, const char *value, const struct probe *probe, struct error *err)
{
	static const char *const names[] = { "as",	"core",	    "cpu",	  "data",   "fsize", "locks",
					     "memlock", "msgqueue", "nice",	  "nofile", "nproc", "rss",
					     "rtprio",	"rttime",   "sigpending", "stack",  NULL };

	for (size_t i = 0; names[i]; i++) {
		if (strcmp(names[i], REST("limits.kernel.")) != 0)
			continue;
		if (!type_is_prlimit(value))
			return refuse(err, key, value, "must be a number, SOFT:HARD or unlimited");
		return 0;
	}
	return error_set(err, ERROR_INVALID,
			 "Unknown configuration key: %s (no such resource limit, see setrlimit(2))", key);
}

/* Refused where the host lacks what it needs: nothing is kept that has no effect. */
static int valid_disk_priority(const char *key, const char *value, const struct probe *probe, struct error *err)
{
	if (!limits_has_controller(probe, "blkio", "io"))
		return refuse(err, key, value, "is not supported: the host has no cgroup controller for disks");
	return valid_priority_10(key, value, probe, err);
}

static int valid_swap_priority(const char *key, const char *value, const struct probe *probe, struct error *err)
{
	if (probe->cgroups == CGROUP_UNIFIED)
		return refuse(err, key, value, "is not supported: cgroup v2 has no swappiness of its own for each");
	return valid_priority_10(key, value, probe, err);
}

static int valid_hugepages(const char *key, const char *value, const struct probe *probe, struct error *err)
{
	static const char *const sizes[] = { "64KB", "1MB", "2MB", "1GB", NULL };

	for (size_t i = 0; sizes[i]; i++) {
		if (strcmp(sizes[i], REST("limits.hugepages.")) != 0)
			continue;
		if (!type_is_size(value))
			return refuse(err, key, value, "must be a size such as 64MiB");
		if (!limits_has_controller(probe, "hugetlb", "hugetlb"))
			return refuse(err, key, value, "is not supported: the host has no hugetlb cgroup controller");
		return 0;
	}
	return error_set(err, ERROR_INVALID, "Unknown configuration key: %s", key);
}

static int valid_modules(const char *key, const char *value, const struct probe *probe, struct error *err)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-, ";

	if (strlen(value) > 4096 || strspn(value, letters) != strlen(value))
		return refuse(err, key, value, "must be names of kernel modules with commas between them");
	return 0;
}

/* Limits of system calls and AppArmor lines: as for all, what the kernel cannot do is not taken. */
static int valid_seccomp(const char *key, const char *value, const struct probe *probe, struct error *err)
{
	struct error why = ERROR_INIT;
	bool is_bool = type_has_suffix(key, "_default");

	if (is_bool && !type_is_bool(value))
		return valid_bool(key, value, probe, err);
	if (!is_bool && (strcmp(key, "raw.seccomp") == 0 ? seccomp_raw_check : seccomp_list_check)(value, &why) < 0)
		return refuse(err, key, value, why.msg);
	if (!probe->seccomp)
		return refuse(err, key, value, "is not supported: the kernel has no seccomp");
	return 0;
}

static int valid_apparmor(const char *key, const char *value, const struct probe *probe, struct error *err)
{
	if (!probe->apparmor)
		return refuse(err, key, value, "is not supported: the kernel does not enforce AppArmor");
	return valid_text(key, value, probe, err);
}

static int valid_raw_idmap(const char *key, const char *value, const struct probe *probe, struct error *err)
{
	struct raw_idmap ignored;

	return raw_idmap_parse(value, &ignored, err);
}

static int valid_volatile_raw(const char *key, const char *value, const struct probe *probe, struct error *err)
{
	struct raw_idmap ignored;

	return raw_idmap_scan(value, &ignored, err);
}

static int valid_raw(const char *key, const char *value, const struct probe *probe, struct error *err)
{
	struct error why = ERROR_INIT;

	return raw_lxc_validate(value, &why) == 0 ? 0 : refuse(err, key, value, why.msg);
}

static int valid_schedule(const char *key, const char *value, const struct probe *probe, struct error *err)
{
	struct error why = ERROR_INIT;
	struct cron cron;

	if (cron_parse(value, &cron, &why) < 0)
		return say(err, key, value, why.msg);
	return cron.startup && strcmp(key, "snapshots.schedule") != 0 ? refuse(err, key, value, "knows no @startup") : 0;
}

static int valid_keep(const char *key, const char *value, const struct probe *probe, struct error *err)
{
	struct error why = ERROR_INIT;
	AUTO_JSON cJSON *keep = retention_parse(value, &why);

	return keep != NULL ? 0 : refuse(err, key, value, why.msg);
}

static int valid_exclude(const char *key, const char *value, const struct probe *probe, struct error *err)
{
	AUTO_JSON cJSON *list = exclude_split(value);
	struct error why = ERROR_INIT;
	const cJSON *item;

	if (cJSON_GetArraySize(list) > EXCLUDE_MAX)
		return refuse(err, key, value, "has too many patterns");
	cJSON_ArrayForEach(item, list)
		if (exclude_check(item->valuestring, &why) < 0)
			return refuse(err, key, value, why.msg);
	return 0;
}

static int valid_expiry(const char *key, const char *value, const struct probe *probe, struct error *err)
{
	struct error why = ERROR_INIT;
	time_t ignored;

	return expiry_after(value, 0, &ignored, &why) == 0 ? 0 : say(err, key, value, why.msg);
}

static int valid_pattern(const char *key, const char *value, const struct probe *probe, struct error *err)
{
	struct error why = ERROR_INIT;

	return snapshot_pattern_check(value, &why) == 0 ? 0 : refuse(err, key, value, why.msg);
}

/* "0": none */
static int valid_volatile_ids(const char *key, const char *value, const struct probe *probe, struct error *err)
{
	return type_is_int(value, 0, UINT32_MAX) ? 0 : refuse(err, key, value, "must be an id, or a number of ids");
}

static int valid_volatile(const char *key, const char *value, const struct probe *probe, struct error *err)
{
	if (type_has_suffix(key, ".hwaddr") && !type_is_mac(value))
		return refuse(err, key, value, "must be a MAC address such as 00:16:3e:12:34:56");
	if ((type_has_suffix(key, ".host_name") || type_has_suffix(key, ".name")) && !type_is_ifname(value))
		return refuse(err, key, value, "must be the name of a network interface");
	return valid_line(key, value, probe, err);
}

const struct config_key config_keys[] = {
	{ "backups.exclude", "list", "", valid_exclude, NULL, true, KEY_LIVE_NOTHING, NULL,
	  "What its backups leave out, with what lies below: paths with commas between them, * matching all, also /." },
	{ "backups.keep", "list", "all", valid_keep, NULL, true, KEY_LIVE_NOTHING, NULL,
	  "Which of its backups stay after one was made: last=3,daily=7,weekly=4,monthly=12, each of them optional." },
	{ "backups.mode", "string", "live", valid_backup_mode, NULL, true, KEY_LIVE_NOTHING, NULL,
	  "How it is backed up: live, freeze or stop." },
	{ "backups.schedule", "schedule", "never", valid_schedule, NULL, true, KEY_LIVE_NOTHING, NULL,
	  "When it is backed up, running or not: as snapshots.schedule. One instance at a time; a time when berthd does "
	  "not run is left out." },
	{ "boot.autostart", "bool", "unset: started if it ran when the host went down", valid_bool,
	  key_render_autostart, false, KEY_LIVE_NOTHING, NULL,
	  "Start it when berthd starts (or, without berthd, by lxc-autostart)." },
	{ "boot.autostart.delay", "integer", "0", valid_seconds, key_render_start_delay, false,
	  KEY_LIVE_NOTHING, NULL, "Seconds to wait after starting it before the next one is started." },
	{ "boot.autostart.priority", "integer", "0", valid_priority, key_render_start_order, false,
	  KEY_LIVE_NOTHING, NULL, "Instances with a higher number start first." },
	{ "boot.host_shutdown_timeout", "integer", "30", valid_seconds, NULL, true, KEY_LIVE_NOTHING, NULL,
	  "Seconds it gets to shut down when the host goes down, before it is killed." },
	{ "boot.stop.priority", "integer", "0", valid_priority, NULL, true, KEY_LIVE_NOTHING, NULL,
	  "Instances with a higher number are shut down first when the host goes down." },
	{ "cloud-init.network-config", "text", "", valid_text, NULL, true, KEY_LIVE_NOTHING, NULL,
	  "Network configuration for cloud-init; kept and handed out, not used by berth itself." },
	{ "cloud-init.user-data", "text", "", valid_text, NULL, true, KEY_LIVE_NOTHING, NULL,
	  "User data for cloud-init; kept and handed out, not used by berth itself." },
	{ "cloud-init.vendor-data", "text", "", valid_text, NULL, true, KEY_LIVE_NOTHING, NULL,
	  "Vendor data for cloud-init; kept and handed out, not used by berth itself." },
	{ "environment.*", "string", "", valid_environment, key_render_environment, false, KEY_LIVE_RESTART,
	  NULL, "An environment variable of init and of what berth exec runs." },
	{ "image.halt_signal", "signal", "SIGPWR", valid_signal, key_render_halt_signal, false,
	  KEY_LIVE_RESTART, NULL,
	  "The signal that makes the image's init shut down; a property of the image." },
	{ "image.reboot_signal", "signal", "SIGINT", valid_signal, key_render_reboot_signal, false,
	  KEY_LIVE_RESTART, NULL, "The signal that makes the image's init reboot; a property of the image." },
	{ "image.*", "string", "", valid_line, NULL, true, KEY_LIVE_NOTHING, NULL,
	  "Properties of the image it was made from." },
	{ "limits.cpu", "integer or set", "all CPUs", valid_cpu, key_render_cgroup, false, KEY_LIVE_APPLY,
	  key_apply_cgroup,
	  "A number of CPUs (berth chooses them, spreading instances evenly; more than the host has means "
	  "all) or a set of CPUs such as 0-1,3." },
	{ "limits.cpu.allowance", "percent or time", "100%", valid_allowance, key_render_cgroup, false,
	  KEY_LIVE_APPLY, key_apply_cgroup,
	  "50% is a share that counts only when CPUs are busy; 25ms/100ms is a hard limit of that much "
	  "CPU time per period." },
	{ "limits.cpu.priority", "integer", "10", valid_cpu_priority, key_render_cgroup, false,
	  KEY_LIVE_APPLY, key_apply_cgroup,
	  "0 to 10: who goes first among instances with the same allowance." },
	{ "limits.disk.priority", "integer", "5", valid_disk_priority, key_render_cgroup, false, KEY_LIVE_APPLY,
	  key_apply_cgroup,
	  "0 to 10: whose disk requests go first when the disk is busy and its scheduler (BFQ) minds that." },
	{ "limits.hugepages.*", "size", "no limit", valid_hugepages, key_render_cgroup, false, KEY_LIVE_APPLY,
	  key_apply_cgroup,
	  "How much memory of huge pages it may use, by their size: limits.hugepages.64KB, .1MB, .2MB and .1GB; where "
	  "the host has the hugetlb cgroup controller." },
	{ "limits.kernel.*", "integer", "the host's", valid_prlimit, key_render_prlimit, false,
	  KEY_LIVE_RESTART, NULL,
	  "A resource limit (setrlimit(2)) of init, such as limits.kernel.nofile: a number, SOFT:HARD or "
	  "unlimited." },
	{ "limits.memory", "size or percent", "all memory", valid_memory, key_render_cgroup, false,
	  KEY_LIVE_APPLY, key_apply_cgroup,
	  "How much memory it may use: 512MiB, or 10% of the host's. At least 4MiB." },
	{ "limits.memory.enforce", "hard or soft", "hard", valid_enforce, key_render_cgroup, false,
	  KEY_LIVE_APPLY, key_apply_cgroup,
	  "hard: it never gets more. soft: it gets more while the host has memory to spare." },
	{ "limits.memory.swap", "bool or size", "true", valid_swap, key_render_cgroup, false, KEY_LIVE_APPLY,
	  key_apply_cgroup,
	  "false: nothing is swapped out. A size: at most that much, beyond limits.memory." },
	{ "limits.memory.swap.priority", "integer", "10", valid_swap_priority, key_render_cgroup, false,
	  KEY_LIVE_APPLY, key_apply_cgroup,
	  "0 to 10: the higher, the less of it is swapped out (its swappiness is 70 less this; cgroup v1 "
	  "only)." },
	{ "limits.processes", "integer", "no limit", valid_processes, key_render_cgroup, false,
	  KEY_LIVE_APPLY, key_apply_cgroup, "How many processes and threads may run in it." },
	{ "linux.kernel_modules", "list", "", valid_modules, key_render_modules, false, KEY_LIVE_RESTART, NULL,
	  "Kernel modules to load before it starts, with commas between them." },
	{ "linux.sysctl.*", "string", "the kernel's", valid_sysctl, key_render_sysctl, false,
	  KEY_LIVE_RESTART, NULL,
	  "A sysctl of the container's own namespaces, such as linux.sysctl.net.ipv4.ip_forward." },
	{ "raw.apparmor", "text", "", valid_apparmor, key_render_apparmor, false, KEY_LIVE_RESTART, NULL,
	  "Lines for its AppArmor profile, where the kernel enforces AppArmor." },
	{ "raw.idmap", "text", "", valid_raw_idmap, NULL, true, KEY_LIVE_RESTART, NULL,
	  "Ids that are certain ids of the host, a line each: \"both 1000 1000\" (uid, gid or both; the host's id; the "
	  "instance's), or ranges as 1000-1009. The host's ids must be root's in /etc/subuid and /etc/subgid "
	  "(root:1000:1), the instance's within its range; its group 0 needs the storage driver dir." },
	{ "raw.lxc", "text", "", valid_raw, key_render_raw, false, KEY_LIVE_RESTART, NULL,
	  "Lines put at the end of the LXC config as they are. Refused: lines that set the name, the root "
	  "file system, the "
	  "id map, logs, or clear hooks (lxc.uts.name, lxc.rootfs.*, lxc.idmap, lxc.console.logfile, "
	  "lxc.log.file, "
	  "lxc.ephemeral, lxc.hook.version)." },
	{ "raw.seccomp", "text", "", valid_seccomp, key_render_seccomp, false, KEY_LIVE_RESTART, NULL,
	  "A whole seccomp policy in LXC's form, instead of the one all have. The first line is 2." },
	{ "security.idmap.base", "integer", "chosen by berth", valid_id, NULL, true, KEY_LIVE_RESTART, NULL,
	  "The first host id of its own range; needs security.idmap.isolated." },
	{ "security.idmap.isolated", "bool", "false", valid_bool, NULL, true, KEY_LIVE_RESTART, NULL,
	  "Give it a range of host ids that no other instance has." },
	{ "security.idmap.size", "integer", "65536", valid_id_count, NULL, true, KEY_LIVE_RESTART, NULL,
	  "How many ids its own range has; needs security.idmap.isolated." },
	{ "security.nesting", "bool", "false", valid_bool, key_render_nesting, false, KEY_LIVE_RESTART, NULL,
	  "Make it possible to run containers inside it." },
	{ "security.privileged", "bool", "false", valid_bool, NULL, true, KEY_LIVE_RESTART, NULL,
	  "Run it without a user namespace: its root is the host's root." },
	{ "security.protection.delete", "bool", "false", valid_bool, NULL, true, KEY_LIVE_NOTHING, NULL,
	  "Refuse to delete it." },
	{ "security.protection.shift", "bool", "false", valid_bool, NULL, true, KEY_LIVE_NOTHING, NULL,
	  "Refuse to start it where that would change the owners of its files, for another id map." },
	{ "security.syscalls.allow", "text", "", valid_seccomp, key_render_seccomp, false, KEY_LIVE_RESTART, NULL,
	  "The only system calls it may do, a line each." },
	{ "security.syscalls.blacklist", "text", "", valid_seccomp, key_render_seccomp, false, KEY_LIVE_RESTART, NULL,
	  "Older name of security.syscalls.deny." },
	{ "security.syscalls.blacklist_default", "bool", "true", valid_seccomp, key_render_seccomp, false,
	  KEY_LIVE_RESTART, NULL, "Older name of security.syscalls.deny_default." },
	{ "security.syscalls.deny", "text", "", valid_seccomp, key_render_seccomp, false, KEY_LIVE_RESTART, NULL,
	  "System calls it may not do, a line each: \"mkdir errno 1\", or only the name, which kills who tries." },
	{ "security.syscalls.deny_default", "bool", "true", valid_seccomp, key_render_seccomp, false, KEY_LIVE_RESTART,
	  NULL, "Deny what no container needs: kexec_load, open_by_handle_at, *_module." },
	{ "security.syscalls.whitelist", "text", "", valid_seccomp, key_render_seccomp, false, KEY_LIVE_RESTART, NULL,
	  "Older name of security.syscalls.allow." },
	{ "snapshots.expiry", "duration", "never", valid_expiry, NULL, true, KEY_LIVE_NOTHING, NULL,
	  "How long a snapshot made from now on is kept: numbers with the units M (minutes), H, d, w, m (months) "
	  "and y, such as 4w or \"1d 12H\"." },
	{ "snapshots.pattern", "string", "snap%d", valid_pattern, NULL, true, KEY_LIVE_NOTHING, NULL,
	  "The name of a snapshot that is given none: %d is the next free number, {{ creation_date }} or "
	  "{{ creation_date|date:'2006-01-02_15-04-05' }} the moment." },
	{ "snapshots.schedule", "schedule", "never", valid_schedule, NULL, true, KEY_LIVE_NOTHING, NULL,
	  "When snapshots are made: minute, hour, day of month, month and day of week as in crontab(5), or a list of "
	  "@hourly, @daily, @midnight, @weekly, @monthly, @annually, @yearly, which each instance has at a minute and "
	  "hour of its own; or @startup: at each start; or @never. Several with a comma and a blank between them." },
	{ "snapshots.schedule.stopped", "bool", "false", valid_bool, NULL, true, KEY_LIVE_NOTHING, NULL,
	  "Make the scheduled snapshots also while it is stopped." },
	{ "user.meta-data", "text", "", valid_text, NULL, true, KEY_LIVE_NOTHING, NULL,
	  "Meta data for cloud-init; kept and handed out, not used by berth itself." },
	{ "user.network-config", "text", "", valid_text, NULL, true, KEY_LIVE_NOTHING, NULL,
	  "Older name of cloud-init.network-config." },
	{ "user.user-data", "text", "", valid_text, NULL, true, KEY_LIVE_NOTHING, NULL,
	  "Older name of cloud-init.user-data." },
	{ "user.vendor-data", "text", "", valid_text, NULL, true, KEY_LIVE_NOTHING, NULL,
	  "Older name of cloud-init.vendor-data." },
	{ "user.*", "text", "", valid_text, NULL, true, KEY_LIVE_NOTHING, NULL,
	  "Labels of your own; berth only keeps them." },
	{ "volatile.idmap.base", "integer", "set by berth", valid_volatile_ids, NULL, true, KEY_LIVE_RESTART, NULL,
	  "First host id of the range in use." },
	{ "volatile.idmap.raw", "string", "set by berth", valid_volatile_raw, NULL, true, KEY_LIVE_RESTART, NULL,
	  "The ids of raw.idmap in use." },
	{ "volatile.idmap.size", "integer", "set by berth", valid_volatile_ids, NULL, true, KEY_LIVE_RESTART,
	  NULL, "How many ids the range in use has." },
	{ "volatile.*", "string", "set by berth", valid_volatile, NULL, true, KEY_LIVE_NOTHING, NULL,
	  "What berth itself remembers: addresses, interface names, the image. volatile.DEVICE.hwaddr and "
	  "volatile.DEVICE.host_name are used for nics." },
	{ .name = NULL },
};
