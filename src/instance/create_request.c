/* SPDX-License-Identifier: MIT */
/* POST /1.0/instances: what the request says, as the operation's args. */
#include <stdlib.h>
#include <string.h>

#include "base/ident.h"
#include "base/json.h"
#include "base/json_merge.h"
#include "base/mem.h"
#include "image/store.h"
#include "instance/archive.h"
#include "instance/copy.h"
#include "instance/create_private.h"
#include "instance/create_remote.h"
#include "instance/names.h"
#include "instance/receive.h"
#include "instance/refresh.h"
#include "instance/work.h"
#include "model/settings.h"
#include "pool/image_volume.h"

static int take_object(cJSON *desired, const cJSON *request, const char *key, struct error *err)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(request, key);

	if (v == NULL || cJSON_IsNull(v)) {
		cJSON_AddObjectToObject(desired, key);
		return 0;
	}
	if (!cJSON_IsObject(v))
		return error_set(err, ERROR_INVALID, "'%s' must be an object", key);
	json_set(desired, key, cJSON_Duplicate(v, true));
	return 0;
}

static int take_profiles(cJSON *desired, const cJSON *request, struct error *err)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(request, "profiles");
	cJSON *list;

	if (v != NULL && !cJSON_IsNull(v) && !cJSON_IsArray(v))
		return error_set(err, ERROR_INVALID, "'profiles' must be an array of names");
	if (cJSON_IsArray(v)) {
		json_set(desired, "profiles", cJSON_Duplicate(v, true));
		return 0;
	}
	list = cJSON_AddArrayToObject(desired, "profiles");
	cJSON_AddItemToArray(list, cJSON_CreateString("default"));
	return 0;
}

void create_drop_volatile(cJSON *config)
{
	cJSON *item, *next;

	for (item = config->child; item != NULL; item = next) {
		next = item->next;
		if (strncmp(item->string, "volatile.", 9) == 0 && strcmp(item->string, "volatile.base_image") != 0)
			cJSON_Delete(cJSON_DetachItemViaPointer(config, item));
	}
}

static int take_volatile(cJSON *config, const cJSON *archive, struct error *err)
{
	if (archive == NULL)
		return request_take_volatile(config, err);
	create_drop_volatile(config);
	return 0;
}

static cJSON *desired_new(const struct berthd *b, const cJSON *request, const cJSON *archive, struct error *err)
{
	cJSON *v = cJSON_CreateObject();

	if (take_object(v, request, "config", err) < 0 || create_take_hardware(b, v, request, err) < 0 ||
	    take_object(v, request, "devices", err) < 0 || take_profiles(v, request, err) < 0 ||
	    take_volatile(json_obj(v, "config"), archive, err) < 0) {
		cJSON_Delete(v);
		return NULL;
	}
	request_drop_empty_properties(json_obj(v, "devices"));
	json_set_str(v, "description", json_str_or(request, "description", ""));
	json_set_bool(v, "ephemeral", json_bool(request, "ephemeral", false));
	json_set_str(v, "last_used_at", TIME_NEVER);
	return v;
}

static bool has_properties(const cJSON *image, const cJSON *wanted)
{
	const cJSON *own = json_obj(image, "properties"), *item;

	cJSON_ArrayForEach(item, wanted)
		if (!cJSON_IsString(item) || strcmp(json_str_or(own, item->string, ""), item->valuestring) != 0)
			return false;
	return true;
}

/* The newest of those that have all of these properties. Times are text of one form: they compare as they are. */
static const char *newest_with(const struct image_store *s, const cJSON *properties, struct error *err)
{
	AUTO_FREE const char **list = image_fingerprints(s);
	const char *found = NULL, *when = "";

	for (const char **f = list; *f != NULL; f++) {
		const cJSON *image = image_get(s, *f);
		const char *uploaded = json_str_or(image, "uploaded_at", "");

		if (!has_properties(image, properties) || (found != NULL && strcmp(uploaded, when) <= 0))
			continue;
		found = *f;
		when = uploaded;
	}
	if (found == NULL)
		error_set(err, ERROR_NOT_FOUND, "No matching image could be found");
	return found;
}

int create_take_image(struct berthd *b, const cJSON *source, cJSON *args, struct error *err)
{
	const cJSON *properties = json_obj(source, "properties");
	const char *ref = json_str(source, "fingerprint");
	const char *fingerprint;
	bool alias = ref == NULL || ref[0] == '\0';

	if (alias)
		ref = json_str(source, "alias");
	if ((ref == NULL || ref[0] == '\0') && properties != NULL && properties->child != NULL)
		ref = newest_with(b->images, properties, err);
	else if (ref == NULL || ref[0] == '\0')
		return error_set(err, ERROR_INVALID, "Must specify one of alias, fingerprint or properties for init from image");
	if (ref == NULL)
		return -1;
	if (json_str_or(source, "server", "")[0] != '\0')
		return error_set(err, ERROR_UNSUPPORTED, "images from other servers cannot be used for this: copy '%s' first", ref);
	fingerprint = image_resolve(b->images, ref, err);
	if (fingerprint == NULL && strchr(ref, ':') != NULL)
		return error_set(err, ERROR_NOT_FOUND, "Image not found (images come from the own store only: import '%s' first)",
				 strchr(ref, ':') + 1);
	if (fingerprint == NULL)
		return alias && err->code == ERROR_NOT_FOUND ? error_set(err, ERROR_NOT_FOUND, "Image alias not found") : -1;
	json_set_str(args, "fingerprint", fingerprint);
	return 0;
}

static int take_source(struct berthd *b, const cJSON *request, cJSON *args, struct error *err)
{
	const cJSON *source = json_obj(request, "source");
	const char *type = json_str_or(source, "type", "");

	if (strcmp(type, "image") == 0)
		return create_take_image(b, source, args, err);
	if (strcmp(type, "none") == 0)
		return 0;
	if (strcmp(type, "copy") == 0)
		return copy_take(b, request, args, err);
	return error_set(err, ERROR_INVALID, "Unknown source type %s", type);
}

static int take_name(struct berthd *b, const cJSON *request, cJSON *args, struct error *err)
{
	const char *name = json_str_or(request, "name", "");
	const char *type = json_str_or(request, "type", "");
	AUTO_FREE char *generated = NULL;

	if (type[0] != '\0' && strcmp(type, "container") != 0)
		return error_set(err, ERROR_INVALID, strcmp(type, "virtual-machine") == 0 ?
				 "Instance type \"%s\" is not supported on this server: berth manages containers only" :
				 "Invalid instance type \"%s\": it is container", type);
	if (name[0] == '\0')
		name = generated = name_generate(b->registry, b->settings->filter_name);
	if (name_validate_instance(name, err) < 0 || registry_check_name(b->registry, name, err) < 0)
		return -1;
	json_set_str(args, "name", name);
	return 0;
}

/* An image that was deleted meanwhile kept its tree for this launch, see instance_uses_image(). */
static void launch_ended(struct op *op, void *data)
{
	struct berthd *b = data;

	const char *fingerprint = json_str_or(op_args(op), "fingerprint", "");

	image_release(b->images, json_str(op_args(op), "fingerprint"));
	if (fingerprint[0] != '\0' && image_get(b->images, fingerprint) == NULL)
		image_volume_sweep(b);
}

/* Who names no profiles gets those of the image. */
static void image_profiles(struct berthd *b, const cJSON *request, const cJSON *args, cJSON *desired)
{
	const cJSON *given = json_arr(request, "profiles");
	const cJSON *list = json_arr(image_get(b->images, json_str_or(args, "fingerprint", "")), "profiles");

	if (given == NULL && list != NULL && strcmp(json_str_or(json_obj(request, "source"), "type", ""), "image") == 0)
		json_set(desired, "profiles", cJSON_Duplicate(list, true));
}

/* From another server. args is taken. */
static struct op *receive(struct berthd *b, const cJSON *request, cJSON *args, struct error *err)
{
	struct migrate_link *link;
	struct op *op;

	if (receive_take(b, request, args, &link, err) < 0) {
		cJSON_Delete(args);
		return NULL;
	}
	if (refresh_asked(b, request, json_str(args, "name")))
		op = refresh_receive(b, args, !migrate_link_dials(link), err);
	else
		op = work_start(b, migrate_link_dials(link) ? &launch_pulled_kind : &launch_pushed_kind, args, err);
	if (op != NULL)
		migrate_link_attach(link, op, &((struct work *)op_data(op))->link);
	else
		migrate_link_free(link);
	return op;
}

/* archive: NULL, or the source instead of the request's. Taken. */
static struct op *create(struct berthd *b, const cJSON *request, cJSON *archive, struct error *err)
{
	cJSON *args = cJSON_CreateObject(), *desired;
	char mark[UUID_TEXT_SIZE];
	struct op *op;

	json_set(args, "archive", archive);
	if (!cJSON_IsObject(request)) {
		error_set(err, ERROR_INVALID, "the request body must be an object");
		goto fail;
	}
	ident_uuid(mark);
	json_set_str(args, "mark", mark);
	json_set_bool(args, "start", json_bool(request, "start", false));
	json_set_str(args, "description", json_str(archive, "description"));
	desired = request_check_members(request, err) < 0 ? NULL : desired_new(b, request, archive, err);
	if (desired == NULL)
		goto fail;
	json_set(args, "desired", desired);
	json_merge(json_obj(desired, "config"), json_obj(archive, "volatile"));
	if (take_name(b, request, args, err) < 0)
		goto fail;
	if (archive == NULL && create_remote_asked(request)) {
		op = create_remote(b, request, json_str(args, "name"), err);
		cJSON_Delete(args);
		return op;
	}
	if (archive == NULL && receive_asked(request))
		return receive(b, request, args, err);
	if (archive == NULL && take_source(b, request, args, err) < 0)
		goto fail;
	image_profiles(b, request, args, desired);
	if (archive == NULL && request_check_profiles(b, json_arr(desired, "profiles"), err) < 0)
		goto fail;
	if (archive == NULL && refresh_asked(b, request, json_str(args, "name")))
		return refresh_start(b, args, err);
	op = work_start(b, &launch_kind, args, err);
	if (op != NULL)
		op_on_end(op, launch_ended, b);
	return op;
fail:
	cJSON_Delete(args);
	return NULL;
}

struct op *instance_create(struct berthd *b, const cJSON *request, struct error *err)
{
	return create(b, request, NULL, err);
}

struct op *instance_create_archive(struct berthd *b, const cJSON *request, cJSON *archive, struct error *err)
{
	return create(b, request, archive, err);
}
