/* SPDX-License-Identifier: MIT */
/*
 * POST /1.0/instances: an instance from an image, empty, or a copy of another; and from a backup.
 *
 * A half-made folder carries the file `.berth-op` with the operation's own
 * mark; undo removes a folder only when the mark is there and ours.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/ident.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/units.h"
#include "hook/hook.h"
#include "image/store.h"
#include "instance/address.h"
#include "instance/archive.h"
#include "instance/copy.h"
#include "instance/create_remote.h"
#include "instance/metadata.h"
#include "instance/names.h"
#include "instance/place.h"
#include "instance/receive.h"
#include "instance/refresh.h"
#include "instance/templates.h"
#include "instance/work.h"
#include "model/profile.h"
#include "model/settings.h"
#include "pool/image_volume.h"
#include "pool/pool.h"

#define MARK ".berth-op"

static cJSON *desired_of(struct work *w)
{
	return json_obj(w->args, "desired");
}

static const char *fingerprint_of(struct work *w)
{
	return json_str_or(w->args, "fingerprint", "");
}

static bool mark_is_ours(struct work *w)
{
	AUTO_FREE char *path = fs_join(w->dir, MARK);
	AUTO_STRBUF struct strbuf text = STRBUF_INIT;
	struct error err = ERROR_INIT;

	return w->made || (fs_read_file(path, 4096, &text, &err) == 0 &&
	       strcmp(text.buf, json_str_or(w->args, "mark", "-")) == 0);
}

/* ---- reserve: everything that can be wrong is found here, before the disk is touched */

void create_image_properties(struct berthd *b, cJSON *config, const char *fingerprint)
{
	const cJSON *image = image_get(b->images, fingerprint);
	const cJSON *p;

	cJSON_ArrayForEach(p, json_obj(image, "properties")) {
		AUTO_FREE char *key = mem_printf("image.%s", p->string);

		if (cJSON_IsString(p) && json_str(config, key) == NULL)
			json_set_str(config, key, p->valuestring);
	}
	json_set_str(config, "volatile.base_image", fingerprint);
}

/* Noted for whoever undoes it after a kill. */
static int place(struct work *w, const char *pool, struct error *err)
{
	bool other = strcmp(pool, POOL_DEFAULT) != 0;

	json_set_str(w->args, WORK_POOL, other ? pool : NULL);
	json_set_str(desired_of(w), "pool", other ? pool : NULL);
	free(w->dir);
	w->dir = place_in_pool(w->b, pool, w->name);
	return !other || !fs_exists(w->dir) ? 0 :
		error_set(err, ERROR_CONFLICT, "'%s' is in the way: it exists and is no container", w->dir);
}

static int reserve(struct work *w, struct error *err)
{
	cJSON *desired = desired_of(w), *config = json_obj(desired, "config");
	AUTO_JSON cJSON *expanded = NULL;
	AUTO_JSON cJSON *devices = NULL;
	const char *driver;

	if (registry_get(w->b->registry, w->name) != NULL)
		return error_set(err, ERROR_CONFLICT, "Add instance info to the database: This \"instances\" entry already "
						      "exists (an instance '%s' is there)", w->name);
	if (fs_exists(w->dir))
		return error_set(err, ERROR_CONFLICT, "'%s' is in the way: it exists and is no container", w->dir);
	if (fingerprint_of(w)[0] != '\0') {
		if (image_get(w->b->images, fingerprint_of(w)) == NULL && !copy_is(w))
			return error_set(err, ERROR_NOT_FOUND, "Image not found");
		create_image_properties(w->b, config, fingerprint_of(w));
	}
	if (work_check(w->b, desired, err) < 0)
		return -1;
	work_fill_volatile(w->b, desired);
	instance_expand(w->b, desired, &expanded, &devices);
	if (devices_check_added(NULL, devices, err) < 0 || storage_choose(w->b, devices, &driver, err) < 0 ||
	    idmap_assign(w->b, desired, expanded, w->name, err) < 0 ||
	    address_assign(w->b, desired, w->name, err) < 0)
		return -1;
	if (fingerprint_of(w)[0] == '\0')
		driver = "dir"; /* nothing to lay an overlay on */
	json_set_str(desired, "driver", driver);
	if (place(w, place_wanted(w->b, devices), err) < 0)
		return -1;
	return copy_is(w) ? copy_check(w, err) : 0;
}

/* In LXD's words, of an archive of LXD's. */
static bool is_import(const struct work *w)
{
	return json_bool(json_obj(w->args, "archive"), "lxd", false);
}

static enum op_result step_reserve(struct op *op, struct error *err)
{
	struct work *w = op_data(op);

	if (reserve(w, err) == 0)
		return OP_DONE;
	if (is_import(w)) {
		if (registry_get(w->b->registry, w->name) != NULL)
			error_set(err, ERROR_CONFLICT, "Cannot restore volume, already exists on target");
		error_wrap(err, "Create instance from backup");
		return OP_FAIL;
	}
	error_wrap(err, "Failed creating instance record");
	return OP_FAIL;
}

/* ---- create: the folder, and LXC's own bookkeeping */

static int make_folder(struct work *w, struct error *err)
{
	AUTO_FREE char *mark = NULL;
	AUTO_CLOSE int fd = -1;
	const char *text = json_str_or(w->args, "mark", "-");

	if (mkdir(w->dir, 0700) < 0)
		return error_sys(err, errno, "cannot make '%s'", w->dir);
	mark = fs_join(w->dir, MARK);
	fd = open(mark, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text)) {
		error_sys(err, errno, "cannot write '%s'", mark);
		(void)unlink(mark);
		(void)rmdir(w->dir);
		return -1;
	}
	w->made = true;
	return 0;
}

static char *temporary_config(struct work *w)
{
	return mem_printf("%s/operations/.%s.tmp", w->b->settings->state_path, json_str_or(w->args, "mark", "-"));
}

static enum op_result created(struct op *op, const struct proc_result *result, struct error *err)
{
	struct work *w = op_data(op);
	AUTO_FREE char *tmp = temporary_config(w);

	(void)unlink(tmp);
	return proc_check("lxc-create", result, err) < 0 ? OP_FAIL : OP_DONE;
}

static enum op_result step_create(struct op *op, struct error *err)
{
	struct work *w = op_data(op);
	AUTO_FREE char *tmp = temporary_config(w);
	struct argv argv = ARGV_INIT;

	if (make_folder(w, err) < 0 || place_link(w->b, w->name, w->dir, err) < 0)
		return OP_FAIL;
	/* the real one is rendered at commit; this only names the container to LXC */
	if (fs_write_quick(tmp, "", 0, 0600, err) < 0)
		return OP_FAIL;
	lxc_argv_create(&argv, w->b->settings->system_path, w->name, tmp);
	return op_child(op, &argv, created, err);
}

/* berthd was killed after it made the folder and before the mark was in it: then there is nothing else. */
static void remove_unmarked(const struct op *op, const struct work *w)
{
	AUTO_FREE char *mark = fs_join(w->dir, MARK);
	struct stat st;

	if (!op_recovering(op))
		return;
	if (lstat(mark, &st) == 0 && S_ISREG(st.st_mode) && st.st_size == 0)
		(void)unlink(mark);
	(void)rmdir(w->dir);
}

static enum op_result step_uncreate(struct op *op, struct error *err)
{
	struct work *w = op_data(op);
	AUTO_FREE char *tmp = temporary_config(w);

	(void)unlink(tmp);
	if (!mark_is_ours(w)) {
		remove_unmarked(op, w);
		return OP_DONE;
	}
	registry_remove(w->b->registry, w->name);
	return storage_remove(op, w, err);
}

/* ---- rootfs, commit, start, finish */

static enum op_result step_rootfs(struct op *op, struct error *err)
{
	struct work *w = op_data(op);
	cJSON *desired = desired_of(w);
	struct storage_spec spec = { .driver = json_str_or(desired, "driver", "dir"), .fingerprint = fingerprint_of(w) };
	AUTO_JSON cJSON *config = NULL;
	AUTO_JSON cJSON *devices = NULL;

	instance_expand(w->b, desired, &config, &devices);
	idmap_of(w->b, config, &spec.idmap_base, &spec.idmap_size);
	json_set_int(w->args, "idmap_base", spec.idmap_base);
	if (copy_is(w))
		return copy_tree(op, w, &spec, err);
	if (receive_is(w))
		return receive_tree(op, w, &spec, err);
	if (archive_is(w))
		return archive_tree(op, w, &spec, err);
	return storage_prepare(op, w, &spec, err);
}

/* Its profiles may have changed, or gone, since it was reserved. */
static int check_again(struct work *w, cJSON *desired, struct error *err)
{
	AUTO_JSON cJSON *config = NULL;
	AUTO_JSON cJSON *devices = NULL;
	uint32_t base, size;

	if (work_check(w->b, desired, err) < 0)
		return -1;
	work_fill_volatile(w->b, desired);
	instance_expand(w->b, desired, &config, &devices);
	idmap_of(w->b, config, &base, &size);
	if (base != json_int(w->args, "idmap_base", 0))
		return error_set(err, ERROR_CONFLICT, "a profile changed the id map of '%s' while it was made",
				 w->name);
	return 0;
}

static enum op_result step_snapshots(struct op *op, struct error *err)
{
	struct work *w = op_data(op);

	if (receive_is(w))
		return receive_snapshots(w, err) < 0 ? OP_FAIL : receive_metadata(op, w, err);
	return archive_is(w) ? archive_rest(op, w, err) : step_copy_snapshots(op, err);
}

static int take_metadata(struct work *w, struct error *err)
{
	const struct instance *source = copy_is(w) ? registry_get(w->b->registry, json_str_or(w->args, "copy_of", "")) : NULL;

	if (source != NULL)
		return metadata_of_instance(w->b, source, w->dir, err);
	return fingerprint_of(w)[0] != '\0' ? metadata_of_image(w->b, fingerprint_of(w), w->dir, err) : 0;
}

static enum op_result step_commit(struct op *op, struct error *err)
{
	struct work *w = op_data(op);
	cJSON *desired = desired_of(w);
	AUTO_FREE char *path = fs_join(w->dir, DESIRED_FILE);
	char now[TIME_TEXT_SIZE];

	time_now(now);
	json_set_str(desired, "created_at", now);
	if (!archive_is(w) || receive_is(w))
		templates_defer(desired, copy_is(w) || receive_is(w) ? "copy" : "create");
	if (check_again(w, desired, err) < 0 || take_metadata(w, err) < 0 || work_render(w->b, w->name, w->dir, desired, err) < 0 ||
	    json_write_file(path, desired, JSON_DURABLE, err) < 0)
		return OP_FAIL;
	if (registry_load(w->b->registry, w->name) == NULL) {
		error_set(err, ERROR_SYSTEM, "'%s' vanished while the instance was made", w->dir);
		return OP_FAIL;
	}
	if (!copy_is(w) && fingerprint_of(w)[0] != '\0')
		image_touch(w->b->images, fingerprint_of(w));
	return OP_DONE;
}

static enum op_result step_first_hook(struct op *op, struct error *err)
{
	return json_bool(((struct work *)op_data(op))->args, "start", false) ? step_hook(op, err) : OP_DONE;
}

static enum op_result step_first_start(struct op *op, struct error *err)
{
	return json_bool(((struct work *)op_data(op))->args, "start", false) ? step_start(op, err) : OP_DONE;
}

static enum op_result step_first_unstart(struct op *op, struct error *err)
{
	return mark_is_ours(op_data(op)) ? step_unstart(op, err) : OP_DONE;
}

static enum op_result step_finish(struct op *op, struct error *err)
{
	struct work *w = op_data(op);
	AUTO_FREE char *mark = fs_join(w->dir, MARK);

	if (unlink(mark) == 0 || errno == ENOENT)
		return receive_is(w) ? receive_tell(op, w, receive_sweep, err) : OP_DONE;
	error_sys(err, errno, "cannot remove '%s'", mark);
	return OP_FAIL;
}

static const struct op_step launch_steps[] = {
	{ "reserve", step_reserve, NULL, 0, 0 },
	{ "pre-create", step_hook, NULL, 3600, 0 },
	{ "create", step_create, step_uncreate, 60, 0 },
	{ "rootfs", step_rootfs, copy_thaw, 6 * 3600, 0 },
	{ "thaw", copy_thaw, NULL, 0, 0 },
	{ "size", step_size, NULL, 3600, 0 },
	{ "snapshots", step_snapshots, NULL, 6 * 3600, 0 },
	{ "commit", step_commit, NULL, 0, 0 },
	{ "post-create", step_hook, NULL, 3600, 0 },
	{ "pre-start", step_first_hook, NULL, 3600, 0 },
	{ "start", step_first_start, step_first_unstart, 120, 0 },
	{ "post-start", step_first_hook, NULL, 3600, 0 },
	{ "finish", step_finish, NULL, 0, 0 },
	{ 0 },
};

static const struct op_kind launch_kind = {
	.name = "launch",
	.description = "Creating instance",
	.steps = launch_steps,
	.load = work_load,
	.unload = work_unload,
	.undo_later = true,
	.may_cancel = true,
};

/* The same, whose source connects to us. */
static const struct op_kind pushed_kind = {
	.name = "launch-pushed",
	.description = "Creating instance",
	.steps = launch_steps,
	.load = work_load,
	.unload = work_unload,
	.undo_later = true,
	.may_cancel = true,
	.patient = true,
	.class_name = "websocket",
	.cancel = receive_cancel,
};

/* The same, of a source that we connect to, and may have to wait for. */
static const struct op_kind pulled_kind = {
	.name = "launch-pulled",
	.description = "Creating instance",
	.steps = launch_steps,
	.load = work_load,
	.unload = work_unload,
	.undo_later = true,
	.may_cancel = true,
	.patient = true,
};

struct lookup {
	const char *fingerprint;
	bool found;
};

static void op_uses(struct op *op, void *data)
{
	struct lookup *l = data;
	const cJSON *item;

	if (op_final(op))
		return;
	if (op_is(op, &launch_kind) && strcmp(json_str_or(op_args(op), "fingerprint", ""), l->fingerprint) == 0)
		l->found = true;
	cJSON_ArrayForEach(item, json_arr(op_args(op), WORK_HOLDS))
		if (cJSON_IsString(item) && strcmp(item->valuestring, l->fingerprint) == 0)
			l->found = true;
}

bool instance_uses_image(struct berthd *b, const char *fingerprint)
{
	struct lookup l = { .fingerprint = fingerprint };

	if (b->registry == NULL || registry_uses_image(fingerprint, b->registry))
		return b->registry != NULL;
	if (place_any_lost(b)) /* one that cannot be read may lie on any */
		return true;
	op_foreach(b->ops, op_uses, &l);
	return l.found;
}

void create_register(struct op_queue *q)
{
	op_queue_register(q, &launch_kind);
	op_queue_register(q, &pushed_kind);
	op_queue_register(q, &pulled_kind);
}

/* ---- the request */

static int take_object(cJSON *desired, const cJSON *request, const char *key, struct error *err)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(request, key);

	if (v == NULL || cJSON_IsNull(v)) {
		cJSON_AddObjectToObject(desired, key);
		return 0;
	}
	if (!cJSON_IsObject(v))
		return error_set(err, ERROR_INVALID, "'%s' must be an object", key);
	json_set(desired, key, cJSON_Duplicate(v, true));
	return 0;
}

static int take_profiles(cJSON *desired, const cJSON *request, struct error *err)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(request, "profiles");
	cJSON *list;

	if (v != NULL && !cJSON_IsNull(v) && !cJSON_IsArray(v))
		return error_set(err, ERROR_INVALID, "'profiles' must be an array of names");
	if (cJSON_IsArray(v)) {
		json_set(desired, "profiles", cJSON_Duplicate(v, true));
		return 0;
	}
	list = cJSON_AddArrayToObject(desired, "profiles");
	cJSON_AddItemToArray(list, cJSON_CreateString("default"));
	return 0;
}

/* Volatile keys that a client may bring along (copies) are ours to choose. */
static void drop_volatile(cJSON *config)
{
	cJSON *item, *next;

	for (item = config->child; item != NULL; item = next) {
		next = item->next;
		if (strncmp(item->string, "volatile.", 9) == 0 && strcmp(item->string, "volatile.base_image") != 0)
			cJSON_Delete(cJSON_DetachItemViaPointer(config, item));
	}
}

static cJSON *desired_new(const struct berthd *b, const cJSON *request, struct error *err)
{
	cJSON *v = cJSON_CreateObject();

	if (take_object(v, request, "config", err) < 0 || create_take_hardware(b, v, request, err) < 0 ||
	    take_object(v, request, "devices", err) < 0 || take_profiles(v, request, err) < 0) {
		cJSON_Delete(v);
		return NULL;
	}
	drop_volatile(json_obj(v, "config"));
	json_set_str(v, "description", json_str_or(request, "description", ""));
	json_set_bool(v, "ephemeral", json_bool(request, "ephemeral", false));
	json_set_str(v, "last_used_at", TIME_UNSET);
	return v;
}

int create_take_image(struct berthd *b, const cJSON *source, cJSON *args, struct error *err)
{
	const char *ref = json_str(source, "fingerprint");
	const char *fingerprint;

	if (ref == NULL || ref[0] == '\0')
		ref = json_str(source, "alias");
	if (ref == NULL || ref[0] == '\0')
		return error_set(err, ERROR_INVALID, "Must specify one of alias or fingerprint for the image source");
	if (json_str_or(source, "server", "")[0] != '\0')
		return error_set(err, ERROR_UNSUPPORTED, "images from other servers cannot be used for this: copy '%s' first", ref);
	fingerprint = image_resolve(b->images, ref, err);
	if (fingerprint == NULL && strchr(ref, ':') != NULL)
		return error_set(err, ERROR_NOT_FOUND, "Image not found (images come from the own store only: import '%s' first)",
				 strchr(ref, ':') + 1);
	if (fingerprint == NULL)
		return -1;
	json_set_str(args, "fingerprint", fingerprint);
	return 0;
}

static int take_source(struct berthd *b, const cJSON *request, cJSON *args, struct error *err)
{
	const cJSON *source = json_obj(request, "source");
	const char *type = json_str_or(source, "type", "");

	if (strcmp(type, "image") == 0)
		return create_take_image(b, source, args, err);
	if (strcmp(type, "none") == 0)
		return 0;
	if (strcmp(type, "copy") == 0)
		return copy_take(b, request, args, err);
	return error_set(err, ERROR_INVALID, "Unknown source type%s%s", type[0] != '\0' ? " " : "", type);
}

static int take_name(struct berthd *b, const cJSON *request, cJSON *args, struct error *err)
{
	const char *name = json_str_or(request, "name", "");
	const char *type = json_str_or(request, "type", "");
	AUTO_FREE char *generated = NULL;

	if (type[0] != '\0' && strcmp(type, "container") != 0)
		return error_set(err, ERROR_INVALID, "Unsupported instance type '%s': berth manages containers only", type);
	if (name[0] == '\0')
		name = generated = name_generate(b->registry, b->settings->filter_name);
	if (name_validate_instance(name, err) < 0 || registry_check_name(b->registry, name, err) < 0)
		return -1;
	json_set_str(args, "name", name);
	return 0;
}

/* An image that was deleted meanwhile kept its tree for this launch, see instance_uses_image(). */
static void launch_ended(struct op *op, void *data)
{
	struct berthd *b = data;

	const char *fingerprint = json_str_or(op_args(op), "fingerprint", "");

	image_release(b->images, json_str(op_args(op), "fingerprint"));
	if (fingerprint[0] != '\0' && image_get(b->images, fingerprint) == NULL)
		image_volume_sweep(b);
}

/* Who names no profiles gets those of the image. */
static void image_profiles(struct berthd *b, const cJSON *request, const cJSON *args, cJSON *desired)
{
	const cJSON *given = json_arr(request, "profiles");
	const cJSON *list = json_arr(image_get(b->images, json_str_or(args, "fingerprint", "")), "profiles");

	if (given == NULL && list != NULL && strcmp(json_str_or(json_obj(request, "source"), "type", ""), "image") == 0)
		json_set(desired, "profiles", cJSON_Duplicate(list, true));
}

static void add_volatile(cJSON *config, const cJSON *from)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, from)
		json_set(config, item->string, cJSON_Duplicate(item, true));
}

/* From another server. args is taken. */
static struct op *receive(struct berthd *b, const cJSON *request, cJSON *args, struct error *err)
{
	struct migrate_link *link;
	struct op *op;

	if (receive_take(b, request, args, &link, err) < 0) {
		cJSON_Delete(args);
		return NULL;
	}
	if (refresh_asked(b, request, json_str(args, "name")))
		op = refresh_receive(b, args, !migrate_link_dials(link), err);
	else
		op = work_start(b, migrate_link_dials(link) ? &pulled_kind : &pushed_kind, args, err);
	if (op != NULL)
		migrate_link_attach(link, op);
	else
		migrate_link_free(link);
	return op;
}

/* archive: NULL, or the source instead of the request's. Taken. */
static struct op *create(struct berthd *b, const cJSON *request, cJSON *archive, struct error *err)
{
	cJSON *args = cJSON_CreateObject(), *desired;
	char mark[UUID_TEXT_SIZE];
	struct op *op;

	json_set(args, "archive", archive);
	if (!cJSON_IsObject(request)) {
		error_set(err, ERROR_INVALID, "the request body must be an object");
		goto fail;
	}
	ident_uuid(mark);
	json_set_str(args, "mark", mark);
	json_set_bool(args, "start", json_bool(request, "start", false));
	json_set_str(args, "description", json_str(archive, "description"));
	desired = desired_new(b, request, err);
	if (desired == NULL)
		goto fail;
	json_set(args, "desired", desired);
	add_volatile(json_obj(desired, "config"), json_obj(archive, "volatile"));
	if (take_name(b, request, args, err) < 0)
		goto fail;
	if (archive == NULL && create_remote_asked(request)) {
		op = create_remote(b, request, json_str(args, "name"), err);
		cJSON_Delete(args);
		return op;
	}
	if (archive == NULL && receive_asked(request))
		return receive(b, request, args, err);
	if (archive == NULL && take_source(b, request, args, err) < 0)
		goto fail;
	image_profiles(b, request, args, desired);
	if (archive == NULL && refresh_asked(b, request, json_str(args, "name")))
		return refresh_start(b, args, err);
	op = work_start(b, &launch_kind, args, err);
	if (op != NULL)
		op_on_end(op, launch_ended, b);
	return op;
fail:
	cJSON_Delete(args);
	return NULL;
}

struct op *instance_create(struct berthd *b, const cJSON *request, struct error *err)
{
	return create(b, request, NULL, err);
}

struct op *instance_create_archive(struct berthd *b, const cJSON *request, cJSON *archive, struct error *err)
{
	return create(b, request, archive, err);
}
