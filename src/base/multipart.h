/* SPDX-License-Identifier: MIT */
/*
 * multipart/form-data (RFC 7578, RFC 2046) as it arrives: what is known of a
 * part when it starts, then its bytes. Nothing is buffered but a part's
 * headers (at most 4 KiB).
 */
#ifndef BERTH_BASE_MULTIPART_H
#define BERTH_BASE_MULTIPART_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

struct multipart;

struct multipart_handler {
	/* filename may be NULL */
	int (*part)(void *data, const char *name, const char *filename, struct error *err);
	int (*bytes)(void *data, const void *bytes, size_t len, struct error *err);
};

bool multipart_is(const char *content_type); /* NULL is fine */
struct multipart *multipart_new(const char *content_type, const struct multipart_handler *handler, void *data,
				struct error *err);
int multipart_feed(struct multipart *m, const void *data, size_t len, struct error *err);
int multipart_finish(const struct multipart *m, struct error *err); /* was the closing boundary there? */
void multipart_free(struct multipart *m);

#endif
