/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "model/device.h"
#include "model/disk_limits.h"
#include "model/key_types.h"

/* Where it is to be in the instance: LXD takes "srv/data" for "/srv/data". */
static char *target_of(const char *path)
{
	return path[0] == '/' ? mem_strdup(path) : mem_printf("/%s", path);
}

static int valid_path(const char *device, const char *key, const char *value, struct error *err)
{
	AUTO_FREE char *target = target_of(value);

	return type_is_path(target) ? 0 : device_refuse(key, value, "must be a path without '.' or '..' parts and without "
							"control characters", err);
}

static int valid_size(const char *device, const char *key, const char *value, struct error *err)
{
	return type_is_size(value) ? 0 : device_refuse(key, value, "must be a size such as 10GiB", err);
}

/* Whether there is such a pool is found out where they are known (pool/custom.h, storage_choose()). */
static int valid_pool(const char *device, const char *key, const char *value, struct error *err)
{
	return type_is_name(value) ? 0 : device_refuse(key, value, "is no name of a storage pool", err);
}

/* A path of the host; or, with a pool, the name of a volume. */
static int valid_source(const char *device, const char *key, const char *value, struct error *err)
{
	bool is_volume = value[0] != '\0' && type_is_line(value) && strchr(value, '/') == NULL && strcmp(value, ".") != 0 &&
			 strcmp(value, "..") != 0;

	return type_is_path(value) || is_volume ? 0 :
	       device_refuse(key, value, "must be an absolute path without '.' or '..' parts and without control characters, "
			     "or with a pool the name of a volume", err);
}

static int valid_options(const char *device, const char *key, const char *value, struct error *err)
{
	return type_is_word(value) ? 0 : device_refuse(key, value, "must be options of mount(8) with commas between them", err);
}

static int valid_limit(const char *device, const char *key, const char *value, struct error *err)
{
	uint64_t ignored;
	bool iops;

	return disk_limit_parse(value, &iops, &ignored) ? 0 :
	       device_refuse(key, value, "must be a rate such as 10MB (a second) or 100iops", err);
}

static int valid_propagation(const char *device, const char *key, const char *value, struct error *err)
{
	static const char *const modes[] = { "private", "shared", "slave",	 "unbindable", "rprivate",
					     "rshared", "rslave", "runbindable", NULL };

	for (size_t i = 0; modes[i]; i++) {
		if (strcmp(modes[i], value) == 0)
			return 0;
	}
	return device_refuse(key, value,
			     "must be private, shared, slave or unbindable, or one of these with r before",
			     err);
}

const struct device_property disk_properties[] = {
	{ "path", "path", true, valid_path, KEY_LIVE_APPLY,
	  "Where it appears inside; / is the root file system." },
	{ "source", "path", false, valid_source, KEY_LIVE_APPLY,
	  "The file or folder of the host, or a block device: the file system on it is mounted; with pool, the volume's name." },
	{ "pool", "string", false, valid_pool, KEY_LIVE_NOTHING,
	  "The storage pool of the root file system (overlay and dir: the default one with that storage "
	  "driver), or of the volume in source." },
	{ "size", "size", false, valid_size, KEY_LIVE_APPLY,
	  "How much the root file system may take; refused where its storage pool cannot enforce it (btrfs can; others need "
	  "a file system with project quotas)." },
	{ "readonly", "bool", false, device_valid_bool, KEY_LIVE_APPLY, "Mount it read-only." },
	{ "optional", "bool", false, device_valid_bool, KEY_LIVE_NOTHING,
	  "Start also when the source is missing." },
	{ "required", "bool", false, device_valid_bool, KEY_LIVE_NOTHING,
	  "false: the same as optional=true." },
	{ "recursive", "bool", false, device_valid_bool, KEY_LIVE_RESTART,
	  "With the mounts below the source. Every folder on the way to it must then be open to others (mode "
	  "x)." },
	{ "shift", "bool", false, device_valid_bool, KEY_LIVE_APPLY,
	  "Map owners so that the host's root is the container's root in it, unless set to false. Where a file "
	  "system cannot (device nodes, many network file systems) they stay as they are, or with true it is refused. In an "
	  "instance with raw.idmap they stay as they are unless set to true (those of volumes are mapped)." },
	{ "raw.mount.options", "string", false, valid_options, KEY_LIVE_APPLY,
	  "Options of mount(8) with commas between them; of file systems' own only for a block device." },
	{ "propagation", "string", false, valid_propagation, KEY_LIVE_RESTART,
	  "Mount propagation, see mount(8). Every folder on the way to the source must then be open to "
	  "others." },
	{ "limits.read", "rate", false, valid_limit, KEY_LIVE_APPLY,
	  "How fast may be read from the disk that it lies on: 10MB (a second) or 100iops. Devices on one disk share a "
	  "limit: the last one counts." },
	{ "limits.write", "rate", false, valid_limit, KEY_LIVE_APPLY,
	  "How fast may be written. On cgroup v1 this does not hold what the kernel writes back later." },
	{ "limits.max", "rate", false, valid_limit, KEY_LIVE_APPLY, "Both of them at once." },
	{ .name = NULL },
};

static bool is_root(const cJSON *props)
{
	return strcmp(json_str_or(props, "path", ""), "/") == 0;
}

static bool is_optional(const cJSON *props)
{
	return type_is_true(device_prop(props, "optional")) || type_is_false(device_prop(props, "required"));
}

int disk_missing(const char *property, struct error *err)
{
	return error_set(err, ERROR_INVALID, "Disk entry is missing the required \"source\" or \"path\" property: it has no %s", property);
}

int disk_validate(const char *device, const cJSON *props, struct error *err)
{
	static const char *const host_only[] = { "readonly", "optional",    "required", "recursive",
						 "shift",    "propagation", "raw.mount.options", NULL };

	if (!is_root(props)) {
		if (!device_prop(props, "source"))
			return disk_missing("source", err);
		if (device_prop(props, "pool") && device_prop(props, "source")[0] == '/')
			return error_set(err, ERROR_INVALID,
					 "Storage volumes cannot be specified as absolute paths");
		if (!device_prop(props, "pool") && device_prop(props, "source")[0] != '/')
			return error_set(err, ERROR_INVALID, "Invalid source \"%s\" for a disk: must be an absolute path, or with "
					 "a pool the name of a volume", device_prop(props, "source"));
		if (device_prop(props, "size"))
			return error_set(err, ERROR_INVALID, "Only the root disk may have a size quota");
		return 0;
	}
	if (device_prop(props, "source"))
		return error_set(err, ERROR_INVALID,
				 "Root disk entry may not have a \"source\" property set");
	for (const char *const *key = host_only; *key; key++) {
		if (device_prop(props, *key))
			return error_set(err, ERROR_INVALID, "The root disk has no option \"%s\"", *key);
	}
	return 0;
}

int disk_check_start(const char *device, const cJSON *props, struct error *err)
{
	const char *source = device_prop(props, "source");
	struct stat st;

	if (is_root(props))
		return 0;
	if (source && stat(source, &st) == 0)
		return disk_limits_check(props, source, err);
	if (is_optional(props) || !source)
		return 0;
	if (errno != ENOENT && errno != ENOTDIR)
		return error_sys(err, errno, "cannot look at source path \"%s\" for disk \"%s\"", source,
				 device);
	return error_set(err, ERROR_INVALID, "Missing source path \"%s\" for disk \"%s\"", source, device);
}

static bool source_is_file(const char *source)
{
	struct stat st;

	return stat(source, &st) == 0 && !S_ISDIR(st.st_mode) && !S_ISBLK(st.st_mode);
}

/*
 * Does the mount get the container's map? Who names ids of the host (raw.idmap) wants to see those of a folder of the host
 * as they are, as in LXD, unless told otherwise; for volumes instance_expand() tells otherwise.
 */
static bool wants_map(const cJSON *config, const struct probe *probe, const cJSON *props)
{
	uint32_t base, size;

	if (!probe->idmapped_mounts || type_is_false(device_prop(props, "shift")) || !instance_idmap(config, probe, &base, &size))
		return false;
	return !instance_has_raw_idmap(config) || type_is_true(device_prop(props, "shift"));
}

/*
 * The program that mounts it in the container whose init is --pid (appended by the caller). It does so with
 * the host's rights: folders on the way to the source may be closed to others, and an idmapped source may be
 * missing.
 */
static void attach_arguments(struct argv *a, const char *libexec, const cJSON *props, const cJSON *config,
			     const struct probe *probe)
{
	AUTO_FREE char *path = target_of(device_prop(props, "path"));
	AUTO_FREE char *map = instance_idmap_text(config, probe);
	const char *source = device_prop(props, "source");

	argv_pushf(a, "%s/berth-rootfs", libexec);
	argv_push(a, "attach");
	argv_pushf(a, "--source=%s", source);
	argv_pushf(a, "--target=%s", path);
	argv_pushf(a, "--create=%s", source_is_file(source) ? "file" : "dir");
	if (type_is_true(device_prop(props, "readonly")))
		argv_push(a, "--readonly");
	if (is_optional(props))
		argv_push(a, "--optional");
	if (device_prop(props, "raw.mount.options"))
		argv_pushf(a, "--options=%s", device_prop(props, "raw.mount.options"));
	if (!wants_map(config, probe, props))
		return;
	if (!type_is_true(device_prop(props, "shift")))
		argv_push(a, "--or-plain");
	argv_pushf(a, "--idmap=%s", map);
}

/* What only a mount entry of LXC's own can do. */
static bool needs_entry(const cJSON *props)
{
	struct stat st;

	return (type_is_true(device_prop(props, "recursive")) || device_prop(props, "propagation")) &&
	       !(stat(device_prop(props, "source"), &st) == 0 && S_ISBLK(st.st_mode));
}

static void render_entry(struct render *r, const cJSON *props)
{
	const char *source = device_prop(props, "source"), *propagation = device_prop(props, "propagation");
	const char *options = device_prop(props, "raw.mount.options");
	AUTO_STRBUF struct strbuf entry = STRBUF_INIT;

	mount_field(&entry, source, false);
	strbuf_addch(&entry, ' ');
	mount_field(&entry, device_prop(props, "path"), true);
	strbuf_addf(&entry, " none %s,create=%s",
		    type_is_true(device_prop(props, "recursive")) ? "rbind" : "bind",
		    source_is_file(source) ? "file" : "dir");
	if (type_is_true(device_prop(props, "readonly")))
		strbuf_addstr(&entry, ",ro");
	if (is_optional(props))
		strbuf_addstr(&entry, ",optional");
	if (propagation)
		strbuf_addf(&entry, ",%s", propagation);
	if (options)
		strbuf_addf(&entry, ",%s", options);
	/* LXC 5 fails on a missing source with a map even when it is optional */
	if (wants_map(r->config, r->probe, props) && fs_exists(source))
		strbuf_addstr(&entry, ",idmap=container");
	render_line(r, "lxc.mount.entry", "%s 0 0", entry.buf);
}

int disk_render(struct render *r, const char *device, const cJSON *props, struct error *err)
{
	AUTO_ARGV struct argv argv = ARGV_INIT;
	AUTO_FREE char *quoted = NULL;

	if (disk_limits_render(r, props, is_root(props) ? r->in->rootfs.instance_dir : device_prop(props, "source"), err) < 0)
		return -1;
	if (is_root(props))
		return 0;
	if (needs_entry(props)) {
		render_entry(r, props);
		return 0;
	}
	attach_arguments(&argv, r->in->rootfs.libexec_dir, props, r->config, r->probe);
	quoted = argv_quote(&argv); /* LXC runs hooks through sh, which also puts the pid in */
	render_line(r, "lxc.hook.start-host", "%s --pid=$LXC_PID", quoted);
	return 0;
}

static void detach(const struct live_change *c, const char *device, const cJSON *props)
{
	AUTO_FREE char *path = target_of(device_prop(props, "path"));
	AUTO_FREE char *program = mem_printf("%s/berth-rootfs", c->libexec_dir);
	AUTO_FREE char *pid = mem_printf("--pid=%d", (int)c->live.pid);
	AUTO_FREE char *target = mem_printf("--target=%s", path);

	live_command(c, device, program, "detach", pid, target, NULL);
}

static void attach(const struct live_change *c, const char *device, const cJSON *props)
{
	AUTO_ARGV struct argv argv = ARGV_INIT;

	attach_arguments(&argv, c->libexec_dir, props, c->new_config, c->live.probe);
	argv_pushf(&argv, "--pid=%d", (int)c->live.pid);
	live_command_argv(c, device, &argv);
}

static enum live_result live_mounts(const struct live_change *change, const char *device, const cJSON *old_props,
				    const cJSON *new_props)
{
	static const char *const mounted_by[] = { "path",      "source",      "readonly", "shift",
						  "recursive", "propagation", "raw.mount.options", NULL };
	bool differs = !old_props || !new_props;

	if ((old_props && is_root(old_props)) || (new_props && is_root(new_props)))
		return old_props && new_props && is_root(old_props) == is_root(new_props) ? LIVE_APPLIED
											  : LIVE_PENDING;
	for (const char *const *key = mounted_by; !differs && *key; key++)
		differs = !device_same(old_props, new_props, *key);
	if (!differs)
		return LIVE_APPLIED;
	if (new_props && needs_entry(new_props))
		return LIVE_PENDING;
	if (old_props)
		detach(change, device, old_props);
	if (new_props)
		attach(change, device, new_props);
	return LIVE_APPLIED;
}

enum live_result disk_live(const struct live_change *change, const char *device, const cJSON *old_props,
			   const cJSON *new_props, struct error *err)
{
	enum live_result result = live_mounts(change, device, old_props, new_props);
	struct error why = ERROR_INIT;

	return disk_limits_live(change, old_props, new_props, &why) < 0 ? LIVE_PENDING : result;
}
