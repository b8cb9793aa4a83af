/* SPDX-License-Identifier: MIT */
#include "model/profile.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/strmap.h"
#include "model/key.h"
#include "model/key_types.h"

#define DEFAULT_NAME "default"
#define SUFFIX ".json"

struct profile_store {
	char *dir;
	struct strmap *profiles; /* name -> cJSON */
	const struct probe *probe;
};

static void free_profile(void *profile)
{
	cJSON_Delete(profile);
}

static char *path_of(const struct profile_store *s, const char *name)
{
	return mem_printf("%s/%s" SUFFIX, s->dir, name);
}

/* A copy of an object of strings without its empty ones: "" means unset. */
static cJSON *without_empty(const cJSON *from)
{
	cJSON *to = cJSON_CreateObject();
	const cJSON *item;

	cJSON_ArrayForEach(item, from) {
		if (!cJSON_IsString(item) || *item->valuestring)
			cJSON_AddItemToObject(to, item->string, cJSON_Duplicate(item, true));
	}
	return to;
}

static cJSON *clean_devices(const cJSON *from)
{
	cJSON *to = cJSON_CreateObject();
	const cJSON *item;

	cJSON_ArrayForEach(item, from)
		cJSON_AddItemToObject(to, item->string, without_empty(item));
	return to;
}

int profile_check_config(const cJSON *config, struct error *err)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, config) {
		if (strncmp(item->string, "volatile.", 9) == 0)
			return error_set(err, ERROR_INVALID, "Volatile keys can only be set on instances");
		if (strncmp(item->string, "image.", 6) == 0)
			return error_set(err, ERROR_INVALID, "Image keys can only be set on instances");
	}
	return 0;
}

/* What of a request is kept: exactly LXD's four members, checked. */
static cJSON *checked(const struct profile_store *s, const char *name, const cJSON *from, struct error *err)
{
	const cJSON *config = cJSON_GetObjectItemCaseSensitive(from, "config");
	const cJSON *devices = cJSON_GetObjectItemCaseSensitive(from, "devices");
	const char *description = json_str_or(from, "description", "");
	cJSON *profile;

	if (!type_is_text(description) || strlen(description) > 4096) {
		error_set(err, ERROR_INVALID,
			  "Invalid description: control characters or longer than 4096 bytes");
		return NULL;
	}
	if (profile_check_config(config, err) < 0 || config_validate(config, s->probe, err) < 0 ||
	    devices_validate(devices, err) < 0)
		return NULL;
	profile = cJSON_CreateObject();
	json_set(profile, "config", without_empty(config));
	json_set_str(profile, "description", description);
	json_set(profile, "devices", clean_devices(devices));
	json_set_str(profile, "name", name);
	json_sort(profile);
	return profile;
}

static int store(struct profile_store *s, const char *name, cJSON *profile_taken, struct error *err)
{
	AUTO_FREE char *path = path_of(s, name);

	if (json_write_file(path, profile_taken, JSON_DURABLE, err) < 0) {
		cJSON_Delete(profile_taken);
		return -1;
	}
	strmap_put(s->profiles, name, profile_taken);
	return 0;
}

static int load_one(struct profile_store *s, const char *file, struct error *err)
{
	AUTO_FREE char *name = mem_strndup(file, strlen(file) - strlen(SUFFIX));
	AUTO_FREE char *path = fs_join(s->dir, file);
	struct error ignored = ERROR_INIT;
	AUTO_JSON cJSON *found = NULL;
	cJSON *profile;

	if (name_validate_profile(name, &ignored) < 0)
		return 0; /* nothing of ours */
	found = json_read_file(path, err);
	profile = found ? checked(s, name, found, err) : NULL;
	if (!profile)
		return error_wrap(err, "profile file '%s'", path);
	strmap_put(s->profiles, name, profile);
	return 0;
}

static int load_all(struct profile_store *s, struct error *err)
{
	DIR *dir = opendir(s->dir);
	struct dirent *entry;

	if (!dir)
		return error_sys(err, errno, "cannot open '%s'", s->dir);
	while ((entry = readdir(dir))) {
		struct error why = ERROR_INIT;

		/* one damaged file must not keep all the others from being used */
		if (entry->d_name[0] != '.' && type_has_suffix(entry->d_name, SUFFIX) &&
		    load_one(s, entry->d_name, &why) < 0)
			log_warning("%s: left alone", why.msg);
	}
	closedir(dir);
	return 0;
}

static int make_default(struct profile_store *s, const char *bridge, struct error *err)
{
	AUTO_JSON cJSON *profile = cJSON_CreateObject();
	AUTO_FREE char *path = path_of(s, DEFAULT_NAME);
	cJSON *devices = cJSON_AddObjectToObject(profile, "devices");
	cJSON *eth0 = cJSON_AddObjectToObject(devices, "eth0");
	cJSON *root = cJSON_AddObjectToObject(devices, "root");

	if (strmap_get(s->profiles, DEFAULT_NAME))
		return 0;
	if (fs_exists(path))
		return error_set(err, ERROR_INVALID, "'%s' is damaged: mend or remove it", path);
	json_set_str(profile, "description", "Default berth profile");
	json_set_str(eth0, "name", "eth0");
	json_set_str(eth0, "nictype", "bridged");
	json_set_str(eth0, "parent", bridge);
	json_set_str(eth0, "type", "nic");
	json_set_str(root, "path", "/");
	json_set_str(root, "pool", "default");
	json_set_str(root, "type", "disk");
	json_set_str(profile, "name", DEFAULT_NAME);
	return profile_create(s, profile, err);
}

struct profile_store *profile_store_open(const char *dir, const char *default_bridge,
					 const struct probe *probe, struct error *err)
{
	struct profile_store *s = mem_alloc(sizeof(*s));

	s->dir = mem_strdup(dir);
	s->probe = probe;
	s->profiles = strmap_new(free_profile);
	if (fs_mkdirs(dir, 0700, err) == 0 && load_all(s, err) == 0 &&
	    make_default(s, default_bridge, err) == 0)
		return s;
	profile_store_free(s);
	return NULL;
}

void profile_store_free(struct profile_store *s)
{
	if (!s)
		return;
	strmap_free(s->profiles);
	free(s->dir);
	free(s);
}

const char **profile_names(const struct profile_store *s)
{
	return strmap_keys(s->profiles);
}

const cJSON *profile_get(const struct profile_store *s, const char *name)
{
	return strmap_get(s->profiles, name);
}

static int missing(struct error *err)
{
	return error_set(err, ERROR_NOT_FOUND, "Profile not found");
}

int profile_create(struct profile_store *s, const cJSON *profile, struct error *err)
{
	const char *name = json_str(profile, "name");
	AUTO_FREE char *path = NULL;
	cJSON *made;

	if (name_validate_profile(name, err) < 0)
		return -1;
	path = path_of(s, name);
	if (strmap_get(s->profiles, name) || fs_exists(path))
		return error_set(err, ERROR_CONFLICT,
				 "Error inserting \"%s\" into database: The profile already exists", name);
	made = checked(s, name, profile, err);
	return made ? store(s, name, made, err) : -1;
}

int profile_put(struct profile_store *s, const char *name, const cJSON *profile, struct error *err)
{
	cJSON *made;

	if (!strmap_get(s->profiles, name))
		return missing(err);
	made = checked(s, name, profile, err);
	return made ? store(s, name, made, err) : -1;
}

static int remove_file(const struct profile_store *s, const char *name, struct error *err)
{
	AUTO_FREE char *path = path_of(s, name);

	if (unlink(path) < 0 && errno != ENOENT)
		return error_sys(err, errno, "cannot remove '%s'", path);
	return fs_sync_dir(s->dir, err);
}

int profile_rename(struct profile_store *s, const char *name, const char *new_name, struct error *err)
{
	cJSON *made;

	if (strcmp(name, DEFAULT_NAME) == 0)
		return error_set(err, ERROR_FORBIDDEN, "The \"default\" profile cannot be renamed");
	if (!strmap_get(s->profiles, name))
		return missing(err);
	if (name_validate_profile(new_name, err) < 0)
		return -1;
	if (strmap_get(s->profiles, new_name))
		return error_set(err, ERROR_CONFLICT, "Name \"%s\" already in use", new_name);
	made = cJSON_Duplicate(strmap_get(s->profiles, name), true);
	json_set_str(made, "name", new_name);
	/* the new one first: killed in between there are two, never none */
	if (store(s, new_name, made, err) < 0 || remove_file(s, name, err) < 0)
		return -1;
	strmap_remove(s->profiles, name);
	return 0;
}

int profile_delete(struct profile_store *s, const char *name, struct error *err)
{
	if (strcmp(name, DEFAULT_NAME) == 0)
		return error_set(err, ERROR_FORBIDDEN, "The \"default\" profile cannot be deleted");
	if (!strmap_get(s->profiles, name))
		return missing(err);
	if (remove_file(s, name, err) < 0)
		return -1;
	strmap_remove(s->profiles, name);
	return 0;
}
