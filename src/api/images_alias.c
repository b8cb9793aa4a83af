/* SPDX-License-Identifier: MIT */
/* /1.0/images/aliases. */
#include <stdlib.h>
#include <string.h>

#include "api/events.h"
#include "api/images.h"
#include "api/requestor.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "image/store.h"

/* Names may hold a '/': debian/12 is debian%2F12 in a path. */
static char *alias_url(const char *name)
{
	struct strbuf url = STRBUF_INIT;

	strbuf_addstr(&url, "/1.0/images/aliases/");
	strbuf_adduri(&url, name);
	return strbuf_detach(&url);
}

void alias_event(struct berthd *b, const char *action, const char *name, const char *member,
		 const char *value, const cJSON *who)
{
	AUTO_FREE char *source = alias_url(name);
	cJSON *context = member ? cJSON_CreateObject() : NULL;

	if (member)
		json_set_str(context, member, value);
	events_lifecycle(b->events, action, source, context, who);
}

static void tell(struct request *r, const char *action, const char *name, const char *member, const char *value)
{
	cJSON *who = requestor_of(r);

	alias_event(request_berthd(r), action, name, member, value, who);
	cJSON_Delete(who);
}

static cJSON *alias_view(const cJSON *alias)
{
	cJSON *v = cJSON_CreateObject();

	json_set_str(v, "description", json_str_or(alias, "description", ""));
	json_set_str(v, "target", json_str_or(alias, "target", ""));
	json_set_str(v, "name", alias->string);
	json_set_str(v, "type", json_str_or(alias, "type", "container"));
	return v;
}

/* The one that {name} means, or NULL and 404 was sent. */
static const cJSON *alias_of_request(struct request *r)
{
	const cJSON *alias = json_obj(image_aliases(request_berthd(r)->images), request_param(r, "name"));

	if (alias && !image_visible(r, json_str_or(alias, "target", "")))
		alias = NULL;
	if (!alias)
		reply_errorf(r, ERROR_NOT_FOUND, "Image alias not found");
	return alias;
}

void aliases_get(struct request *r)
{
	const cJSON *alias;
	cJSON *list = cJSON_CreateArray();

	cJSON_ArrayForEach(alias, image_aliases(request_berthd(r)->images)) {
		AUTO_FREE char *url = alias_url(alias->string);

		if (!image_visible(r, json_str_or(alias, "target", "")))
			continue;
		cJSON_AddItemToArray(list,
				     request_recursion(r) > 0 ? alias_view(alias) : cJSON_CreateString(url));
	}
	reply_sync(r, list);
}

static void reply_place(struct request *r, const char *name)
{
	AUTO_FREE char *location = alias_url(name);

	reply_created(r, location);
}

void aliases_post(struct request *r)
{
	struct berthd *b = request_berthd(r);
	const char *name = json_str_or(request_body(r), "name", "");
	struct error err = ERROR_INIT;

	if (image_alias_create(b->images, name, json_str_or(request_body(r), "target", ""),
			       json_str_or(request_body(r), "description", ""), &err)) {
		reply_error(r, &err);
		return;
	}
	tell(r, "image-alias-created", name, "target",
	     json_str_or(json_obj(image_aliases(b->images), name), "target", ""));
	reply_place(r, name);
}

void alias_get(struct request *r)
{
	const cJSON *alias = alias_of_request(r);
	char etag[65];

	if (!alias)
		return;
	etag_of(alias, etag);
	reply_sync_etag(r, alias_view(alias), etag);
}

static void change(struct request *r, const char *target, const char *description)
{
	struct berthd *b = request_berthd(r);
	const cJSON *alias = alias_of_request(r);
	struct error err = ERROR_INIT;
	char etag[65];

	if (!alias)
		return;
	etag_of(alias, etag);
	if (!request_etag_ok(r, etag))
		return;
	if (image_alias_put(b->images, request_param(r, "name"), target, description, &err)) {
		reply_error(r, &err);
		return;
	}
	tell(r, "image-alias-updated", request_param(r, "name"), target ? "target" : NULL, target);
	reply_sync(r, NULL);
}

void alias_put(struct request *r)
{
	const char *target = json_str(request_body(r), "target");

	if (!target || !*target)
		reply_errorf(r, ERROR_INVALID, "The target field is required");
	else
		change(r, target, json_str_or(request_body(r), "description", ""));
}

void alias_patch(struct request *r)
{
	change(r, json_str(request_body(r), "target"), json_str(request_body(r), "description"));
}

void alias_post(struct request *r)
{
	struct berthd *b = request_berthd(r);
	const char *name = request_param(r, "name"), *new_name = json_str_or(request_body(r), "name", "");
	struct error err = ERROR_INIT;

	if (image_alias_rename(b->images, name, new_name, &err)) {
		reply_error(r, &err);
		return;
	}
	tell(r, "image-alias-renamed", new_name, "old_name", name);
	reply_place(r, new_name);
}

void alias_delete(struct request *r)
{
	struct berthd *b = request_berthd(r);
	struct error err = ERROR_INIT;

	if (image_alias_delete(b->images, request_param(r, "name"), &err)) {
		reply_error(r, &err);
		return;
	}
	tell(r, "image-alias-deleted", request_param(r, "name"), NULL, NULL);
	reply_sync(r, NULL);
}
