/* SPDX-License-Identifier: MIT */
#include "model/disk_limits.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/units.h"
#include "lxc/figures.h"
#include "model/device.h"
#include "model/key_types.h"
#include "model/limits.h"

enum { READ_BPS, READ_IOPS, WRITE_BPS, WRITE_IOPS, FIGURES };

static const struct {
	const char *file;   /* of cgroup v1's blkio */
	const char *member; /* of cgroup v2's io.max */
} figures[FIGURES] = {
	[READ_BPS] = { "blkio.throttle.read_bps_device", "rbps" },
	[READ_IOPS] = { "blkio.throttle.read_iops_device", "riops" },
	[WRITE_BPS] = { "blkio.throttle.write_bps_device", "wbps" },
	[WRITE_IOPS] = { "blkio.throttle.write_iops_device", "wiops" },
};

bool disk_limit_parse(const char *text, bool *ret_iops, uint64_t *ret_value)
{
	struct error ignored = ERROR_INIT;
	char digits[20];
	size_t len = strlen(text);

	*ret_iops = type_has_suffix(text, "iops");
	if (!*ret_iops)
		return units_parse_size(text, ret_value, &ignored) == 0 && *ret_value > 0 && *ret_value <= INT64_MAX;
	if (len < 5 || len - 4 >= sizeof(digits))
		return false;
	memcpy(digits, text, len - 4);
	digits[len - 4] = '\0';
	return type_is_int(digits, 1, INT32_MAX) && sscanf(digits, "%" SCNu64, ret_value) == 1;
}

bool disk_limits_any(const cJSON *props)
{
	return device_prop(props, "limits.read") || device_prop(props, "limits.write") || device_prop(props, "limits.max");
}

static void take(const cJSON *props, const char *key, unsigned bps, uint64_t out[FIGURES])
{
	const char *text = device_prop(props, key);
	uint64_t value;
	bool iops;

	if (!text)
		text = device_prop(props, "limits.max");
	if (text && disk_limit_parse(text, &iops, &value))
		out[bps + iops] = value;
}

/* 0: no limit */
static void get(const cJSON *props, uint64_t out[FIGURES])
{
	memset(out, 0, FIGURES * sizeof(*out));
	take(props, "limits.read", READ_BPS, out);
	take(props, "limits.write", WRITE_BPS, out);
}

/* "254:0": the disk that the path's file system lies on, which a partition is a part of. */
static int find_disk(const char *path, char out[32], struct error *err)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT;
	struct error ignored = ERROR_INIT;
	char link[80];
	struct stat st;

	if (stat(path, &st) < 0)
		return error_set(err, ERROR_INVALID, "Missing source path \"%s\"", path);
	if (S_ISBLK(st.st_mode)) /* what is on it is mounted */
		st.st_dev = st.st_rdev;
	snprintf(link, sizeof(link), "/sys/dev/block/%u:%u", major(st.st_dev), minor(st.st_dev));
	if (!fs_exists(link))
		return error_set(err, ERROR_INVALID,
				 "limits of \"%s\" are not supported: its file system does not lie on one block device",
				 path);
	snprintf(out, 32, "%u:%u", major(st.st_dev), minor(st.st_dev));
	snprintf(link, sizeof(link), "/sys/dev/block/%u:%u/partition", major(st.st_dev), minor(st.st_dev));
	if (!fs_exists(link))
		return 0;
	snprintf(link, sizeof(link), "/sys/dev/block/%u:%u/../dev", major(st.st_dev), minor(st.st_dev));
	if (fs_read_file(link, 64, &text, &ignored) == 0)
		snprintf(out, 32, "%.*s", (int)strcspn(text.buf, "\n"), text.buf);
	return 0;
}

int disk_limits_check(const cJSON *props, const char *path, struct error *err)
{
	char disk[32];

	if (!disk_limits_any(props))
		return 0;
	if (!fs_exists("/sys/fs/cgroup/blkio") && !fs_exists("/sys/fs/cgroup/cgroup.controllers"))
		return error_set(err, ERROR_INVALID,
				 "limits are not supported: the host has no cgroup controller for disks");
	if (path[0] != '/')
		return error_set(err, ERROR_INVALID, "limits of storage volumes are not supported");
	return find_disk(path, disk, err);
}

int disk_limits_render(struct render *r, const cJSON *props, const char *path, struct error *err)
{
	uint64_t wanted[FIGURES];
	char disk[32], key[64];
	bool is_root = strcmp(json_str_or(props, "path", ""), "/") == 0;
	struct error why = ERROR_INIT;

	if (!disk_limits_any(props))
		return 0;
	if (find_disk(path, disk, &why) < 0) /* an optional source may be missing */
		return is_root ? error_set(err, ERROR_INVALID, "%s", why.msg) : 0;
	get(props, wanted);
	for (size_t i = 0; i < FIGURES; i++) {
		if (wanted[i] == 0)
			continue;
		if (r->probe->cgroups == CGROUP_UNIFIED) {
			render_line(r, "lxc.cgroup2.io.max", "%s %s=%" PRIu64, disk, figures[i].member, wanted[i]);
			continue;
		}
		snprintf(key, sizeof(key), "lxc.cgroup.%s", figures[i].file);
		render_line(r, key, "%s %" PRIu64, disk, wanted[i]);
	}
	return 0;
}

static int write_one(const struct live_change *c, const char *disk, size_t i, uint64_t value, struct error *err)
{
	bool unified = c->live.probe->cgroups == CGROUP_UNIFIED;
	char text[96];

	if (!unified)
		snprintf(text, sizeof(text), "%s %" PRIu64, disk, value);
	else if (value == 0)
		snprintf(text, sizeof(text), "%s %s=max", disk, figures[i].member);
	else
		snprintf(text, sizeof(text), "%s %s=%" PRIu64, disk, figures[i].member, value);
	return cgroup_write(c->live.pid, unified ? "" : "blkio", unified ? "io.max" : figures[i].file, text,
			    c->live.probe, err);
}

static const char *path_of(const struct live_change *c, const cJSON *props)
{
	return strcmp(json_str_or(props, "path", ""), "/") == 0 ? c->instance_dir : json_str_or(props, "source", "");
}

static int change_to(const struct live_change *c, const cJSON *props, const uint64_t from[FIGURES],
		     const uint64_t to[FIGURES], struct error *err)
{
	char disk[32];

	if (!props || memcmp(from, to, FIGURES * sizeof(*from)) == 0)
		return 0;
	if (find_disk(path_of(c, props), disk, err) < 0)
		return -1;
	for (size_t i = 0; i < FIGURES; i++) {
		if ((from[i] != to[i] || c->unsure) && write_one(c, disk, i, to[i], err) < 0)
			return -1;
	}
	return 0;
}

int disk_limits_live(const struct live_change *change, const cJSON *old_props, const cJSON *new_props, struct error *err)
{
	uint64_t was[FIGURES], now[FIGURES], none[FIGURES] = { 0 };

	get(old_props, was);
	get(new_props, now);
	if (old_props && new_props && strcmp(path_of(change, old_props), path_of(change, new_props)) == 0)
		return change_to(change, new_props, was, now, err);
	if (change_to(change, old_props, was, none, err) < 0)
		return -1;
	return change_to(change, new_props, none, now, err);
}
