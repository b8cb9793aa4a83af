/* SPDX-License-Identifier: MIT */
/*
 * What an instance has of its image beside the tree: NAME/metadata/ with metadata.json (LXD: shared/api/image.go,
 * ImageMetadata) and templates/, files of at most METADATA_TEMPLATE_MAX bytes. Written when the instance is made; one that
 * has none (made by an older berth, or empty) has the image's, or what its configuration tells of it.
 */
#ifndef BERTH_INSTANCE_METADATA_H
#define BERTH_INSTANCE_METADATA_H

#include <cjson/cJSON.h>
#include <stddef.h>

#include "base/error.h"
#include "base/strbuf.h"
#include "berthd.h"

#define METADATA_FOLDER "metadata"
enum { METADATA_TEMPLATE_MAX = 1024 * 1024, METADATA_TEMPLATES_MAX = 256 };

struct instance;

/* ImageMetadata: architecture, creation_date, expiry_date, properties, templates; all there. */
cJSON *metadata_get(struct berthd *b, const struct instance *inst, struct error *err);
/* Checked; the whole of it. */
int metadata_put(struct berthd *b, const struct instance *inst, const cJSON *metadata, struct error *err);

/* Array of file names, sorted. */
cJSON *metadata_templates(const struct berthd *b, const struct instance *inst);
/* ERROR_NOT_FOUND "Template \"NAME\" not found"; ERROR_INVALID for what is no name. */
int metadata_template_read(const struct berthd *b, const struct instance *inst, const char *name, struct strbuf *out,
			   struct error *err);
int metadata_template_write(struct berthd *b, const struct instance *inst, const char *name, const void *text, size_t len,
			    struct error *err);
int metadata_template_delete(struct berthd *b, const struct instance *inst, const char *name, struct error *err);

/* metadata.yaml and templates/ (if there are any) as files of the folder dir. */
int metadata_copy(struct berthd *b, const struct instance *inst, const char *dir, struct error *err);

/* Of a new instance in instance_dir: what its image has (fingerprint "": none), or another instance. Quick writes: who calls syncs. */
int metadata_of_image(struct berthd *b, const char *fingerprint, const char *instance_dir, struct error *err);
int metadata_of_instance(struct berthd *b, const struct instance *from, const char *instance_dir, struct error *err);
/* What an archive holds: metadata is LXD's ImageMetadata, judged here; templates: {file name: text}. Both may be NULL. */
int metadata_of_archive(const cJSON *metadata, const cJSON *templates, const char *instance_dir, struct error *err);

#endif
