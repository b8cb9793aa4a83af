/* SPDX-License-Identifier: MIT */
#include "lxc/probe.h"

#include <errno.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statfs.h>
#include <sys/utsname.h>

#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "lxc/subid.h"
#include "proc/output.h"

enum {
	PROBE_TOOL_MS = 60000, /* a host that boots is slow, and what is not found now is missing until the next start */
	PROBE_OUTPUT_MAX = 4096,
	PROBE_FILE_MAX = 1024 * 1024,
};

static int probe_version(struct probe *p, struct error *err)
{
	static const char *const argv[] = { "lxc-start", "--version", NULL };
	AUTO_STRBUF struct strbuf out = STRBUF_INIT;
	size_t len;

	if (output_of(argv, &(struct output_limits){ PROBE_TOOL_MS, PROBE_OUTPUT_MAX }, &out, err) < 0) {
		if (err->sys == ENOENT)
			return error_set(err, ERROR_TOOL,
					 "'lxc-start' is not in PATH: install the package 'lxc'");
		return -1;
	}
	len = strspn(out.buf, "0123456789.");
	if (len == 0 || len >= sizeof(p->lxc_version))
		return error_set(err, ERROR_TOOL, "'lxc-start --version' printed no version");
	memcpy(p->lxc_version, out.buf, len);
	return 0;
}

/* Without the program, or when it fails, the host cannot do it: other storage is used then. */
static void probe_mounts(struct probe *p, const char *dir, const char *libexec)
{
	AUTO_FREE char *program = fs_join(libexec, "berth-rootfs");
	const char *argv[] = { program, "probe", dir, NULL };
	AUTO_STRBUF struct strbuf out = STRBUF_INIT;
	struct error err = ERROR_INIT;

	if (output_of(argv, &(struct output_limits){ PROBE_TOOL_MS, PROBE_OUTPUT_MAX }, &out, &err) < 0) {
		log_warning("%s: no overlays and no idmapped mounts", err.msg);
		return;
	}
	p->idmapped_mounts = strstr(out.buf, "idmapped=1") != NULL;
	p->overlay_idmapped = strstr(out.buf, "overlay=1") != NULL;
}

static bool is_cgroup2(const char *path)
{
	struct statfs fs;

	return statfs(path, &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC;
}

static enum cgroup_layout probe_cgroups(void)
{
	if (is_cgroup2("/sys/fs/cgroup"))
		return CGROUP_UNIFIED;
	return is_cgroup2("/sys/fs/cgroup/unified") ? CGROUP_HYBRID : CGROUP_LEGACY;
}

void probe_subids(struct probe *p)
{
	AUTO_STRBUF struct strbuf uids = STRBUF_INIT;
	AUTO_STRBUF struct strbuf gids = STRBUF_INIT;
	struct error ignored = ERROR_INIT;

	fs_read_file("/etc/subuid", PROBE_FILE_MAX, &uids, &ignored);
	fs_read_file("/etc/subgid", PROBE_FILE_MAX, &gids, &ignored);
	subid_range(uids.buf, gids.buf, &p->idmap_base, &p->idmap_size);
}

static bool apparmor_enabled(void)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT;
	struct error ignored = ERROR_INIT;

	return fs_read_file("/sys/module/apparmor/parameters/enabled", 16, &text, &ignored) == 0 &&
	       text.buf[0] == 'Y';
}

static void text_copy(char *dst, size_t size, const char *src)
{
	size_t len = strnlen(src, size - 1);

	memcpy(dst, src, len);
	dst[len] = '\0';
}

struct probe *probe_host(const char *dir, const char *libexec, struct error *err)
{
	struct probe *p = mem_alloc(sizeof(*p));
	struct utsname uts;

	if (probe_version(p, err) < 0) {
		probe_free(p);
		return NULL;
	}
	p->cgroups = probe_cgroups();
	p->apparmor = apparmor_enabled();
	p->seccomp = fs_exists("/proc/sys/kernel/seccomp/actions_avail");
	p->lxcfs = fs_exists("/var/lib/lxcfs/proc");
	probe_mounts(p, dir, libexec);
	probe_subids(p);
	if (uname(&uts) == 0) {
		text_copy(p->kernel_version, sizeof(p->kernel_version), uts.release);
		text_copy(p->architecture, sizeof(p->architecture), uts.machine);
	}
	return p;
}

void probe_free(struct probe *p)
{
	free(p);
}
