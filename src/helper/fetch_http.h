/* SPDX-License-Identifier: MIT */
/*
 * Requests of berth-fetch, by libcurl: https only, also after redirects (five at most), TLS 1.2 or newer. With a
 * certificate the server must have its key, whatever else it says of itself (LXD's servers sign their own); without one it must
 * have one that the host trusts, for its name.
 */
#ifndef BERTH_HELPER_FETCH_HTTP_H
#define BERTH_HELPER_FETCH_HTTP_H

#include <cjson/cJSON.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

struct http;

/* spec: {"certificate": PEM, "proxy_https", "proxy_ignore", "agent"}; all optional. */
struct http *http_new(const cJSON *spec, struct error *err);
void http_free(struct http *h);

struct http_sink {
	/* Once, before the first byte; length -1: unknown. Either may be NULL. */
	int (*start)(void *data, const char *content_type, int64_t length, struct error *err);
	int (*bytes)(void *data, const void *bytes, size_t len, struct error *err);
	void *data;
};

/* A 200's body. What the server calls its error (LXD's envelope) is ours; 404 is ERROR_NOT_FOUND. */
int http_get(struct http *h, const char *url, const struct http_sink *sink, struct error *err);
/* An object, of at most 64 MiB. NULL: err. */
cJSON *http_get_json(struct http *h, const char *url, struct error *err);

/*
 * A POST of one open file as application/octet-stream, or of two as multipart/form-data; they are read as they are sent.
 * The answer must be a 202: its JSON object (of at most 1 MiB). A redirect is followed nowhere. headers: "Name: value"
 * lines, NULL-terminated. progress, now and then, may be NULL.
 */
struct http_part {
	const char *name, *filename; /* of the form; a single one has neither */
	int fd;
	uint64_t size;
};
cJSON *http_post(struct http *h, const char *url, const char *const *headers, const struct http_part *parts, size_t n,
		 void (*progress)(uint64_t done, uint64_t total), struct error *err);

/* Of a HEAD's answer, which must be a 200. */
struct http_header {
	const char *name;
	char *value; /* found, or NULL; caller frees */
};
/* sent: "Name: value" lines, NULL-terminated. */
int http_head(struct http *h, const char *url, const char *const *sent, struct http_header *wanted, size_t n,
	      struct error *err);

/*
 * Only the connection: TLS to the host of the URL, within timeout_s. What is said on it is the caller's, without waiting:
 * bytes; 0: the end (of reading); -EAGAIN; another -errno.
 */
int http_connect(struct http *h, const char *url, long timeout_s, struct error *err);
int http_connection(const struct http *h); /* its descriptor, to wait for; -1 */
ssize_t http_connection_read(struct http *h, void *buf, size_t size);
ssize_t http_connection_write(struct http *h, const void *data, size_t len);

/* "https://…", of at most 4 KiB, no control characters or blanks, no user name. */
int http_check_url(const char *url, struct error *err);

#endif
