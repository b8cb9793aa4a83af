/* SPDX-License-Identifier: MIT */
/*
 * Types of the members that bodies have in common. LXD's decoder refuses a
 * wrong one; taken for its default, "force": "yes" would be a stop that is not
 * forced. What is in objects and lists is left to their handlers, null is as good as
 * absent, members that nobody knows do not count.
 */
#include <stddef.h>

#include "api/router.h"
#include "base/json.h"

enum member_type { MEMBER_STRING, MEMBER_TARGET, MEMBER_BOOL, MEMBER_NUMBER, MEMBER_OBJECT, MEMBER_LIST };

static const struct member {
	const char *name;
	enum member_type type;
} members[] = {
    {"action", MEMBER_STRING},	  {"alias", MEMBER_STRING},	   {"architecture", MEMBER_STRING},
    {"auto_update", MEMBER_BOOL}, {"container_only", MEMBER_BOOL}, {"description", MEMBER_STRING},
    {"ephemeral", MEMBER_BOOL},	  {"expires_at", MEMBER_STRING},   {"fingerprint", MEMBER_STRING},
    {"force", MEMBER_BOOL},	  {"instance_only", MEMBER_BOOL},  {"instance_type", MEMBER_STRING},
    {"live", MEMBER_BOOL},	  {"migration", MEMBER_BOOL},	   {"name", MEMBER_STRING},
    {"public", MEMBER_BOOL},	  {"restore", MEMBER_STRING},	   {"server", MEMBER_STRING},
    {"start", MEMBER_BOOL},	  {"stateful", MEMBER_BOOL},	   {"target", MEMBER_TARGET},
    {"timeout", MEMBER_NUMBER},	  {"type", MEMBER_STRING},	   {"create", MEMBER_BOOL},
    {"instance", MEMBER_STRING},  {"owner", MEMBER_STRING},	   {"path", MEMBER_STRING},
    {"readonly", MEMBER_BOOL},	  {"config", MEMBER_OBJECT},	   {"devices", MEMBER_OBJECT},
    {"profiles", MEMBER_LIST},	  {"properties", MEMBER_OBJECT},
};

static bool is_whole(double v)
{
	return v >= -2147483648.0 && v <= 2147483647.0 && v == (double)(int)v;
}

static const char *should_be(const struct member *m, const cJSON *v)
{
	if (m->type == MEMBER_STRING)
		return cJSON_IsString(v) ? NULL : "a string";
	if (m->type == MEMBER_TARGET) /* of an alias; of a migration */
		return cJSON_IsString(v) || cJSON_IsObject(v) ? NULL : "a string";
	if (m->type == MEMBER_BOOL)
		return cJSON_IsBool(v) ? NULL : "true or false";
	if (m->type == MEMBER_OBJECT)
		return cJSON_IsObject(v) ? NULL : "an object";
	if (m->type == MEMBER_LIST)
		return cJSON_IsArray(v) ? NULL : "a list";
	return cJSON_IsNumber(v) && is_whole(v->valuedouble) ? NULL : "a whole number";
}

static int check(const cJSON *object, struct error *err)
{
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
		const cJSON *v = cJSON_GetObjectItemCaseSensitive(object, members[i].name);
		const char *what = v && !cJSON_IsNull(v) ? should_be(&members[i], v) : NULL;

		if (what)
			return error_set(err, ERROR_INVALID, "'%s' must be %s", members[i].name, what);
	}
	return 0;
}

int body_check(const cJSON *body, struct error *err)
{
	if (check(body, err) < 0 || check(json_obj(body, "source"), err) < 0 ||
	    check(json_obj(body, "state"), err) < 0)
		return -1;
	return 0;
}
