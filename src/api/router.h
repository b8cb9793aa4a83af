/* SPDX-License-Identifier: MIT */
/*
 * Routes: one table per resource file, {method, pattern, handler}. A pattern is
 * a path whose "{name}" segments match one non-empty, percent-decoded segment
 * (never with '/', control characters or "." / ".."; "{name*}" may hold
 * '/', encoded or, at the end of the pattern, as it is: image aliases like debian/12). Of the patterns that fit, the
 * one with most literal segments counts.  GET /1.0/containers… is answered by
 * the same rows as /1.0/instances….
 *
 * A handler answers through exactly one reply_*() call, at once or later
 * (keep the request; it stays valid until replied to, or until on_gone fires
 * because the client left). Bodies are read and parsed before the handler
 * runs, unless the row has `upload`; a body of POST, PUT or PATCH that is no JSON object is
 * refused with 400 (null is taken for none), bodies of other methods are ignored.
 */
#ifndef BERTH_API_ROUTER_H
#define BERTH_API_ROUTER_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "berthd.h"
#include "proc/op.h"

struct request;
struct instance;

typedef void (*route_fn)(struct request *r);

/* For bodies that are not JSON (images): chunks are handed on as they arrive. */
struct route_upload {
	/* NULL with err: the request is refused. Runs when the headers are there. May return (void *)-1 for
	 * "this body is JSON after all" (Content-Type), then the row behaves as without upload. */
	void *(*begin)(struct request *r, struct error *err);
	int (*data)(void *state, const void *data, size_t len, struct error *err);
	/* multipart/form-data only: a part of this field name starts. May be NULL: multipart is refused. */
	int (*part)(void *state, const char *name, const char *filename, struct error *err);
	void (*end)(struct request *r, void *state);  /* whole body arrived: must reply */
	void (*abort)(void *state); /* client left, or refused half-way; end will not come */
};

struct route {
	const char *method;
	const char *pattern; /* "/1.0/instances/{name}/state" */
	route_fn handler;
	const struct route_upload *upload; /* may be NULL */
};

/* Each resource file exports its table, ended by method == NULL; router.c lists them all. */
extern const struct route certificate_routes[], project_routes[], warning_routes[];
extern const struct route exec_routes[], console_routes[], log_routes[];
extern const struct route server_routes[], operation_routes[], event_routes[], image_routes[],
	profile_routes[], sftp_routes[], instance_routes[], volume_routes[], snapshot_routes[], hook_routes[], password_routes[],
	terminal_routes[], backup_routes[], instance_metadata_routes[], backup_restore_routes[], host_routes[], host_module_routes[],
	network_routes[], forward_routes[], file_routes[], storage_routes[], storage_volume_routes[],
	storage_volume_backup_routes[], storage_snapshot_routes[];

struct berthd *request_berthd(const struct request *r);
/* "{name}" of the pattern; never NULL for those it has */
const char *request_param(const struct request *r, const char *name);
const char *request_query(const struct request *r, const char *name); /* decoded; NULL when absent */
/* or NULL; X-LXD-NAME is also what Incus's clients call X-Incus-NAME */
const char *request_header(const struct request *r, const char *name);
const cJSON *request_body(const struct request *r); /* parsed JSON body; NULL when there was none */
/* Who asks over HTTPS; NULL: it came through the unix socket. */
struct peer;
const struct peer *request_peer(const struct request *r);
/* The unix socket, or a certificate of the trust store that has not expired. Others get to the rows of access.c only. */
bool request_trusted(const struct request *r);
const char *request_method(const struct request *r);
const char *request_path(const struct request *r); /* without the query */
/* "/1.0/containers" or "/1.0/instances", as this client asked: for URL lists. */
const char *request_instances_prefix(const struct request *r);
int request_recursion(const struct request *r); /* 0, 1, 2; junk is 0 as in LXD */
void *request_data(const struct request *r); /* a place for the handler while it waits */
void request_set_data(struct request *r, void *data);
void request_on_gone(struct request *r, void (*cb)(struct request *r));
/* The instance of the path's {name}; NULL: 404 was replied. */
struct instance *request_instance(struct request *r);
/* "/1.0/profiles" checks If-Match against etag: false and 412 replied when it does not hold. */
bool request_etag_ok(struct request *r, const char *etag);

void reply_sync(struct request *r, cJSON *metadata_taken);               /* 200; NULL -> {} */
void reply_sync_etag(struct request *r, cJSON *metadata_taken, const char *etag);
/* Already serialised: lists. */
void reply_sync_text(struct request *r, const char *metadata_json, size_t len);
void reply_created(struct request *r, const char *location);             /* 201 */
void reply_operation(struct request *r, struct op *op);                  /* 202 */
void reply_error(struct request *r, const struct error *err);
void reply_op(struct request *r, struct op *op, const struct error *err); /* 202; op NULL: err */
/* Keeps the request until op has ended: its error, else 201 with the location, or 200 when that is NULL. op NULL: err. */
void reply_op_ended(struct request *r, struct op *op, const char *location_or_null, const struct error *err);
void reply_json(struct request *r, unsigned status, cJSON *body_taken); /* without LXD's envelope */
void reply_errorf(struct request *r, enum error_code code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* Streams an open file (taken) as octet-stream; name for Content-Disposition, may be NULL. */
void reply_file(struct request *r, int fd_taken, const char *name);
/* Before reply_file(): X-LXD-type (a constant), -mode, -uid and -gid of what the file is. */
void reply_file_type(struct request *r, const char *type, unsigned mode, unsigned uid, unsigned gid);
/*
 * A body that comes in chunks (base/chunk.h) from a descriptor that does not block: as fast as the client takes it. The
 * connection is cut when they end too early. on_end: the descriptor is not used any more, whether all was sent or not.
 */
struct reply_stream {
	int fd; /* borrowed until on_end */
	int64_t size; /* of the whole body; -1: not known */
	const char *content_type; /* a constant */
	const char *before, *after; /* constants that go around it, if its size is not known; or NULL */
	void (*on_end)(void *data);
	void *data;
};
void reply_stream(struct request *r, const struct reply_stream *stream, const char *filename); /* or NULL */
/* Before it, and after reply_file_type(): X-LXD-modified. */
void reply_file_modified(struct request *r, const char *modified);
/*
 * In an upload's data(): no more of the body for now. All that was given to data() is to be kept; the client leaving
 * ends the upload meanwhile. request_go_on() may come at any time after.
 */
void request_pause(struct request *r);
void request_go_on(struct request *r);
/* A piece of a body: the text, or if that is NULL the whole regular file. */
struct reply_part {
	char *text;
	int fd;
	uint64_t size; /* of the file; reply_multipart() looks */
};
enum { REPLY_PARTS_MAX = 5 };
/* They are the multipart body, one after the other; texts and descriptors are taken. */
void reply_multipart(struct request *r, const struct reply_part *parts_taken, size_t n, const char *boundary);

/* SHA-256 over the sorted compact JSON: quoted by the reply. */
void etag_of(const cJSON *v, char out[65]);

/* LXD's filter=: clauses joined by and/or, not, eq/ne, on dotted fields. Errors: "Invalid filter: …". */
struct filter;
struct filter *filter_parse(const char *text, struct error *err);
bool filter_match(const struct filter *f, const cJSON *object);
void filter_free(struct filter *f);

/* body.c: a name that is no string, a force that is no boolean: -1, as LXD's decoder does. NULL is fine. */
int body_check(const cJSON *body, struct error *err);

#endif
