/* SPDX-License-Identifier: MIT */
/*
 * HTTP/1.1 client of the unix socket: blocking, keep-alive, answers parsed by
 * http-parser. (libcurl costs 12 ms to load, more than a whole `berth list` may take.)
 */
#ifndef BERTH_CLI_CLIENT_H
#define BERTH_CLI_CLIENT_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

struct client;

struct response {
	int status;
	cJSON *envelope; /* NULL when the body is no JSON */
	char *etag;
	char *location;
	char *raw;       /* the body as text */
	size_t raw_len;
};
void response_clear(struct response *r);

struct client *client_new(const char *socket_path); /* connects at the first request */
void client_free(struct client *c);
struct client *client_clone(const struct client *c); /* same server and flags, a connection of its own */
void client_set_quiet(struct client *c, bool quiet); /* no progress */
void client_set_debug(struct client *c, bool debug); /* requests and answers on stderr */
const char *client_socket(const struct client *c);

/*
 * -1 when the exchange itself failed ("cannot connect to berthd at '…': …; is it
 * running? try: systemctl start berthd"); an error answer is 0 here. The others
 * below also fail when the server answers with an error (its text, code from the status).
 */
int client_request(struct client *c, const char *method, const char *path, const cJSON *body,
		   const char *if_match, struct response *ret, struct error *err);
/* The metadata of a sync answer (owned by the caller; may be a JSON null). ret_etag may be NULL. */
cJSON *client_get(struct client *c, const char *path, char **ret_etag, struct error *err);
/*
 * Any change; an async answer is waited for (progress on a terminal unless quiet) and its final
 * operation object is returned, of a sync answer the metadata. body and if_match may be NULL.
 */
cJSON *client_change(struct client *c, const char *method, const char *path, const cJSON *body,
		     const char *if_match, struct error *err);
/*
 * The same in two parts, for several operations at once: returns the operation's id (caller
 * frees), or NULL: on failure with err->code set, for sync answers with ERROR_NONE.
 */
char *client_begin(struct client *c, const char *method, const char *path, const cJSON *body,
		   const char *if_match, struct error *err);
cJSON *client_wait(struct client *c, const char *operation_id, struct error *err);
/*
 * client_wait in two parts: operations are forgotten by the server some seconds after their end,
 * so whoever waits for several asks for all of them first, each on a client_clone.
 */
int client_wait_send(struct client *c, const char *operation_id, struct error *err);
cJSON *client_wait_receive(struct client *c, struct error *err);
/* POST of a file, chunked, as octet-stream unless a header says otherwise; headers is NULL-terminated "Name:
 * value" or NULL. Waits as client_change. */
cJSON *client_upload(struct client *c, const char *path, int fd, const char *const *headers,
		     struct error *err);
/* GET to a file descriptor, *ret_name from Content-Disposition (caller frees; NULL when there is none; a bare
 * file name). */
int client_download(struct client *c, const char *path, int fd, char **ret_name, struct error *err);
/* The same of a file with X-LXD-type and X-LXD-mode; type is "" without them. */
struct download_info {
	char type[16]; /* "file", "directory", "symlink" */
	unsigned mode;
};
int client_download_info(struct client *c, const char *path, int fd, struct download_info *ret, struct error *err);
/*
 * GET of …/files?path=. The bytes of a file go where open_file says, which is asked once its mode is known (the fd stays
 * the caller's); -1 with err ends the exchange so. The names in a folder and the text of a link are kept.
 */
struct client_file {
	char type[16]; /* "file", "directory", "symlink" */
	unsigned mode; /* permission bits */
	cJSON *names;  /* of a directory */
	char *target;  /* of a symlink */
};
int client_file_get(struct client *c, const char *path, int (*open_file)(unsigned mode, void *data, struct error *err),
		    void *data, struct client_file *ret, struct error *err);
void client_file_clear(struct client_file *f);

/* websocket GET: on_text per message until it returns false or the server closes. */
int client_websocket(struct client *c, const char *path,
		     bool (*on_text)(const char *text, size_t len, void *data), void *data,
		     struct error *err);

char *client_escape(const char *segment); /* percent-encodes a path segment or query value; caller frees */

#endif
