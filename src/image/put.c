/* SPDX-License-Identifier: MIT */
/* Changes to an image's description (PUT and PATCH of /1.0/images/FP). */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "image/store_private.h"

int image_properties_check(const cJSON *properties, struct error *err)
{
	const cJSON *p;

	cJSON_ArrayForEach(p, properties) {
		size_t len = strlen(p->string);

		if (len == 0 || len > 128 || !text_is_line(p->string) || strchr(p->string, '=') != NULL)
			return error_set(err, ERROR_INVALID,
					 "invalid name of an image property: it is empty, longer than "
					 "128, or holds '=' or control characters");
		if (!cJSON_IsString(p))
			return error_set(err, ERROR_INVALID, "image property '%s' must be a string",
					 p->string);
		if (strlen(p->valuestring) > 4096 || !text_is_line(p->valuestring))
			return error_set(err, ERROR_INVALID,
					 "image property '%s' is longer than 4096 or holds control "
					 "characters",
					 p->string);
	}
	return 0;
}

/* "" means: remove it. */
static int take_properties(cJSON *image, const cJSON *given, struct error *err)
{
	cJSON *copy, *p, *next;

	if (!cJSON_IsObject(given) && !cJSON_IsNull(given))
		return error_set(err, ERROR_INVALID, "'properties' must be an object of strings");
	if (image_properties_check(given, err))
		return -1;
	copy = cJSON_IsObject(given) ? cJSON_Duplicate(given, true) : cJSON_CreateObject();
	for (p = copy->child; p; p = next) {
		next = p->next;
		if (!*p->valuestring)
			cJSON_Delete(cJSON_DetachItemViaPointer(copy, p));
	}
	json_set(image, "properties", copy);
	return 0;
}

static int take_bool(cJSON *image, const cJSON *given, struct error *err)
{
	if (!cJSON_IsBool(given))
		return error_set(err, ERROR_INVALID, "'%s' must be true or false", given->string);
	json_set_bool(image, given->string, cJSON_IsTrue(given));
	return 0;
}

static cJSON *default_profiles(void)
{
	static const char *const names[] = { "default" };

	return cJSON_CreateStringArray(names, 1);
}

/* null: those of an image that says nothing about it, as in LXD. */
static int take_profiles(cJSON *image, const cJSON *given, struct error *err)
{
	const cJSON *p;

	if (cJSON_IsNull(given)) {
		json_set(image, "profiles", default_profiles());
		return 0;
	}
	if (!cJSON_IsArray(given))
		return error_set(err, ERROR_INVALID, "'profiles' must be a list of names");
	cJSON_ArrayForEach(p, given) {
		if (!cJSON_IsString(p) || !text_is_line(p->valuestring))
			return error_set(err, ERROR_INVALID, "'profiles' must be a list of names");
	}
	json_set(image, "profiles", cJSON_Duplicate(given, true));
	return 0;
}

/* RFC 3339 as Go prints it: "2026-11-22T01:02:03Z", with fraction or offset. */
static bool looks_like_time(const char *s)
{
	static const char shape[] = "dddd-dd-ddTdd:dd:dd";
	size_t i;

	for (i = 0; shape[i]; i++) {
		if (shape[i] == 'd' ? !isdigit((unsigned char)s[i]) : s[i] != shape[i])
			return false;
	}
	i += strspn(s + i, ".0123456789");
	return strcmp(s + i, "Z") == 0 ||
	       ((s[i] == '+' || s[i] == '-') && strspn(s + i + 1, "0123456789:") == 5 && !s[i + 6]);
}

static int take_expiry(cJSON *image, const cJSON *given, struct error *err)
{
	const char *text = cJSON_GetStringValue(given);

	if (!text || !*text || strcmp(text, TIME_UNSET) == 0)
		text = IMAGE_NEVER;
	if (!looks_like_time(text))
		return error_set(err, ERROR_INVALID, "'expires_at' is no time as in RFC 3339: '%.64s'", text);
	json_set_str(image, "expires_at", text);
	return 0;
}

static const struct {
	const char *name;
	int (*take)(cJSON *image, const cJSON *given, struct error *err);
} changeable[] = {
	{ "properties", take_properties }, { "public", take_bool },	{ "auto_update", take_bool },
	{ "profiles", take_profiles },	   { "expires_at", take_expiry },	{ "cached", take_bool },
};

static int take_all(cJSON *image, const cJSON *changes, struct error *err)
{
	const cJSON *given;
	size_t i;

	for (i = 0; i < sizeof(changeable) / sizeof(changeable[0]); i++) {
		given = cJSON_GetObjectItemCaseSensitive(changes, changeable[i].name);
		if (given && changeable[i].take(image, given, err))
			return -1;
	}
	return 0;
}

cJSON *image_changes(const cJSON *given, struct error *err)
{
	cJSON *taken = cJSON_CreateObject();

	if (take_all(taken, given, err) == 0)
		return taken;
	cJSON_Delete(taken);
	return NULL;
}

int image_put(struct image_store *s, const char *fingerprint, const cJSON *changes, struct error *err)
{
	AUTO_FREE char *path = store_path(s, fingerprint, IMAGE_JSON);
	const cJSON *old = image_get(s, fingerprint);
	cJSON *image;

	if (!old)
		return error_set(err, ERROR_NOT_FOUND, "Image not found");
	image = cJSON_Duplicate(old, true);
	if (take_all(image, changes, err) || json_write_file(path, image, JSON_DURABLE, err))
		goto refused;
	strmap_put(s->images, fingerprint, image);
	return 0;
refused:
	cJSON_Delete(image);
	return -1;
}

void image_touch(struct image_store *s, const char *fingerprint)
{
	AUTO_FREE char *path = store_path(s, fingerprint, IMAGE_JSON);
	struct error err = ERROR_INIT;
	char now[TIME_TEXT_SIZE];
	cJSON *image;

	if (!image_get(s, fingerprint))
		return;
	time_now(now);
	image = cJSON_Duplicate(image_get(s, fingerprint), true);
	json_set_str(image, "last_used_at", now);
	if (json_write_file(path, image, JSON_QUICK, &err))
		log_warning("image %s: %s", fingerprint, err.msg);
	strmap_put(s->images, fingerprint, image);
}
