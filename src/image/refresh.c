/* SPDX-License-Identifier: MIT */
/* An image is fetched anew by what it was fetched by. */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "image/download.h"
#include "image/store_private.h"

enum { LONG_TIME_S = 24 * 3600 };

struct refresh {
	struct berthd *b;
	cJSON *args; /* fingerprint, proxies; new_fingerprint once it is known */
	const char *fingerprint;
};

static void *refresh_load(void *ctx, cJSON *args, struct error *err)
{
	struct refresh *f = mem_alloc(sizeof(*f));

	f->b = ctx;
	f->args = args;
	f->fingerprint = json_str_or(args, "fingerprint", "");
	return f;
}

static int fail(const struct refresh *f, struct error *err)
{
	return error_wrap(err, "Failed to update image \"%s\" in project \"default\"", f->fingerprint);
}

static enum op_result fetched(struct op *op, struct op *download, struct error *err)
{
	struct refresh *f = op_data(op);

	if (err->code != ERROR_NONE) {
		fail(f, err);
		return OP_FAIL;
	}
	json_set_str(f->args, "new_fingerprint", json_str_or(op_args(download), "fingerprint", ""));
	return OP_DONE;
}

/* What the old one was and a new one would not be by itself. */
static cJSON *options_of(const cJSON *image)
{
	static const char *const kept[] = { "public", "auto_update", "cached", "profiles" };
	cJSON *options = cJSON_CreateObject();
	size_t i;

	for (i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
		json_set(options, kept[i], cJSON_Duplicate(cJSON_GetObjectItemCaseSensitive(image, kept[i]), true));
	return options;
}

static enum op_result step_fetch(struct op *op, struct error *err)
{
	struct refresh *f = op_data(op);
	const cJSON *image = image_get(f->b->images, f->fingerprint), *from = json_obj(image, "update_source"), *p;
	AUTO_JSON cJSON *source = NULL;
	AUTO_JSON cJSON *options = NULL;
	struct image_download d = { .shown_by = op_id(op) };

	if (!from) {
		error_set(err, ERROR_NOT_FOUND, image ? "Image source not found" : "Image not found");
		fail(f, err);
		return OP_FAIL;
	}
	d.source = source = cJSON_Duplicate(from, true);
	d.options = options = options_of(image);
	cJSON_ArrayForEach(p, json_obj(f->args, "proxies"))
		json_set(source, p->string, cJSON_Duplicate(p, true));
	return op_follow(op, image_download(f->b, &d, err), fetched, err);
}

/* All names of the old one are the new one's now. */
static int move_aliases(const struct refresh *f, const char *to, struct error *err)
{
	AUTO_JSON cJSON *names = cJSON_CreateArray();
	const cJSON *a;

	cJSON_ArrayForEach(a, image_aliases(f->b->images))
		if (strcmp(json_str_or(a, "target", ""), f->fingerprint) == 0)
			cJSON_AddItemToArray(names, cJSON_CreateString(a->string));
	cJSON_ArrayForEach(a, names)
		if (image_alias_put(f->b->images, a->valuestring, to, NULL, err))
			return -1;
	return 0;
}

static enum op_result removed(struct op *op, struct op *deletion, struct error *err)
{
	if (err->code == ERROR_NOT_FOUND)
		error_clear(err); /* somebody else was faster */
	return err->code == ERROR_NONE ? OP_DONE : OP_FAIL;
}

static enum op_result step_replace(struct op *op, struct error *err)
{
	struct refresh *f = op_data(op);
	const char *new = json_str_or(f->args, "new_fingerprint", "");
	bool newer = strcmp(new, f->fingerprint) != 0;

	op_metadata_set(op, "refreshed", cJSON_CreateBool(newer));
	if (!newer)
		return OP_DONE;
	if (move_aliases(f, new, err)) {
		fail(f, err);
		return OP_FAIL;
	}
	return op_follow(op, image_delete(f->b->images, f->fingerprint, err), removed, err);
}

static const struct op_step steps[] = {
	{ "fetch", step_fetch, NULL, LONG_TIME_S, 0 },
	{ "replace", step_replace, NULL, LONG_TIME_S, 0 },
	{ 0 },
};

static const struct op_kind refresh_kind = {
	.name = "image-refresh",
	.description = "Refreshing image",
	.steps = steps,
	.load = refresh_load,
	.unload = free,
	.volatile_ = true, /* done halfway it is two images, and done again */
	.may_cancel = true,
	.coordinator = true,
};

struct op *image_refresh(struct berthd *b, const char *fingerprint, const cJSON *proxies, struct error *err)
{
	AUTO_FREE char *lock = mem_printf("refresh/%s", fingerprint);
	const char *locks[] = { lock, NULL };
	struct op_options options = { .locks = locks };
	cJSON *args = cJSON_CreateObject();

	json_set_str(args, "fingerprint", fingerprint);
	if (proxies)
		json_set(args, "proxies", cJSON_Duplicate(proxies, true));
	return op_start(b->ops, &refresh_kind, args, &options, err);
}
