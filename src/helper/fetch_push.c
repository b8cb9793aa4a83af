/* SPDX-License-Identifier: MIT */
#include "helper/fetch_push.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/ident.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "helper/fetch_resolve.h"

/* The server is asked again every so often: nothing else would show that it is gone. */
enum { WAIT_S = 30, HEADERS = 7, DONE = 200 };

int push_files_open(struct push_files *f, const char *path, struct error *err)
{
	int fd;

	if (f->n == 2)
		return error_set(err, ERROR_INVALID, "an image has one file or two");
	fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return error_sys(err, errno, "cannot open '%s'", path);
	f->fd[f->n++] = fd;
	return 0;
}

static void show(uint64_t done, uint64_t total)
{
	printf("progress %llu %llu\n", (unsigned long long)done, (unsigned long long)total);
	fflush(stdout);
}

static void add_project(struct strbuf *url, const cJSON *spec)
{
	const char *project = json_str_or(spec, "project", "");

	if (*project == '\0' || strcmp(project, "default") == 0)
		return;
	strbuf_addstr(url, strchr(url->buf, '?') ? "&project=" : "?project=");
	strbuf_adduri(url, project);
}

/* ---- the upload */

/* "profile=a&profile=b"; as LXD an empty list is sent, none at all is not. */
static char *profiles_header(const cJSON *spec)
{
	struct strbuf text = STRBUF_INIT;
	const cJSON *p;

	strbuf_addstr(&text, "X-LXD-profiles: ");
	cJSON_ArrayForEach(p, json_arr(spec, "profiles")) {
		strbuf_addstr(&text, p->prev != NULL && p->prev->next == p ? "&profile=" : "profile=");
		strbuf_adduri(&text, p->valuestring);
	}
	return strbuf_detach(&text);
}

static int parts_of(const struct push_files *f, const cJSON *spec, struct http_part *parts, struct error *err)
{
	static const char *const names[] = { "metadata", "rootfs" };
	struct stat st;

	for (int i = 0; i < f->n; i++) {
		if (fstat(f->fd[i], &st))
			return error_sys(err, errno, "cannot examine the image");
		parts[i] = (struct http_part){ names[i], json_str_or(spec, "filename", ""), f->fd[i], (uint64_t)st.st_size };
	}
	return 0;
}

static cJSON *upload(struct http *h, const cJSON *spec, const struct push_files *f, struct error *err)
{
	AUTO_FREE char *base = fetch_base(spec), *profiles = profiles_header(spec);
	AUTO_FREE char *secret = mem_printf("X-LXD-secret: %s", json_str_or(spec, "secret", ""));
	AUTO_FREE char *fingerprint = mem_printf("X-LXD-fingerprint: %s", json_str_or(spec, "fingerprint", ""));
	AUTO_FREE char *filename = mem_printf("X-LXD-filename: %s", json_str_or(spec, "filename", ""));
	AUTO_STRBUF struct strbuf url = STRBUF_INIT;
	const char *headers[HEADERS] = { fingerprint, filename };
	struct http_part parts[2];
	size_t n = 2;

	if (parts_of(f, spec, parts, err) < 0)
		return NULL;
	if (*json_str_or(spec, "secret", "") != '\0')
		headers[n++] = secret;
	if (json_arr(spec, "profiles") != NULL)
		headers[n++] = profiles;
	strbuf_addf(&url, "%s/1.0/images", base);
	add_project(&url, spec);
	return http_post(h, url.buf, headers, parts, (size_t)f->n, show, err);
}

/* ---- what becomes of it */

static bool is_uuid(const char *text)
{
	return strlen(text) == UUID_TEXT_SIZE - 1 && strspn(text, "0123456789abcdef-") == UUID_TEXT_SIZE - 1;
}

static char *wait_url(const cJSON *spec, const cJSON *op)
{
	const char *secret = json_str_or(json_obj(op, "metadata"), "secret", "");
	AUTO_FREE char *base = fetch_base(spec);
	struct strbuf url = STRBUF_INIT;

	strbuf_addf(&url, "%s/1.0/operations/%s/wait?timeout=%d", base, json_str_or(op, "id", ""), WAIT_S);
	if (*secret != '\0') {
		strbuf_addstr(&url, "&secret=");
		strbuf_adduri(&url, secret);
	}
	add_project(&url, spec);
	return strbuf_detach(&url);
}

static int judge(const cJSON *op, struct error *err)
{
	const char *why = json_str_or(op, "err", "");

	if (json_int(op, "status_code", 0) == DONE)
		return 0;
	return error_set(err, ERROR_TOOL, "Failed operation \"%.20s\": \"%.400s\"", json_str_or(op, "status", ""), why);
}

static int wait_for(struct http *h, const cJSON *spec, const cJSON *answer, struct error *err)
{
	const cJSON *op = json_obj(answer, "metadata");
	const struct timespec second = { .tv_sec = 1 };
	AUTO_FREE char *url = NULL;

	if (!is_uuid(json_str_or(op, "id", "")))
		return error_set(err, ERROR_TOOL, "the server's answer to the upload is not LXD's");
	url = wait_url(spec, op);
	for (;;) {
		const time_t began = time(NULL);
		AUTO_JSON cJSON *v = http_get_json(h, url, err);
		const cJSON *now = json_obj(v, "metadata");

		if (v == NULL)
			return -1;
		if (now == NULL)
			return error_set(err, ERROR_TOOL, "the server's answer about the upload is not LXD's");
		if (json_int(now, "status_code", 0) >= DONE)
			return judge(now, err);
		if (time(NULL) - began < 1)
			nanosleep(&second, NULL);
	}
}

int fetch_push(struct http *h, const cJSON *spec, const struct push_files *f, struct error *err)
{
	AUTO_JSON cJSON *answer = upload(h, spec, f, err);

	return answer != NULL ? wait_for(h, spec, answer, err) : -1;
}
