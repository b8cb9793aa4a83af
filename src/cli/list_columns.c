/* SPDX-License-Identifier: MIT */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/units.h"
#include "cli/list.h"
#include "cli/when.h"

static void add_upper(struct strbuf *out, const char *s)
{
	for (; *s; s++)
		strbuf_addch(out, (char)toupper((unsigned char)*s));
}

static void cell_name(const cJSON *i, struct strbuf *out)
{
	strbuf_addstr(out, json_str_or(i, "name", ""));
}

static void cell_status(const cJSON *i, struct strbuf *out)
{
	add_upper(out, json_str_or(i, "status", ""));
}

static void cell_type(const cJSON *i, struct strbuf *out)
{
	add_upper(out, json_str_or(i, "type", "container"));
	if (json_bool(i, "ephemeral", false))
		strbuf_addstr(out, " (EPHEMERAL)");
}

static void cell_architecture(const cJSON *i, struct strbuf *out)
{
	strbuf_addstr(out, json_str_or(i, "architecture", ""));
}

static void cell_description(const cJSON *i, struct strbuf *out)
{
	strbuf_addstr(out, json_str_or(i, "description", ""));
}

static void cell_location(const cJSON *i, struct strbuf *out)
{
	strbuf_addstr(out, json_str_or(i, "location", ""));
}

static void cell_project(const cJSON *i, struct strbuf *out)
{
	strbuf_addstr(out, json_str_or(i, "project", "default"));
}

static void add_time(struct strbuf *out, const char *rfc3339)
{
	char text[WHEN_TEXT_SIZE];

	when_format(rfc3339 ? rfc3339 : "", "", text);
	strbuf_addstr(out, text);
}

static void cell_created(const cJSON *i, struct strbuf *out)
{
	add_time(out, json_str(i, "created_at"));
}

static void cell_last_used(const cJSON *i, struct strbuf *out)
{
	add_time(out, json_str(i, "last_used_at"));
}

static void cell_profiles(const cJSON *i, struct strbuf *out)
{
	const cJSON *p;

	cJSON_ArrayForEach(p, json_arr(i, "profiles"))
	{
		if (cJSON_IsString(p))
			strbuf_addf(out, "%s%s", out->len ? "\n" : "", p->valuestring);
	}
}

static void cell_snapshots(const cJSON *i, struct strbuf *out)
{
	strbuf_addf(out, "%d", cJSON_GetArraySize(json_arr(i, "snapshots")));
}

static const cJSON *state_of(const cJSON *i)
{
	return json_obj(i, "state");
}

static void cell_pid(const cJSON *i, struct strbuf *out)
{
	int64_t pid = json_int(state_of(i), "pid", 0);

	if (pid > 0)
		strbuf_addf(out, "%lld", (long long)pid);
}

static void cell_processes(const cJSON *i, struct strbuf *out)
{
	int64_t n = json_int(state_of(i), "processes", 0);

	if (json_int(state_of(i), "pid", 0) > 0)
		strbuf_addf(out, "%lld", (long long)n);
}

/* Global addresses of all nics but lo, "ADDRESS (NIC)" a line, sorted. */
static int compare_lines(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void cell_addresses(const cJSON *i, const char *family, struct strbuf *out)
{
	char *lines[64];
	size_t n = 0;
	const cJSON *nic, *a;

	cJSON_ArrayForEach(nic, json_obj(state_of(i), "network"))
	{
		cJSON_ArrayForEach(a, json_arr(nic, "addresses"))
		{
			const char *scope = json_str_or(a, "scope", "");

			if (n < 64 && strcmp(nic->string, "lo") != 0 &&
			    !strcmp(json_str_or(a, "family", ""), family) && strcmp(scope, "link") != 0 &&
			    strcmp(scope, "local") != 0)
				lines[n++] =
				    mem_printf("%s (%s)", json_str_or(a, "address", ""), nic->string);
		}
	}
	qsort(lines, n, sizeof(lines[0]), compare_lines);
	for (size_t k = 0; k < n; k++) {
		strbuf_addf(out, "%s%s", k ? "\n" : "", lines[n - 1 - k]);
		free(lines[n - 1 - k]);
	}
}

static void cell_ipv4(const cJSON *i, struct strbuf *out)
{
	cell_addresses(i, "inet", out);
}

static void cell_ipv6(const cJSON *i, struct strbuf *out)
{
	cell_addresses(i, "inet6", out);
}

static void add_size(struct strbuf *out, int64_t bytes)
{
	char text[32];

	if (bytes <= 0)
		return;
	units_format_size((uint64_t)bytes, text, sizeof(text));
	strbuf_addstr(out, text);
}

static void cell_memory(const cJSON *i, struct strbuf *out)
{
	add_size(out, json_int(json_obj(state_of(i), "memory"), "usage", 0));
}

static void cell_memory_percent(const cJSON *i, struct strbuf *out)
{
	const char *limit = json_str(json_obj(i, "expanded_config"), "limits.memory");
	int64_t usage = json_int(json_obj(state_of(i), "memory"), "usage", 0);
	struct error ignored = ERROR_INIT;
	uint64_t bytes;

	if (usage > 0 && limit && units_parse_size(limit, &bytes, &ignored) == 0 && bytes > 0)
		strbuf_addf(out, "%.1f%%", 100.0 * (double)usage / (double)bytes);
}

static void cell_disk(const cJSON *i, struct strbuf *out)
{
	add_size(out, json_int(json_obj(json_obj(state_of(i), "disk"), "root"), "usage", 0));
}

static void cell_cpu(const cJSON *i, struct strbuf *out)
{
	int64_t usage = json_int(json_obj(state_of(i), "cpu"), "usage", 0);

	if (usage > 0)
		strbuf_addf(out, "%llds", (long long)(usage / 1000000000));
}

static void cell_pool(const cJSON *i, struct strbuf *out)
{
	const cJSON *device;

	cJSON_ArrayForEach(device, json_obj(i, "expanded_devices"))
	{
		if (!strcmp(json_str_or(device, "type", ""), "disk") &&
		    !strcmp(json_str_or(device, "path", ""), "/"))
			strbuf_addstr(out, json_str_or(device, "pool", ""));
	}
}

static void cell_image_full(const cJSON *i, struct strbuf *out)
{
	strbuf_addstr(out, json_str_or(json_obj(i, "config"), "volatile.base_image", ""));
}

static void cell_image(const cJSON *i, struct strbuf *out)
{
	cell_image_full(i, out);
	if (out->len > 12)
		strbuf_truncate(out, 12);
}

static const struct list_column columns[] = {
	{ .letter = '4', .header = "IPV4", .fields = "state.network", .cell = cell_ipv4 },
	{ .letter = '6', .header = "IPV6", .fields = "state.network", .cell = cell_ipv6 },
	{ .letter = 'a', .header = "ARCHITECTURE", .fields = "architecture", .cell = cell_architecture },
	{ .letter = 'b', .header = "STORAGE POOL", .fields = "expanded_devices", .cell = cell_pool },
	{ .letter = 'c', .header = "CREATED AT", .fields = "created_at", .cell = cell_created },
	{ .letter = 'd', .header = "DESCRIPTION", .fields = "description", .cell = cell_description },
	{ .letter = 'D', .header = "DISK USAGE", .fields = "state.disk", .cell = cell_disk },
	{ .letter = 'e', .header = "PROJECT", .fields = "project", .cell = cell_project },
	{ .letter = 'f', .header = "BASE IMAGE", .fields = "config", .cell = cell_image },
	{ .letter = 'F', .header = "BASE IMAGE", .fields = "config", .cell = cell_image_full },
	{ .letter = 'l', .header = "LAST USED AT", .fields = "last_used_at", .cell = cell_last_used },
	{ .letter = 'L', .header = "LOCATION", .fields = "location", .cell = cell_location },
	{ .letter = 'm', .header = "MEMORY USAGE", .fields = "state.memory", .cell = cell_memory },
	{ .letter = 'M', .header = "MEMORY USAGE%", .fields = "state.memory,expanded_config", .cell = cell_memory_percent },
	{ .letter = 'n', .header = "NAME", .fields = "name", .cell = cell_name },
	{ .letter = 'N', .header = "PROCESSES", .fields = "state.pid,state.processes", .cell = cell_processes },
	{ .letter = 'p', .header = "PID", .fields = "state.pid", .cell = cell_pid },
	{ .letter = 'P', .header = "PROFILES", .fields = "profiles", .cell = cell_profiles },
	{ .letter = 's', .header = "STATE", .fields = "status", .cell = cell_status },
	{ .letter = 'S', .header = "SNAPSHOTS", .fields = "snapshots", .cell = cell_snapshots },
	{ .letter = 't', .header = "TYPE", .fields = "type,ephemeral", .cell = cell_type },
	{ .letter = 'u', .header = "CPU USAGE", .fields = "state.cpu", .cell = cell_cpu },
};

static int add_column(struct list_columns *c, const struct list_column *column, struct error *err)
{
	if (c->n == LIST_COLUMNS_MAX)
		return error_set(err, ERROR_INVALID, "more than %d columns", LIST_COLUMNS_MAX);
	c->v[c->n++] = *column;
	return 0;
}

static int add_letter(struct list_columns *c, char letter, struct error *err)
{
	for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++)
		if (columns[i].letter == letter)
			return add_column(c, &columns[i], err);
	return error_set(err, ERROR_INVALID, "unknown column '%c'; see berth list --help", letter);
}

/* KEY[:HEADER[:MAXWIDTH]]; a key has a dot, and may begin with "devices:" or "config:". */
static int add_key(struct list_columns *c, const char *text, struct error *err)
{
	const char *colon = strchr(text, ':');
	struct list_column column = { .fields = "expanded_config,expanded_devices" };
	const char *width;
	int64_t max = 0;

	if (colon && (!strncmp(text, "devices:", 8) || !strncmp(text, "config:", 7)))
		colon = strchr(colon + 1, ':');
	width = colon ? strchr(colon + 1, ':') : NULL;
	if (width && units_parse_int(width + 1, 0, 1000, &max, err) < 0)
		return error_wrap(err, "column '%s'", text);
	if (!strncmp(text, "config:", 7))
		text += 7;
	column.key = colon ? mem_strndup(text, (size_t)(colon - text)) : mem_strdup(text);
	if (colon && colon[1] && colon + 1 != width)
		column.own_header =
		    width ? mem_strndup(colon + 1, (size_t)(width - colon - 1)) : mem_strdup(colon + 1);
	column.header = column.own_header ? column.own_header : column.key;
	column.max_width = (size_t)max;
	if (add_column(c, &column, err) == 0)
		return 0;
	free(column.key);
	free(column.own_header);
	return -1;
}

int list_columns_parse(struct list_columns *c, const char *text, struct error *err)
{
	AUTO_FREE char *copy = mem_strdup(text);
	char *rest = NULL;
	int rc = 0;

	for (char *word = strtok_r(copy, ",", &rest); word && rc == 0; word = strtok_r(NULL, ",", &rest)) {
		if (strchr(word, '.'))
			rc = add_key(c, word, err);
		else
			for (; *word && rc == 0; word++)
				rc = add_letter(c, *word, err);
	}
	if (rc == 0 && c->n == 0)
		return error_set(err, ERROR_INVALID, "no column is given");
	return rc;
}

void list_columns_clear(struct list_columns *c)
{
	for (size_t i = 0; i < c->n; i++) {
		free(c->v[i].key);
		free(c->v[i].own_header);
	}
	c->n = 0;
}

char *list_columns_fields(const struct list_columns *c)
{
	struct strbuf out = STRBUF_INIT;

	strbuf_addstr(&out, "name");
	for (size_t i = 0; i < c->n; i++)
		strbuf_addf(&out, ",%s", c->v[i].fields);
	return strbuf_detach(&out);
}

static const char *key_value(const char *key, const cJSON *instance)
{
	const char *dot;
	AUTO_FREE char *device = NULL;

	if (strncmp(key, "devices:", 8) != 0)
		return json_str_or(json_obj(instance, "expanded_config"), key, "");
	dot = strchr(key + 8, '.');
	if (!dot)
		return "";
	device = mem_strndup(key + 8, (size_t)(dot - key - 8));
	return json_str_or(json_obj(json_obj(instance, "expanded_devices"), device), dot + 1, "");
}

void list_column_cell(const struct list_column *c, const cJSON *instance, struct strbuf *out)
{
	if (c->cell)
		c->cell(instance, out);
	else
		strbuf_addstr(out, key_value(c->key, instance));
	if (c->max_width > 0 && out->len > c->max_width)
		strbuf_truncate(out, c->max_width);
}
