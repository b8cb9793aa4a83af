/* SPDX-License-Identifier: MIT */
/* /1.0/images: the list, one image, deleting it. */
#include "api/images.h"

#include <stdlib.h>
#include <string.h>

#include "api/events.h"
#include "api/lifecycle.h"
#include "base/json.h"
#include "base/mem.h"
#include "image/download.h"
#include "image/store.h"
#include "model/profile.h"

const char *image_of_request(struct request *r)
{
	struct error err = ERROR_INIT;
	const char *fingerprint =
	    image_find(request_berthd(r)->images, request_param(r, "fingerprint"), &err);

	/* others are not to learn even that it is there */
	if (fingerprint ? !image_visible(r, fingerprint) : !request_trusted(r)) {
		fingerprint = NULL;
		error_clear(&err);
		error_set(&err, ERROR_NOT_FOUND, "Image not found");
	}
	if (!fingerprint)
		reply_error(r, &err);
	return fingerprint;
}

/* ---- list */

static cJSON *list_member(const struct image_store *s, const char *fingerprint, bool full,
			  const struct filter *filter)
{
	AUTO_JSON cJSON *image = filter || full ? image_json(s, fingerprint) : NULL;
	AUTO_FREE char *url = NULL;
	cJSON *result;

	if (filter && !filter_match(filter, image))
		return NULL;
	if (full) {
		result = image;
		image = NULL;
		return result;
	}
	url = mem_printf("/1.0/images/%s", fingerprint);
	return cJSON_CreateString(url);
}

static void images_get(struct request *r)
{
	const struct image_store *s = request_berthd(r)->images;
	const char *text = request_query(r, "filter"), **all;
	struct filter *filter = NULL;
	struct error err = ERROR_INIT;
	cJSON *list, *member;
	size_t i;

	if (text && *text && !(filter = filter_parse(text, &err))) {
		reply_error(r, &err);
		return;
	}
	list = cJSON_CreateArray();
	all = image_fingerprints(s);
	for (i = 0; all[i]; i++) {
		member = image_visible(r, all[i]) ? list_member(s, all[i], request_recursion(r) > 0, filter) : NULL;
		if (member)
			cJSON_AddItemToArray(list, member);
	}
	free(all);
	filter_free(filter);
	reply_sync(r, list);
}

/* ---- one image */

/* What a client may change decides the ETag. */
static void image_etag(const cJSON *image, char out[65])
{
	static const char *const members[] = {"auto_update", "properties", "public", "expires_at",
					      "profiles"};
	AUTO_JSON cJSON *v = cJSON_CreateObject();
	size_t i;

	for (i = 0; i < sizeof(members) / sizeof(members[0]); i++)
		json_set(v, members[i],
			 cJSON_Duplicate(cJSON_GetObjectItemCaseSensitive(image, members[i]), true));
	etag_of(v, out);
}

static void image_get_one(struct request *r)
{
	const char *fingerprint = image_of_request(r);
	char etag[65];
	cJSON *image;

	if (!fingerprint)
		return;
	image = image_json(request_berthd(r)->images, fingerprint);
	image_etag(image, etag);
	reply_sync_etag(r, image, etag);
}

static void change(struct request *r, const char *fingerprint, const cJSON *changes)
{
	struct berthd *b = request_berthd(r);
	AUTO_FREE char *source = NULL;
	struct error err = ERROR_INIT;
	const cJSON *name;
	char etag[65];

	image_etag(image_get(b->images, fingerprint), etag);
	if (!request_etag_ok(r, etag))
		return;
	cJSON_ArrayForEach(name, cJSON_GetObjectItemCaseSensitive(changes, "profiles"))
		if (cJSON_IsString(name) && !profile_get(b->profiles, name->valuestring)) {
			reply_errorf(r, ERROR_INVALID, "Profile '%.64s' doesn't exist", name->valuestring);
			return;
		}
	if (image_put(b->images, fingerprint, changes, &err)) {
		reply_error(r, &err);
		return;
	}
	source = mem_printf("/1.0/images/%s", fingerprint);
	events_request(r, "image-updated", source, NULL);
	reply_sync(r, NULL);
}

/* PUT replaces all that can be changed: what is not given falls back. */
static void image_put_one(struct request *r)
{
	const char *fingerprint = image_of_request(r);
	AUTO_JSON cJSON *all = NULL;

	if (!fingerprint)
		return;
	if (!request_body(r)) {
		reply_errorf(r, ERROR_INVALID, "the image is missing in the body");
		return;
	}
	all = cJSON_Duplicate(request_body(r), true);
	json_set(all, "cached", NULL); /* ours to say */
	if (!json_obj(all, "properties") && !cJSON_GetObjectItemCaseSensitive(all, "properties"))
		json_set(all, "properties", cJSON_CreateObject());
	if (!cJSON_GetObjectItemCaseSensitive(all, "public"))
		json_set_bool(all, "public", false);
	if (!cJSON_GetObjectItemCaseSensitive(all, "auto_update"))
		json_set_bool(all, "auto_update", false);
	if (!cJSON_GetObjectItemCaseSensitive(all, "profiles"))
		json_set(all, "profiles", cJSON_CreateNull());
	change(r, fingerprint, all);
}

/* PATCH adds to the properties; "" removes one. */
static void image_patch_one(struct request *r)
{
	const char *fingerprint = image_of_request(r);
	AUTO_JSON cJSON *all = NULL;
	cJSON *merged, *p;

	if (!fingerprint)
		return;
	all = request_body(r) ? cJSON_Duplicate(request_body(r), true) : cJSON_CreateObject();
	json_set(all, "cached", NULL);
	if (json_obj(all, "properties")) {
		merged = cJSON_Duplicate(
		    json_obj(image_get(request_berthd(r)->images, fingerprint), "properties"), true);
		cJSON_ArrayForEach(p, json_obj(all, "properties"))
			json_set(merged, p->string, cJSON_Duplicate(p, true));
		json_set(all, "properties", merged);
	}
	change(r, fingerprint, all);
}

/* ---- delete */

void image_delete_events(struct berthd *b, struct op *op, const char *fingerprint)
{
	AUTO_FREE char *source = mem_printf("/1.0/images/%s", fingerprint);

	lifecycle_after(b, op, "image-deleted", source);
}

static void image_delete_one(struct request *r)
{
	const char *fingerprint = image_of_request(r);
	struct berthd *b = request_berthd(r);
	struct error err = ERROR_INIT;
	struct op *op;

	if (!fingerprint)
		return;
	op = image_delete(b->images, fingerprint, &err);
	if (!op) {
		reply_error(r, &err);
		return;
	}
	image_delete_events(b, op, fingerprint);
	reply_operation(r, op);
}

static void image_refresh_one(struct request *r)
{
	const char *fingerprint = image_of_request(r);
	AUTO_JSON cJSON *proxies = cJSON_CreateObject();
	struct error err = ERROR_INIT;

	if (!fingerprint)
		return;
	image_add_proxies(request_berthd(r), proxies);
	reply_op(r, image_refresh(request_berthd(r), fingerprint, proxies, &err), &err);
}

const struct route image_routes[] = {
	{ "GET", "/1.0/images", images_get, NULL },
	{ "POST", "/1.0/images", images_post, &image_upload_body },
	{ "GET", "/1.0/images/aliases", aliases_get, NULL },
	{ "POST", "/1.0/images/aliases", aliases_post, NULL },
	{ "GET", "/1.0/images/aliases/{name*}", alias_get, NULL },
	{ "PUT", "/1.0/images/aliases/{name*}", alias_put, NULL },
	{ "PATCH", "/1.0/images/aliases/{name*}", alias_patch, NULL },
	{ "POST", "/1.0/images/aliases/{name*}", alias_post, NULL },
	{ "DELETE", "/1.0/images/aliases/{name*}", alias_delete, NULL },
	{ "GET", "/1.0/images/{fingerprint}", image_get_one, NULL },
	{ "PUT", "/1.0/images/{fingerprint}", image_put_one, NULL },
	{ "PATCH", "/1.0/images/{fingerprint}", image_patch_one, NULL },
	{ "DELETE", "/1.0/images/{fingerprint}", image_delete_one, NULL },
	{ "GET", "/1.0/images/{fingerprint}/export", image_export_get, NULL },
	{ "POST", "/1.0/images/{fingerprint}/export", image_push_post, NULL },
	{ "POST", "/1.0/images/{fingerprint}/secret", image_secret_post, NULL },
	{ "POST", "/1.0/images/{fingerprint}/refresh", image_refresh_one, NULL },
	{ 0 },
};
