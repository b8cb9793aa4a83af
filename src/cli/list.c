/* SPDX-License-Identifier: MIT */
#include "cli/list.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "cli/cli.h"

#define COLUMNS_DEFAULT "ns46tS"
#define COLUMNS_FAST "nsacPt"

struct list {
	enum format format;
	struct list_columns columns;
	char *const *filters;
	int n_filters;
};

/* fields= is berthd's own: other servers send everything, which does no harm. */
static cJSON *fetch(struct cli *cli, const struct list *l, struct error *err)
{
	bool whole = l->format == FORMAT_JSON || l->format == FORMAT_YAML ||
		     !list_filter_members_only(l->filters, l->n_filters);
	AUTO_FREE char *fields = whole ? NULL : list_columns_fields(&l->columns);
	bool state = whole || strstr(fields, "state.") || strstr(fields, "snapshots");
	AUTO_FREE char *filter = list_filter_server(l->filters, l->n_filters);
	AUTO_FREE char *escaped = filter ? client_escape(filter) : NULL;
	AUTO_FREE char *path = mem_printf("/1.0/instances?recursion=%d%s%s%s%s%s", state ? 2 : 1,
					  escaped ? "&filter=" : "", escaped ? escaped : "",
					  fields ? "&fields=" : "", fields ? fields : "",
					  fields && l->n_filters > 0 ?
					  ",status,type,architecture,location,description" : "");

	return client_get(cli->client, path, NULL, err);
}

/* Drops what does not pass the filters. */
static void apply_filters(const struct list *l, cJSON *instances)
{
	cJSON *next;

	for (cJSON *i = instances->child; i; i = next) {
		next = i->next;
		if (!list_filter_match(l->filters, l->n_filters, i))
			cJSON_Delete(cJSON_DetachItemViaPointer(instances, i));
	}
}

static void add_row(struct table *t, const struct list *l, const cJSON *instance, struct strbuf *cells)
{
	const char *texts[LIST_COLUMNS_MAX];

	for (size_t i = 0; i < l->columns.n; i++) {
		strbuf_reset(&cells[i]);
		list_column_cell(&l->columns.v[i], instance, &cells[i]);
		texts[i] = cells[i].buf;
	}
	table_row(t, texts);
}

static int print(const struct list *l, const cJSON *instances, struct error *err)
{
	const char *headers[LIST_COLUMNS_MAX];
	struct strbuf cells[LIST_COLUMNS_MAX];
	struct table *t;
	const cJSON *i;
	int rc;

	for (size_t c = 0; c < l->columns.n; c++) {
		headers[c] = l->columns.v[c].header;
		strbuf_init(&cells[c]);
	}
	t = table_new(headers, l->columns.n);
	if (l->format != FORMAT_JSON && l->format != FORMAT_YAML)
		cJSON_ArrayForEach(i, instances)
			add_row(t, l, i, cells);
	rc = table_print(t, l->format, instances, err);
	for (size_t c = 0; c < l->columns.n; c++)
		strbuf_clear(&cells[c]);
	table_free(t);
	return rc;
}

static int run_parsed(struct cli *cli, struct list *l, struct error *err)
{
	AUTO_JSON cJSON *instances = fetch(cli, l, err);

	if (!instances)
		return -1;
	if (!cJSON_IsArray(instances))
		return error_set(err, ERROR_TOOL, "the answer of berthd is no list of instances");
	apply_filters(l, instances);
	return print(l, instances, err);
}

static int list_run(struct cli *cli, int argc, char **argv, struct error *err)
{
	static const struct option options[] = {
		{ "columns", required_argument, NULL, 'c' },
		{ "format", required_argument, NULL, 'f' },
		{ "fast", no_argument, NULL, 1 },
		{ "all-projects", no_argument, NULL, 2 }, /* of lxc: there is one */
		{ 0 },
	};
	struct list l = { .format = FORMAT_TABLE };
	const char *columns = COLUMNS_DEFAULT;
	int opt, rc;

	while ((opt = cli_getopt(cli, argc, argv, "c:f:", options)) != -1) {
		if (opt == '?')
			return CLI_USAGE;
		if (opt == 'f' && format_parse(optarg, &l.format, err) < 0)
			return cli_usage(cli, "%s", err->msg);
		if (opt == 'c' || opt == 1)
			columns = opt == 'c' ? optarg : COLUMNS_FAST;
	}
	if (optind < argc && !strcmp(argv[optind], "local:"))
		optind++;
	l.filters = argv + optind;
	l.n_filters = argc - optind;
	if (list_columns_parse(&l.columns, columns, err) < 0)
		rc = cli_usage(cli, "%s", err->msg);
	else
		rc = run_parsed(cli, &l, err);
	list_columns_clear(&l.columns);
	return rc;
}

static const char *const aliases[] = { "ls", NULL };

const struct command cmd_list = {
	.name = "list",
	.args = "[<filter>...] [flags]",
	.summary = "List instances",
	.options = "  -c, --columns COLUMNS   Which columns (default " COLUMNS_DEFAULT ")\n"
		   "      --fast              The same as -c " COLUMNS_FAST ": without live figures\n"
		   "  -f, --format FORMAT     table, compact, json, csv or yaml (default table)\n"
		   "\nA filter is a prefix of the name, a regular expression of it, or KEY=VALUE.\n"
		   "status, type, architecture, location, ipv4 and ipv6 take VALUE,VALUE,...; addresses\n"
		   "also ADDRESS/LENGTH. All filters must hold.\n\n"
		   LIST_COLUMNS_HELP,
	.examples = "  berth list\n"
		    "  berth list web status=running,frozen\n"
		    "  berth list user.role=db -c ns4,limits.memory\n"
		    "  berth list --format csv -c n4\n",
	.run = list_run,
	.aliases = aliases,
	.complete = "instance",
};
