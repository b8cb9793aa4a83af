/* SPDX-License-Identifier: MIT */
#include "pool/custom_work.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/ident.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "base/units.h"
#include "instance/migrate_link.h"
#include "model/key_types.h"
#include "model/settings.h"
#include "pool/limit.h"

cJSON *custom_args(const char *pool, const char *name)
{
	cJSON *args = cJSON_CreateObject();
	char uuid[UUID_TEXT_SIZE];

	ident_uuid(uuid);
	json_set_str(args, "pool", pool);
	json_set_str(args, "volume", name);
	json_set_str(args, "mark", uuid);
	return args;
}

/* What becomes a part of a path: a journal that was damaged must not lead elsewhere. */
static int check_args(const cJSON *args, struct error *err)
{
	static const char *const names[] = { "volume", "pool", "mark", "snapshot", "to", "to_pool", "from", "from_pool",
					     "from_snapshot" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const char *name = json_str(args, names[i]);

		if (name != NULL ? custom_name_check(name, err) < 0 : i < 3)
			return error_set(err, ERROR_INVALID, "the operation's '%s' is none", names[i]);
	}
	return 0;
}

/* ---- places */

/* Noted once: a recovered operation goes by what its volume was. */
static void note_owned(const struct berthd *b, cJSON *args, const char *key, const char *pool, const char *name)
{
	if (pool != NULL && name != NULL && cJSON_GetObjectItemCaseSensitive(args, key) == NULL)
		json_set_bool(args, key, custom_is_owned(b, pool, name));
}

static void take_place(const struct berthd *b, cJSON *args, const char *prefix, const char *pool, const char *name,
		       struct custom_place *ret)
{
	AUTO_FREE char *key = mem_printf("%sowned", prefix);
	AUTO_FREE char *owner = NULL;
	AUTO_FREE char *leaf = NULL;

	if (pool == NULL || name == NULL || pool_get(b, pool) == NULL)
		return;
	note_owned(b, args, key, pool, name);
	owner = mem_strndup(name, strcspn(name, "_"));
	ret->owned = json_bool(args, key, false) && strcmp(pool, POOL_DEFAULT) == 0 && type_is_name(owner) &&
		     name[strlen(owner)] == '_' && type_is_name(name + strlen(owner) + 1);
	leaf = ret->owned ? mem_strdup(name + strlen(owner) + 1) : custom_name_to_file(name);
	ret->dir = ret->owned ? fs_join(b->settings->extern_path, owner) : pool_volumes(b, pool);
	ret->path = fs_join(ret->dir, leaf);
	ret->meta = mem_printf("%s/.%s", ret->dir, leaf);
	ret->trash = mem_printf("%s/..old.%s", ret->dir, json_str_or(args, "mark", ""));
}

static void free_place(struct custom_place *p)
{
	free(p->dir);
	free(p->path);
	free(p->meta);
	free(p->trash);
}

void *custom_load(void *ctx, cJSON *args, struct error *err)
{
	struct berthd *b = ctx;
	struct custom_work *w;

	if (check_args(args, err) < 0 || pool_find(b, json_str(args, "pool"), err) == NULL)
		return NULL;
	w = mem_alloc(sizeof(*w));
	w->b = b;
	w->args = args;
	w->pool = json_str(args, "pool");
	w->name = json_str(args, "volume");
	w->snapshot = json_str(args, "snapshot");
	w->driver = pool_driver(b, w->pool);
	take_place(b, args, "", w->pool, w->name, &w->at);
	take_place(b, args, "from_", json_str(args, "from_pool"), json_str(args, "from"), &w->from);
	w->path = w->at.path;
	w->meta = w->at.meta;
	w->temp = mem_printf("%s/..new.%s", w->at.dir, json_str(args, "mark"));
	w->parts = cJSON_CreateArray();
	return w;
}

void custom_unload(void *data)
{
	struct custom_work *w = data;

	if (w == NULL)
		return;
	cJSON_Delete(w->parts);
	free_place(&w->at);
	free_place(&w->from);
	free(w->temp);
	free(w->limited);
	migrate_link_free(w->link);
	free(w);
}

/* ---- locks: taken together, so that their order is no matter; no operation that holds one waits for one of ours */

static void add_locks(struct argv *locks, const char *pool, const char *name, bool owned)
{
	const char *bar = strchr(name, '_');

	argv_pushf(locks, "pool-volume/%s/%s", pool, name);
	if (strcmp(pool, POOL_DEFAULT) != 0 || bar == NULL)
		return;
	argv_pushf(locks, "volume/%.*s/%s", (int)(bar - name), name, bar + 1);
	if (owned)
		argv_pushf(locks, "instance/%.*s", (int)(bar - name), name);
}

static void add_lock_once(struct argv *locks, const char *lock)
{
	for (char **have = locks->v; have != NULL && *have != NULL; have++)
		if (strcmp(*have, lock) == 0)
			return;
	argv_push(locks, lock);
}

static void add_user_locks(struct argv *locks, const cJSON *users)
{
	const cJSON *name;

	cJSON_ArrayForEach(name, json_arr(users, "instances")) {
		AUTO_FREE char *lock = mem_printf("instance/%s", name->valuestring);

		add_lock_once(locks, lock);
	}
}

void custom_locks(const struct berthd *b, cJSON *args, struct argv *ret)
{
	const char *pool = json_str_or(args, "pool", ""), *name = json_str_or(args, "volume", "");
	const char *from_pool = json_str(args, "from_pool"), *from = json_str(args, "from"), *to = json_str(args, "to");

	note_owned(b, args, "owned", pool, name);
	note_owned(b, args, "from_owned", from_pool, from);
	add_locks(ret, pool, name, json_bool(args, "owned", false));
	if (from_pool != NULL && from != NULL)
		add_locks(ret, from_pool, from, json_bool(args, "from_owned", false));
	if (to != NULL && json_str(args, "snapshot") == NULL)
		add_locks(ret, pool, to, false);
	add_user_locks(ret, json_obj(args, "users"));
}

int custom_check_idle(const struct berthd *b, const char *pool, const char *name, struct error *err)
{
	AUTO_ARGV struct argv locks = ARGV_INIT;

	add_locks(&locks, pool, name, custom_is_owned(b, pool, name));
	for (char **lock = locks.v; lock != NULL && *lock != NULL; lock++)
		if (op_locked(b->ops, *lock))
			return error_set(err, ERROR_CONFLICT, "the volume '%s' is being changed", name);
	return 0;
}

struct op *custom_start(struct berthd *b, const struct op_kind *kind, cJSON *args, struct error *err)
{
	AUTO_STRBUF struct strbuf escaped = STRBUF_INIT;
	AUTO_ARGV struct argv locks = ARGV_INIT;
	struct op_options options = { .description = json_str(args, "as") };

	strbuf_adduri(&escaped, json_str_or(args, "volume", ""));
	custom_locks(b, args, &locks);
	options.locks = (const char *const *)locks.v;
	if (options.description == NULL) { /* of a copy LXD names none */
		bool of_snapshot = strcmp(kind->name, "custom-snapshot-delete") == 0 || strcmp(kind->name, "custom-snapshot-rename") == 0;
		const char *type = of_snapshot ? "storage_volume_snapshots" : "storage_volumes";

		options.resources = cJSON_CreateObject();
		op_resource(options.resources, type, "/1.0/%s/%s", type, escaped.buf); /* sic: the volume's name */
	}
	return op_start(b->ops, kind, args, &options, err);
}

/* ---- what is half-made */

/* The default pool's own folder comes with its first volume; every other pool has been laid out. */
int custom_make_temp(const struct custom_work *w, struct error *err)
{
	if (pool_usable(w->b, w->pool, err) < 0)
		return -1;
	if (strcmp(w->pool, POOL_DEFAULT) == 0 && fs_mkdirs(w->b->settings->extern_path, 0700, err) < 0)
		return -1;
	if (mkdir(w->at.dir, 0700) < 0 && errno != EEXIST)
		return error_sys(err, errno, "cannot make '%s'", w->at.dir);
	return mkdir(w->temp, 0700) == 0 || errno == EEXIST ? 0 : error_sys(err, errno, "cannot make '%s'", w->temp);
}

/* With the trees goes what was noted about their sizes: new data that came to nothing, old data that was replaced. */
static int untemp_fn(void *arg, struct error *err)
{
	const struct custom_work *w = arg;
	AUTO_FREE char *data = fs_join(w->temp, "data"), *old = fs_join(w->temp, "old");

	limit_forget(data);
	limit_forget(old);
	return pool_remove(w->temp, err);
}

enum op_result step_custom_untemp(struct op *op, struct error *err)
{
	struct custom_work *w = op_data(op);

	return fs_exists(w->temp) ? op_thread(op, untemp_fn, w, err) : OP_DONE;
}

static int limit_fn(void *arg, struct error *err)
{
	const struct custom_work *w = arg;
	const char *trees[] = { w->limited, NULL };

	return limit_trees(w->limited, trees, w->bytes, err);
}

enum op_result custom_limit(struct op *op, const char *path, const cJSON *config, struct error *err)
{
	struct custom_work *w = op_data(op);
	const char *size = json_str_or(config, "size", "");
	uint64_t bytes = 0;

	if (size[0] != '\0' && (units_parse_size(size, &bytes, err) < 0 ||
				(bytes > 0 && limit_possible(w->b, w->pool, size, err) < 0)))
		return OP_FAIL;
	free(w->limited);
	w->limited = mem_strdup(path);
	w->bytes = bytes;
	return op_thread(op, limit_fn, w, err);
}

/* ---- copying: a running container may have the volume, and put a link where cp(1) is about to go down */

void custom_add_part(struct custom_work *w, const char *from, const char *to, bool readonly)
{
	cJSON *part = cJSON_CreateObject();

	json_set_str(part, "from", from);
	json_set_str(part, "to", to);
	json_set_bool(part, "readonly", readonly);
	cJSON_AddItemToArray(w->parts, part);
}

void custom_add_source(struct custom_work *w, const char *to)
{
	const char *snapshot = json_str(w->args, "from_snapshot");
	AUTO_FREE char *folder = snapshot != NULL ? custom_snapshot_folder(w->from.meta, snapshot) : NULL;
	AUTO_FREE char *data = snapshot != NULL ? fs_join(folder, "data") : mem_strdup(w->from.path);

	custom_add_part(w, data, to, false);
}

/* Makes the folder `to` with the notes of the snapshot in the folder `from`. */
static int copy_notes(const char *from, const char *to, struct error *err)
{
	AUTO_FREE char *source = fs_join(from, CUSTOM_SNAPSHOT_FILE), *file = fs_join(to, CUSTOM_SNAPSHOT_FILE);
	AUTO_JSON cJSON *v = json_read_file(source, err);

	if (v == NULL)
		return -1;
	if (mkdir(to, 0700) < 0)
		return error_sys(err, errno, "cannot make '%s'", to);
	return json_write_file(file, v, JSON_DURABLE, err);
}

int custom_add_snapshots(struct custom_work *w, const cJSON *names, const char *meta, struct error *err)
{
	AUTO_FREE char *top = fs_join(meta, "snapshots");
	const cJSON *name;

	if (mkdir(top, 0700) < 0)
		return error_sys(err, errno, "cannot make '%s'", top);
	cJSON_ArrayForEach(name, names) {
		AUTO_FREE char *from = custom_snapshot_folder(w->from.meta, name->valuestring);
		AUTO_FREE char *to = custom_snapshot_folder(meta, name->valuestring);
		AUTO_FREE char *from_data = fs_join(from, "data"), *to_data = fs_join(to, "data");

		if (copy_notes(from, to, err) < 0)
			return -1;
		custom_add_part(w, from_data, to_data, true);
	}
	return 0;
}

static enum op_result copied(struct op *op, const struct proc_result *result, struct error *err)
{
	return proc_check("berth-rootfs", result, err) < 0 ? OP_FAIL : custom_copy_parts(op, err);
}

enum op_result custom_copy_parts(struct op *op, struct error *err)
{
	struct custom_work *w = op_data(op);
	AUTO_JSON cJSON *part = w->parts->child != NULL ? cJSON_DetachItemViaPointer(w->parts, w->parts->child) : NULL;
	const char *from = json_str(part, "from"), *to = json_str(part, "to");
	struct argv argv = ARGV_INIT;

	if (part == NULL)
		return OP_DONE;
	if (strcmp(w->driver, "btrfs") == 0 && pool_tree_can_snapshot(from, to))
		return pool_tree_snapshot(from, to, json_bool(part, "readonly", false), err) < 0 ? OP_FAIL :
												 custom_copy_parts(op, err);
	if (pool_tree_create(w->driver, to, err) < 0)
		return OP_FAIL;
	argv_pushf(&argv, "%s/berth-rootfs", w->b->settings->libexec_dir);
	argv_push(&argv, "loose-copy");
	argv_pushf(&argv, "--source=%s", from);
	argv_push(&argv, to);
	return op_child(op, &argv, copied, err);
}
