/* SPDX-License-Identifier: MIT */
/* berth monitor: the events of the daemon as they come. */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "cli/cli.h"

enum monitor_format { MONITOR_YAML, MONITOR_JSON, MONITOR_PRETTY };

struct monitor {
	enum monitor_format format;
	enum log_level level; /* the least grave one that is shown */
	struct error failed;  /* ERROR_NONE while all is well */
};

/* msg="…" with what would break the line quoted. */
static void put_quoted(struct strbuf *out, const char *s)
{
	strbuf_addch(out, '"');
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			strbuf_addf(out, "\\%c", *s);
		else if (*s == '\n')
			strbuf_addstr(out, "\\n");
		else
			strbuf_addch(out, *s);
	}
	strbuf_addch(out, '"');
}

static void put_field(struct strbuf *out, const char *name, const cJSON *value)
{
	AUTO_FREE char *text = cJSON_IsString(value) ? mem_strdup(value->valuestring) : json_text(value);

	strbuf_addf(out, " %s=", name);
	if (text[strcspn(text, " \"\n=")])
		put_quoted(out, text);
	else
		strbuf_addstr(out, text);
}

static void put_fields(struct strbuf *out, const cJSON *map)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, map)
		put_field(out, item->string, item);
}

static void put_operation(struct strbuf *out, const cJSON *m)
{
	static const char *const fields[] = { "status", "may_cancel", "resources", "metadata", "err", NULL };
	AUTO_FREE char *msg = mem_printf("ID: %s, Class: %s, Description: %s", json_str_or(m, "id", ""),
					 json_str_or(m, "class", ""), json_str_or(m, "description", ""));
	const char *const *f;

	put_quoted(out, msg);
	for (f = fields; *f; f++) {
		const cJSON *item = cJSON_GetObjectItemCaseSensitive(m, *f);

		if (item && !cJSON_IsNull(item) && !(cJSON_IsString(item) && !item->valuestring[0]))
			put_field(out, *f, item);
	}
}

static void put_lifecycle(struct strbuf *out, const cJSON *m)
{
	AUTO_FREE char *msg = mem_printf("Action: %s, Source: %s", json_str_or(m, "action", ""),
					 json_str_or(m, "source", ""));

	put_quoted(out, msg);
	put_fields(out, json_obj(m, "context"));
}

/* time="…" level=info msg="…" key=value …, as lxc monitor --pretty; nothing when below the level. */
static void print_pretty(const struct monitor *mon, const cJSON *event)
{
	const cJSON *m = json_obj(event, "metadata");
	const char *type = json_str_or(event, "type", "");
	const char *level = strcmp(type, "logging") == 0 ? json_str_or(m, "level", "info") : "info";
	AUTO_STRBUF struct strbuf out = STRBUF_INIT;
	enum log_level parsed;

	if (log_level_parse(level, &parsed) && parsed > mon->level)
		return;
	strbuf_addf(&out, "time=\"%s\" level=%s msg=", json_str_or(event, "timestamp", ""), level);
	if (strcmp(type, "operation") == 0) {
		put_operation(&out, m);
	} else if (strcmp(type, "lifecycle") == 0) {
		put_lifecycle(&out, m);
	} else {
		put_quoted(&out, json_str_or(m, "message", ""));
		put_fields(&out, json_obj(m, "context"));
	}
	text_print(stdout, out.buf);
	putchar('\n');
}

static bool on_event(const char *text, size_t len, void *data)
{
	struct monitor *mon = data;
	AUTO_JSON cJSON *event = json_parse(text, len, &mon->failed);

	if (!event)
		return false;
	if (mon->format == MONITOR_PRETTY) {
		print_pretty(mon, event);
	} else if (mon->format == MONITOR_JSON) {
		AUTO_FREE char *line = json_text(event);

		puts(line);
	} else {
		json_sort(event);
		if (yaml_print(event, stdout, &mon->failed) < 0)
			return false;
		fputs("\n\n", stdout);
	}
	return fflush(stdout) == 0;
}

static int monitor_format_parse(const char *s, enum monitor_format *ret)
{
	static const char *const names[] = { "yaml", "json", "pretty" };
	int i;

	for (i = 0; i < 3; i++) {
		if (strcmp(s, names[i]) == 0) {
			*ret = (enum monitor_format)i;
			return 0;
		}
	}
	return -1;
}

struct monitor_options {
	struct argv types;
	const char *level;
};

static int parse(struct cli *cli, int argc, char **argv, struct monitor *mon, struct monitor_options *o)
{
	static const struct option options[] = { { "type", required_argument, NULL, 't' },
						 { "format", required_argument, NULL, 'f' },
						 { "pretty", no_argument, NULL, 'p' },
						 { "loglevel", required_argument, NULL, 'l' },
						 { 0 } };
	int c;

	while ((c = cli_getopt(cli, argc, argv, "f:", options)) != -1) {
		if (c == 't') {
			if (strcmp(optarg, "operation") && strcmp(optarg, "lifecycle") && strcmp(optarg, "logging"))
				return cli_usage(cli, "unknown event type '%s': it must be operation, lifecycle or logging",
						 optarg);
			argv_push(&o->types, optarg);
		} else if (c == 'f') {
			if (monitor_format_parse(optarg, &mon->format) < 0)
				return cli_usage(cli, "unknown format '%s': it must be yaml, json or pretty", optarg);
		} else if (c == 'p') {
			mon->format = MONITOR_PRETTY;
		} else if (c == 'l') {
			o->level = optarg;
		} else {
			return CLI_USAGE;
		}
	}
	if (o->level && !log_level_parse(o->level, &mon->level))
		return cli_usage(cli, "unknown log level '%s': it must be error, warning, info or debug", o->level);
	if (o->level && mon->format != MONITOR_PRETTY)
		return cli_usage(cli, "--loglevel can only be used with --pretty");
	return cli_argc(cli, argc, 0, 0);
}

static char *events_path(const struct argv *types)
{
	struct strbuf path = STRBUF_INIT;
	size_t i;

	strbuf_addstr(&path, "/1.0/events");
	for (i = 0; i < types->n; i++)
		strbuf_addf(&path, "%s%s", i ? "," : "?type=", types->v[i]);
	return strbuf_detach(&path);
}

static int monitor(struct cli *cli, int argc, char **argv, struct error *err)
{
	struct monitor mon = { .level = LOG_LEVEL_DEBUG };
	struct monitor_options options = { 0 };
	AUTO_FREE char *path = NULL;
	int rc = parse(cli, argc, argv, &mon, &options);

	if (rc == 0) {
		path = events_path(&options.types);
		rc = client_websocket(cli->client, path, on_event, &mon, err);
	}
	argv_clear(&options.types);
	if (rc == 0 && mon.failed.code != ERROR_NONE)
		return error_set(err, mon.failed.code, "an event cannot be shown: %s", mon.failed.msg);
	return rc;
}

const struct command cmd_monitor = {
	.name = "monitor",
	.args = "",
	.summary = "Show the events of the daemon as they happen",
	.options = "      --type operation|lifecycle|logging      May be given several times; default: all\n"
		   "  -f, --format yaml|json|pretty               Default: yaml\n"
		   "      --pretty                                Short for --format=pretty\n"
		   "      --loglevel error|warning|info|debug     Least level of log messages, with pretty\n",
	.examples = "  berth monitor --type=lifecycle\n"
		    "      Only what happens to instances, images and profiles.\n\n"
		    "  berth monitor --pretty --type=logging --loglevel=info\n"
		    "      The log of the daemon from level info on.\n",
	.run = monitor,
};
