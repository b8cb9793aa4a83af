/* SPDX-License-Identifier: MIT */
/* The inside of an upload, for upload.c and import.c. */
#ifndef BERTH_IMAGE_UPLOAD_H
#define BERTH_IMAGE_UPLOAD_H

#include <stdint.h>

#include "base/ident.h"
#include "image/store.h"

enum { UPLOAD_UNIFIED = 1, UPLOAD_METADATA = 2, UPLOAD_ROOTFS = 4 };

struct image_upload {
	struct image_store *store;
	char uuid[UUID_TEXT_SIZE];
	char *dir;
	int fd;         /* of the part that arrives, or -1 */
	unsigned parts; /* that began */
	uint64_t total, look_at;
	struct digest *digest;
};

void image_upload_free(struct image_upload *u); /* the files stay */

#endif
