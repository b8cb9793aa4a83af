/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/template.h"
#include "model/device.h"
#include "model/key_types.h"
#include "model/raw_lxc.h"

#define LXC_SHARED_CONFIG "/usr/share/lxc/config"

void render_line(struct render *r, const char *key, const char *fmt, ...)
{
	AUTO_STRBUF struct strbuf value = STRBUF_INIT;
	cJSON *line = cJSON_CreateObject();
	va_list ap;

	va_start(ap, fmt);
	strbuf_vaddf(&value, fmt, ap);
	va_end(ap);
	json_set_str(line, "key", key);
	json_set_str(line, "value", value.buf);
	cJSON_AddItemToArray(r->lines, line);
}

/* Validation has refused these already; a line that could become two must not depend on one check. */
static int check_lines(const cJSON *lines, struct error *err)
{
	char show[TYPE_SHOW_SIZE];
	const cJSON *line;

	cJSON_ArrayForEach(line, lines) {
		if (!type_is_line(json_str(line, "value")) || !type_is_dotted(json_str(line, "key")))
			return error_set(err, ERROR_INVALID, "cannot render %s: control characters in '%s'",
					 json_str(line, "key"), type_show(json_str(line, "value"), show));
	}
	return 0;
}

/* Paths stand in hook lines, which LXC hands to sh. */
static int check_path(const char *what, const char *path, struct error *err)
{
	if (path && type_is_path(path) &&
	    strspn(path, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/._+-") ==
		    strlen(path))
		return 0;
	return error_set(err, ERROR_INVALID,
			 "cannot render the %s '%s': must be an absolute path of letters, digits and . _ + -",
			 what, path ? path : "");
}

static void add_include(cJSON *includes, const char *dir, const char *name)
{
	AUTO_FREE char *path = fs_join(dir, name);

	if (fs_exists(path))
		cJSON_AddItemToArray(includes, cJSON_CreateString(path));
}

/* The names lxc.arch knows (lxc 5, confile_utils.c); NULL leaves the personality alone. */
static const char *lxc_arch(const char *name)
{
	static const char *const known[] = { "x86_64", "amd64",	  "i386",    "i586",   "i686",
					     "x86",    "aarch64", "arm64",   "armv6l", "armv7l",
					     "armhf",  "ppc64le", "riscv64", "s390x",  NULL };

	for (size_t i = 0; known[i]; i++) {
		if (strcmp(known[i], name) == 0)
			return strcmp(name, "arm64") == 0 ? "aarch64" : known[i];
	}
	return NULL;
}

static void set_or_null(cJSON *context, const char *key, const char *value)
{
	json_set(context, key, value ? cJSON_CreateString(value) : cJSON_CreateNull());
}

static void set_hooks(cJSON *context, const struct render_input *in, bool mapped)
{
	const struct render_rootfs *fs = &in->rootfs;
	AUTO_FREE char *map = instance_idmap_text(in->config, in->probe);

	json_set_strf(context, "reboot", "%s/berth-rootfs reboot %s", fs->libexec_dir, fs->reboots_dir);
	if (strcmp(fs->driver, "overlay") != 0) {
		set_or_null(context, "pre_start", NULL);
		json_set_strf(context, "post_stop", "%s/berth-rootfs nics-down %s", fs->libexec_dir, fs->instance_dir);
		set_or_null(context, "rootfs_options",
			    mapped && in->probe->idmapped_mounts ? "idmap=container,nodev" : NULL);
		return;
	}
	json_set_strf(context, "pre_start", "%s/berth-rootfs mount --lower=%s --idmap=%s %s", fs->libexec_dir,
		      fs->lower, map, fs->instance_dir);
	json_set_strf(context, "post_stop", "%s/berth-rootfs umount %s", fs->libexec_dir, fs->instance_dir);
	set_or_null(context, "rootfs_options", NULL);
}

static void add_map(cJSON *lines, char kind, const struct id_extents *map)
{
	for (size_t i = 0; i < map->n; i++) {
		AUTO_FREE char *line = mem_printf("%c %" PRIu32 " %" PRIu32 " %" PRIu32, kind, map->v[i].ns, map->v[i].host, map->v[i].len);

		cJSON_AddItemToArray(lines, cJSON_CreateString(line));
	}
}

/* What the template takes: the whole map, and the range that it was made of. */
static cJSON *map_of(const struct render_input *in, uint32_t base, uint32_t size)
{
	cJSON *map = cJSON_CreateObject(), *lines = cJSON_AddArrayToObject(map, "map");
	struct id_extents users, groups;

	json_set_strf(map, "base", "%" PRIu32, base);
	json_set_strf(map, "size", "%" PRIu32, size);
	if (instance_id_extents(in->config, in->probe, &users, &groups)) {
		add_map(lines, 'u', &users);
		add_map(lines, 'g', &groups);
	}
	return map;
}

static int set_identity(cJSON *context, const struct render_input *in, struct error *err)
{
	const char *shared = in->include_config ? in->include_config : LXC_SHARED_CONFIG;
	cJSON *includes = cJSON_AddArrayToObject(context, "includes");
	cJSON *map = NULL;
	uint32_t base = 0, size = 0;
	bool mapped = instance_idmap(in->config, in->probe, &base, &size);

	if (mapped && size == 0)
		return error_set(err, ERROR_INVALID,
				 "'%s' has no id map: root has no range in /etc/subuid and /etc/subgid (or "
				 "set security.privileged)",
				 in->name);
	add_include(includes, shared, "common.conf");
	if (mapped) {
		add_include(includes, shared, "userns.conf");
		map = map_of(in, base, size);
	}
	json_set(context, "idmap", map ? map : cJSON_CreateNull());
	set_hooks(context, in, mapped);
	return 0;
}

static int set_context(cJSON *context, const struct render_input *in, struct error *err)
{
	const char *arch = json_str(in->config, "image.architecture");
	AUTO_FREE char *rootfs = NULL;

	if (check_path("instance folder", in->rootfs.instance_dir, err) < 0 ||
	    check_path("program folder", in->rootfs.libexec_dir, err) < 0 ||
	    check_path("run folder", in->rootfs.reboots_dir, err) < 0)
		return -1;
	if (strcmp(in->rootfs.driver, "overlay") == 0 &&
	    check_path("image folder", in->rootfs.lower, err) < 0)
		return -1;
	rootfs = fs_join(in->rootfs.instance_dir, "rootfs");
	json_set_str(context, "name", in->name);
	json_set_str(context, "instance_dir", in->rootfs.instance_dir);
	json_set_str(context, "rootfs", rootfs);
	set_or_null(context, "arch", lxc_arch(arch && *arch ? arch : in->probe->architecture));
	set_or_null(context, "apparmor", in->probe->apparmor ? "generated" : NULL);
	json_set_bool(context, "seccomp_off", !in->probe->seccomp);
	json_set(context, "raw", cJSON_CreateNull());
	return set_identity(context, in, err);
}

static int render_config(struct render *r, struct error *err)
{
	cJSON *section = cJSON_CreateObject();
	const cJSON *item;

	r->lines = cJSON_AddArrayToObject(section, "lines");
	json_set(r->context, "config", section);
	cJSON_ArrayForEach(item, r->config) {
		const struct config_key *row = config_key_find(item->string);

		if (!row || !row->render || !cJSON_IsString(item) || !*item->valuestring)
			continue;
		if (row->render(r, item->string, item->valuestring, err) < 0)
			return -1;
	}
	if (check_lines(r->lines, err) < 0) /* once: there may be thousands */
		return -1;
	if (cJSON_GetArraySize(r->lines) == 0)
		json_set(r->context, "config", cJSON_CreateNull());
	return 0;
}

/* Starts the lines of one device. */
static void begin_device(struct render *r, cJSON *list, const char *type, const char *device)
{
	cJSON *section = cJSON_CreateObject();

	json_set_str(section, "type", type);
	json_set_str(section, "device", device);
	r->lines = cJSON_AddArrayToObject(section, "lines");
	cJSON_AddItemToArray(list, section);
}

static int render_device(struct render *r, cJSON *list, const cJSON *device, struct error *err)
{
	const char *name = json_str_or(device, "type", "");
	const struct device_type *type = device_type_find(name);

	if (!type)
		return error_set(err, ERROR_INVALID, "Failed loading device \"%s\": Unsupported device type",
				 device->string);
	begin_device(r, list, name, device->string);
	if (type->render(r, device->string, device, err) < 0 || check_lines(r->lines, err) < 0)
		return -1;
	if (cJSON_GetArraySize(r->lines) == 0)
		cJSON_DeleteItemFromArray(list, cJSON_GetArraySize(list) - 1);
	return 0;
}

static int render_devices(struct render *r, const cJSON *devices, struct error *err)
{
	AUTO_FREE const cJSON **ordered = devices_in_order(devices);
	cJSON *list = cJSON_AddArrayToObject(r->context, "devices");

	for (const cJSON **device = ordered; *device; device++) {
		if (render_device(r, list, *device, err) < 0)
			return -1;
	}
	if (r->nics == 0 && !raw_lxc_has_networks(json_str(r->config, "raw.lxc"))) {
		begin_device(r, list, "no", "nic: an own, empty network, or it would have the host's");
		render_line(r, "lxc.net.0.type", "empty");
	}
	return 0;
}

static int render_template(const struct render_input *in, const cJSON *context, struct strbuf *out,
			   struct error *err)
{
	AUTO_FREE char *path = fs_join(in->template_dir, "instance.conf");
	struct template *t = template_load(path, err);
	int ret = t ? template_render(t, context, out, err) : -1;

	template_free(t);
	return ret;
}

int render_instance(const struct render_input *in, struct strbuf *out, struct error *err)
{
	AUTO_JSON cJSON *config = cJSON_Duplicate(in->config, true);
	AUTO_JSON cJSON *devices = cJSON_Duplicate(in->devices, true);
	AUTO_JSON cJSON *context = cJSON_CreateObject();
	struct render_input sorted = *in;
	struct render r = { .probe = in->probe, .config = config, .context = context, .in = &sorted };

	json_sort(config);
	json_sort(devices);
	sorted.config = config;
	sorted.devices = devices;
	if (set_context(context, &sorted, err) < 0 || render_config(&r, err) < 0 ||
	    render_devices(&r, devices, err) < 0)
		return -1;
	return render_template(in, context, out, err);
}
