/* SPDX-License-Identifier: MIT */
#include <ctype.h>
#include <string.h>

#include "base/text.h"
#include "model/key.h"

#define INSTANCE_NAME_MAX 63 /* one DNS label, RFC 1123 */
#define PROFILE_NAME_MAX 64

static int bad_instance(struct error *err, const char *rule)
{
	return error_set(err, ERROR_INVALID, "Invalid instance name: %s", rule);
}

int name_validate_instance(const char *name, struct error *err)
{
	size_t len = name ? strlen(name) : 0;

	if (len < 1 || len > INSTANCE_NAME_MAX)
		return bad_instance(err, "Name must be 1-63 characters long");
	if (strchr(name, '/'))
		return error_set(err, ERROR_INVALID, "The character \"/\" is reserved for snapshots");
	for (const char *p = name; *p; p++) {
		if (!isascii((unsigned char)*p) || (!isalnum((unsigned char)*p) && *p != '-'))
			return bad_instance(err, "Name can only contain alphanumeric and hyphen characters");
	}
	if (isdigit((unsigned char)name[0]))
		return bad_instance(err, "Name must not start with a number");
	if (name[0] == '-')
		return bad_instance(err, "Name must not start with \"-\" character");
	if (name[len - 1] == '-')
		return bad_instance(err, "Name must not end with \"-\" character");
	return 0;
}

int name_validate_profile(const char *name, struct error *err)
{
	if (!name || !*name)
		return error_set(err, ERROR_INVALID, "No name provided");
	if (strchr(name, '/'))
		return error_set(err, ERROR_INVALID, "Profile names may not contain slashes");
	if (strlen(name) > PROFILE_NAME_MAX)
		return error_set(err, ERROR_INVALID, "Invalid profile name: longer than %d characters",
				 PROFILE_NAME_MAX);
	/* it becomes a file name: no "." or "..", nothing hidden */
	if (name[0] == '.')
		return error_set(err, ERROR_INVALID, "Invalid profile name \"%s\": starts with a dot", name);
	if (!text_is_line(name))
		return error_set(err, ERROR_INVALID, "Invalid profile name: control characters are not allowed");
	return 0;
}
