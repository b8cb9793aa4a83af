/* SPDX-License-Identifier: MIT */
/* POST /1.0/images: an archive as the body, or metadata and rootfs as multipart/form-data. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "api/events.h"
#include "api/images.h"
#include "base/ident.h"
#include "base/multipart.h"
#include "api/request.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/units.h"
#include "image/store.h"

enum { PAIRS_MAX = 256, JSON_MAX = 64 * 1024 };

struct upload {
	struct image_upload *image;
	cJSON *options;
	bool multipart, pushed;
};

/* ---- headers */

/* "a=b&c=d", percent-encoded; an item without '=' has value NULL. */
static int each_pair(const char *text, int (*fn)(cJSON *to, const char *key, const char *value), cJSON *to,
		     const char *header, struct error *err)
{
	unsigned n = 0;
	size_t len, key_len;
	int rc = 0;

	for (; *text && rc == 0 && n++ < PAIRS_MAX; text += len + (text[len] == '&')) {
		AUTO_FREE char *key = NULL, *value = NULL;
		const char *equal;

		len = strcspn(text, "&");
		equal = memchr(text, '=', len);
		key_len = equal ? (size_t)(equal - text) : len;
		key = uri_decode(text, key_len, true);
		value = equal ? uri_decode(equal + 1, len - key_len - 1, true) : NULL;
		rc = !key || (equal && !value) || fn(to, key, value);
	}
	return rc || *text ? error_set(err, ERROR_INVALID, "the header %s is malformed", header) : 0;
}

static int add_property(cJSON *to, const char *key, const char *value)
{
	if (!*key)
		return value != NULL;
	json_set_str(to, key, value ? value : "");
	return 0;
}

/* "name=first&name=second", or the names alone. */
static int add_alias(cJSON *to, const char *key, const char *value)
{
	const char *name = value && *value ? value : key;
	cJSON *alias;

	if (!*name)
		return 0;
	alias = cJSON_CreateObject();
	json_set_str(alias, "name", name);
	json_set_str(alias, "description", "");
	cJSON_AddItemToArray(to, alias);
	return 0;
}

static int add_profile(cJSON *to, const char *key, const char *value)
{
	const char *name = value && *value ? value : key;

	if (*name)
		cJSON_AddItemToArray(to, cJSON_CreateString(name));
	return 0;
}

static int take_pairs(struct request *r, cJSON *options, const char *header, cJSON *to, const char *member,
		      struct error *err)
{
	const char *text = request_header(r, header);

	if (!text || !*text) {
		cJSON_Delete(to);
		return 0;
	}
	json_set(options, member, to);
	return each_pair(text,
			 cJSON_IsObject(to)	     ? add_property
			 : strcmp(member, "aliases") ? add_profile
						     : add_alias,
			 to, header, err);
}

/* pushed: what the image is to be was said when it was asked for */
static int take_headers(struct request *r, cJSON *options, bool pushed, struct error *err)
{
	const char *filename = request_header(r, "X-LXD-filename"),
		   *public = request_header(r, "X-LXD-public");
	const char *fingerprint = request_header(r, "X-LXD-fingerprint");
	const char *slash = filename ? strrchr(filename, '/') : NULL;
	int yes = 0;

	if (public && *public && units_parse_bool(public, &yes, err))
		return error_wrap(err, "the header X-LXD-public");
	json_set_str(options, "filename", slash ? slash + 1 : filename ? filename : "");
	if (!pushed)
		json_set_bool(options, "public", yes);
	if (fingerprint && *fingerprint)
		json_set_str(options, "fingerprint", fingerprint);
	return (!pushed &&
		(take_pairs(r, options, "X-LXD-properties", cJSON_CreateObject(), "properties", err) ||
		 take_pairs(r, options, "X-LXD-aliases", cJSON_CreateArray(), "aliases", err))) ||
	       take_pairs(r, options, "X-LXD-profiles", cJSON_CreateArray(), "profiles", err) ? -1 : 0;
}

/* ---- the body */

/* curl -d says x-www-form-urlencoded whatever it sends: short ones are JSON, long ones archives. */
static bool is_json(struct request *r)
{
	const char *type = request_header(r, "Content-Type"), *length = request_header(r, "Content-Length");

	if (!type)
		return length && strcmp(length, "0") == 0;
	if (strncasecmp(type, "application/json", 16) == 0)
		return true;
	return strncasecmp(type, "application/x-www-form-urlencoded", 33) == 0 && length &&
	       strtoull(length, NULL, 10) < JSON_MAX && !request_header(r, "X-LXD-filename");
}

static void upload_drop(void *state)
{
	struct upload *u = state;

	image_upload_abort(u->image);
	cJSON_Delete(u->options);
	free(u);
}

static void *image_begin(struct request *r, struct error *err)
{
	struct upload *u;
	cJSON *asked;

	if (is_json(r))
		return (void *)-1;
	asked = image_push_token_take(r);
	if (!asked && !request_trusted(r)) {
		error_set(err, ERROR_FORBIDDEN, "not authorized");
		return NULL;
	}
	u = mem_alloc(sizeof(*u));
	u->pushed = asked != NULL;
	u->options = asked ? asked : cJSON_CreateObject();
	u->multipart = multipart_is(request_header(r, "Content-Type"));
	if (take_headers(r, u->options, u->pushed, err) == 0 &&
	    (u->image = image_upload_new(request_berthd(r)->images, err)) != NULL) {
		if (u->multipart || image_upload_part(u->image, "unified") == 0)
			return u;
		error_set(err, ERROR_SYSTEM, "cannot store the image");
	}
	upload_drop(u);
	return NULL;
}

static int image_data(void *state, const void *data, size_t len, struct error *err)
{
	return image_upload_write(((struct upload *)state)->image, data, len, err);
}

static int image_part(void *state, const char *name, const char *filename, struct error *err)
{
	struct upload *u = state;

	if (strcmp(name, "rootfs.img") == 0)
		return error_set(err, ERROR_UNSUPPORTED, "images of virtual machines are not supported");
	if (image_upload_part(u->image, name))
		return error_set(err, ERROR_INVALID,
				 "unexpected part '%.64s': a split image is 'metadata', then 'rootfs'", name);
	return 0;
}

/* ---- events at its end */

struct made {
	struct berthd *b;
};

static void made_cb(struct op *op, void *data)
{
	struct berthd *b = ((struct made *)data)->b;
	const char *fingerprint = json_str_or(op_args(op), "fingerprint", "");
	AUTO_FREE char *source = mem_printf("/1.0/images/%s", fingerprint);
	const cJSON *alias;
	cJSON *context;

	free(data);
	if (op_status(op) != OP_SUCCESS)
		return;
	if (!json_bool(op_args(op), "existed", false)) {
		context = cJSON_CreateObject();
		json_set_str(context, "type", "container");
		events_lifecycle(b->events, "image-created", source, context, op_origin(op));
	}
	cJSON_ArrayForEach(alias, json_arr(json_obj(op_args(op), "options"), "aliases"))
		alias_event(b, "image-alias-created", json_str_or(alias, "name", ""), "target", fingerprint, op_origin(op));
}

void reply_image(struct request *r, struct op *op, const struct error *err)
{
	struct made *m;

	if (!op) {
		reply_error(r, err);
		return;
	}
	m = mem_alloc(sizeof(*m));
	m->b = request_berthd(r);
	op_on_end(op, made_cb, m);
	reply_operation(r, op);
}

/* Who sent it may have no certificate, and wants to know what becomes of it. */
static void wait_by_secret(struct op *op)
{
	char secret[65];

	ident_random_hex(secret, 32);
	op_metadata_set(op, "secret", cJSON_CreateString(secret));
	explicit_bzero(secret, sizeof(secret));
}

static void image_end(struct request *r, void *state)
{
	struct upload *u = state;
	struct error err = ERROR_INIT;
	struct op *op = image_import(u->image, u->options, &err);

	if (op && u->pushed)
		wait_by_secret(op);
	u->image = NULL;
	upload_drop(u);
	reply_image(r, op, &err);
}

const struct route_upload image_upload_body = {
	.begin = image_begin,
	.data = image_data,
	.part = image_part,
	.end = image_end,
	.abort = upload_drop,
};
