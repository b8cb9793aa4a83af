/* SPDX-License-Identifier: MIT */
/* The size of root disks. A limit belongs to a tree: each tree that is made or put in place gets it anew. */
#include <string.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/units.h"
#include "instance/place.h"
#include "instance/swap.h"
#include "instance/work.h"
#include "pool/limit.h"

static const char *text_of(const cJSON *expanded_devices)
{
	const cJSON *dev;

	cJSON_ArrayForEach(dev, expanded_devices)
		if (strcmp(json_str_or(dev, "type", ""), "disk") == 0 && strcmp(json_str_or(dev, "path", ""), "/") == 0)
			return json_str_or(dev, "size", "");
	return "";
}

uint64_t size_of(const cJSON *expanded_devices)
{
	struct error ignored = ERROR_INIT;
	uint64_t bytes = 0;

	return text_of(expanded_devices)[0] != '\0' && units_parse_size(text_of(expanded_devices), &bytes, &ignored) == 0 ? bytes : 0;
}

int size_check(const struct berthd *b, const cJSON *expanded_devices, struct error *err)
{
	return size_of(expanded_devices) == 0 ? 0 :
		limit_possible(b, place_wanted(b, expanded_devices), text_of(expanded_devices), err);
}

static uint64_t of_desired(const struct work *w, const cJSON *desired)
{
	AUTO_JSON cJSON *config = NULL;
	AUTO_JSON cJSON *devices = NULL;

	if (desired == NULL)
		return 0;
	instance_expand(w->b, desired, &config, &devices);
	return size_of(devices);
}

static uint64_t wanted(const struct work *w)
{
	const cJSON *new = json_obj(w->args, "new");

	return of_desired(w, new != NULL ? new : json_obj(w->args, "desired"));
}

/* A change of a profile is not in "old". */
static uint64_t earlier(const struct work *w)
{
	const cJSON *devices = json_obj(w->args, "was_devices");

	return devices != NULL ? size_of(devices) : of_desired(w, json_obj(w->args, "old"));
}

static int limit_fn(void *data, struct error *err)
{
	const struct work *w = data;
	AUTO_FREE char *staging = swap_staging(w);
	const char *in = w->size_staged ? staging : w->dir;
	AUTO_FREE char *rootfs = fs_join(in, "rootfs"), *upper = fs_join(in, "upper"), *work = fs_join(in, "work");
	const char *dir[] = { rootfs, NULL }, *overlay[] = { upper, work, NULL };

	/* of an overlay, rootfs/ is where it is mounted: not its own */
	return limit_trees(w->dir, fs_exists(upper) ? overlay : dir, w->size, err);
}

static enum op_result apply(struct op *op, struct work *w, bool staged, uint64_t bytes, struct error *err)
{
	w->size = bytes;
	w->size_staged = staged;
	return op_thread(op, limit_fn, w, err);
}

enum op_result step_size(struct op *op, struct error *err)
{
	struct work *w = op_data(op);
	uint64_t bytes = wanted(w);

	return bytes == 0 ? OP_DONE : apply(op, w, false, bytes, err);
}

enum op_result step_swap_size(struct op *op, struct error *err)
{
	struct work *w = op_data(op);
	uint64_t bytes = wanted(w);

	return bytes == 0 && earlier(w) == 0 ? OP_DONE : apply(op, w, true, bytes, err);
}

enum op_result step_resize(struct op *op, struct error *err)
{
	struct work *w = op_data(op);
	uint64_t bytes = wanted(w);

	return bytes == earlier(w) ? OP_DONE : apply(op, w, false, bytes, err);
}

enum op_result step_unresize(struct op *op, struct error *err)
{
	struct work *w = op_data(op);
	uint64_t bytes = earlier(w);

	return bytes == wanted(w) ? OP_DONE : apply(op, w, false, bytes, err);
}
