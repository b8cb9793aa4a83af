/* SPDX-License-Identifier: MIT */
/*
 * The snapshots that another server sent take their places. It may have sent thousands, so all of it is done in a thread,
 * which reads of the operation what does not change meanwhile.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/fs.h"
#include "base/ident.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/strmap.h"
#include "instance/receive.h"
#include "instance/snapshot.h"
#include "instance/snapshot_work.h"
#include "instance/swap.h"
#include "model/snapshot_pattern.h"

struct placing {
	const struct work *w;
	char *parent; /* of the snapshots' folders */
	op_fn then;
	cJSON *fresh, *gone, *images; /* of a refresh */
};

static void placing_free(struct placing *p)
{
	free(p->parent);
	cJSON_Delete(p->fresh);
	cJSON_Delete(p->gone);
	cJSON_Delete(p->images);
	free(p);
}

static const char *architecture_name(int64_t number)
{
	static const char *const names[] = { "", "i686", "x86_64", "armv7l", "aarch64", "ppc", "ppc64", "ppc64le", "s390x",
					     "mips", "mips64", "riscv32", "riscv64" };

	return number > 0 && number < (int64_t)(sizeof(names) / sizeof(names[0])) ? names[number] : "";
}

static void put_time(cJSON *v, const char *key, int64_t seconds)
{
	time_t when = (time_t)seconds;
	char text[TIME_TEXT_SIZE];
	struct tm tm;

	if (seconds > 0 && gmtime_r(&when, &tm) != NULL && strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm) > 0)
		json_set_str(v, key, text);
	else
		json_set_str(v, key, TIME_UNSET);
}

static cJSON *note_of(const struct work *w, const cJSON *snapshot)
{
	cJSON *v = cJSON_CreateObject();

	json_set(v, "config", cJSON_Duplicate(json_obj(snapshot, "config"), true));
	json_set(v, "devices", cJSON_Duplicate(json_obj(snapshot, "devices"), true));
	json_set(v, "profiles", cJSON_Duplicate(json_arr(snapshot, "profiles"), true));
	json_set_str(v, "architecture", architecture_name(json_int(snapshot, "architecture", 0)));
	json_set_str(v, "description", "");
	json_set_bool(v, "ephemeral", json_bool(snapshot, "ephemeral", false));
	json_set_bool(v, "stateful", false);
	put_time(v, "created_at", json_int(snapshot, "created", 0));
	put_time(v, "expires_at", json_int(snapshot, "expires", 0));
	json_set_str(v, "driver", "dir");
	json_set_int(v, "idmap_base", json_int(w->args, "idmap_base", 0));
	create_drop_volatile(json_obj(v, "config"));
	snapshot_set_pool(w, v);
	return v;
}

/* Names of them, to what they are. NULL: err. */
static struct strmap *by_name(const cJSON *snapshots, struct error *err)
{
	struct strmap *m = strmap_new(NULL);
	cJSON *item;

	cJSON_ArrayForEach(item, snapshots) {
		const char *name = json_str_or(item, "name", "");

		if (name_validate_snapshot(name, err) == 0 && strmap_get(m, name) != NULL)
			error_set(err, ERROR_INVALID, "the source has snapshot '%.64s' twice", name);
		if (err->code != ERROR_NONE) {
			strmap_free(m);
			return NULL;
		}
		strmap_put(m, name, item);
	}
	return m;
}

static int check_names(const cJSON *snapshots, struct error *err)
{
	struct strmap *m = by_name(snapshots, err);

	strmap_free(m);
	return m != NULL ? 0 : -1;
}

static int place(const struct placing *p, const cJSON *snapshot, int number, struct error *err)
{
	AUTO_FREE char *file = snapshot_file(json_str_or(snapshot, "name", ""));
	AUTO_FREE char *dir = fs_join(p->parent, file);
	AUTO_FREE char *note = fs_join(dir, DESIRED_FILE);
	AUTO_FREE char *rootfs = fs_join(dir, "rootfs");
	AUTO_FREE char *from = mem_printf("%s/" RECEIVE_FOLDER "/snapshots/%d", p->w->dir, number);
	AUTO_JSON cJSON *v = note_of(p->w, snapshot);

	if (fs_mkdirs(dir, 0700, err) < 0 || json_write_file(note, v, JSON_QUICK, err) < 0)
		return -1;
	return rename(from, rootfs) < 0 ? error_sys(err, errno, "cannot rename '%s' to '%s'", from, rootfs) : 0;
}

/* ---- of a refresh: what came, and what the source has no more */

static void add_gone(struct placing *p, const cJSON *item)
{
	cJSON_AddItemToArray(p->gone, cJSON_CreateString(json_str_or(item, "name", "")));
	if (json_str(item, "image") != NULL)
		cJSON_AddItemToArray(p->images, cJSON_CreateString(json_str(item, "image")));
}

static int compare(struct placing *p, const cJSON *header, struct error *err)
{
	struct strmap *all = by_name(json_arr(header, "all"), err);
	const cJSON *item, *other;

	if (all == NULL)
		return -1;
	cJSON_ArrayForEach(item, json_arr(header, "snapshots"))
		cJSON_AddItemToArray(p->fresh, cJSON_CreateString(json_str_or(item, "name", "")));
	cJSON_ArrayForEach(item, json_arr(json_obj(p->w->args, "receive"), "have")) {
		other = strmap_get(all, json_str_or(item, "name", ""));
		if (other == NULL || json_int(item, "created", -1) != json_int(other, "created", -2))
			add_gone(p, item);
	}
	strmap_free(all);
	return 0;
}

/* ---- in the thread, and after it */

static int work_fn(void *arg, struct error *err)
{
	struct placing *p = arg;
	AUTO_FREE char *path = mem_printf("%s/" RECEIVE_FOLDER "/header.json", p->w->dir);
	AUTO_JSON cJSON *header = json_read_file(path, err);
	const cJSON *snapshots = json_arr(header, "snapshots"), *item;
	int number = 0;

	if (header == NULL || check_names(snapshots, err) < 0 || (p->fresh != NULL && compare(p, header, err) < 0))
		return -1;
	cJSON_ArrayForEach(item, snapshots)
		if (place(p, item, number++, err) < 0)
			return -1;
	return 0;
}

static enum op_result placed(struct op *op, enum op_result result, struct error *err)
{
	struct work *w = op_data(op);
	struct placing *p = w->placing;
	op_fn then = p->then;

	w->placing = NULL;
	if (p->fresh != NULL) {
		json_set(w->args, "fresh", p->fresh);
		json_set(w->args, "gone", p->gone);
		json_set(w->args, "gone_images", p->images);
		p->fresh = p->gone = p->images = NULL;
	}
	placing_free(p);
	return result == OP_DONE && then != NULL ? then(op, err) : result;
}

enum op_result receive_snapshots(struct op *op, struct work *w, op_fn then, struct error *err)
{
	struct placing *p = mem_alloc(sizeof(*p));
	AUTO_FREE char *staging = swap_staging(w);
	enum op_result result;

	p->w = w;
	p->then = then;
	p->parent = fs_join(json_bool(w->args, "into_staging", false) ? staging : w->dir, SNAPSHOTS_DIR);
	if (json_bool(json_obj(w->args, "receive"), "refresh", false)) {
		p->fresh = cJSON_CreateArray();
		p->gone = cJSON_CreateArray();
		p->images = cJSON_CreateArray();
	}
	w->placing = p;
	result = op_thread_then(op, work_fn, p, placed, err);
	if (result != OP_FAIL)
		return result;
	w->placing = NULL;
	placing_free(p);
	return OP_FAIL;
}
