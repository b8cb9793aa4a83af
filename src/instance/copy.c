/* SPDX-License-Identifier: MIT */
#include "instance/copy.h"

#include <string.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "image/store.h"
#include "instance/address.h"
#include "instance/root_volume.h"
#include "instance/snapshot_work.h"
#include "instance/volume.h"
#include "model/settings.h"
#include "pool/pool.h"
#include "pool/tree.h"

static const char *source_of(const struct work *w)
{
	return json_str(w->args, "copy_of");
}

static const char *snapshot_of(const struct work *w)
{
	return json_str(w->args, "copy_snapshot");
}

bool copy_is(const struct work *w)
{
	return source_of(w) != NULL;
}

/* The desired state of the source; a snapshot's is valid until the next look at snapshots. */
static const cJSON *source_find(struct berthd *b, const char *name, const char *snapshot, struct error *err)
{
	struct instance *src = registry_find(b->registry, name, err);

	if (src == NULL || snapshot == NULL)
		return src != NULL ? src->desired : NULL;
	return snapshot_find(b, src, snapshot, err);
}

static const cJSON *source_desired(const struct work *w, struct error *err)
{
	return source_find(w->b, source_of(w), snapshot_of(w), err);
}

static char *source_dir(const struct work *w)
{
	const char *snapshot = snapshot_of(w);

	return snapshot != NULL ? snapshot_dir(w->b, source_of(w), snapshot) : instance_dir(w->b, source_of(w));
}

/* Members of `over` win; members only `under` has are added (except what belongs to one instance). */
static void merge_under(cJSON *over, const cJSON *under)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, under) {
		if (strncmp(item->string, "volatile.", 9) == 0 && strcmp(item->string, "volatile.base_image") != 0)
			continue;
		if (cJSON_GetObjectItemCaseSensitive(over, item->string) == NULL)
			json_set(over, item->string, cJSON_Duplicate(item, true));
	}
}

static const char *driver_of(const cJSON *desired)
{
	return json_str_or(desired, "driver", "dir");
}

/* The source's driver, unless the copy's root disk names another pool. */
static int choose_driver(struct berthd *b, const char *name, const cJSON *src, cJSON *desired, struct error *err)
{
	AUTO_JSON cJSON *src_config = NULL;
	AUTO_JSON cJSON *src_devices = NULL;
	AUTO_JSON cJSON *config = NULL;
	AUTO_JSON cJSON *devices = NULL;
	const char *driver = driver_of(src), *wanted;

	instance_expand(b, src, &src_config, &src_devices);
	instance_expand(b, desired, &config, &devices);
	if (storage_choose(b, devices, &wanted, err) < 0)
		return -1;
	if (strcmp(storage_pool(src_devices), storage_pool(devices)) == 0)
		wanted = driver;
	if (strcmp(driver, "dir") == 0 && strcmp(storage_pool(devices), POOL_DEFAULT) == 0)
		wanted = driver; /* the default pool takes both */
	if (strcmp(driver, "dir") == 0 && strcmp(wanted, "overlay") == 0)
		return error_set(err, ERROR_INVALID,
				 "'%s' lies on the storage driver 'dir', and a copy of it can lie only there too: copy with "
				 "'-s dir', or launch a new instance of the image with '-s overlay'", name);
	json_set_str(desired, "driver", wanted);
	return 0;
}

int copy_take(struct berthd *b, const cJSON *request, cJSON *args, struct error *err)
{
	const cJSON *source = json_obj(request, "source");
	const char *full = json_str_or(source, "source", ""), *slash = strchr(full, '/');
	const char *snapshot = slash != NULL ? slash + 1 : NULL;
	AUTO_FREE char *name = mem_strndup(full, slash != NULL ? (size_t)(slash - full) : strlen(full));
	const struct instance *inst = full[0] != '\0' ? registry_find(b->registry, name, err) : NULL;
	const cJSON *src;
	cJSON *desired = json_obj(args, "desired");
	const cJSON *profiles = cJSON_GetObjectItemCaseSensitive(request, "profiles");

	if (inst == NULL)
		return full[0] == '\0' ? error_set(err, ERROR_INVALID, "Must specify a source instance") :
			error_wrap(err, "Failed to fetch instance \"%.64s\" in project \"default\"", name);
	if (inst->adopted)
		return error_set(err, ERROR_UNSUPPORTED, "'%s' was not made by berth: copy it with lxc-copy", name);
	src = source_find(b, name, snapshot, err);
	if (src == NULL)
		return -1;
	if (json_str(src, "note") != NULL)
		return error_set(err, ERROR_INVALID, "the snapshot cannot be understood: %s", json_str(src, "note"));
	merge_under(json_obj(desired, "config"), json_obj(src, "config"));
	merge_under(json_obj(desired, "devices"), json_obj(src, "devices"));
	root_volume_copy(desired, src);
	address_forget(desired, src);
	volume_drop(b, json_obj(desired, "devices"), json_obj(src, "devices"));
	if (!cJSON_IsArray(profiles))
		json_set(desired, "profiles", cJSON_Duplicate(json_arr(src, "profiles"), true));
	json_set_str(args, "copy_of", name);
	json_set_str(args, "copy_snapshot", snapshot);
	json_set_bool(args, "with_snapshots", snapshot == NULL && !json_bool(source, "instance_only", false) &&
		      !json_bool(source, "container_only", false));
	json_set_str(args, "fingerprint",
		     json_str_or(json_obj(src, "config"), "volatile.base_image", ""));
	return choose_driver(b, name, src, desired, err);
}

int copy_check(struct work *w, struct error *err)
{
	const cJSON *src = source_desired(w, err);
	AUTO_JSON cJSON *src_config = NULL;
	AUTO_JSON cJSON *src_devices = NULL;
	AUTO_JSON cJSON *config = NULL;
	AUTO_JSON cJSON *devices = NULL;
	cJSON *desired = json_obj(w->args, "desired");
	uint32_t base, size, src_base, src_size;

	if (src == NULL || choose_driver(w->b, source_of(w), src, desired, err) < 0)
		return -1;
	if (strcmp(driver_of(src), driver_of(desired)) != 0)
		return 0;
	/* the files are copied as they lie, so they must mean the same on both sides */
	instance_expand(w->b, src, &src_config, &src_devices);
	instance_expand(w->b, desired, &config, &devices);
	idmap_of(w->b, src_config, &src_base, &src_size);
	src_base = (uint32_t)json_int(src, "idmap_base", src_base); /* of a snapshot: as it was then */
	idmap_of(w->b, config, &base, &size);
	if (base == src_base)
		return 0;
	if (strcmp(driver_of(desired), "overlay") == 0)
		return error_set(err, ERROR_UNSUPPORTED,
				 "'%s' has ids %u+, the copy would have %u+ (security.idmap.isolated, "
				 "security.privileged): copy it to the storage driver 'dir', with '-s dir'", source_of(w),
				 src_base, base);
	if (!w->b->probe->idmapped_mounts)
		return error_set(err, ERROR_UNSUPPORTED,
				 "'%s' has ids %u+, the copy would have %u+ (security.idmap.isolated, "
				 "security.privileged): this kernel has no idmapped mounts for that", source_of(w), src_base,
				 base);
	return 0;
}

static void push_map(struct argv *argv, const char *option, uint32_t base, uint32_t size)
{
	if (size > 0)
		argv_pushf(argv, "--%s=%u:%u", option, base, size);
	else
		argv_pushf(argv, "--%s=none", option);
}

/* From overlay to dir: the image's tree and the changes become one tree. On disk, ids are shifted only without idmapped mounts. */
static enum op_result start_merge(struct op *op, struct work *w, const cJSON *src_desired, struct error *err)
{
	AUTO_FREE char *tree = image_rootfs(w->b->images, json_str_or(w->args, "fingerprint", ""));
	AUTO_FREE char *dir = source_dir(w);
	AUTO_JSON cJSON *config = NULL;
	AUTO_JSON cJSON *devices = NULL;
	AUTO_JSON cJSON *src_config = NULL;
	AUTO_JSON cJSON *src_devices = NULL;
	struct argv argv = ARGV_INIT;
	uint32_t base, size;

	instance_expand(w->b, src_desired, &src_config, &src_devices);
	instance_expand(w->b, json_obj(w->args, "desired"), &config, &devices);
	argv_pushf(&argv, "%s/berth-rootfs", w->b->settings->libexec_dir);
	argv_pushl(&argv, "merged-copy", NULL);
	argv_pushf(&argv, "--lower=%s", tree);
	argv_pushf(&argv, "--source=%s", dir);
	idmap_of(w->b, src_config, &base, &size);
	push_map(&argv, "idmap", base, size);
	idmap_of(w->b, config, &base, &size);
	push_map(&argv, "to", base, w->b->probe->idmapped_mounts ? 0 : size);
	argv_pushf(&argv, "%s/rootfs", w->dir);
	return op_child(op, &argv, NULL, err);
}

/* Both are subvolumes of one file system: what storage_prepare() made makes room for a snapshot. */
static bool is_instant(const struct work *w, const cJSON *src)
{
	AUTO_FREE char *dir = source_dir(w);
	AUTO_FREE char *from = fs_join(dir, snapshot_part(src)), *to = fs_join(w->dir, snapshot_part(src));

	return pool_tree_can_snapshot(from, to);
}

static enum op_result copy_instantly(const struct work *w, struct error *err)
{
	const char *part = snapshot_part(json_obj(w->args, "desired"));
	AUTO_FREE char *dir = source_dir(w);
	AUTO_FREE char *from = fs_join(dir, part), *to = fs_join(w->dir, part);

	if (pool_remove(to, err) < 0 || pool_tree_snapshot(from, to, false, err) < 0)
		return OP_FAIL;
	return OP_DONE;
}

static enum op_result start_copy(struct op *op, struct work *w, struct error *err)
{
	const cJSON *src = source_desired(w, err);
	const cJSON *desired = json_obj(w->args, "desired");
	const char *part = snapshot_part(desired);
	AUTO_FREE char *src_dir = source_dir(w);
	AUTO_FREE char *from = mem_printf("%s/%s/.", src_dir, part);
	AUTO_FREE char *to = fs_join(w->dir, part);
	struct argv argv = ARGV_INIT;

	if (src == NULL)
		return OP_FAIL;
	if (strcmp(driver_of(desired), driver_of(src)) != 0)
		return start_merge(op, w, src, err);
	if (is_instant(w, src))
		return copy_instantly(w, err);
	argv_pushl(&argv, "cp", "-a", "--reflink=auto", "--sparse=auto", "--", from, to, NULL);
	return op_child(op, &argv, NULL, err);
}

static enum op_result frozen(struct op *op, const struct proc_result *result, struct error *err)
{
	if (proc_check("lxc-freeze", result, err) < 0)
		return OP_FAIL;
	return start_copy(op, op_data(op), err);
}

enum op_result copy_tree(struct op *op, struct work *w, const struct storage_spec *spec, struct error *err)
{
	const struct instance *src = registry_find(w->b->registry, source_of(w), err);
	struct storage_spec empty = *spec;

	if (src == NULL)
		return OP_FAIL;
	if (strcmp(spec->driver, "dir") == 0)
		empty.fingerprint = ""; /* an empty rootfs/ to copy into */
	if (storage_prepare(op, w, &empty, err) == OP_FAIL)
		return OP_FAIL;
	if (src->state != LXC_RUNNING || snapshot_of(w) != NULL || is_instant(w, src->desired))
		return start_copy(op, w, err);
	json_set_bool(w->args, "froze", true);
	if (op_save(op, err) < 0)
		return OP_FAIL;
	return power_freeze(op, w->b, source_of(w), frozen, err);
}

static enum op_result thawed(struct op *op, const struct proc_result *result, struct error *err)
{
	struct work *w = op_data(op);

	if (proc_check("lxc-unfreeze", result, err) < 0)
		return OP_FAIL;
	json_set_bool(w->args, "froze", false);
	return OP_DONE;
}

enum op_result copy_thaw(struct op *op, struct error *err)
{
	struct work *w = op_data(op);

	if (!copy_is(w) || !json_bool(w->args, "froze", false))
		return OP_DONE;
	return power_thaw(op, w->b, source_of(w), thawed, err);
}
