/* SPDX-License-Identifier: MIT */
/* The inside of a connection, for fetch_http.c and fetch_post.c. */
#ifndef BERTH_HELPER_FETCH_HTTP_PRIVATE_H
#define BERTH_HELPER_FETCH_HTTP_PRIVATE_H

#include <curl/curl.h>
#include <stdbool.h>

#include "base/strbuf.h"
#include "helper/fetch_http.h"

struct http {
	CURL *curl;
	char *pin; /* "sha256//BASE64" of the server's public key, or NULL */
	char problem[CURL_ERROR_SIZE];
	/* of the request that runs */
	long good; /* the status that is no refusal: 200 but for fetch_post.c */
	const struct http_sink *sink;
	bool started;
	struct strbuf refusal; /* body of an answer of another status */
	struct http_header *wanted;
	size_t n_wanted;
	struct error err; /* of the sink, or of what is sent */
};

/* What was set on the handle. */
int http_perform(struct http *h, const char *url, struct error *err);

#endif
