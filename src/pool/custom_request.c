/* SPDX-License-Identifier: MIT */
/* What is asked for of custom volumes: requests are checked here, and become the operations of custom_change.c. */
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/units.h"
#include "instance/work.h"
#include "model/settings.h"
#include "pool/custom_work.h"
#include "pool/limit.h"

/* volume.* of the pool stand for what the request does not say. */
static cJSON *config_of(const struct berthd *b, const char *pool, const cJSON *request)
{
	AUTO_JSON cJSON *v = cJSON_CreateObject();
	const cJSON *item;

	cJSON_ArrayForEach(item, json_obj(pool_get(b, pool), "config"))
		if (strncmp(item->string, "volume.", 7) == 0)
			json_set(v, item->string + 7, cJSON_Duplicate(item, true));
	cJSON_ArrayForEach(item, json_obj(request, "config"))
		if (strncmp(item->string, "volatile.", 9) != 0)
			json_set(v, item->string, cJSON_Duplicate(item, true));
	return pool_config_clean(v);
}

static int take_source(struct berthd *b, const char *pool, const cJSON *source, cJSON *args, struct error *err)
{
	const char *type = json_str_or(source, "type", ""), *name = json_str_or(source, "name", "");
	const char *from_pool = json_str_or(source, "pool", ""), *slash = strchr(name, '/');
	AUTO_FREE char *volume = mem_strndup(name, slash != NULL ? (size_t)(slash - name) : strlen(name));

	if (type[0] == '\0' || strcmp(type, "none") == 0)
		return 0;
	if (strcmp(type, "copy") != 0)
		return error_set(err, ERROR_INVALID, "Unknown source type \"%.64s\"", type);
	if (name[0] == '\0')
		return error_set(err, ERROR_INVALID, "No source volume name supplied");
	if (from_pool[0] == '\0')
		from_pool = pool;
	if (custom_find(b, from_pool, volume, err) < 0)
		return -1;
	if (slash != NULL) {
		AUTO_JSON cJSON *snapshot = custom_snapshot_get(b, from_pool, volume, slash + 1, err);

		if (snapshot == NULL)
			return -1;
		json_set_str(args, "from_snapshot", slash + 1);
	}
	json_set_str(args, "from", volume);
	json_set_str(args, "from_pool", from_pool);
	json_set_bool(args, "volume_only", json_bool(source, "volume_only", false));
	return 0;
}

static int check_request(struct berthd *b, const char *pool, const cJSON *request, struct error *err)
{
	const char *type = json_str_or(request, "type", ""), *content = json_str_or(request, "content_type", "");

	if (pool_usable(b, pool, err) < 0)
		return -1;
	if (json_str_or(request, "name", "")[0] == '\0')
		return custom_name_check("", err);
	if (type[0] == '\0')
		return error_set(err, ERROR_INVALID, "You must provide a storage volume type of the storage volume");
	if (strcmp(type, "custom") != 0)
		return error_set(err, ERROR_INVALID, "Currently not allowed to create storage volumes of type \"%.64s\"", type);
	if (strcmp(content, "block") == 0)
		return error_set(err, ERROR_INVALID, "Volume content type \"block\" is not supported: containers take volumes of type "
				 "\"filesystem\" only");
	if (content[0] != '\0' && strcmp(content, "filesystem") != 0)
		return error_set(err, ERROR_INVALID, "Invalid volume content type name \"%.64s\"", content);
	return custom_name_check(json_str_or(request, "name", ""), err);
}

static int check_size(const struct berthd *b, const char *pool, const cJSON *config, struct error *err)
{
	const char *size = json_str_or(config, "size", "");
	struct error ignored = ERROR_INIT;
	uint64_t bytes = 1;

	return size[0] == '\0' || (units_parse_size(size, &bytes, &ignored) == 0 && bytes == 0) ? 0 : limit_possible(b, pool, size, err);
}

/* What belongs to an instance is called as its owner says, and its place is known only while it is there. */
static int check_owned(const struct berthd *b, const char *pool, const char *name, const char *how, struct error *err)
{
	return !custom_is_owned(b, pool, name) ? 0 :
		error_set(err, ERROR_INVALID, "the volume '%s' belongs to an instance, and is %s", name, how);
}

/* Description and configuration stay what they are, as in LXD. */
static struct op *refresh(struct berthd *b, const char *pool, const char *name, const cJSON *source, struct error *err)
{
	cJSON *args = custom_args(pool, name);

	if (check_owned(b, pool, name, "not refreshed from another", err) < 0 || take_source(b, pool, source, args, err) < 0) {
		cJSON_Delete(args);
		return NULL;
	}
	json_set_str(args, "as", custom_refresh_kind.description);
	return custom_start(b, &custom_refresh_kind, args, err);
}

static bool refreshes(const cJSON *source)
{
	return strcmp(json_str_or(source, "type", ""), "copy") == 0 && json_bool(source, "refresh", false);
}

struct op *custom_create(struct berthd *b, const char *pool, const cJSON *request, struct error *err)
{
	const char *name = json_str_or(request, "name", "");
	AUTO_JSON cJSON *asked = cJSON_Duplicate(request, true);
	cJSON *args;

	if (check_request(b, pool, request, err) < 0)
		return NULL;
	if (refreshes(json_obj(request, "source")) && custom_exists(b, pool, name))
		return refresh(b, pool, name, json_obj(request, "source"), err);
	/* clients send the source's whole configuration along; a copy is not refused for a limit that its pool has not */
	if (strcmp(json_str_or(json_obj(asked, "source"), "type", ""), "copy") == 0 && !custom_limits(b, pool))
		json_set(json_obj(asked, "config"), "size", NULL);
	if (custom_config_check(b, pool, name, cJSON_GetObjectItemCaseSensitive(asked, "config"), err) < 0)
		return NULL;
	if (check_size(b, pool, json_obj(asked, "config"), err) < 0)
		return NULL;
	if (custom_exists(b, pool, name)) {
		error_set(err, ERROR_CONFLICT, "Volume by that name already exists");
		return NULL;
	}
	args = custom_args(pool, name);
	json_set_str(args, "description", json_str_or(request, "description", ""));
	json_set(args, "config", config_of(b, pool, asked));
	if (take_source(b, pool, json_obj(request, "source"), args, err) < 0) {
		cJSON_Delete(args);
		return NULL;
	}
	if (json_str(args, "from") != NULL)
		json_set_str(args, "as", "Copying storage volume");
	return custom_start(b, &custom_create_kind, args, err);
}

struct op *custom_delete(struct berthd *b, const char *pool, const char *name, struct error *err)
{
	return custom_find(b, pool, name, err) < 0 ? NULL :
						      custom_start(b, &custom_delete_kind, custom_args(pool, name), err);
}

static struct op *start_with_users(struct berthd *b, const struct op_kind *kind, cJSON *args, struct error *err)
{
	if (custom_users_note(b, args, err) == 0)
		return custom_start(b, kind, args, err);
	cJSON_Delete(args);
	return NULL;
}

static struct op *move(struct berthd *b, const char *pool, const char *name, const char *to_pool, const char *to,
		       struct error *err)
{
	cJSON *args;

	if (pool_usable(b, to_pool, err) < 0)
		return NULL;
	if (custom_exists(b, to_pool, to)) {
		error_set(err, ERROR_CONFLICT, "Volume by that name already exists");
		return NULL;
	}
	args = custom_args(to_pool, to);
	json_set_str(args, "from", name);
	json_set_str(args, "from_pool", pool);
	json_set_bool(args, "move", true);
	json_set_str(args, "as", "Moving storage volume");
	json_set(args, "config", cJSON_CreateObject());
	return start_with_users(b, &custom_create_kind, args, err);
}

struct op *custom_rename(struct berthd *b, const char *pool, const char *name, const cJSON *request, struct error *err)
{
	const char *to = json_str_or(request, "name", ""), *to_pool = json_str_or(request, "pool", "");
	cJSON *args;

	if (custom_name_check(to, err) < 0 || custom_find(b, pool, name, err) < 0)
		return NULL;
	if (to_pool[0] != '\0' && strcmp(to_pool, pool) != 0)
		return move(b, pool, name, to_pool, to, err);
	if (check_owned(b, pool, name, "renamed with it", err) < 0)
		return NULL;
	args = custom_args(pool, name);
	json_set_str(args, "to", to);
	return start_with_users(b, &custom_rename_kind, args, err);
}
