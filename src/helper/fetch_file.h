/* SPDX-License-Identifier: MIT */
/* Files as they arrive: "image", or "image.metadata" and "image.rootfs", with progress on stdout. */
#ifndef BERTH_HELPER_FETCH_FILE_H
#define BERTH_HELPER_FETCH_FILE_H

#include <stdint.h>

#include "base/error.h"
#include "helper/fetch_http.h"

struct fetch_files {
	int fd[3];           /* image, image.metadata, image.rootfs: open, empty */
	uint64_t max_bytes;  /* of all together */
};

/* Makes them in a folder, where none may be yet. */
int fetch_files_open(struct fetch_files *f, const char *dir, struct error *err);
/*
 * files: of fetch_resolve(). Lines on stdout: "progress BYTES TOTAL" (TOTAL 0: not known). A file whose sha256 is given must
 * have it. -1 with err: what was written by then is no image.
 */
int fetch_download(struct http *h, const struct fetch_files *f, const cJSON *files, struct error *err);

#endif
