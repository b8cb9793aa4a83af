/* SPDX-License-Identifier: MIT */
#include "lxc/tools.h"

#include <limits.h>
#include <string.h>

#include "proc/proc.h"

/* lxc/state.c: the same words from LXC 1.0 to 7.0. */
static const char *const state_names[] = {
	[LXC_STOPPED] = "STOPPED",   [LXC_STARTING] = "STARTING", [LXC_RUNNING] = "RUNNING",
	[LXC_STOPPING] = "STOPPING", [LXC_ABORTING] = "ABORTING", [LXC_FREEZING] = "FREEZING",
	[LXC_FROZEN] = "FROZEN",     [LXC_THAWED] = "THAWED",
};

enum { STATE_COUNT = sizeof(state_names) / sizeof(state_names[0]) };

const char *lxc_state_name(enum lxc_state s)
{
	return (unsigned)s < STATE_COUNT ? state_names[s] : "UNKNOWN";
}

static bool state_parse(const char *s, size_t len, enum lxc_state *ret)
{
	for (int i = 0; i < STATE_COUNT; i++) {
		if (strlen(state_names[i]) != len || memcmp(s, state_names[i], len) != 0)
			continue;
		*ret = (enum lxc_state)i;
		return true;
	}
	return false;
}

bool lxc_state_parse(const char *name, enum lxc_state *ret)
{
	return state_parse(name, strlen(name), ret);
}

static void tool(struct argv *a, const char *program, const char *lxcpath, const char *name)
{
	argv_pushl(a, program, "-P", lxcpath, NULL);
	if (name)
		argv_pushl(a, "-n", name, NULL);
}

void lxc_argv_create(struct argv *a, const char *lxcpath, const char *name, const char *config_file)
{
	tool(a, "lxc-create", lxcpath, name);
	argv_pushl(a, "-f", config_file, "-t", "none", NULL);
}

void lxc_argv_destroy(struct argv *a, const char *lxcpath, const char *name)
{
	tool(a, "lxc-destroy", lxcpath, name);
}

void lxc_argv_start(struct argv *a, const char *lxcpath, const char *name, const char *log_file)
{
	tool(a, "lxc-start", lxcpath, name);
	argv_pushl(a, "-d", "-o", log_file, "-l", "DEBUG", NULL);
}

void lxc_argv_kill(struct argv *a, const char *lxcpath, const char *name)
{
	tool(a, "lxc-stop", lxcpath, name);
	argv_push(a, "-k");
}

void lxc_argv_shutdown(struct argv *a, const char *lxcpath, const char *name, int timeout_s)
{
	tool(a, "lxc-stop", lxcpath, name);
	argv_pushl(a, "--nokill", "-t", NULL);
	argv_pushf(a, "%d", timeout_s < 0 ? -1 : timeout_s);
}

void lxc_argv_freeze(struct argv *a, const char *lxcpath, const char *name)
{
	tool(a, "lxc-freeze", lxcpath, name);
}

void lxc_argv_unfreeze(struct argv *a, const char *lxcpath, const char *name)
{
	tool(a, "lxc-unfreeze", lxcpath, name);
}

void lxc_argv_info(struct argv *a, const char *lxcpath, const char *name)
{
	tool(a, "lxc-info", lxcpath, name);
	argv_pushl(a, "-s", "-p", NULL);
}

/* The name last: it is the only column that may hold spaces (others' containers). */
void lxc_argv_list_active(struct argv *a, const char *lxcpath)
{
	tool(a, "lxc-ls", lxcpath, NULL);
	argv_pushl(a, "--active", "-f", "-F", "STATE,PID,NAME", NULL);
}

/* lxc-console computes the key from a letter: '?' is none. */
void lxc_argv_console(struct argv *a, const char *lxcpath, const char *name)
{
	tool(a, "lxc-console", lxcpath, name);
	argv_pushl(a, "-q", "-t", "0", "-e", "?", NULL);
}

void lxc_argv_monitor(struct argv *a, const char *lxcpath)
{
	tool(a, "lxc-monitor", lxcpath, ".*");
}

void lxc_argv_cgroup_set(struct argv *a, const char *lxcpath, const char *name, const char *key,
			 const char *value)
{
	tool(a, "lxc-cgroup", lxcpath, name);
	argv_pushl(a, "--", key, value, NULL); /* "-1" is a value */
}

void lxc_argv_device(struct argv *a, const char *lxcpath, const char *name, bool add, const char *host_path,
		     const char *guest_path)
{
	tool(a, "lxc-device", lxcpath, name);
	argv_pushl(a, "--", add ? "add" : "del", host_path, guest_path, NULL);
}

static const char *skip_spaces(const char *s, const char *end)
{
	while (s < end && (*s == ' ' || *s == '\t'))
		s++;
	return s;
}

static const char *skip_word(const char *s, const char *end)
{
	while (s < end && *s != ' ' && *s != '\t')
		s++;
	return s;
}

/* A pid, or "-" for none: 0. */
static bool pid_parse(const char *s, const char *end, pid_t *ret)
{
	long long n = 0;

	*ret = 0;
	if (end - s == 1 && *s == '-')
		return true;
	if (s == end)
		return false;
	for (; s < end; s++) {
		if (*s < '0' || *s > '9')
			return false;
		n = n * 10 + (*s - '0');
		if (n > INT_MAX)
			return false;
	}
	*ret = (pid_t)n;
	return true;
}

/* LXC takes any name that is a file name; so do we when reading, if it is text. */
static bool name_copy(const char *s, size_t len, struct lxc_status *st)
{
	if (len == 0 || len >= sizeof(st->name) || memchr(s, '/', len) || *s == '.')
		return false;
	proc_clean_text(s, len, st->name, sizeof(st->name));
	return strlen(st->name) == len && memcmp(st->name, s, len) == 0;
}

static const char *line_end(const char *line)
{
	return line + strcspn(line, "\n");
}

/* "Key:   value": where the value begins, or NULL when the line is another. */
static const char *info_value(const char *line, const char *end, const char *key)
{
	size_t len = strlen(key);

	if ((size_t)(end - line) < len || memcmp(line, key, len) != 0)
		return NULL;
	return skip_spaces(line + len, end);
}

int lxc_parse_info(const char *out, struct lxc_status *ret, struct error *err)
{
	bool found = false;
	char line[80];
	size_t len;

	memset(ret, 0, sizeof(*ret));
	for (const char *s = out, *end; *s; s = *end ? end + 1 : end) {
		const char *value;

		end = line_end(s);
		if ((value = info_value(s, end, "State:")))
			found = state_parse(value, (size_t)(skip_word(value, end) - value), &ret->state);
		else if ((value = info_value(s, end, "PID:")) &&
			 !pid_parse(value, skip_word(value, end), &ret->pid))
			ret->pid = 0;
	}
	if (found)
		return 0;
	len = (size_t)(line_end(out) - out);
	proc_clean_text(out, len, line, sizeof(line));
	return error_set(err, ERROR_TOOL, "lxc-info printed no state but '%s'", line);
}

static bool list_line(const char *s, const char *end, struct lxc_status *st)
{
	const char *word = skip_word(s, end);

	memset(st, 0, sizeof(*st));
	if (!state_parse(s, (size_t)(word - s), &st->state))
		return false;
	s = skip_spaces(word, end);
	word = skip_word(s, end);
	if (!pid_parse(s, word, &st->pid))
		return false;
	s = skip_spaces(word, end);
	while (end > s && end[-1] == ' ') /* the column is padded */
		end--;
	return name_copy(s, (size_t)(end - s), st);
}

int lxc_parse_list(const char *out, void (*cb)(const struct lxc_status *st, void *data), void *data)
{
	struct lxc_status st;
	int refused = 0;

	for (const char *s = out, *end; *s; s = *end ? end + 1 : end) {
		end = line_end(s);
		if (end == s || strncmp(s, "STATE ", 6) == 0)
			continue;
		if (list_line(s, end, &st))
			cb(&st, data);
		else
			refused++;
	}
	return refused;
}

int lxc_parse_monitor_line(const char *line, struct lxc_status *ret)
{
	static const char middle[] = "' changed state to [";
	size_t len = strlen(line);
	const char *at = NULL;

	memset(ret, 0, sizeof(*ret));
	if (len < 1 || line[0] != '\'' || line[len - 1] != ']')
		return 0;
	/* the last one: a foreign name may hold the words too */
	for (const char *s = strstr(line, middle); s; s = strstr(s + 1, middle))
		at = s;
	if (!at || !name_copy(line + 1, (size_t)(at - line - 1), ret))
		return 0;
	at += sizeof(middle) - 1;
	return state_parse(at, (size_t)(line + len - 1 - at), &ret->state);
}
