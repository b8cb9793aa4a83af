/* SPDX-License-Identifier: MIT */
/* LXD's image object from what the archive says of itself, what its tree says, and what the client wants. */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "image/store_private.h"

static void set_if_missing(cJSON *properties, const char *name, const char *value)
{
	if (value && *value && !json_str(properties, name))
		json_set_str(properties, name, value);
}

/* Properties become configuration of instances, one line each: control characters become blanks. */
static void add_cleaned(cJSON *to, const cJSON *from)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
	const cJSON *p;

	cJSON_ArrayForEach(p, from) {
		AUTO_FREE char *value = NULL;
		size_t len = strlen(p->string);
		char *c;

		if (!cJSON_IsString(p) || len == 0 || len > 128 || strspn(p->string, allowed) != len)
			continue;
		value = mem_strndup(p->valuestring, 1000);
		for (c = value; *c; c++) {
			if ((unsigned char)*c < 0x20 || *c == 0x7f)
				*c = ' ';
		}
		if (strlen(p->valuestring) <= 1000)
			json_set_str(to, p->string, value);
	}
}

static cJSON *make_properties(const struct describe *d, const cJSON *metadata, const char *architecture)
{
	cJSON *properties = cJSON_CreateObject(), *os = json_obj(d->report, "os_release"), *p;
	AUTO_JSON cJSON *clean_os = cJSON_CreateObject();
	const cJSON *options = json_obj(d->args, "options");
	const bool given_only = json_bool(options, "given_only", false);
	const char *release;

	if (!given_only)
		add_cleaned(properties, json_obj(metadata, "properties"));
	if (!given_only && !json_bool(options, "exact", false)) {
		add_cleaned(clean_os, os);
		json_set_str(clean_os, "architecture", architecture);
	}
	release = json_str_or(clean_os, "version_codename", "");
	set_if_missing(properties, "os", json_str(clean_os, "id"));
	set_if_missing(properties, "release", *release ? release : json_str(clean_os, "version_id"));
	set_if_missing(properties, "description", json_str(clean_os, "pretty_name"));
	set_if_missing(properties, "architecture", json_str(clean_os, "architecture"));
	cJSON_ArrayForEach(p, json_obj(options, "properties"))
		json_set_str(properties, p->string, *p->valuestring ? p->valuestring : NULL);
	json_sort(properties);
	return properties;
}

static void set_time(cJSON *image, const char *key, int64_t seconds, const char *unset)
{
	time_t t = (time_t)seconds;
	char text[TIME_TEXT_SIZE];
	struct tm tm;

	/* whole seconds without a fraction, as Go prints them */
	if (seconds > 0 && gmtime_r(&t, &tm) && strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm))
		json_set_str(image, key, text);
	else
		json_set_str(image, key, unset);
}

static cJSON *make_private(const struct describe *d, const cJSON *metadata)
{
	static const char *const kept[] = { "layout", "packing", "entries", "bytes", "dropped" };
	cJSON *v = cJSON_CreateObject(), *templates = json_obj(metadata, "templates");
	size_t i;

	json_set(v, "files", cJSON_Duplicate(json_arr(d->args, "files"), true));
	for (i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
		json_set(v, kept[i],
			 cJSON_Duplicate(cJSON_GetObjectItemCaseSensitive(d->report, kept[i]), true));
	if (templates)
		json_set(v, "templates", cJSON_Duplicate(templates, true));
	return v;
}

static cJSON *make_profiles(const cJSON *options)
{
	const char *only = "default";

	return json_arr(options, "profiles") ? cJSON_Duplicate(json_arr(options, "profiles"), true) :
					       cJSON_CreateStringArray(&only, 1);
}

cJSON *describe_image(const struct describe *d)
{
	const cJSON *options = json_obj(d->args, "options"),
		    *split = json_obj(d->metadata_report, "metadata");
	const cJSON *metadata = split ? split : json_obj(d->report, "metadata");
	const char *arch = json_str(metadata, "architecture");
	char now[TIME_TEXT_SIZE];
	cJSON *image = cJSON_CreateObject();

	if (!arch || !*arch)
		arch = json_str_or(d->report, "architecture", d->host_architecture);
	time_now(now);
	json_set_bool(image, "auto_update", json_bool(options, "auto_update", false));
	json_set(image, "properties", make_properties(d, metadata, arch));
	json_set_bool(image, "public", json_bool(options, "public", false));
	set_time(image, "expires_at", json_int(metadata, "expiry_date", 0), IMAGE_NEVER);
	if (json_str(options, "expires_at"))
		json_set_str(image, "expires_at", json_str(options, "expires_at"));
	json_set(image, "profiles", make_profiles(options));
	json_set_str(image, "architecture", arch);
	json_set_bool(image, "cached", json_bool(options, "cached", false));
	json_set_str(image, "filename", json_str_or(options, "filename", ""));
	json_set_str(image, "fingerprint", json_str(d->args, "fingerprint"));
	json_set_int(image, "size", json_int(d->args, "size", 0));
	json_set_str(image, "type", "container");
	set_time(image, "created_at", json_int(metadata, "creation_date", 0), now);
	json_set_str(image, "last_used_at", TIME_UNSET);
	json_set_str(image, "uploaded_at", now);
	if (json_obj(options, "update_source"))
		json_set(image, "update_source", cJSON_Duplicate(json_obj(options, "update_source"), true));
	json_set(image, "berth", make_private(d, metadata));
	return image;
}
