/* SPDX-License-Identifier: MIT */
#include "image/due.h"

#include "base/ident.h"
#include "base/json.h"

enum { HOUR_S = 3600, DAY_S = 86400 };

bool image_cache_expired(const cJSON *image, time_t now, int days)
{
	time_t used = 0, came = 0;

	if (days <= 0 || !json_bool(image, "cached", false))
		return false;
	if (time_parse(json_str_or(image, "uploaded_at", ""), &came) < 0)
		return false;
	/* "0001-01-01…" before its first use */
	if (time_parse(json_str_or(image, "last_used_at", ""), &used) < 0 || used < came)
		used = came;
	return used < now - (time_t)days * DAY_S;
}

bool image_wants_update(const cJSON *image)
{
	return json_bool(image, "auto_update", false) && json_obj(image, "update_source") != NULL;
}

bool image_update_due(time_t now, int hours)
{
	return hours > 0 && now / HOUR_S % hours == 0;
}
