/* SPDX-License-Identifier: MIT */
/*
 * Device nodes of the host. A container in a user namespace cannot make nodes
 * that work, so a node with the wanted owner and mode is made in the instance's
 * folder (hooks/berth-device-node, also before a plain lxc-start) and bound in.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "model/device.h"
#include "model/device_match.h"
#include "model/key_types.h"

/* It goes into a hook line, which LXC hands to sh: nothing there that sh would touch. */
static bool is_node_path(const char *s)
{
	return type_is_path(s) &&
	       strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/._:+@,=-") ==
		       strlen(s);
}

static int valid_path(const char *device, const char *key, const char *value, struct error *err)
{
	return is_node_path(value) ? 0
				   : device_refuse(key, value,
						   "must be an absolute path of letters, digits and . _ : + "
						   "@ , = - without '.' or '..' parts",
						   err);
}

static int valid_number(const char *device, const char *key, const char *value, struct error *err)
{
	return type_is_int(value, 0, 1048575) ? 0 : device_refuse(key, value, "must be a device number", err);
}

static int valid_id(const char *device, const char *key, const char *value, struct error *err)
{
	return type_is_int(value, 0, 4294967294)
		       ? 0
		       : device_refuse(key, value, "must be an id inside the container", err);
}

static int valid_mode(const char *device, const char *key, const char *value, struct error *err)
{
	return type_is_mode(value) ? 0 : device_refuse(key, value, "must be an octal mode such as 0660", err);
}

const struct device_property unix_properties[] = {
	{ "source", "path", false, valid_path, KEY_LIVE_APPLY, "The node on the host; path when not given." },
	{ "path", "path", false, valid_path, KEY_LIVE_APPLY, "The node inside; source when not given." },
	{ "major", "integer", false, valid_number, KEY_LIVE_APPLY,
	  "Its major number; the source's when not given." },
	{ "minor", "integer", false, valid_number, KEY_LIVE_APPLY,
	  "Its minor number; the source's when not given." },
	{ "mode", "octal", false, valid_mode, KEY_LIVE_APPLY, "Its mode; 0660 when not given." },
	{ "uid", "integer", false, valid_id, KEY_LIVE_APPLY,
	  "Its owner, as the container sees it; 0 when not given." },
	{ "gid", "integer", false, valid_id, KEY_LIVE_APPLY,
	  "Its group, as the container sees it; 0 when not given." },
	{ "required", "bool", false, device_valid_bool, KEY_LIVE_NOTHING,
	  "false: start also when the source is missing, and follow it: it is given when it comes, and taken when it goes. "
	  "true when not given." },
	{ .name = NULL },
};

static const char *source_of(const cJSON *props)
{
	const char *source = device_prop(props, "source");

	return source ? source : device_prop(props, "path");
}

static const char *target_of(const cJSON *props)
{
	const char *path = device_prop(props, "path");

	return path ? path : device_prop(props, "source");
}

static bool is_optional(const cJSON *props)
{
	return type_is_false(device_prop(props, "required"));
}

static bool is_block(const cJSON *props)
{
	return strcmp(json_str_or(props, "type", ""), "unix-block") == 0;
}

static bool has_numbers(const cJSON *props)
{
	return device_prop(props, "major") && device_prop(props, "minor");
}

int unix_validate(const char *device, const cJSON *props, struct error *err)
{
	if (!source_of(props))
		return error_set(err, ERROR_INVALID,
				 "Unix device entry is missing the required \"source\" or \"path\" property");
	if (!device_prop(props, "major") != !device_prop(props, "minor"))
		return error_set(err, ERROR_INVALID, "Both major and minor must be supplied for device");
	if (strcmp(target_of(props), "/") == 0)
		return error_set(err, ERROR_INVALID, "\"path\" must name a node, not \"/\"");
	return 0;
}

int unix_check_start(const char *device, const cJSON *props, struct error *err)
{
	const char *source = source_of(props);
	struct stat st;

	if (has_numbers(props) || is_optional(props))
		return 0;
	if (stat(source, &st) < 0) {
		if (errno != ENOENT && errno != ENOTDIR)
			return error_sys(err, errno, "cannot look at the device \"%s\"", source);
		return error_set(err, ERROR_INVALID,
				 "The required device path doesn't exist and the major and minor settings "
				 "are not specified: \"%s\"",
				 source);
	}
	if (is_block(props) ? !S_ISBLK(st.st_mode) : !S_ISCHR(st.st_mode))
		return error_set(err, ERROR_INVALID, "\"%s\" is not a %s device", source,
				 is_block(props) ? "block" : "character");
	return 0;
}

/* The arguments of berth-device-node: one string per option. */
static void node_arguments(struct argv *a, const char *libexec, const char *dir, const char *device,
			   const cJSON *props)
{
	AUTO_FREE char *file = match_device_file(device);

	argv_pushf(a, "%s/berth-device-node", libexec);
	argv_pushf(a, "--node=%s/devices/%s", dir, file);
	argv_pushf(a, "--type=%s", is_block(props) ? "b" : "c");
	if (has_numbers(props))
		argv_pushf(a, "--number=%s:%s", device_prop(props, "major"), device_prop(props, "minor"));
	else
		argv_pushf(a, "--source=%s", source_of(props));
	argv_pushf(a, "--mode=%s", json_str_or(props, "mode", "0660"));
}

/* An id of the container as the host counts it. */
static unsigned long host_id(const cJSON *props, const char *key, const cJSON *config,
			     const struct probe *probe)
{
	unsigned long id = strtoul(json_str_or(props, key, "0"), NULL, 10);
	struct id_extents users, groups;
	const struct id_extents *map = strcmp(key, "gid") == 0 ? &groups : &users;
	uint32_t host = 0;

	if (!instance_id_extents(config, probe, &users, &groups))
		return id;
	if (!id_extents_find(map, (uint32_t)id, &host)) /* no id of its: root's */
		(void)id_extents_find(map, 0, &host);
	return host;
}

static void push_owner(struct argv *a, const cJSON *props, const cJSON *config, const struct probe *probe)
{
	argv_pushf(a, "--owner=%lu:%lu", host_id(props, "uid", config, probe),
		   host_id(props, "gid", config, probe));
	if (is_optional(props))
		argv_push(a, "--optional");
}

/* A privileged container has the device cgroup of common.conf: the node must be let through. */
static void render_allow(struct render *r, const cJSON *props)
{
	unsigned major_number = (unsigned)atoi(json_str_or(props, "major", "0"));
	unsigned minor_number = (unsigned)atoi(json_str_or(props, "minor", "0"));
	struct stat st;

	if (!has_numbers(props)) {
		if (stat(source_of(props), &st) < 0)
			return;
		major_number = major(st.st_rdev);
		minor_number = minor(st.st_rdev);
	}
	render_line(r,
		    r->probe->cgroups == CGROUP_UNIFIED ? "lxc.cgroup2.devices.allow"
							: "lxc.cgroup.devices.allow",
		    "%c %u:%u rwm", is_block(props) ? 'b' : 'c', major_number, minor_number);
}

int unix_render(struct render *r, const char *device, const cJSON *props, struct error *err)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT;
	AUTO_ARGV struct argv hook = ARGV_INIT;
	AUTO_FREE char *file = match_device_file(device);
	uint32_t base, size;

	node_arguments(&hook, r->in->rootfs.libexec_dir, r->in->rootfs.instance_dir, device, props);
	push_owner(&hook, props, r->config, r->probe);
	for (size_t i = 0; i < hook.n; i++)
		strbuf_addf(&text, "%s%s", i ? " " : "", hook.v[i]);
	render_line(r, "lxc.hook.pre-start", "%s", text.buf);
	strbuf_reset(&text);
	strbuf_addf(&text, "%s/devices/%s ", r->in->rootfs.instance_dir, file);
	mount_field(&text, target_of(props), true);
	strbuf_addf(&text, " none bind,create=file%s 0 0", is_optional(props) ? ",optional" : "");
	render_line(r, "lxc.mount.entry", "%s", text.buf);
	if (!instance_idmap(r->config, r->probe, &base, &size))
		render_allow(r, props);
	return 0;
}

static void detach(const struct live_change *c, const char *device, const cJSON *props)
{
	AUTO_FREE char *program = mem_printf("%s/berth-rootfs", c->libexec_dir);
	AUTO_FREE char *pid = mem_printf("--pid=%d", (int)c->live.pid);
	AUTO_FREE char *target = mem_printf("--target=%s", target_of(props));

	live_command(c, device, program, "detach", pid, target, NULL);
}

static void make_node(const struct live_change *c, const char *device, const cJSON *props)
{
	AUTO_ARGV struct argv node = ARGV_INIT;

	node_arguments(&node, c->libexec_dir, c->instance_dir, device, props);
	push_owner(&node, props, c->new_config, c->live.probe);
	live_command_argv(c, device, &node);
}

static enum live_result attach(const struct live_change *c, const char *device, const cJSON *props)
{
	AUTO_FREE char *program = mem_printf("%s/berth-rootfs", c->libexec_dir);
	AUTO_FREE char *pid = mem_printf("--pid=%d", (int)c->live.pid);
	AUTO_FREE char *file = match_device_file(device);
	AUTO_FREE char *from = mem_printf("--source=%s/devices/%s", c->instance_dir, file);
	AUTO_FREE char *target = mem_printf("--target=%s", target_of(props));

	if (is_optional(props) && !has_numbers(props) && !fs_exists(source_of(props)))
		return LIVE_APPLIED;
	if (c->unsure) /* what is mounted there may be a node that is made anew: nothing can be mounted over a removed one */
		detach(c, device, props);
	make_node(c, device, props);
	live_command(c, device, program, "attach", pid, from, target, "--create=file", NULL);
	return LIVE_APPLIED;
}

enum live_result unix_live(const struct live_change *change, const char *device, const cJSON *old_props,
			   const cJSON *new_props, struct error *err)
{
	uint32_t base, size;

	/* a privileged container's device cgroup is closed for it until the next start */
	if (new_props && !instance_idmap(change->new_config, change->live.probe, &base, &size))
		return LIVE_PENDING;
	if (old_props)
		detach(change, device, old_props);
	return new_props ? attach(change, device, new_props) : LIVE_APPLIED;
}
