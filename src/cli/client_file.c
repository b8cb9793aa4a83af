/* SPDX-License-Identifier: MIT */
/* Files to and from the server. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "cli/client_impl.h"

#define CHUNK (256u << 10)

static int upload_head(struct strbuf *sb, const char *path, const char *const *headers, struct error *err)
{
	bool typed = false;

	if (client_head(sb, "POST", path, err) < 0)
		return -1;
	for (; headers && *headers; headers++) {
		if (strpbrk(*headers, "\r\n"))
			return error_set(err, ERROR_INVALID, "header '%s' has a line break", *headers);
		typed |= strncasecmp(*headers, "Content-Type:", strlen("Content-Type:")) == 0;
		strbuf_addf(sb, "%s\r\n", *headers);
	}
	if (!typed)
		strbuf_addstr(sb, "Content-Type: application/octet-stream\r\n");
	strbuf_addstr(sb, "Transfer-Encoding: chunked\r\n\r\n");
	return 0;
}

/* The server may refuse before it has read everything: then its answer is what counts. */
static bool answered(const struct client *c)
{
	struct pollfd p = { .fd = c->fd, .events = POLLIN };

	return poll(&p, 1, 0) > 0 && (p.revents & (POLLIN | POLLHUP | POLLERR));
}

static void upload_progress(const struct client *c, const struct stat *st, unsigned long long sent)
{
	if (!c->quiet && S_ISREG(st->st_mode) && st->st_size > 0)
		progress_show("Transferring", (int)(sent * 100 / (unsigned long long)st->st_size));
}

static ssize_t read_chunk(int fd, char *buf, size_t size)
{
	ssize_t n;

	do
		n = read(fd, buf, size);
	while (n < 0 && errno == EINTR);
	return n;
}

/* Returns 1 when all was sent, 0 when the server has answered before, -1 on a local failure. */
static int upload_body(struct client *c, int fd, struct error *err)
{
	AUTO_FREE char *buf = mem_alloc(CHUNK + 32);
	unsigned long long sent = 0;
	struct error ignored = ERROR_INIT;
	struct stat st = { 0 };
	ssize_t n = 1;

	fstat(fd, &st);
	while (n > 0) {
		char head[16];
		int head_len;

		n = read_chunk(fd, buf + 16, CHUNK);
		if (n < 0)
			return error_sys(err, errno, "cannot read the file to send");
		if (answered(c))
			return 0;
		head_len = snprintf(head, sizeof(head), "%zx\r\n", (size_t)n);
		memcpy(buf + 16 - head_len, head, (size_t)head_len);
		memcpy(buf + 16 + n, "\r\n", 2);
		if (client_send(c, buf + 16 - head_len, (size_t)(head_len + n + 2), &ignored) < 0)
			return 0;
		sent += (unsigned long long)n;
		upload_progress(c, &st, sent);
	}
	return 1;
}

static int upload(struct client *c, const char *path, int fd, const char *const *headers,
		  struct response *ret, struct error *err)
{
	AUTO_STRBUF struct strbuf head = STRBUF_INIT;
	struct exchange x;
	int rc;

	if (upload_head(&head, path, headers, err) < 0 || client_connect(c, err) < 0 ||
	    client_send(c, head.buf, head.len, err) < 0)
		return -1;
	rc = upload_body(c, fd, err);
	if (!c->quiet)
		progress_show(NULL, -1);
	if (rc < 0) {
		client_close(c);
		return -1;
	}
	exchange_init(&x);
	if (client_receive(c, &x, err) < 0) {
		exchange_clear(&x);
		return -1;
	}
	client_response(&x, ret);
	exchange_clear(&x);
	if (rc == 0)
		client_close(c);
	return 0;
}

cJSON *client_upload(struct client *c, const char *path, int fd, const char *const *headers,
		     struct error *err)
{
	struct response r;
	AUTO_FREE char *id = NULL;
	cJSON *m = NULL;

	if (upload(c, path, fd, headers, &r, err) < 0)
		return NULL;
	if (client_check(&r, "POST", path, err) == 0) {
		id = client_operation_id(&r);
		m = id ? client_wait(c, id, err)
		       : cJSON_DetachItemFromObjectCaseSensitive(r.envelope, "metadata");
		if (!m && !id)
			m = cJSON_CreateNull();
	}
	response_clear(&r);
	return m;
}

/* inline;filename=NAME or filename="NAME"; only the last component counts, "." and ".." are no names. */
static char *disposition_name(const char *value)
{
	const char *p = value ? strcasestr(value, "filename=") : NULL;
	const char *end, *slash;
	AUTO_FREE char *name = NULL;

	if (!p)
		return NULL;
	p += strlen("filename=");
	if (*p == '"')
		end = strchr(++p, '"');
	else
		end = p + strcspn(p, "; \t");
	name = end ? mem_strndup(p, (size_t)(end - p)) : mem_strdup(p);
	slash = strrchr(name, '/');
	p = slash ? slash + 1 : name;
	if (!*p || !strcmp(p, ".") || !strcmp(p, ".."))
		return NULL;
	return mem_strdup(p);
}

/* Sends the GET and reads its answer into x, which has what it is to do with a body. Anything but a 200 is an error. */
static int get(struct client *c, const char *path, struct exchange *x, struct error *err)
{
	AUTO_STRBUF struct strbuf head = STRBUF_INIT;
	struct response r = { 0 };

	if (client_head(&head, "GET", path, err) < 0)
		return -1;
	strbuf_addstr(&head, "\r\n");
	if (client_connect(c, err) < 0 || client_send(c, head.buf, head.len, err) < 0 || client_receive(c, x, err) < 0)
		return -1;
	if (x->parser.status_code == 200)
		return 0;
	client_response(x, &r);
	client_check(&r, "GET", path, err);
	if (err->code == ERROR_NONE)
		error_set(err, ERROR_TOOL, "berthd answered GET %s with HTTP status %d", path, r.status);
	response_clear(&r);
	return -1;
}

static int download(struct client *c, const char *path, int fd, char **ret_name, struct download_info *info,
		    struct error *err)
{
	struct exchange x;
	int rc;

	*ret_name = NULL;
	exchange_init(&x);
	x.out_fd = fd;
	rc = get(c, path, &x, err);
	if (rc == 0) {
		*ret_name = disposition_name(x.disposition);
		snprintf(info->type, sizeof(info->type), "%s", x.type ? x.type : "");
		info->mode = x.mode ? (unsigned)strtoul(x.mode, NULL, 8) : 0;
	}
	exchange_clear(&x);
	return rc;
}

int client_download(struct client *c, const char *path, int fd, char **ret_name, struct error *err)
{
	struct download_info info;

	return download(c, path, fd, ret_name, &info, err);
}

int client_download_info(struct client *c, const char *path, int fd, struct download_info *ret, struct error *err)
{
	AUTO_FREE char *name = NULL;

	return download(c, path, fd, &name, ret, err);
}

static int take_file(struct exchange *x, struct client_file *ret, struct error *err)
{
	struct response r;
	int rc = 0;

	snprintf(ret->type, sizeof(ret->type), "%s", x->type ? x->type : "");
	ret->mode = x->mode ? (unsigned)strtoul(x->mode, NULL, 8) : 0;
	if (strcmp(ret->type, "symlink") == 0) {
		ret->target = mem_strndup(x->body.buf, x->body.len);
	} else if (strcmp(ret->type, "directory") == 0) {
		client_response(x, &r);
		ret->names = cJSON_DetachItemFromObjectCaseSensitive(r.envelope, "metadata");
		response_clear(&r);
		if (!ret->names || cJSON_IsNull(ret->names)) {
			cJSON_Delete(ret->names);
			ret->names = cJSON_CreateArray();
		}
	} else if (strcmp(ret->type, "file") != 0) {
		rc = error_set(err, ERROR_TOOL, "berthd sent a file of an unknown type '%s'", ret->type);
	}
	return rc;
}

int client_file_get(struct client *c, const char *path, int (*open_file)(unsigned mode, void *data, struct error *err),
		    void *data, struct client_file *ret, struct error *err)
{
	struct exchange x;
	int rc;

	*ret = (struct client_file){ 0 };
	exchange_init(&x);
	x.open_file = open_file;
	x.open_data = data;
	rc = get(c, path, &x, err);
	if (rc == 0)
		rc = take_file(&x, ret, err);
	exchange_clear(&x);
	return rc;
}

void client_file_clear(struct client_file *f)
{
	cJSON_Delete(f->names);
	free(f->target);
	*f = (struct client_file){ 0 };
}
