/* SPDX-License-Identifier: MIT */
/*
 * Storage drivers of instances: "overlay" (image tree below, through an idmapped
 * mount; own changes in upper/) and "dir" (a copy of the tree; LXC maps the ids
 * by lxc.rootfs.options = idmap=container, or they are chowned where it cannot).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "image/store.h"
#include "instance/place.h"
#include "instance/work.h"
#include "lxc/cgroup.h"
#include "model/settings.h"
#include "pool/image_volume.h"
#include "pool/limit.h"
#include "pool/pool.h"
#include "pool/tree.h"

const char *storage_pool(const cJSON *expanded_devices)
{
	const char *found = "default";
	const cJSON *dev;

	cJSON_ArrayForEach(dev, expanded_devices) {
		const char *pool = json_str(dev, "pool");

		if (strcmp(json_str_or(dev, "path", ""), "/") == 0 && pool != NULL && strcmp(pool, "default") != 0)
			found = pool;
	}
	return found;
}

int storage_choose(const struct berthd *b, const cJSON *expanded_devices, const char **ret_driver, struct error *err)
{
	const char *want = storage_pool(expanded_devices);

	if (pool_get(b, want) != NULL && strcmp(want, POOL_DEFAULT) != 0) {
		/* a subvolume is a folder: what is special about btrfs is how trees are made, copied and removed */
		*ret_driver = strcmp(pool_driver(b, want), "overlay") == 0 ? "overlay" : "dir";
		return pool_usable(b, want, err);
	}
	if (strcmp(want, "default") == 0)
		want = b->settings->storage_driver;
	if (strcmp(want, "auto") == 0)
		want = b->probe->overlay_idmapped ? "overlay" : "dir";
	if (strcmp(want, "overlay") != 0 && strcmp(want, "dir") != 0)
		return error_set(err, ERROR_NOT_FOUND, "Storage pool not found");
	*ret_driver = strcmp(want, "overlay") == 0 ? "overlay" : "dir";
	return 0;
}

static int make_dir(const char *parent, const char *name, uint32_t owner, mode_t mode, struct error *err)
{
	AUTO_FREE char *path = fs_join(parent, name);

	if (mkdir(path, mode) < 0 && errno != EEXIST)
		return error_sys(err, errno, "cannot make '%s'", path);
	if (chmod(path, mode) < 0 || lchown(path, owner, owner) < 0)
		return error_sys(err, errno, "cannot set the owner of '%s'", path);
	return 0;
}

static const char *folder_of(const struct work *w, const struct storage_spec *spec)
{
	return spec->dir != NULL ? spec->dir : w->dir;
}

static int prepare_overlay(struct work *w, const struct storage_spec *spec, struct error *err)
{
	AUTO_FREE char *lower = image_rootfs(w->b->images, spec->fingerprint);
	const char *dir = folder_of(w, spec);
	struct stat st;

	if (spec->idmap_size > 0 && !w->b->probe->overlay_idmapped)
		return error_set(err, ERROR_UNSUPPORTED,
				 "this kernel cannot lay an overlay on an idmapped mount: use the storage driver 'dir'");
	if (stat(lower, &st) < 0)
		return error_sys(err, errno, "cannot read the image's tree '%s'", lower);
	/* the root of an overlay takes its mode and owner from the upper layer */
	if (make_dir(dir, "upper", spec->idmap_base + st.st_uid, st.st_mode & 07777, err) < 0 ||
	    make_dir(dir, "work", 0, 0700, err) < 0 || make_dir(dir, "lower", 0, 0700, err) < 0 ||
	    make_dir(dir, "rootfs", spec->idmap_base, 0755, err) < 0)
		return -1;
	return 0;
}

/* In a pool of the driver btrfs the tree is a subvolume, so that copying and removing it takes no time. */
static int make_tree(const struct work *w, const char *path, uint32_t owner, struct error *err)
{
	if (pool_tree_create(pool_driver(w->b, place_pool(w->b, w->dir)), path, err) < 0)
		return -1;
	if (chmod(path, 0755) < 0 || lchown(path, owner, owner) < 0)
		return error_sys(err, errno, "cannot set the owner of '%s'", path);
	return 0;
}

static bool on_btrfs(const struct work *w)
{
	return strcmp(pool_driver(w->b, place_pool(w->b, w->dir)), "btrfs") == 0;
}

/* ---- images in the pool (pool/image_volume.h), where the tree is the image's own as it is */

static int take_fn(void *arg, struct error *err)
{
	const struct work *w = arg;

	return pool_tree_snapshot(w->image_volume, w->image_tree, false, err);
}

/* The instance is made, with it or without. */
static int keep_fn(void *arg, struct error *err)
{
	const struct work *w = arg;
	struct error ignored = ERROR_INIT;

	(void)image_volume_keep(w->image_tree, w->image_volume, &ignored);
	return 0;
}

static enum op_result copied(struct op *op, const struct proc_result *result, struct error *err)
{
	struct work *w = op_data(op);

	if (proc_check("cp", result, err) < 0)
		return OP_FAIL;
	if (w->image_volume == NULL || image_get(w->b->images, strrchr(w->image_volume, '/') + 1) == NULL)
		return OP_DONE;
	return op_thread(op, keep_fn, w, err);
}

/* Is there one to take? Notes where it is, or is to be kept. */
static bool note_image(struct work *w, const struct storage_spec *spec, const char *target)
{
	bool as_it_is = spec->idmap_size == 0 || w->b->probe->idmapped_mounts;

	free(w->image_tree);
	free(w->image_volume);
	w->image_tree = mem_strdup(target);
	w->image_volume = as_it_is ? image_volume_path(w->b, place_pool(w->b, w->dir), spec->fingerprint) : NULL;
	return w->image_volume != NULL && pool_tree_is_subvolume(w->image_volume);
}

/* cp copies into a subvolume, which is there already, or to a folder that is not. */
static enum op_result copy_image(struct op *op, struct work *w, const char *tree, const char *target, struct error *err)
{
	AUTO_STRBUF struct strbuf from = STRBUF_INIT;
	struct argv argv = ARGV_INIT;

	strbuf_addstr(&from, tree);
	if (on_btrfs(w))
		strbuf_addstr(&from, "/.");
	argv_pushl(&argv, "cp", "-a", "--reflink=auto", "--sparse=auto", "--", from.buf, target, NULL);
	return op_child(op, &argv, copied, err);
}

/* The volume went meanwhile: by name, or with the image, whose tree this operation keeps in the store. */
static enum op_result taken(struct op *op, enum op_result result, struct error *err)
{
	struct work *w = op_data(op);
	AUTO_FREE char *tree = image_rootfs(w->b->images, strrchr(w->image_volume, '/') + 1);

	if (result != OP_FAIL)
		return result;
	log_info("instance '%s' is copied from its image's tree: %s", w->name, err->msg);
	error_clear(err);
	if (make_tree(w, w->image_tree, 0, err) < 0)
		return OP_FAIL;
	return copy_image(op, w, tree, w->image_tree, err);
}

static enum op_result prepare_dir(struct op *op, struct work *w, const struct storage_spec *spec, struct error *err)
{
	AUTO_FREE char *target = fs_join(folder_of(w, spec), "rootfs");
	AUTO_FREE char *tree = image_rootfs(w->b->images, spec->fingerprint);
	struct argv argv = ARGV_INIT;

	if (note_image(w, spec, target))
		return op_thread_then(op, take_fn, w, taken, err);
	if (on_btrfs(w) && make_tree(w, target, w->b->probe->idmapped_mounts ? 0 : spec->idmap_base, err) < 0)
		return OP_FAIL;
	if (spec->fingerprint[0] == '\0')
		return make_dir(folder_of(w, spec), "rootfs", w->b->probe->idmapped_mounts ? 0 : spec->idmap_base, 0755, err) < 0 ?
		       OP_FAIL : OP_DONE;
	if (spec->idmap_size > 0 && !w->b->probe->idmapped_mounts) {
		argv_pushf(&argv, "%s/berth-rootfs", w->b->settings->libexec_dir);
		argv_push(&argv, "idmap-copy");
		argv_pushf(&argv, "--lower=%s", tree);
		argv_pushf(&argv, "--idmap=%u:%u", spec->idmap_base, spec->idmap_size);
		argv_push(&argv, target);
		return op_child(op, &argv, NULL, err);
	}
	return copy_image(op, w, tree, target, err);
}

enum op_result storage_prepare(struct op *op, struct work *w, const struct storage_spec *spec, struct error *err)
{
	if (strcmp(spec->driver, "overlay") == 0)
		return prepare_overlay(w, spec, err) < 0 ? OP_FAIL : OP_DONE;
	return prepare_dir(op, w, spec, err);
}

static int remove_fn(void *arg, struct error *err)
{
	const struct work *w = arg;

	cgroup_sweep(strrchr(w->dir, '/') + 1);
	limit_forget(w->dir);
	return pool_remove(w->dir, err) < 0 ? -1 : place_unlink(w->b, w->name, w->dir, err);
}

static enum op_result unmounted(struct op *op, const struct proc_result *result, struct error *err)
{
	struct work *w = op_data(op);

	if (proc_check("berth-rootfs", result, err) < 0)
		return OP_FAIL;
	return op_thread(op, remove_fn, w, err);
}

static bool is_mounted(const struct work *w, const char *name)
{
	AUTO_FREE char *path = fs_join(w->dir, name);
	struct statx st;

	if (statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, 0, &st) < 0)
		return false;
	/* kernels before 5.8 do not tell */
	return (st.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT) == 0 || (st.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
}

bool storage_mounted(const struct work *w)
{
	AUTO_FREE char *upper = fs_join(w->dir, "upper");

	return fs_exists(upper) && (is_mounted(w, "rootfs") || is_mounted(w, "lower"));
}

enum op_result storage_unmount(struct op *op, struct work *w, op_child_cb done, struct error *err)
{
	struct argv argv = ARGV_INIT;

	argv_pushf(&argv, "%s/berth-rootfs", w->b->settings->libexec_dir);
	argv_pushl(&argv, "umount", w->dir, NULL);
	return op_child(op, &argv, done, err);
}

enum op_result storage_remove(struct op *op, struct work *w, struct error *err)
{
	return storage_mounted(w) ? storage_unmount(op, w, unmounted, err) : op_thread(op, remove_fn, w, err);
}
