/* SPDX-License-Identifier: MIT */
/* The list of checks; those of kernel, ids, folders, disk and clock. */
#include "host/check.h"

#include <ctype.h>
#include <libgen.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "lxc/probe.h"

#define TEXT_MAX 65536
#define CLOCK_MIN 1767225600 /* 2026-01-01: this program is not older */
#define INIT "berth host init"

void check_add(struct check *c, const char *name, enum check_status status, const char *fix, const char *fmt, ...)
{
	static const char *const words[] = { "ok", "warning", "error" };
	AUTO_STRBUF struct strbuf text = STRBUF_INIT;
	cJSON *f = cJSON_CreateObject();
	va_list ap;

	va_start(ap, fmt);
	strbuf_vaddf(&text, fmt, ap);
	va_end(ap);
	json_set_str(f, "name", name);
	json_set_str(f, "status", words[status]);
	json_set_str(f, "message", text.buf);
	json_set_str(f, "fix", fix != NULL ? fix : "");
	cJSON_AddItemToArray(c->findings, f);
}

bool host_check_failed(const cJSON *findings)
{
	const cJSON *f;

	cJSON_ArrayForEach(f, findings)
		if (strcmp(json_str_or(f, "status", ""), "error") == 0)
			return true;
	return false;
}

char *check_install(const struct check *c, const char *const packages[3])
{
	static const char *const commands[] = { "apt-get install", "dnf install", "apk add" };

	return mem_printf("%s %s", commands[c->family], packages[c->family]);
}

static char *text_of(const char *path)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT;
	struct error ignored = ERROR_INIT;

	return fs_read_file(path, TEXT_MAX, &text, &ignored) == 0 ? strbuf_detach(&text) : mem_strdup("");
}

static int family_of_distribution(void)
{
	AUTO_FREE char *text = text_of("/etc/os-release");

	if (strstr(text, "alpine") != NULL)
		return 2;
	return strstr(text, "fedora") != NULL || strstr(text, "rhel") != NULL ? 1 : 0;
}

/* ---- kernel */

/* "1.7.4" >= 1.7.4? Text before the first digit is passed over. */
static bool version_at_least(const char *text, unsigned major, unsigned minor, unsigned patch)
{
	unsigned have[3] = { 0, 0, 0 }, want[3] = { major, minor, patch };

	while (*text != '\0' && !isdigit((unsigned char)*text))
		text++;
	if (sscanf(text, "%u.%u.%u", &have[0], &have[1], &have[2]) < 1)
		return false;
	for (int i = 0; i < 3; i++)
		if (have[i] != want[i])
			return have[i] > want[i];
	return true;
}

static void check_kernel(struct check *c, const struct probe *p)
{
	AUTO_FREE char *tester = fs_join(c->s->libexec_dir, "berth-rootfs");

	if (!fs_exists(tester))
		return; /* a finding of its own: nobody could tell */
	if (p->idmapped_mounts && p->overlay_idmapped)
		check_add(c, "kernel", CHECK_OK, NULL, "Linux %s: idmapped mounts, overlay on them", p->kernel_version);
	else if (!version_at_least(p->kernel_version, 5, 12, 0))
		check_add(c, "kernel", CHECK_WARNING, "install a kernel >= 5.19",
			  "Linux %s has no idmapped mounts: instances are copied", p->kernel_version);
	else
		check_add(c, "kernel", CHECK_WARNING, "put system_path on ext4, xfs or btrfs, with a kernel >= 5.19",
			  "Linux %s: no %s for '%s': instances are copied", p->kernel_version,
			  p->idmapped_mounts ? "overlay on idmapped mounts" : "idmapped mounts", c->s->system_path);
}

static void check_namespaces(struct check *c)
{
	static const char *const kinds[] = { "user", "mnt", "pid", "net", "ipc", "uts", "cgroup" };
	AUTO_FREE char *max = text_of("/proc/sys/user/max_user_namespaces");
	AUTO_STRBUF struct strbuf missing = STRBUF_INIT;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		AUTO_FREE char *path = mem_printf("/proc/self/ns/%s", kinds[i]);

		if (!fs_exists(path))
			strbuf_addf(&missing, " %s", kinds[i]);
	}
	if (missing.len > 0)
		check_add(c, "namespaces", CHECK_ERROR, "use a kernel of the distribution",
			  "the kernel has no namespaces of these kinds:%s", missing.buf);
	else if (max[0] != '\0' && strtol(max, NULL, 10) < 64)
		check_add(c, "namespaces", CHECK_ERROR, "sysctl -w user.max_user_namespaces=1024",
			  "user.max_user_namespaces is %ld", strtol(max, NULL, 10));
	else
		check_add(c, "namespaces", CHECK_OK, NULL, "all that containers need");
}

/* Is this controller there, in cgroup.controllers or in /proc/cgroups ("cpu 3 20 1")? */
static bool has_controller(const char *unified, const char *legacy, const char *name)
{
	size_t n = strlen(name);
	int enabled = 0;

	for (const char *p = unified; (p = strstr(p, name)) != NULL; p += n)
		if ((p == unified || p[-1] == ' ') && (p[n] == ' ' || p[n] == '\n' || p[n] == '\0'))
			return true;
	for (const char *p = legacy; p != NULL && *p != '\0'; p = strchr(p, '\n') != NULL ? strchr(p, '\n') + 1 : NULL)
		if (strncmp(p, name, n) == 0 && p[n] == '\t' && sscanf(p + n, " %*d %*d %d", &enabled) == 1)
			return enabled == 1;
	return false;
}

static void check_cgroups(struct check *c, const struct probe *p)
{
	static const char *const layouts[] = { "legacy", "hybrid", "unified" };
	static const char *const wanted[] = { "cpu", "memory", "pids", "cpuset" };
	AUTO_FREE char *unified = text_of("/sys/fs/cgroup/cgroup.controllers");
	AUTO_FREE char *legacy = text_of("/proc/cgroups");
	AUTO_STRBUF struct strbuf missing = STRBUF_INIT;

	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
		if (!has_controller(unified, p->cgroups == CGROUP_UNIFIED ? "" : legacy, wanted[i]))
			strbuf_addf(&missing, " %s", wanted[i]);
	if (!fs_exists("/sys/fs/cgroup"))
		check_add(c, "cgroups", CHECK_ERROR, "mount -t cgroup2 cgroup2 /sys/fs/cgroup", "no cgroups are mounted");
	else if (missing.len > 0)
		check_add(c, "cgroups", CHECK_WARNING, "add cgroup_enable=memory to the kernel's command line, reboot",
			  "%s layout, without controllers:%s: these limits do nothing", layouts[p->cgroups], missing.buf);
	else
		check_add(c, "cgroups", CHECK_OK, NULL, "%s layout, all controllers", layouts[p->cgroups]);
}

static void check_apparmor(struct check *c, const struct probe *p)
{
	static const char *const packages[] = { "apparmor", "apparmor-parser", "apparmor" };
	AUTO_FREE char *fix = check_install(c, packages);

	if (!p->apparmor)
		check_add(c, "apparmor", CHECK_OK, NULL, "not in use: user namespaces confine the instances");
	else if (!fs_exists("/sbin/apparmor_parser") && !fs_exists("/usr/sbin/apparmor_parser"))
		check_add(c, "apparmor", CHECK_ERROR, fix, "the kernel enforces it, but apparmor_parser is missing");
	else
		check_add(c, "apparmor", CHECK_OK, NULL, "in use");
}

static void check_lxcfs(struct check *c, const struct probe *p)
{
	static const char *const packages[] = { "lxcfs", "lxcfs", "lxcfs" };
	AUTO_FREE char *fix = check_install(c, packages);

	if (p->lxcfs)
		check_add(c, "lxcfs", CHECK_OK, NULL, "runs");
	else
		check_add(c, "lxcfs", CHECK_WARNING, fix,
			  "does not run: instances see the host's memory, cpus and uptime in /proc");
}

static void check_ids(struct check *c, const struct probe *p)
{
	if (p->idmap_size == 0)
		check_add(c, "subuid", CHECK_ERROR, INIT,
			  "root has no range of 65536 ids in both /etc/subuid and /etc/subgid: no unprivileged instances");
	else
		check_add(c, "subuid", CHECK_OK, NULL, "root has %u ids from %u", p->idmap_size, p->idmap_base);
}

/* ---- folders, disk, clock */

/* The first folder above path that others cannot walk through, or NULL. Caller frees. */
static char *closed_parent(const char *path)
{
	AUTO_FREE char *copy = mem_strdup(path);
	struct stat st;

	for (char *p = copy; strcmp(p, "/") != 0; p = dirname(p))
		if (stat(p, &st) == 0 && !(st.st_mode & S_IXOTH))
			return mem_strdup(p);
	return NULL;
}

static void check_folder(struct check *c, const char *name, const char *path, bool walked)
{
	AUTO_FREE char *closed = walked ? closed_parent(path) : NULL;
	AUTO_FREE char *fix = NULL;
	struct stat st;

	if (stat(path, &st) < 0 || !S_ISDIR(st.st_mode)) {
		fix = mem_printf("mkdir -p -m %s %s", walked ? "711" : "700", path);
		check_add(c, name, CHECK_ERROR, fix, "the folder '%s' does not exist", path);
	} else if (closed != NULL) {
		fix = mem_printf("chmod o+x %s", closed);
		check_add(c, name, CHECK_ERROR, fix, "others may not pass '%s': instances cannot reach '%s'", closed, path);
	} else if (!walked && (st.st_mode & (S_IRWXG | S_IRWXO))) {
		fix = mem_printf("chmod 700 %s", path);
		check_add(c, name, CHECK_WARNING, fix, "'%s' is open to others, and holds setuid programs of images", path);
	} else if (st.st_uid != 0 || (st.st_mode & S_IWOTH)) {
		fix = mem_printf("chown root:root %s; chmod go-w %s", path, path);
		check_add(c, name, CHECK_ERROR, fix, "'%s' is not root's alone to write to", path);
	} else {
		check_add(c, name, CHECK_OK, NULL, "%s", path);
	}
}

static void check_disk(struct check *c)
{
	struct statvfs fs;
	unsigned long long free_mb, percent, files;
	enum check_status status;

	if (statvfs(c->s->system_path, &fs) < 0)
		return; /* the missing folder is a finding of its own */
	free_mb = (unsigned long long)fs.f_bavail * fs.f_frsize >> 20;
	percent = fs.f_blocks > 0 ? fs.f_bavail * 100ull / fs.f_blocks : 100;
	files = fs.f_files > 0 ? fs.f_favail * 100ull / fs.f_files : 100;
	status = free_mb < 100 || files == 0 ? CHECK_ERROR : percent < 5 || files < 5 ? CHECK_WARNING : CHECK_OK;
	check_add(c, "disk", status,
		  status == CHECK_OK ? NULL : "berth image list, berth backup list: delete what is not needed any more",
		  "%llu MiB free at '%s' (%llu %%), %llu %% of the files", free_mb, c->s->system_path, percent, files);
}

static void check_clock(struct check *c)
{
	time_t now = time(NULL);
	char text[32] = "";
	struct tm tm;

	if (gmtime_r(&now, &tm) != NULL)
		strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S UTC", &tm);
	if (now < CLOCK_MIN)
		check_add(c, "clock", CHECK_ERROR, "date -s 'YYYY-MM-DD HH:MM:SS'", "it is not %s", text);
	else
		check_add(c, "clock", CHECK_OK, NULL, "%s", text);
}

/* ---- all */

cJSON *host_check_all(const struct settings *s)
{
	struct check c = { .s = s, .findings = cJSON_CreateArray(), .family = family_of_distribution() };
	struct error err = ERROR_INIT;
	struct probe *p;

	log_set_level(LOG_LEVEL_ERROR); /* what the probe warns of are findings here */
	p = probe_host(fs_exists(s->system_path) ? s->system_path : "/", s->libexec_dir, &err);
	if (p != NULL) {
		check_kernel(&c, p);
		check_cgroups(&c, p);
		check_ids(&c, p);
		check_apparmor(&c, p);
		check_lxcfs(&c, p);
	}
	check_namespaces(&c);
	check_tools(&c); /* lxc-start too, for want of which there is no probe */
	check_network(&c);
	check_folder(&c, "system_path", s->system_path, true);
	check_folder(&c, "images_path", s->images_path, false);
	check_folder(&c, "backup_path", s->backup_path, false);
	check_folder(&c, "extern_path", s->extern_path, false);
	check_disk(&c);
	check_clock(&c);
	probe_free(p);
	return c.findings;
}
