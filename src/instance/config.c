/* SPDX-License-Identifier: MIT */
/* From berth.json to LXC's config. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/ident.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "image/store.h"
#include "instance/cloud_init.h"
#include "instance/reboots.h"
#include "instance/work.h"
#include "model/profile.h"
#include "model/seccomp.h"
#include "model/settings.h"
#include "pool/custom.h"

static int check_profiles(const struct berthd *b, const cJSON *desired, struct error *err)
{
	const cJSON *list = json_arr(desired, "profiles"), *item, *earlier;

	cJSON_ArrayForEach(item, list) {
		if (!cJSON_IsString(item))
			return error_set(err, ERROR_INVALID, "a profile's name must be a string");
		for (earlier = list->child; earlier != item; earlier = earlier->next)
			if (strcmp(earlier->valuestring, item->valuestring) == 0)
				return error_set(err, ERROR_INVALID, "Duplicate profile found in request: \"%s\"",
						 item->valuestring);
		if (profile_get(b->profiles, item->valuestring) == NULL)
			return error_set(err, ERROR_NOT_FOUND, "Requested profile \"%s\" doesn't exist",
					 item->valuestring);
	}
	return 0;
}

static int check_root(const cJSON *devices, struct error *err)
{
	const cJSON *dev;
	int n = 0;

	cJSON_ArrayForEach(dev, devices) {
		const char *path = json_str(dev, "path");

		if (strcmp(json_str_or(dev, "type", ""), "disk") == 0 && path != NULL && strcmp(path, "/") == 0)
			n++;
	}
	if (n == 1)
		return 0;
	return error_set(err, ERROR_INVALID, n == 0 ?
			 "Invalid expanded devices: Failed detecting root disk device: No root device could be found (add one: "
			 "root with type=disk path=/, or use a profile that has it)" :
			 "Invalid expanded devices: Failed detecting root disk device: More than one device has path=/");
}

int work_check_devices(const cJSON *devices, struct error *err)
{
	return devices_validate(devices, err) < 0 || check_root(devices, err) < 0 ? -1 : 0;
}

int work_check(struct berthd *b, const cJSON *desired, struct error *err)
{
	AUTO_JSON cJSON *config = NULL;
	AUTO_JSON cJSON *devices = NULL;

	if (check_profiles(b, desired, err) < 0 || config_validate(json_obj(desired, "config"), b->probe, err) < 0 ||
	    devices_validate(json_obj(desired, "devices"), err) < 0)
		return -1;
	instance_expand_shown(b, desired, &config, &devices);
	if (custom_check_devices(b, NULL, devices, err) < 0)
		return -1;
	custom_resolve(b, devices);
	return work_check_devices(devices, err) < 0 ? -1 : size_check(b, devices, err);
}

/* Names that must stay the same over restarts: MAC addresses (Xen's prefix, as LXD uses) and host ends of veths. */
void work_fill_volatile(struct berthd *b, cJSON *desired)
{
	AUTO_JSON cJSON *expanded = NULL;
	AUTO_JSON cJSON *devices = NULL;
	cJSON *config = json_obj(desired, "config");
	const cJSON *dev;
	char hex[17];

	instance_expand(b, desired, &expanded, &devices);
	cJSON_ArrayForEach(dev, devices) {
		AUTO_FREE char *mac_key = mem_printf("volatile.%s.hwaddr", dev->string);
		AUTO_FREE char *host_key = mem_printf("volatile.%s.host_name", dev->string);

		if (strcmp(json_str_or(dev, "type", ""), "nic") != 0)
			continue;
		ident_random_hex(hex, 7);
		if (json_str(dev, "hwaddr") == NULL && json_str(config, mac_key) == NULL)
			json_set_strf(config, mac_key, "00:16:3e:%.2s:%.2s:%.2s", hex, hex + 2, hex + 4);
		if (json_str(config, host_key) == NULL)
			json_set_strf(config, host_key, "veth%.8s", hex + 6);
	}
	if (json_str(config, "volatile.uuid") == NULL) {
		char uuid[UUID_TEXT_SIZE];

		ident_uuid(uuid);
		json_set_str(config, "volatile.uuid", uuid);
	}
	cloud_init_fill(config);
}

static bool same_as_file(const char *path, const struct strbuf *text)
{
	AUTO_STRBUF struct strbuf old = STRBUF_INIT;
	struct error err = ERROR_INIT;

	return fs_read_file(path, 4 << 20, &old, &err) == 0 && old.len == text->len &&
	       memcmp(old.buf, text->buf, old.len) == 0;
}

/*
 * The folder belongs to the host's root, or its mapped root could put another `config` there, which LXC runs hooks
 * from. That one's group may walk through, as LXC does in its user namespace; nobody else.
 */
static int own_folder(const char *dir, uint32_t base, struct error *err)
{
	mode_t mode = base == 0 ? 0700 : 0710;
	struct stat st;

	if (lstat(dir, &st) == 0 && st.st_uid == 0 && st.st_gid == base && (st.st_mode & 07777) == mode)
		return 0;
	if (lchown(dir, 0, base) < 0 || chmod(dir, mode) < 0)
		return error_sys(err, errno, "cannot set the owner of '%s'", dir);
	return 0;
}

/* The system calls it may do: a file beside the config that names it, or none. */
static int write_seccomp(const char *dir, const cJSON *config, struct error *err)
{
	AUTO_FREE char *path = fs_join(dir, SECCOMP_FILE);
	AUTO_STRBUF struct strbuf text = STRBUF_INIT;

	if (seccomp_policy(config, &text))
		return same_as_file(path, &text) ? 0 : fs_write_atomic(path, text.buf, text.len, 0600, err);
	if (unlink(path) < 0 && errno != ENOENT)
		return error_sys(err, errno, "cannot remove '%s'", path);
	return 0;
}

int work_render(struct berthd *b, const char *name, const char *dir, const cJSON *desired, struct error *err)
{
	AUTO_JSON cJSON *config = NULL;
	AUTO_JSON cJSON *devices = NULL;
	AUTO_STRBUF struct strbuf text = STRBUF_INIT;
	AUTO_FREE char *lower = NULL;
	AUTO_FREE char *path = fs_join(dir, "config");
	AUTO_FREE char *reboots = reboots_dir(b);
	struct render_input in = { .name = name, .probe = b->probe, .template_dir = b->settings->template_dir };
	uint32_t base, size;

	instance_expand(b, desired, &config, &devices);
	lower = image_rootfs(b->images, json_str_or(config, "volatile.base_image", "none"));
	in.config = config;
	in.devices = devices;
	in.rootfs.driver = json_str_or(desired, "driver", "dir");
	in.rootfs.instance_dir = dir;
	in.rootfs.lower = lower;
	in.rootfs.libexec_dir = b->settings->libexec_dir;
	in.rootfs.reboots_dir = reboots;
	in.include_config = "/usr/share/lxc/config";
	idmap_of(b, config, &base, &size);
	if (render_instance(&in, &text, err) < 0 || own_folder(dir, base, err) < 0 ||
	    write_seccomp(dir, config, err) < 0)
		return -1;
	if (same_as_file(path, &text))
		return 0;
	return fs_write_atomic(path, text.buf, text.len, 0640, err);
}
