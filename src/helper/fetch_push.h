/* SPDX-License-Identifier: MIT */
/* An image goes to another LXD (or berth): POST /1.0/images with the secret of a token, then the wait for what becomes of it. */
#ifndef BERTH_HELPER_FETCH_PUSH_H
#define BERTH_HELPER_FETCH_PUSH_H

#include <cjson/cJSON.h>

#include "base/error.h"
#include "helper/fetch_http.h"

struct push_files {
	int fd[2]; /* the image; or metadata and rootfs */
	int n;
};

/* Opens another of them, while that is allowed. */
int push_files_open(struct push_files *f, const char *path, struct error *err);
/*
 * spec: {"server", "secret", "fingerprint", "filename", "project"?, "profiles"?: [names]}. 0: the server says that it has
 * the image. Lines on stdout: "progress BYTES TOTAL".
 */
int fetch_push(struct http *h, const cJSON *spec, const struct push_files *f, struct error *err);

#endif
