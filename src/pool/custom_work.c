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
#include "model/settings.h"
#include "pool/limit.h"

char *custom_lock(const char *pool, const char *name)
{
	return mem_printf("pool-volume/%s/%s", pool, name);
}

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

void *custom_load(void *ctx, cJSON *args, struct error *err)
{
	struct berthd *b = ctx;
	struct custom_work *w;
	AUTO_FREE char *dir = NULL;

	if (check_args(args, err) < 0 || pool_find(b, json_str(args, "pool"), err) == NULL)
		return NULL;
	w = mem_alloc(sizeof(*w));
	w->b = b;
	w->args = args;
	w->pool = json_str(args, "pool");
	w->name = json_str(args, "volume");
	w->snapshot = json_str(args, "snapshot");
	w->driver = pool_driver(b, w->pool);
	w->path = custom_path(b, w->pool, w->name);
	w->meta = custom_meta(b, w->pool, w->name);
	dir = mem_strndup(w->path, (size_t)(strrchr(w->path, '/') - w->path));
	w->temp = mem_printf("%s/..new.%s", dir, json_str(args, "mark"));
	w->parts = cJSON_CreateArray();
	return w;
}

void custom_unload(void *data)
{
	struct custom_work *w = data;

	if (w == NULL)
		return;
	cJSON_Delete(w->parts);
	free(w->path);
	free(w->meta);
	free(w->temp);
	free(w);
}

struct op *custom_start(struct berthd *b, const struct op_kind *kind, const char *other_lock, cJSON *args,
			struct error *err)
{
	const char *pool = json_str_or(args, "pool", ""), *name = json_str_or(args, "volume", "");
	AUTO_FREE char *lock = custom_lock(pool, name);
	AUTO_STRBUF struct strbuf url = STRBUF_INIT;
	const char *locks[] = { lock, other_lock, NULL }, *urls[1];
	struct op_options options = { .locks = locks, .resources = cJSON_CreateObject() };

	strbuf_addstr(&url, "/1.0/storage_volumes/");
	strbuf_adduri(&url, name);
	urls[0] = url.buf;
	json_set(options.resources, "storage_volumes", cJSON_CreateStringArray(urls, 1));
	return op_start(b->ops, kind, args, &options, err);
}

/* ---- what is half-made */

int custom_make_temp(const struct custom_work *w, struct error *err)
{
	AUTO_FREE char *dir = mem_strndup(w->temp, (size_t)(strrchr(w->temp, '/') - w->temp));

	if (fs_mkdirs(dir, 0700, err) < 0)
		return -1;
	return mkdir(w->temp, 0700) == 0 || errno == EEXIST ? 0 : error_sys(err, errno, "cannot make '%s'", w->temp);
}

static int untemp_fn(void *data, struct error *err)
{
	const struct custom_work *w = data;

	return fs_exists(w->temp) ? pool_remove(w->temp, err) : 0;
}

enum op_result step_custom_untemp(struct op *op, struct error *err)
{
	return op_thread(op, untemp_fn, op_data(op), err);
}

int custom_apply_size(const struct custom_work *w, const char *path, const cJSON *config, struct error *err)
{
	const char *size = json_str_or(config, "size", ""), *trees[] = { path, NULL };
	uint64_t bytes = 0;

	if (size[0] != '\0' && (units_parse_size(size, &bytes, err) < 0 || limit_possible(w->b, w->pool, size, err) < 0))
		return -1;
	return limit_trees(path, trees, bytes, err);
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
