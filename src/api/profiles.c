/* SPDX-License-Identifier: MIT */
/* /1.0/profiles. LXD's codes: a duplicate, one in use and a bad PUT are 500, a bad POST is 400. */
#include <stdlib.h>
#include <string.h>

#include "api/events.h"
#include "api/profile_wait.h"
#include "api/router.h"
#include "base/json.h"
#include "base/json_merge.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "instance/registry.h"
#include "instance/update.h"
#include "model/key.h"
#include "model/profile.h"

static cJSON *used_by(const struct berthd *b, const char *profile)
{
	AUTO_FREE const char **names = registry_names(b->registry);
	cJSON *urls = cJSON_CreateArray();

	for (const char **name = names; *name; name++) {
		if (instance_uses_profile(registry_get(b->registry, *name), profile)) {
			AUTO_FREE char *url = mem_printf("/1.0/instances/%s", *name);

			cJSON_AddItemToArray(urls, cJSON_CreateString(url));
		}
	}
	return urls;
}

static cJSON *profile_view(const struct berthd *b, const char *name)
{
	cJSON *view = cJSON_Duplicate(profile_get(b->profiles, name), true);

	json_set(view, "used_by", used_by(b, name));
	return view;
}

/* A new string: names may have blanks. */
static char *url_of(const char *profile)
{
	struct strbuf url = STRBUF_INIT;

	strbuf_addstr(&url, "/1.0/profiles/");
	strbuf_adduri(&url, profile);
	return strbuf_detach(&url);
}

static void lifecycle(struct request *r, const char *action, const char *name, const char *old_name)
{
	AUTO_FREE char *source = url_of(name);
	cJSON *context = NULL;

	if (old_name) {
		context = cJSON_CreateObject();
		json_set_str(context, "old_name", old_name);
	}
	events_request(r, action, source, context);
}

/* 201 with the profile's place. */
static void created(struct request *r, const char *name)
{
	AUTO_FREE char *location = url_of(name);

	reply_created(r, location);
}

/* LXD answers 500 where a client is to blame: the code is part of what clients know. */
static void reply_500(struct request *r, const struct error *err)
{
	reply_errorf(r, ERROR_TOOL, "%s", err->msg);
}

static void profiles_get(struct request *r)
{
	const struct berthd *b = request_berthd(r);
	AUTO_FREE const char **names = profile_names(b->profiles);
	cJSON *list = cJSON_CreateArray();

	for (const char **name = names; *name; name++) {
		AUTO_FREE char *url = url_of(*name);

		cJSON_AddItemToArray(list, request_recursion(r) > 0 ? profile_view(b, *name)
								    : cJSON_CreateString(url));
	}
	reply_sync(r, list);
}

static void profiles_post(struct request *r)
{
	const cJSON *body = request_body(r);
	struct error err = ERROR_INIT;

	if (devices_check_networks(NULL, json_obj(body, "devices"), &err) < 0 ||
	    profile_create(request_berthd(r)->profiles, body, &err) < 0) {
		if (err.code == ERROR_CONFLICT)
			reply_500(r, &err);
		else
			reply_error(r, &err);
		return;
	}
	lifecycle(r, "profile-created", json_str(body, "name"), NULL);
	created(r, json_str(body, "name"));
}

/* The profile of the path; NULL: 404 was replied. */
static const cJSON *find(struct request *r, const char *context)
{
	const cJSON *profile = profile_get(request_berthd(r)->profiles, request_param(r, "name"));

	if (!profile)
		reply_errorf(r, ERROR_NOT_FOUND, "%sProfile not found", context);
	return profile;
}

static void profile_get_one(struct request *r)
{
	const cJSON *profile = find(r, "Fetch profile: ");
	char etag[65];

	if (!profile)
		return;
	etag_of(profile, etag);
	reply_sync_etag(r, profile_view(request_berthd(r), request_param(r, "name")), etag);
}

/* Checked on its own, then with every instance that uses it; only then anything is written. */
static int replace(struct berthd *b, const char *name, const cJSON *profile, struct error *err)
{
	if (profile_check_config(cJSON_GetObjectItemCaseSensitive(profile, "config"), err) < 0 ||
	    config_validate(cJSON_GetObjectItemCaseSensitive(profile, "config"), b->probe, err) < 0 ||
	    devices_validate(cJSON_GetObjectItemCaseSensitive(profile, "devices"), err) < 0 ||
	    devices_check_networks(json_obj(profile_get(b->profiles, name), "devices"), json_obj(profile, "devices"), err) < 0 ||
	    instance_profile_check(b, name, profile, err) < 0 ||
	    instance_profile_changing(b, name, err) < 0 ||
	    profile_put(b->profiles, name, profile, err) < 0)
		return -1;
	return 0;
}

static void put(struct request *r, const cJSON *profile)
{
	const char *name = request_param(r, "name");
	struct error err = ERROR_INIT;

	if (replace(request_berthd(r), name, profile, &err) < 0) {
		reply_500(r, &err);
		return;
	}
	lifecycle(r, "profile-updated", name, NULL);
	profile_reply_when_taken(r, name);
}

/* For PUT and PATCH: the profile there is, when it is the one the client saw and there is something to change. */
static const cJSON *find_unchanged(struct request *r)
{
	AUTO_FREE char *failed = mem_printf("Failed to retrieve profile \"%s\": ", request_param(r, "name"));
	const cJSON *profile = find(r, failed);
	char etag[65];

	if (!profile)
		return NULL;
	if (!request_body(r)) { /* a PUT of nothing would empty it */
		reply_errorf(r, ERROR_INVALID, "the request body must be an object");
		return NULL;
	}
	etag_of(profile, etag);
	return request_etag_ok(r, etag) ? profile : NULL;
}

static void profile_put_one(struct request *r)
{
	if (find_unchanged(r))
		put(r, request_body(r));
}

/* Keys and whole devices of the change win; a member of another type is left for the validation to refuse. */
static void patch_member(cJSON *profile, const cJSON *change, const char *member)
{
	const cJSON *items = cJSON_GetObjectItemCaseSensitive(change, member);

	if (items && !cJSON_IsObject(items) && !cJSON_IsNull(items)) {
		json_set(profile, member, cJSON_Duplicate(items, true));
		return;
	}
	json_merge(json_obj(profile, member), items);
}

static void profile_patch(struct request *r)
{
	const cJSON *change = request_body(r);
	const cJSON *old = find_unchanged(r);
	AUTO_JSON cJSON *profile = NULL;

	if (!old)
		return;
	profile = cJSON_Duplicate(old, true);
	patch_member(profile, change, "config");
	patch_member(profile, change, "devices");
	if (json_str(change, "description"))
		json_set_str(profile, "description", json_str(change, "description"));
	put(r, profile);
}

static bool any_busy(const struct berthd *b, const char *profile, struct error *err)
{
	AUTO_FREE const char **names = registry_names(b->registry);

	for (const char **name = names; *name; name++) {
		AUTO_FREE char *lock = mem_printf("instance/%s", *name);

		if (instance_uses_profile(registry_get(b->registry, *name), profile) && op_locked(b->ops, lock)) {
			error_set(err, ERROR_CONFLICT, "Instance \"%s\", which uses the profile, is busy",
				  *name);
			return true;
		}
	}
	return false;
}

static int rename_in(struct berthd *b, struct instance *inst, const char *old, const char *new,
		     struct error *err)
{
	cJSON *list = json_arr(inst->desired, "profiles");

	for (int i = 0; i < cJSON_GetArraySize(list); i++) {
		const cJSON *item = cJSON_GetArrayItem(list, i);

		if (cJSON_IsString(item) && strcmp(item->valuestring, old) == 0)
			cJSON_ReplaceItemInArray(list, i, cJSON_CreateString(new));
	}
	registry_touch(inst);
	return registry_save(b->registry, inst, JSON_DURABLE, err);
}

/* The profile under its new name, then who uses it, then the old one goes: at every instant each instance has
 * its profile. */
static int rename_used(struct berthd *b, const char *old, const char *new, struct error *err)
{
	AUTO_JSON cJSON *copy = cJSON_Duplicate(profile_get(b->profiles, old), true);
	AUTO_FREE const char **names = NULL;

	json_set_str(copy, "name", new);
	if (any_busy(b, old, err) || profile_create(b->profiles, copy, err) < 0)
		return -1;
	names = registry_names(b->registry);
	for (const char **name = names; *name; name++) {
		struct instance *inst = registry_get(b->registry, *name);

		if (instance_uses_profile(inst, old) && rename_in(b, inst, old, new, err) < 0)
			return -1;
	}
	return profile_delete(b->profiles, old, err);
}

static int rename_profile(struct berthd *b, const char *old, const char *new, struct error *err)
{
	if (strcmp(old, "default") != 0 && registry_uses_profile(b->registry, old) &&
	    name_validate_profile(new, err) == 0 && !profile_get(b->profiles, new))
		return rename_used(b, old, new, err);
	return profile_rename(b->profiles, old, new, err);
}

static void profile_post_one(struct request *r)
{
	const char *old = request_param(r, "name");
	const char *new = json_str(request_body(r), "name");
	struct error err = ERROR_INIT;

	if (!find(r, ""))
		return;
	if (rename_profile(request_berthd(r), old, new, &err) < 0) {
		reply_error(r, &err);
		return;
	}
	lifecycle(r, "profile-renamed", new, old);
	created(r, new);
}

static void profile_delete_one(struct request *r)
{
	const char *name = request_param(r, "name");
	struct berthd *b = request_berthd(r);
	struct error err = ERROR_INIT;

	if (strcmp(name, "default") != 0 && registry_uses_profile(b->registry, name)) {
		error_set(&err, ERROR_CONFLICT, "Profile is currently in use");
		reply_500(r, &err);
		return;
	}
	if (profile_delete(b->profiles, name, &err) < 0) {
		reply_error(r, &err);
		return;
	}
	lifecycle(r, "profile-deleted", name, NULL);
	reply_sync(r, NULL);
}

const struct route profile_routes[] = {
	{ "GET", "/1.0/profiles", profiles_get, NULL },
	{ "POST", "/1.0/profiles", profiles_post, NULL },
	{ "GET", "/1.0/profiles/{name}", profile_get_one, NULL },
	{ "PUT", "/1.0/profiles/{name}", profile_put_one, NULL },
	{ "PATCH", "/1.0/profiles/{name}", profile_patch, NULL },
	{ "POST", "/1.0/profiles/{name}", profile_post_one, NULL },
	{ "DELETE", "/1.0/profiles/{name}", profile_delete_one, NULL },
	{ .method = NULL },
};
