/* SPDX-License-Identifier: MIT */
#include "model/seccomp.h"

#include <ctype.h>
#include <string.h>

#include "base/json.h"
#include "model/key_types.h"

#define RAW "raw.seccomp"
#define PREFIX "security.syscalls."

/* What no container may: the host's kernel is not its own (as LXC's common.seccomp, and as LXD has it). */
static const char denied_by_default[] = "reject_force_umount\n"
					"[all]\n"
					"kexec_load errno 38\n"
					"open_by_handle_at errno 38\n"
					"init_module errno 38\n"
					"finit_module errno 38\n"
					"delete_module errno 38\n";

/* Two names of each: LXD renamed them, and takes both. */
static const char *const allow_names[] = { PREFIX "allow", PREFIX "whitelist" };
static const char *const deny_names[] = { PREFIX "deny", PREFIX "blacklist" };
static const char *const default_names[] = { PREFIX "deny_default", PREFIX "blacklist_default" };

static const char *value_of(const cJSON *config, const char *const names[2])
{
	const char *value = json_str_or(config, names[0], "");

	return *value ? value : json_str_or(config, names[1], "");
}

static bool has_both(const cJSON *config, const char *const names[2])
{
	return *json_str_or(config, names[0], "") && *json_str_or(config, names[1], "");
}

bool seccomp_is_key(const char *key)
{
	return strcmp(key, RAW) == 0 || strncmp(key, PREFIX, strlen(PREFIX)) == 0;
}

int seccomp_check(const cJSON *config, struct error *err)
{
	const char *const *const groups[] = { allow_names, deny_names, default_names };
	bool allows = *value_of(config, allow_names);
	bool denies = *value_of(config, deny_names) || *value_of(config, default_names);

	for (size_t i = 0; i < 3; i++) {
		if (has_both(config, groups[i]))
			return error_set(err, ERROR_INVALID,
					 "Configuration keys \"%s\" and \"%s\" are mutually exclusive",
					 groups[i][0], groups[i][1]);
	}
	if (*json_str_or(config, RAW, "") && (allows || denies))
		return error_set(err, ERROR_INVALID,
				 "raw.seccomp is mutually exclusive with security.syscalls*");
	if (allows && denies)
		return error_set(err, ERROR_INVALID,
				 "security.syscalls.allow is mutually exclusive with security.syscalls.deny*");
	return 0;
}

bool seccomp_is_off(const cJSON *config)
{
	return type_is_false(value_of(config, default_names)) && !*json_str_or(config, RAW, "") &&
	       !*value_of(config, allow_names) && !*value_of(config, deny_names);
}

bool seccomp_policy(const cJSON *config, struct strbuf *out)
{
	const char *raw = json_str_or(config, RAW, ""), *allow = value_of(config, allow_names);
	const char *deny = value_of(config, deny_names), *by_default = value_of(config, default_names);

	if (seccomp_is_off(config) || (!*raw && !*allow && !*deny && !*by_default))
		return false;
	if (*raw) {
		strbuf_addf(out, "%s\n", raw);
		return true;
	}
	if (*allow) {
		strbuf_addf(out, "2\nallowlist\n[all]\n%s\n", allow);
		return true;
	}
	strbuf_addstr(out, "2\ndenylist\n");
	strbuf_addstr(out, type_is_false(by_default) ? "[all]\n" : denied_by_default);
	if (*deny)
		strbuf_addf(out, "%s\n", deny);
	return true;
}

static int check_line(const char *line, size_t len, struct error *err)
{
	size_t name = 0;

	while (name < len && (isalnum((unsigned char)line[name]) || line[name] == '_'))
		name++;
	if (len == 0 || line[0] == '#' || line[0] == '[')
		return 0;
	if (name == 0 || (name < len && line[name] != ' '))
		return error_set(err, ERROR_INVALID, "has a line that does not start with a system call: '%.*s'",
				 (int)(len < 40 ? len : 40), line);
	return 0;
}

int seccomp_list_check(const char *text, struct error *err)
{
	if (!type_is_text(text))
		return error_set(err, ERROR_INVALID, "must not hold control characters");
	for (const char *line = text;; line++) {
		size_t len = strcspn(line, "\n");

		if (check_line(line, len, err) < 0)
			return -1;
		line += len;
		if (!*line)
			return 0;
	}
}

int seccomp_raw_check(const char *text, struct error *err)
{
	if (!type_is_text(text))
		return error_set(err, ERROR_INVALID, "must not hold control characters");
	if ((text[0] != '1' && text[0] != '2') || (text[1] != '\n' && text[1] != '\0'))
		return error_set(err, ERROR_INVALID, "must start with a line that is the policy's version, 1 or 2");
	return 0;
}
