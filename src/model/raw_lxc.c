/* SPDX-License-Identifier: MIT */
#include "model/raw_lxc.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "model/key_types.h"

/* Lines berth renders itself, and what to use instead. */
static const struct owned_key {
	const char *name; /* exact, or a prefix ending in "." */
	const char *instead;
} owned_keys[] = {
	{ "lxc.uts.name", "rename the instance" },
	{ "lxc.rootfs.path", "the storage driver sets it" },
	{ "lxc.rootfs.options", "the storage driver sets it" },
	{ "lxc.rootfs.managed", "the storage driver sets it" },
	{ "lxc.idmap", "use security.privileged and security.idmap.*" },
	{ "lxc.ephemeral", "launch it with --ephemeral" },
	{ "lxc.hook.version", "berth's hooks need version 1" },
	{ "lxc.console.logfile", "the console log belongs to berth" },
	{ "lxc.log.file", "the log belongs to berth" },
	{ NULL, NULL },
};

/* An empty value clears what was set before: never what berth needs to start and stop. */
static const char *const never_cleared[] = {
	"lxc.hook", "lxc.hook.pre-start", "lxc.hook.post-stop", "lxc.net", "lxc.mount.auto", "lxc.rootfs",
	NULL,
};

static int check_key(const char *key, const char *value, int line, struct error *err)
{
	if (strncmp(key, "lxc.", 4) != 0 || !type_is_dotted(key)) {
		/* upper case only in lxc.prlimit, lxc.sysctl, lxc.cgroup names: type_is_dotted allows it */
		return error_set(err, ERROR_INVALID, "line %d: '%s' is not a key of LXC's (lxc.x = y)", line,
				 key);
	}
	for (const struct owned_key *o = owned_keys; o->name; o++) {
		if (strcmp(key, o->name) == 0)
			return error_set(err, ERROR_INVALID, "line %d: %s cannot be set here: %s", line, key,
					 o->instead);
	}
	for (const char *const *name = never_cleared; !*value && *name; name++) {
		if (strcmp(key, *name) == 0)
			return error_set(err, ERROR_INVALID, "line %d: %s cannot be cleared: berth needs it",
					 line, key);
	}
	if (strcmp(key, "lxc.include") == 0 && !type_is_path(value))
		return error_set(err, ERROR_INVALID, "line %d: lxc.include needs an absolute path", line);
	return 0;
}

/* "  key = value  " cut into its two halves in place; false when there is no '='. */
static bool split_line(char *line, char **ret_key, char **ret_value)
{
	char *equals = strchr(line, '=');
	char *end;

	if (!equals)
		return false;
	*equals = '\0';
	*ret_key = line + strspn(line, " \t");
	(*ret_key)[strcspn(*ret_key, " \t")] = '\0';
	*ret_value = equals + 1 + strspn(equals + 1, " \t");
	end = *ret_value + strlen(*ret_value);
	while (end > *ret_value && strchr(" \t", end[-1]))
		*--end = '\0';
	return true;
}

int raw_lxc_validate(const char *text, struct error *err)
{
	AUTO_FREE char *copy = mem_strdup(text);
	char show[TYPE_SHOW_SIZE];
	char *next = copy;
	char *key, *value;

	if (!type_is_text(text))
		return error_set(err, ERROR_INVALID, "control characters are not allowed");
	for (int n = 1; next; n++) {
		char *line = next;

		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		line += strspn(line, " \t");
		if (*line == '\0' || *line == '#')
			continue;
		if (!split_line(line, &key, &value))
			return error_set(err, ERROR_INVALID, "line %d: '%s' is not of the form lxc.x = y", n,
					 type_show(line, show));
		if (check_key(key, value, n, err) < 0)
			return -1;
	}
	return 0;
}

/* Is there a line starting with this prefix? */
static bool has_prefix_line(const char *text, const char *prefix)
{
	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += strspn(line, " \t\n");
		if (strncmp(line, prefix, strlen(prefix)) == 0)
			return true;
	}
	return false;
}

bool raw_lxc_has_network(const char *text, unsigned index)
{
	char prefix[32];

	snprintf(prefix, sizeof(prefix), "lxc.net.%u.", index);
	return text && has_prefix_line(text, prefix);
}

bool raw_lxc_has_networks(const char *text)
{
	return text && has_prefix_line(text, "lxc.net.");
}
