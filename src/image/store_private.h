/* SPDX-License-Identifier: MIT */
/* The insides of the image store, for the files of this room only. */
#ifndef BERTH_IMAGE_STORE_PRIVATE_H
#define BERTH_IMAGE_STORE_PRIVATE_H

#include <uv.h>

#include "base/ident.h"
#include "base/strmap.h"
#include "berthd.h"
#include "image/store.h"

#define IMAGE_JSON "image.json"
#define IMAGE_JSON_DELETED ".image.json.deleted"
#define IMAGE_NEVER "1970-01-01T00:00:00Z" /* LXD's expires_at of an image that does not expire */

struct image_store {
	struct berthd *b;
	char *dir;     /* images_path */
	char *staging; /* images_path/.staging */
	bool (*in_use)(const char *fingerprint, void *data);
	void *data;
	cJSON *(*copies)(const char *fingerprint, void *data);
	int (*copy_remove)(const char *path, struct error *err);
	struct strmap *images; /* fingerprint -> image.json as cJSON, with a private member "berth" */
	cJSON *aliases;
	uv_timer_t *sweep; /* trees of deleted images, looked at once the registry knows all instances */
};

/* file may be NULL */
char *store_path(const struct image_store *s, const char *fingerprint, const char *file);
char *store_staging(const struct image_store *s, const char *uuid, const char *file);
/* Reads image.json into images. */
int store_load_one(struct image_store *s, const char *fingerprint, struct error *err);
/* Moves the folder to .staging and removes it in a thread; what a crash leaves the next start sweeps. */
void store_drop_folder(struct image_store *s, const char *path);
/* rm -r once no berth-unpack works in it any more (it holds a flock); for threads. */
int store_remove_staging(void *path, struct error *err);

/* alias.c */
int alias_load(struct image_store *s, struct error *err);
/* All that point to it. */
int alias_remove_of(struct image_store *s, const char *fingerprint, struct error *err);

/* describe.c: image.json from what berth-unpack reported (metadata_report: of a split image, else NULL). */
struct describe {
	const cJSON *args; /* of the import operation */
	const cJSON *report, *metadata_report;
	const char *host_architecture;
};
cJSON *describe_image(const struct describe *d);

extern const struct op_kind image_import_kind, image_delete_kind;

#endif
