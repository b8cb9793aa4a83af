/* SPDX-License-Identifier: MIT */
/*
 * The delete operation. args: {"fingerprint","staging":UUID,"kept":bool}. The folder is moved to .staging
 * first, and back when something fails before the commit; a tree that instances lie on stays where it is,
 * without image.json.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "image/store_private.h"

enum { LONG_TIME_S = 3600 };

struct deletion {
	struct image_store *store;
	const char *fingerprint;
	char *home, *away;       /* the folder, and where it goes */
	char *json, *json_away;  /* the same for image.json of a tree that is kept */
	cJSON *copies;
};

static void *delete_load(void *ctx, cJSON *args, struct error *err)
{
	struct image_store *s = ((struct berthd *)ctx)->images;
	const char *uuid = json_str_or(args, "staging", "");
	struct deletion *d;

	if (strlen(uuid) != UUID_TEXT_SIZE - 1 || strchr(uuid, '/') ||
	    !fingerprint_valid(json_str_or(args, "fingerprint", ""))) {
		error_set(err, ERROR_INVALID, "the journal entry of an image deletion is damaged");
		return NULL;
	}
	d = mem_alloc(sizeof(*d));
	d->store = s;
	d->fingerprint = json_str(args, "fingerprint");
	d->home = store_path(s, d->fingerprint, NULL);
	d->away = store_staging(s, uuid, NULL);
	d->json = store_path(s, d->fingerprint, IMAGE_JSON);
	d->json_away = store_path(s, d->fingerprint, IMAGE_JSON_DELETED);
	return d;
}

static void delete_unload(void *data)
{
	struct deletion *d = data;

	if (!d)
		return;
	free(d->home);
	free(d->away);
	free(d->json);
	free(d->json_away);
	cJSON_Delete(d->copies);
	free(d);
}

static enum op_result delete_hide(struct op *op, struct error *err)
{
	struct deletion *d = op_data(op);
	bool kept = d->store->in_use(d->fingerprint, d->store->data);

	if (!image_get(d->store, d->fingerprint)) {
		error_set(err, ERROR_NOT_FOUND, "Image not found");
		return OP_FAIL;
	}
	json_set_bool(op_args(op), "kept", kept);
	if (op_save(op, err))
		return OP_FAIL;
	if (kept ? rename(d->json, d->json_away) : rename(d->home, d->away)) {
		error_sys(err, errno, "cannot move image '%s' away", d->fingerprint);
		return OP_FAIL;
	}
	strmap_remove(d->store->images, d->fingerprint);
	return OP_DONE;
}

static enum op_result delete_unhide(struct op *op, struct error *err)
{
	struct deletion *d = op_data(op);

	if (fs_exists(d->away) && rename(d->away, d->home)) {
		error_sys(err, errno, "cannot move image '%s' back", d->fingerprint);
		return OP_FAIL;
	}
	if (fs_exists(d->json_away) && rename(d->json_away, d->json)) {
		error_sys(err, errno, "cannot bring image '%s' back", d->fingerprint);
		return OP_FAIL;
	}
	if (!image_get(d->store, d->fingerprint) && fs_exists(d->json) &&
	    store_load_one(d->store, d->fingerprint, err))
		return OP_FAIL;
	return OP_DONE;
}

/* From here on it is gone. */
static enum op_result delete_commit(struct op *op, struct error *err)
{
	struct deletion *d = op_data(op);

	return fs_sync_dir(json_bool(op_args(op), "kept", false) ? d->home : d->store->dir, err) ? OP_FAIL
												 : OP_DONE;
}

static enum op_result delete_aliases(struct op *op, struct error *err)
{
	struct deletion *d = op_data(op);

	return alias_remove_of(d->store, d->fingerprint, err) ? OP_FAIL : OP_DONE;
}

static int remove_copies(void *data, struct error *err)
{
	const struct deletion *d = data;
	const cJSON *path;

	cJSON_ArrayForEach(path, d->copies)
		if (d->store->copy_remove(path->valuestring, err))
			return -1;
	return 0;
}

static enum op_result delete_copies(struct op *op, struct error *err)
{
	struct deletion *d = op_data(op);

	d->copies = d->store->copies ? d->store->copies(d->fingerprint, d->store->data) : NULL;
	return d->copies && d->copies->child ? op_thread(op, remove_copies, d, err) : OP_DONE;
}

static enum op_result delete_remove(struct op *op, struct error *err)
{
	static const char *const pieces[] = {"image",	      "image.metadata", "image.rootfs",
					     "metadata.yaml", "templates",	IMAGE_JSON_DELETED};
	struct deletion *d = op_data(op);
	size_t k;

	if (!json_bool(op_args(op), "kept", false))
		return op_thread(op, store_remove_staging, d->away, err);
	if (image_get(d->store, d->fingerprint)) /* tried again, when it was imported anew */
		return unlink(d->json_away) && errno != ENOENT ? OP_FAIL : OP_DONE;
	for (k = 0; k < sizeof(pieces) / sizeof(pieces[0]); k++) {
		AUTO_FREE char *path = fs_join(d->home, pieces[k]);

		if (fs_remove_tree(path, err))
			return OP_FAIL;
	}
	/* the last instance may have left meanwhile: nobody would come back for the tree */
	if (!d->store->in_use(d->fingerprint, d->store->data))
		store_drop_folder(d->store, d->home);
	return OP_DONE;
}

static const struct op_step delete_steps[] = {
	{ "hide", delete_hide, delete_unhide, 0, 0 },
	{ "commit", delete_commit, NULL, 0, OP_COMMIT },
	{ "aliases", delete_aliases, NULL, 0, 0 },
	{ "copies", delete_copies, NULL, LONG_TIME_S, 0 },
	{ "remove", delete_remove, NULL, LONG_TIME_S, 0 },
	{ 0 },
};

const struct op_kind image_delete_kind = {
	.name = "image-delete",
	.description = "Deleting image",
	.steps = delete_steps,
	.load = delete_load,
	.unload = delete_unload,
	.frees = true,
	.retries = true,
};

struct op *image_delete(struct image_store *s, const char *fingerprint, struct error *err)
{
	char lock[SHA256_TEXT_SIZE + 8], url[SHA256_TEXT_SIZE + 20], uuid[UUID_TEXT_SIZE];
	const char *locks[] = { lock, NULL }, *urls[] = { url };
	struct op_options options = { .locks = locks };
	cJSON *args;

	if (!image_get(s, fingerprint)) {
		error_set(err, ERROR_NOT_FOUND, "Image not found");
		return NULL;
	}
	snprintf(lock, sizeof(lock), "image/%s", fingerprint);
	snprintf(url, sizeof(url), "/1.0/images/%s", fingerprint);
	ident_uuid(uuid);
	options.resources = cJSON_CreateObject();
	json_set(options.resources, "images", cJSON_CreateStringArray(urls, 1));
	args = cJSON_CreateObject();
	json_set_str(args, "fingerprint", fingerprint);
	json_set_str(args, "staging", uuid);
	return op_start(s->b->ops, &image_delete_kind, args, &options, err);
}
