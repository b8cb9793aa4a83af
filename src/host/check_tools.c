/* SPDX-License-Identifier: MIT */
/* Programs that berth runs, and the packages they come in. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "host/check.h"
#include "model/ttyd_version.h"
#include "proc/output.h"

struct tool {
	const char *name;
	const char *other; /* does as well, or NULL */
	enum check_status without;
	const char *packages[3]; /* Debian, Fedora, Alpine */
	const char *why;
};

static const struct tool tools[] = {
	{ "lxc-start", NULL, CHECK_ERROR, { "lxc", "lxc", "lxc" }, "nothing works" },
	{ "lxc-attach", NULL, CHECK_ERROR, { "lxc", "lxc", "lxc" }, "no exec, no shell" },
	{ "lxc-stop", NULL, CHECK_ERROR, { "lxc", "lxc", "lxc" }, "nothing can be stopped" },
	{ "lxc-ls", NULL, CHECK_ERROR, { "lxc", "lxc", "lxc" }, "nobody sees what runs" },
	{ "lxc-info", NULL, CHECK_ERROR, { "lxc", "lxc", "lxc" }, "nobody sees what runs" },
	{ "lxc-monitor", NULL, CHECK_ERROR, { "lxc", "lxc", "lxc" }, "changes of state go unseen" },
	{ "lxc-freeze", NULL, CHECK_ERROR, { "lxc", "lxc", "lxc" }, "no pause" },
	{ "lxc-usernsexec", NULL, CHECK_ERROR, { "lxc", "lxc-libs", "lxc-user-nic" }, "trees cannot be unpacked" },
	{ "newuidmap", NULL, CHECK_ERROR, { "uidmap", "shadow-utils", "shadow-subids" }, "no unprivileged instances" },
	{ "newgidmap", NULL, CHECK_ERROR, { "uidmap", "shadow-utils", "shadow-subids" }, "no unprivileged instances" },
	{ "tar", NULL, CHECK_ERROR, { "tar", "tar", "tar" }, "no images" },
	{ "7zz", "7z", CHECK_WARNING, { "7zip", "7zip", "7zip" }, "no backups" },
	{ "rsync", NULL, CHECK_WARNING, { "rsync", "rsync", "rsync" }, "no copies between servers" },
	{ "ip", NULL, CHECK_ERROR, { "iproute2", "iproute", "iproute2" }, "no networks" },
	{ "tc", NULL, CHECK_WARNING, { "iproute2", "iproute-tc", "iproute2-tc" }, "limits of NICs do nothing" },
	{ "nft", NULL, CHECK_ERROR, { "nftables", "nftables", "nftables" }, "no NAT, no forwards" },
	{ "dnsmasq", NULL, CHECK_WARNING, { "dnsmasq-base", "dnsmasq", "dnsmasq" }, "no DHCP on the bridge with NAT" },
	{ NULL, NULL, CHECK_OK, { NULL, NULL, NULL }, NULL },
};

static bool is_good_ttyd(const char *said)
{
	struct error ignored = ERROR_INIT;
	unsigned version[3];
	bool writable;

	return ttyd_parse_version(said, version) && ttyd_judge(version, &writable, &ignored) == 0;
}

/* ttyd_path, or the one in PATH. */
static void check_ttyd(struct check *c)
{
	static const char *const packages[] = { "ttyd", "ttyd", "ttyd" };
	const char *program = *c->s->ttyd_path ? c->s->ttyd_path : "ttyd";
	const char *const argv[] = { program, "--version", NULL };
	static const struct output_limits limits = { 5000, 4096 };
	AUTO_FREE char *install = check_install(c, packages);
	AUTO_FREE char *fix = mem_printf("%s; where there is no such package: a program of "
					 "https://github.com/tsl0922/ttyd/releases, and its path as ttyd_path", install);
	AUTO_STRBUF struct strbuf out = STRBUF_INIT;
	struct error err = ERROR_INIT;

	if (*c->s->ttyd_path ? access(program, X_OK) != 0 : !fs_in_path(program)) {
		check_add(c, "ttyd", CHECK_WARNING, fix, "'%s' is not %s: no web terminal", program,
			  *c->s->ttyd_path ? "there" : "in PATH");
		return;
	}
	if (output_of(argv, &limits, &out, &err) < 0) {
		check_add(c, "ttyd", CHECK_WARNING, "install a ttyd that runs", "%s: no web terminal", err.msg);
		return;
	}
	out.buf[strcspn(out.buf, "\n")] = '\0';
	if (is_good_ttyd(out.buf))
		check_add(c, "ttyd", CHECK_OK, NULL, "%.60s", out.buf);
	else
		check_add(c, "ttyd", CHECK_WARNING, fix,
			  "'%.60s' is too old, it must be 1.6.1 or newer: no web terminal", out.buf);
}

void check_tools(struct check *c)
{
	AUTO_STRBUF struct strbuf have = STRBUF_INIT;
	AUTO_FREE char *rootfs = fs_join(c->s->libexec_dir, "berth-rootfs");

	for (const struct tool *t = tools; t->name != NULL; t++) {
		AUTO_FREE char *fix = check_install(c, t->packages);

		if (!fs_in_path(t->name) && (t->other == NULL || !fs_in_path(t->other)))
			check_add(c, t->name, t->without, fix, "'%s' is not in PATH: %s", t->name, t->why);
		else
			strbuf_addf(&have, "%s%s", have.len > 0 ? " " : "", t->name);
	}
	check_ttyd(c);
	if (access(rootfs, X_OK) != 0)
		check_add(c, "berth-rootfs", CHECK_ERROR, "install berth again, or set BERTH_LIBEXEC_DIR",
			  "'%s' is missing: no instance starts", rootfs);
	check_add(c, "tools", CHECK_OK, NULL, "%s", have.buf);
}
