/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/strbuf.h"
#include "model/cgroup_settings.h"
#include "model/key_rows.h"
#include "model/key_types.h"
#include "model/seccomp.h"

int key_render_cgroup(struct render *r, const char *key, const char *value, struct error *err)
{
	struct cgroup_context ctx = { r->in->name, r->config, r->probe };
	struct cgroup_settings settings;

	if (!cgroup_settings_leads(r->config, key))
		return 0;
	if (cgroup_settings_get(&ctx, key, &settings, err) < 0)
		return -1;
	for (size_t i = 0; i < settings.n; i++) {
		char name[128];

		if (settings.v[i].live_only)
			continue;
		snprintf(name, sizeof(name), "lxc.cgroup%s.%s",
			 r->probe->cgroups == CGROUP_UNIFIED ? "2" : "", settings.v[i].file);
		render_line(r, name, "%s", settings.v[i].value);
	}
	cgroup_settings_clear(&settings);
	return 0;
}

int key_render_environment(struct render *r, const char *key, const char *value, struct error *err)
{
	/* LXC strips one pair of outer quotes: inside them blanks at the ends survive */
	render_line(r, "lxc.environment", "\"%s=%s\"", key + strlen("environment."), value);
	return 0;
}

int key_render_prlimit(struct render *r, const char *key, const char *value, struct error *err)
{
	char name[64];

	snprintf(name, sizeof(name), "lxc.prlimit.%s", key + strlen("limits.kernel."));
	render_line(r, name, "%s", value);
	return 0;
}

int key_render_sysctl(struct render *r, const char *key, const char *value, struct error *err)
{
	char name[512];

	snprintf(name, sizeof(name), "lxc.sysctl.%s", key + strlen("linux.sysctl."));
	render_line(r, name, "%s", value);
	return 0;
}

int key_render_nesting(struct render *r, const char *key, const char *value, struct error *err)
{
	if (!type_is_true(value))
		return 0;
	if (r->probe->apparmor)
		render_line(r, "lxc.apparmor.allow_nesting", "1");
	/* uncovered proc and sys, or the kernel does not let the inner user namespaces mount theirs */
	render_line(r, "lxc.mount.entry", "proc dev/.lxc/proc proc create=dir,optional 0 0");
	render_line(r, "lxc.mount.entry", "sys dev/.lxc/sys sysfs create=dir,optional 0 0");
	return 0;
}

int key_render_autostart(struct render *r, const char *key, const char *value, struct error *err)
{
	if (type_is_true(value))
		render_line(r, "lxc.start.auto", "1");
	return 0;
}

int key_render_start_order(struct render *r, const char *key, const char *value, struct error *err)
{
	/* lxc-autostart starts lower numbers first */
	render_line(r, "lxc.start.order", "%ld", -strtol(value, NULL, 10));
	return 0;
}

int key_render_start_delay(struct render *r, const char *key, const char *value, struct error *err)
{
	render_line(r, "lxc.start.delay", "%s", value);
	return 0;
}

int key_render_halt_signal(struct render *r, const char *key, const char *value, struct error *err)
{
	render_line(r, "lxc.signal.halt", "%s", value);
	return 0;
}

int key_render_reboot_signal(struct render *r, const char *key, const char *value, struct error *err)
{
	render_line(r, "lxc.signal.reboot", "%s", value);
	return 0;
}

int key_render_modules(struct render *r, const char *key, const char *value, struct error *err)
{
	AUTO_STRBUF struct strbuf line = STRBUF_INIT;

	strbuf_addf(&line, "%s/berth-modules", r->in->rootfs.libexec_dir);
	for (const char *s = value + strspn(value, ", "); *s; s += strspn(s, ", ")) {
		size_t len = strcspn(s, ", ");

		strbuf_addf(&line, " --module=%.*s", (int)len, s);
		s += len;
	}
	render_line(r, "lxc.hook.pre-start", "%s", line.buf);
	return 0;
}

int key_render_apparmor(struct render *r, const char *key, const char *value, struct error *err)
{
	for (const char *s = value; *s; s += strspn(s, "\n")) {
		size_t len = strcspn(s, "\n");

		if (len > 0)
			render_line(r, "lxc.apparmor.raw", "%.*s", (int)len, s);
		s += len;
	}
	return 0;
}

int key_render_seccomp(struct render *r, const char *key, const char *value, struct error *err)
{
	const cJSON *line;

	cJSON_ArrayForEach(line, r->lines) {
		if (strcmp(json_str_or(line, "key", ""), "lxc.seccomp.profile") == 0)
			return 0; /* another key of the group was first */
	}
	if (seccomp_is_off(r->config))
		render_line(r, "lxc.seccomp.profile", "%s", "");
	else
		render_line(r, "lxc.seccomp.profile", "%s/" SECCOMP_FILE, r->in->rootfs.instance_dir);
	return 0;
}

int key_render_raw(struct render *r, const char *key, const char *value, struct error *err)
{
	cJSON *raw = cJSON_CreateObject();

	json_set_str(raw, "text", value);
	json_set(r->context, "raw", raw);
	return 0;
}
