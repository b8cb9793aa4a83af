/* SPDX-License-Identifier: MIT */
#include "helper/fetch_http_private.h"

#include <errno.h>
#include <gnutls/abstract.h>
#include <gnutls/crypto.h>
#include <gnutls/x509.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "base/text.h"

enum { URL_MAX = 4096, ERROR_BODY_MAX = 64 * 1024, JSON_BODY_MAX = 64 * 1024 * 1024, REDIRECTS = 5, CONNECT_S = 30, STALL_S = 60 };

/* ---- the server's key */

static int key_of(gnutls_x509_crt_t crt, const gnutls_datum_t *pem, gnutls_datum_t *ret_der)
{
	gnutls_pubkey_t key;
	int rc = gnutls_x509_crt_import(crt, pem, GNUTLS_X509_FMT_PEM);

	if (rc < 0 || (rc = gnutls_pubkey_init(&key)) < 0)
		return rc;
	rc = gnutls_pubkey_import_x509(key, crt, 0);
	if (rc >= 0)
		rc = gnutls_pubkey_export2(key, GNUTLS_X509_FMT_DER, ret_der);
	gnutls_pubkey_deinit(key);
	return rc;
}

static char *pin_of(const gnutls_datum_t *der)
{
	unsigned char sum[32];
	gnutls_datum_t raw = { sum, sizeof(sum) }, text = { NULL, 0 };
	char *pin = NULL;

	if (gnutls_hash_fast(GNUTLS_DIG_SHA256, der->data, der->size, sum) == 0 && gnutls_base64_encode2(&raw, &text) == 0)
		pin = mem_printf("sha256//%.*s", (int)text.size, (const char *)text.data);
	gnutls_free(text.data);
	return pin;
}

static int take_certificate(struct http *h, const char *pem, struct error *err)
{
	gnutls_datum_t in = { (unsigned char *)pem, (unsigned)strlen(pem) }, der = { NULL, 0 };
	gnutls_x509_crt_t crt;
	int rc = gnutls_x509_crt_init(&crt);

	if (rc >= 0) {
		rc = key_of(crt, &in, &der);
		gnutls_x509_crt_deinit(crt);
	}
	if (rc >= 0)
		h->pin = pin_of(&der);
	gnutls_free(der.data);
	if (h->pin == NULL)
		return error_set(err, ERROR_INVALID, "the server's certificate is not one: %s", gnutls_strerror(rc));
	return 0;
}

/* ---- what comes back */

static long status_of(const struct http *h)
{
	long status = 0;

	curl_easy_getinfo(h->curl, CURLINFO_RESPONSE_CODE, &status);
	return status;
}

static int start_sink(struct http *h)
{
	const char *type = NULL;
	curl_off_t length = -1;

	if (h->started)
		return 0;
	h->started = true;
	curl_easy_getinfo(h->curl, CURLINFO_CONTENT_TYPE, &type);
	curl_easy_getinfo(h->curl, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
	return h->sink->start ? h->sink->start(h->sink->data, type, length, &h->err) : 0;
}

static size_t body_cb(char *bytes, size_t size, size_t n, void *data)
{
	struct http *h = data;
	size_t len = size * n;

	if (status_of(h) != h->good) {
		if (h->refusal.len + len <= ERROR_BODY_MAX)
			strbuf_add(&h->refusal, bytes, len);
		return len;
	}
	if (start_sink(h) < 0 || (h->sink->bytes && h->sink->bytes(h->sink->data, bytes, len, &h->err) < 0))
		return 0;
	return len;
}

static size_t header_cb(char *line, size_t size, size_t n, void *data)
{
	struct http *h = data;
	size_t len = size * n, k;

	for (k = 0; k < h->n_wanted; k++) {
		struct http_header *w = &h->wanted[k];
		size_t name = strlen(w->name);

		if (len <= name || line[name] != ':' || strncasecmp(line, w->name, name) != 0)
			continue;
		line += name + 1;
		len -= name + 1;
		for (; len > 0 && (*line == ' ' || *line == '\t'); line++)
			len--;
		while (len > 0 && (unsigned char)line[len - 1] <= ' ')
			len--;
		free(w->value);
		w->value = mem_strndup(line, len < URL_MAX ? len : URL_MAX);
		break;
	}
	return size * n;
}

static const char *host_of(const char *url, char buf[256])
{
	const char *p = url + strlen("https://");

	snprintf(buf, 256, "%.*s", (int)strcspn(p, "/?#"), p);
	return buf;
}

static int refused(struct http *h, const char *url, struct error *err)
{
	struct error ignored = ERROR_INIT;
	long status = status_of(h);
	AUTO_JSON cJSON *v = json_parse(h->refusal.buf, h->refusal.len, &ignored);
	const char *said = json_str(v, "error");
	enum error_code code = status == 404 ? ERROR_NOT_FOUND : status == 401 || status == 403 ? ERROR_FORBIDDEN : ERROR_TOOL;
	char host[256];

	if (said && *said)
		return error_set(err, code, "%.400s", said);
	return error_set(err, code, "'%s' answered with HTTP %ld", host_of(url, host), status);
}

static int judge(struct http *h, CURLcode rc, const char *url, struct error *err)
{
	char host[256];

	if (h->err.code != ERROR_NONE) {
		*err = h->err;
		return -1;
	}
	if (rc == CURLE_SSL_PINNEDPUBKEYNOTMATCH)
		return error_set(err, ERROR_TOOL, "'%s' has another certificate than it should have", host_of(url, host));
	if (rc == CURLE_OPERATION_TIMEDOUT)
		return error_set(err, ERROR_TIMEOUT, "'%s' does not answer, or sends nothing any more: %s", host_of(url, host),
				 h->problem);
	if (rc != CURLE_OK)
		return error_set(err, ERROR_TOOL, "cannot %s '%s': %s", h->good == 200 ? "get it from" : "send it to", host_of(url, host),
				 h->problem[0] ? h->problem : curl_easy_strerror(rc));
	return status_of(h) == h->good ? 0 : refused(h, url, err);
}

/* ---- requests */

int http_perform(struct http *h, const char *url, struct error *err)
{
	CURLcode rc;

	if (http_check_url(url, err) < 0)
		return -1;
	error_clear(&h->err);
	h->started = false;
	h->problem[0] = '\0';
	strbuf_clear(&h->refusal);
	curl_easy_setopt(h->curl, CURLOPT_URL, url);
	rc = curl_easy_perform(h->curl);
	if (rc == CURLE_OK && h->sink != NULL && status_of(h) == h->good && start_sink(h) < 0)
		rc = CURLE_WRITE_ERROR; /* an empty body */
	return judge(h, rc, url, err);
}

int http_get(struct http *h, const char *url, const struct http_sink *sink, struct error *err)
{
	int rc;

	h->sink = sink;
	curl_easy_setopt(h->curl, CURLOPT_HTTPGET, 1L);
	rc = http_perform(h, url, err);
	h->sink = NULL;
	return rc;
}

static int text_bytes(void *data, const void *bytes, size_t len, struct error *err)
{
	struct strbuf *out = data;

	if (out->len + len > JSON_BODY_MAX)
		return error_set(err, ERROR_TOO_LARGE, "the server's answer is longer than %d bytes", JSON_BODY_MAX);
	strbuf_add(out, bytes, len);
	return 0;
}

cJSON *http_get_json(struct http *h, const char *url, struct error *err)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT;
	const struct http_sink sink = { .bytes = text_bytes, .data = &text };
	char host[256];
	cJSON *v;

	if (http_get(h, url, &sink, err) < 0)
		return NULL;
	v = json_parse(text.buf, text.len, err);
	if (v != NULL && cJSON_IsObject(v))
		return v;
	cJSON_Delete(v);
	error_clear(err);
	error_set(err, ERROR_TOOL, "the answer of '%s' is no JSON object", host_of(url, host));
	return NULL;
}

int http_head(struct http *h, const char *url, const char *const *sent, struct http_header *wanted, size_t n,
	      struct error *err)
{
	struct curl_slist *list = NULL;
	int rc;

	for (; *sent != NULL; sent++)
		list = curl_slist_append(list, *sent);
	h->wanted = wanted;
	h->n_wanted = n;
	curl_easy_setopt(h->curl, CURLOPT_HTTPHEADER, list);
	curl_easy_setopt(h->curl, CURLOPT_NOBODY, 1L);
	rc = http_perform(h, url, err);
	curl_easy_setopt(h->curl, CURLOPT_NOBODY, 0L);
	curl_easy_setopt(h->curl, CURLOPT_HTTPHEADER, NULL);
	curl_slist_free_all(list);
	h->wanted = NULL;
	h->n_wanted = 0;
	return rc;
}

/* ---- the bare connection */

int http_connect(struct http *h, const char *url, long timeout_s, struct error *err)
{
	char host[256];
	CURLcode rc;

	if (http_check_url(url, err) < 0)
		return -1;
	h->problem[0] = '\0';
	curl_easy_setopt(h->curl, CURLOPT_URL, url);
	curl_easy_setopt(h->curl, CURLOPT_CONNECT_ONLY, 1L);
	curl_easy_setopt(h->curl, CURLOPT_CONNECTTIMEOUT, timeout_s);
	rc = curl_easy_perform(h->curl);
	if (rc == CURLE_OK)
		return 0;
	if (rc == CURLE_SSL_PINNEDPUBKEYNOTMATCH)
		return judge(h, rc, url, err);
	return error_set(err, rc == CURLE_OPERATION_TIMEDOUT ? ERROR_TIMEOUT : ERROR_TOOL, "cannot connect to '%s': %s",
			 host_of(url, host), h->problem[0] ? h->problem : curl_easy_strerror(rc));
}

int http_connection(const struct http *h)
{
	curl_socket_t fd = -1;

	return curl_easy_getinfo(h->curl, CURLINFO_ACTIVESOCKET, &fd) == CURLE_OK ? fd : -1;
}

static ssize_t moved(CURLcode rc, size_t n)
{
	return rc == CURLE_OK ? (ssize_t)n : rc == CURLE_AGAIN ? -EAGAIN : -EIO;
}

ssize_t http_connection_read(struct http *h, void *buf, size_t size)
{
	size_t n = 0;

	CURLcode rc = curl_easy_recv(h->curl, buf, size, &n);

	return moved(rc, n);
}

ssize_t http_connection_write(struct http *h, const void *data, size_t len)
{
	size_t n = 0;

	CURLcode rc = curl_easy_send(h->curl, data, len, &n);

	return moved(rc, n);
}

/* ---- URLs */

int http_check_url(const char *url, struct error *err)
{
	const char *host = url + 8;

	if (strncmp(url, "https://", 8) != 0)
		return error_set(err, ERROR_INVALID, "'%.200s' is no https:// address", url);
	if (strlen(url) > URL_MAX)
		return error_set(err, ERROR_INVALID, "the address is longer than %d bytes", URL_MAX);
	if (!text_is_word(url) || strchr(url, '\\') != NULL)
		return error_set(err, ERROR_INVALID, "an address holds no blanks, backslashes or control characters");
	if (strcspn(host, "/?#") == 0 || memchr(host, '@', strcspn(host, "/?#")) != NULL)
		return error_set(err, ERROR_INVALID, "'%.200s' has no host, or a user's name", url);
	return 0;
}

/* ---- life */

static void set_up(struct http *h, const cJSON *spec)
{
	CURL *c = h->curl;
	const char *proxy = json_str_or(spec, "proxy_https", "");

	curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "https");
	curl_easy_setopt(c, CURLOPT_REDIR_PROTOCOLS_STR, "https");
	curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 1L);
	curl_easy_setopt(c, CURLOPT_MAXREDIRS, (long)REDIRECTS);
	curl_easy_setopt(c, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_S);
	curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, 1L);
	curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, (long)STALL_S);
	curl_easy_setopt(c, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(c, CURLOPT_USERAGENT, json_str_or(spec, "agent", "berth " BERTH_VERSION));
	curl_easy_setopt(c, CURLOPT_ERRORBUFFER, h->problem);
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, body_cb);
	curl_easy_setopt(c, CURLOPT_WRITEDATA, h);
	curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, header_cb);
	curl_easy_setopt(c, CURLOPT_HEADERDATA, h);
	curl_easy_setopt(c, CURLOPT_PROXY, proxy); /* "": none, whatever the environment says */
	if (*json_str_or(spec, "proxy_ignore", ""))
		curl_easy_setopt(c, CURLOPT_NOPROXY, json_str(spec, "proxy_ignore"));
	if (h->pin != NULL) {
		curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, 0L);
		curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, 0L);
		curl_easy_setopt(c, CURLOPT_PINNEDPUBLICKEY, h->pin);
	}
}

struct http *http_new(const cJSON *spec, struct error *err)
{
	const char *pem = json_str_or(spec, "certificate", "");
	struct http *h = mem_alloc(sizeof(*h));

	strbuf_init(&h->refusal);
	h->good = 200;
	if (*pem && take_certificate(h, pem, err) < 0) {
		http_free(h);
		return NULL;
	}
	h->curl = curl_easy_init();
	if (h->curl == NULL) {
		error_set(err, ERROR_SYSTEM, "cannot set up libcurl");
		http_free(h);
		return NULL;
	}
	set_up(h, spec);
	return h;
}

void http_free(struct http *h)
{
	if (h == NULL)
		return;
	if (h->curl != NULL)
		curl_easy_cleanup(h->curl);
	strbuf_clear(&h->refusal);
	free(h->pin);
	free(h);
}
