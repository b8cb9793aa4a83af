/* SPDX-License-Identifier: MIT */
/*
 * What a source means now. A source is LXD's ImagesPostSource, with "architectures" added: names of this host's, the
 * most wanted first. The answer:
 *   {"fingerprint": 64 digits,
 *    "files": [{"url", "sha256"?}],  one that holds the image, whole or as multipart/form-data; or metadata and rootfs
 *    "image": {…}}                   what the server says of it, as far as it says anything
 * NULL: err.
 */
#ifndef BERTH_HELPER_FETCH_RESOLVE_H
#define BERTH_HELPER_FETCH_RESOLVE_H

#include <cjson/cJSON.h>

#include "base/error.h"
#include "helper/fetch_http.h"

/* "protocol" lxd, simplestreams, or direct (of "url", whose server names the image in two headers). */
cJSON *fetch_resolve(struct http *h, const cJSON *source, struct error *err);

/* fetch_lxd.c: "server", "alias" or "fingerprint", "secret", "project" */
cJSON *fetch_lxd(struct http *h, const cJSON *source, struct error *err);
/* fetch_streams.c: "server", "alias" or "fingerprint" */
cJSON *fetch_streams(struct http *h, const cJSON *source, struct error *err);
/* One of the images.json of simplestreams: what fits source, or NULL. base: of its URLs. */
cJSON *fetch_streams_find(const cJSON *products, const cJSON *source, const char *base);

char *fetch_base(const cJSON *source); /* "server" without slashes at its end; caller frees */
cJSON *fetch_answer(const char *fingerprint); /* with empty files[] */
void fetch_add_file(cJSON *answer, const char *url, const char *sha256_or_null);
int fetch_is_fingerprint(const char *text); /* 64 lower-case digits */

#endif
