/* SPDX-License-Identifier: MIT */
#include "model/snapshot_pattern.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/strbuf.h"
#include "model/key_types.h"

enum { NAME_MAX_BYTES = 200, NUMBER_MAX = 1000000 };

int name_validate_snapshot(const char *name, struct error *err)
{
	char show[TYPE_SHOW_SIZE];
	const char *rule = NULL;

	if (name[0] == '\0')
		rule = "it is empty";
	else if (strlen(name) > NAME_MAX_BYTES)
		rule = "it is longer than 200 bytes";
	else if (strchr(name, '/') != NULL)
		rule = "Cannot contain \"/\"";
	else if (!type_is_line(name))
		rule = "Cannot contain control characters";
	else if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		rule = "a name is needed";
	if (rule == NULL)
		return 0;
	return error_set(err, ERROR_INVALID, "Invalid snapshot name: %s ('%s')", rule, type_show(name, show));
}

/* Go's layout: what stands for which part. Longer ones first. */
static const struct {
	const char *go, *strftime;
} layout[] = {
	{ "January", "%B" }, { "Monday", "%A" }, { "-0700", "%z" }, { "2006", "%Y" }, { "Jan", "%b" }, { "Mon", "%a" },
	{ "MST", "%Z" },     { "01", "%m" },	 { "02", "%d" },    { "03", "%I" },   { "04", "%M" },  { "05", "%S" },
	{ "06", "%y" },	     { "15", "%H" },	 { "_2", "%e" },    { "PM", "%p" },   { "1", "%-m" },  { "2", "%-d" },
	{ "3", "%-I" },	     { "4", "%-M" },	 { "5", "%-S" },
};

/* Every format is a literal of the table. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
static void add_date(struct strbuf *out, const char *go, size_t len, const struct tm *tm)
{
	const char *end = go + len;
	char text[64];

	while (go < end) {
		size_t i = 0, n = sizeof(layout) / sizeof(layout[0]);

		while (i < n && (strlen(layout[i].go) > (size_t)(end - go) ||
				 strncmp(layout[i].go, go, strlen(layout[i].go)) != 0))
			i++;
		if (i == n) {
			strbuf_addch(out, *go++);
			continue;
		}
		strbuf_add(out, text, strftime(text, sizeof(text), layout[i].strftime, tm));
		go += strlen(layout[i].go);
	}
}

#pragma GCC diagnostic pop

static const char *skip_blanks(const char *s)
{
	while (*s == ' ')
		s++;
	return s;
}

/* What is between {{ and }}. */
static int add_variable(struct strbuf *out, const char *s, const char *end, const struct tm *tm, struct error *err)
{
	static const char name[] = "creation_date", filter[] = "date:", plain[] = "2006-01-02_15-04-05";
	const char *p = skip_blanks(s), *close;

	if (strncmp(p, name, sizeof(name) - 1) == 0) {
		p = skip_blanks(p + sizeof(name) - 1);
		if (p == end) {
			add_date(out, plain, sizeof(plain) - 1, tm);
			return 0;
		}
		p = *p == '|' ? skip_blanks(p + 1) : p;
		if (strncmp(p, filter, sizeof(filter) - 1) == 0 && (p[5] == '\'' || p[5] == '"')) {
			close = strchr(p + 6, p[5]);
			if (close != NULL && close < end && skip_blanks(close + 1) == end) {
				add_date(out, p + 6, (size_t)(close - p - 6), tm);
				return 0;
			}
		}
	}
	return error_set(err, ERROR_INVALID, "'{{%.*s}}' is neither {{ creation_date }} nor "
			 "{{ creation_date|date:'2006-01-02_15-04-05' }}", (int)(end - s), s);
}

static int expand(const char *pattern, time_t now, struct strbuf *out, struct error *err)
{
	const char *end;
	struct tm tm;

	if (localtime_r(&now, &tm) == NULL)
		return error_set(err, ERROR_INVALID, "the time is out of range");
	while (*pattern != '\0') {
		if (strncmp(pattern, "{{", 2) != 0) {
			strbuf_addch(out, *pattern++);
			continue;
		}
		end = strstr(pattern, "}}");
		if (end == NULL)
			return error_set(err, ERROR_INVALID, "'%.40s' lacks its }}", pattern);
		if (add_variable(out, pattern + 2, end, &tm, err) < 0)
			return -1;
		pattern = end + 2;
	}
	return 0;
}

static char *numbered(const char *text, bool (*taken)(const char *name, void *data), void *data, struct error *err)
{
	const char *at = strstr(text, "%d");

	for (int i = 0; i < NUMBER_MAX; i++) {
		char *name = mem_printf("%.*s%d%s", (int)(at - text), text, i, at + 2);

		if (!taken(name, data))
			return name;
		free(name);
	}
	error_set(err, ERROR_CONFLICT, "all names of the pattern '%s' are taken", text);
	return NULL;
}

char *snapshot_pattern_name(const char *pattern, time_t now, bool (*taken)(const char *name, void *data), void *data,
			    struct error *err)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT;
	const char *at;
	char *name;

	if (expand(pattern[0] != '\0' ? pattern : SNAPSHOT_PATTERN_DEFAULT, now, &text, err) < 0)
		return NULL;
	at = strstr(text.buf, "%d");
	if (at != NULL && strstr(at + 2, "%d") != NULL) {
		error_set(err, ERROR_INVALID, "Snapshot pattern may contain '%%d' only once");
		return NULL;
	}
	if (at == NULL && taken(text.buf, data)) {
		strbuf_addstr(&text, "-%d");
		at = text.buf;
	}
	name = at != NULL ? numbered(text.buf, taken, data, err) : mem_strdup(text.buf);
	if (name != NULL && name_validate_snapshot(name, err) < 0) {
		free(name);
		return NULL;
	}
	return name;
}

static bool not_taken(const char *name, void *data)
{
	return false;
}

int snapshot_pattern_check(const char *pattern, struct error *err)
{
	AUTO_FREE char *name = snapshot_pattern_name(pattern, time(NULL), not_taken, NULL, err);

	return name != NULL ? 0 : -1;
}
