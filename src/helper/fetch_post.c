/* SPDX-License-Identifier: MIT */
/* A POST of files, read as they are sent. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/json.h"
#include "helper/fetch_http_private.h"

#define PROGRESS_NS 200000000ll

enum { ANSWER_MAX = 1024 * 1024 };

struct post {
	struct http *h;
	struct strbuf answer;
	void (*progress)(uint64_t done, uint64_t total);
	int64_t shown_ns;
};

struct sent {
	struct post *post;
	const struct http_part *part;
};

static size_t read_cb(char *buf, size_t size, size_t n, void *data)
{
	const struct sent *s = data;
	ssize_t got;

	do
		got = read(s->part->fd, buf, size * n);
	while (got < 0 && errno == EINTR);
	if (got >= 0)
		return (size_t)got;
	error_sys(&s->post->h->err, errno, "cannot read the image");
	return CURL_READFUNC_ABORT;
}

/* What comes after a "100 Continue" that was refused, say. */
static int seek_cb(void *data, curl_off_t offset, int origin)
{
	const struct sent *s = data;

	return lseek(s->part->fd, offset, origin) < 0 ? CURL_SEEKFUNC_FAIL : CURL_SEEKFUNC_OK;
}

static int answer_bytes(void *data, const void *bytes, size_t len, struct error *err)
{
	struct post *p = data;

	if (p->answer.len + len > ANSWER_MAX)
		return error_set(err, ERROR_TOO_LARGE, "the server's answer is longer than %d bytes", ANSWER_MAX);
	strbuf_add(&p->answer, bytes, len);
	return 0;
}

static int progress_cb(void *data, curl_off_t down_total, curl_off_t down, curl_off_t up_total, curl_off_t up)
{
	struct post *p = data;
	struct timespec ts;
	int64_t now;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	now = ts.tv_sec * 1000000000ll + ts.tv_nsec;
	if (up > 0 && now - p->shown_ns >= PROGRESS_NS) {
		p->shown_ns = now;
		p->progress((uint64_t)up, up_total > 0 ? (uint64_t)up_total : 0);
	}
	return 0;
}

static curl_mime *form_of(struct http *h, const struct http_part *parts, size_t n, struct sent *sent)
{
	curl_mime *form = curl_mime_init(h->curl);

	for (size_t i = 0; form != NULL && i < n; i++) {
		curl_mimepart *p = curl_mime_addpart(form);

		curl_mime_name(p, parts[i].name);
		curl_mime_filename(p, parts[i].filename);
		curl_mime_type(p, "application/octet-stream");
		curl_mime_data_cb(p, (curl_off_t)parts[i].size, read_cb, seek_cb, NULL, &sent[i]);
	}
	return form;
}

/* Body and answer of the request; the form, or NULL for a single file. */
static curl_mime *set_body(struct http *h, const struct http_part *parts, size_t n, struct sent *sent)
{
	CURL *c = h->curl;
	curl_mime *form = NULL;

	if (n > 1) {
		form = form_of(h, parts, n, sent);
		curl_easy_setopt(c, CURLOPT_MIMEPOST, form);
		return form;
	}
	curl_easy_setopt(c, CURLOPT_POST, 1L);
	curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)parts[0].size);
	curl_easy_setopt(c, CURLOPT_READFUNCTION, read_cb);
	curl_easy_setopt(c, CURLOPT_READDATA, sent);
	curl_easy_setopt(c, CURLOPT_SEEKFUNCTION, seek_cb);
	curl_easy_setopt(c, CURLOPT_SEEKDATA, sent);
	return NULL;
}

/* A server that refuses should do so before all of it is on its way. */
static struct curl_slist *set_headers(struct http *h, const char *const *headers, bool form)
{
	struct curl_slist *list = curl_slist_append(NULL, "Expect: 100-continue");

	if (!form)
		list = curl_slist_append(list, "Content-Type: application/octet-stream");

	for (; *headers != NULL; headers++)
		list = curl_slist_append(list, *headers);
	curl_easy_setopt(h->curl, CURLOPT_HTTPHEADER, list);
	return list;
}

static int send_it(struct post *p, const char *url, struct error *err)
{
	const struct http_sink sink = { .bytes = answer_bytes, .data = p };
	struct http *h = p->h;
	int rc;

	curl_easy_setopt(h->curl, CURLOPT_FOLLOWLOCATION, 0L); /* neither image nor secret are for others */
	if (p->progress != NULL) {
		curl_easy_setopt(h->curl, CURLOPT_NOPROGRESS, 0L);
		curl_easy_setopt(h->curl, CURLOPT_XFERINFOFUNCTION, progress_cb);
		curl_easy_setopt(h->curl, CURLOPT_XFERINFODATA, p);
	}
	h->good = 202;
	h->sink = &sink;
	rc = http_perform(h, url, err);
	h->sink = NULL;
	h->good = 200;
	curl_easy_setopt(h->curl, CURLOPT_NOPROGRESS, 1L);
	curl_easy_setopt(h->curl, CURLOPT_HTTPHEADER, NULL);
	curl_easy_setopt(h->curl, CURLOPT_MIMEPOST, NULL);
	curl_easy_setopt(h->curl, CURLOPT_SEEKFUNCTION, NULL);
	curl_easy_setopt(h->curl, CURLOPT_READFUNCTION, NULL);
	curl_easy_setopt(h->curl, CURLOPT_HTTPGET, 1L);
	return rc;
}

cJSON *http_post(struct http *h, const char *url, const char *const *headers, const struct http_part *parts, size_t n,
		 void (*progress)(uint64_t done, uint64_t total), struct error *err)
{
	struct post p = { .h = h, .answer = STRBUF_INIT, .progress = progress };
	struct sent sent[2] = { { &p, &parts[0] }, { &p, &parts[n > 1 ? 1 : 0] } };
	curl_mime *form = set_body(h, parts, n, sent);
	struct curl_slist *list = set_headers(h, headers, form != NULL);
	cJSON *v = NULL;

	if (send_it(&p, url, err) == 0) {
		v = json_parse(p.answer.buf, p.answer.len, err);
		if (v == NULL || !cJSON_IsObject(v)) {
			cJSON_Delete(v);
			v = NULL;
			error_clear(err);
			error_set(err, ERROR_TOOL, "the server's answer to the upload is no JSON object");
		}
	}
	curl_slist_free_all(list);
	curl_mime_free(form);
	strbuf_clear(&p.answer);
	return v;
}
