/* SPDX-License-Identifier: MIT */
/*
 * Images: <images_path>/FINGERPRINT/ holds image.json (LXD's image object
 * without aliases), the file(s) as uploaded, and rootfs/, unpacked once with
 * the container's own ids (so the store is 0700 root). Fingerprint: SHA-256 of
 * the file as uploaded (of metadata then rootfs for a split image), as LXD
 * counts it. Aliases: <images_path>/aliases.json.
 *
 * An image that instances still lie on keeps its rootfs when it is deleted
 * (the folder stays without image.json) until image_release() drops the last one.
 */
#ifndef BERTH_IMAGE_STORE_H
#define BERTH_IMAGE_STORE_H

#include <cjson/cJSON.h>
#include <stdbool.h>

#include "base/error.h"
#include "proc/op.h"

struct berthd;
struct image_store;

/* Sweeps staging folders that no journal entry owns. in_use: do instances lie on this tree? */
struct image_store *image_store_open(struct berthd *b, bool (*in_use)(const char *fingerprint, void *data),
				     void *data, struct error *err);
void image_store_free(struct image_store *s);
/* Where else trees of an image lie that go with it: places() is a new array of paths; remove() is for threads. */
void image_store_copies(struct image_store *s, cJSON *(*places)(const char *fingerprint, void *data),
			int (*remove)(const char *path, struct error *err));

bool fingerprint_valid(const char *text); /* a whole one: 64 lower-case digits */
const char **image_fingerprints(const struct image_store *s); /* sorted; free the array */
const cJSON *image_get(const struct image_store *s, const char *fingerprint); /* exact; borrowed or NULL */
/* Alias, fingerprint, or unique beginning of a fingerprint, in either case. "Image not found", "More than one image matches". */
const char *image_resolve(const struct image_store *s, const char *ref, struct error *err);
/* The same without aliases. */
const char *image_find(const struct image_store *s, const char *prefix, struct error *err);
/* The file as uploaded: n = 0 the whole image or the metadata of a split one, 1 its rootfs; or NULL. */
char *image_file(const struct image_store *s, const char *fingerprint, unsigned n);
/* Absolute path; of what is no fingerprint, one where nothing is. Caller frees. */
char *image_rootfs(const struct image_store *s, const char *fingerprint);
/* An instance left it; may drop a deleted image's tree. */
void image_release(struct image_store *s, const char *fingerprint);
/* Drops the trees of deleted images that nobody lies on. Done a while after the start; again when users can be told anew. */
void image_sweep(struct image_store *s);
cJSON *image_json(const struct image_store *s, const char *fingerprint); /* with aliases, new object */
/* {"name":"value"} in which names and values may become configuration of instances (image.NAME); NULL is fine. */
int image_properties_check(const cJSON *properties, struct error *err);

void image_touch(struct image_store *s, const char *fingerprint); /* last_used_at is now */
/* Of public, properties, auto_update, profiles, expires_at, cached what is given. */
int image_put(struct image_store *s, const char *fingerprint, const cJSON *changes, struct error *err);
/* What is given of them, as image_put() would write it; a new object, or NULL with err. */
cJSON *image_changes(const cJSON *given, struct error *err);

const cJSON *image_aliases(const struct image_store *s); /* {"name": {"target","description","type"}} */
int image_alias_create(struct image_store *s, const char *name, const char *target, const char *description,
		       struct error *err);
int image_alias_put(struct image_store *s, const char *name, const char *target_or_null,
		    const char *description_or_null, struct error *err);
int image_alias_rename(struct image_store *s, const char *name, const char *new_name, struct error *err);
int image_alias_delete(struct image_store *s, const char *name, struct error *err);

/* An upload in progress, fed by the HTTP layer in chunks; written below <images_path>/.staging/UUID/. */
struct image_upload;
struct image_upload *image_upload_new(struct image_store *s, struct error *err);
int image_upload_part(struct image_upload *u, const char *part); /* "unified", "metadata", "rootfs" follows */
int image_upload_write(struct image_upload *u, const void *data, size_t len, struct error *err);
/* The folder, for who has the files written by a child: image, or image.metadata and image.rootfs; empty ones do not count. */
const char *image_upload_dir(const struct image_upload *u);
/* That child is done: which files there are, their sizes and hash. Reads all of it; for threads. */
int image_upload_seal(struct image_upload *u, struct error *err);
void image_upload_abort(struct image_upload *u); /* removes what was written; NULL is fine */
/* Starts the import operation (unpack, verify, describe, commit); takes the upload in any case.
 * options: {"filename","public","properties","fingerprint" (expected),"aliases":[{name,description}],
 * "profiles":[names], "exact": no other properties than the archive's own, "given_only": none
 * but these, "expires_at", "auto_update", "cached", "update_source": {}}. */
struct op *image_import(struct image_upload *u, const cJSON *options, struct error *err);
struct op *image_delete(struct image_store *s, const char *fingerprint, struct error *err);
/* Registers the op kinds "image-import", "image-delete" for recovery. */
void image_register(struct op_queue *q);

#endif
