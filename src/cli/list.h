/* SPDX-License-Identifier: MIT */
/* Columns and filters of `berth list`. */
#ifndef BERTH_CLI_LIST_H
#define BERTH_CLI_LIST_H

#include <cjson/cJSON.h>
#include <stdbool.h>

#include "base/error.h"
#include "base/strbuf.h"

struct list_column {
	char letter;        /* 0: a configuration key or device setting */
	const char *header;
	const char *fields; /* members of an instance it shows, for fields= */
	void (*cell)(const cJSON *instance, struct strbuf *out); /* NULL: key */
	char *key;          /* "user.role", "devices:eth0.parent" */
	char *own_header;
	size_t max_width;   /* 0: any */
};

#define LIST_COLUMNS_MAX 64

struct list_columns {
	struct list_column v[LIST_COLUMNS_MAX];
	size_t n;
};

/* "ns46", "n,user.role:ROLE:10,s": letters, and keys as KEY[:HEADER[:MAXWIDTH]]. */
int list_columns_parse(struct list_columns *c, const char *text, struct error *err);
void list_columns_clear(struct list_columns *c);
/* The members of an instance that the columns show, with its name: berthd's fields=. Caller frees. */
char *list_columns_fields(const struct list_columns *c);
void list_column_cell(const struct list_column *c, const cJSON *instance, struct strbuf *out);

#define LIST_COLUMNS_HELP                                                                                \
	"Columns (-c):\n"                                                                                \
	"  4 IPv4 addresses      6 IPv6 addresses     a architecture       b storage pool\n"             \
	"  c created             d description        D disk usage         e project\n"                  \
	"  f base image          F its fingerprint    l last used          L location\n"                 \
	"  m memory usage        M in % of its limit  n name               N processes\n"                \
	"  p PID                 P profiles           s state              S snapshots\n"                \
	"  t type                u CPU usage\n"                                                          \
	"  A key is a column too: -c ns,user.role,limits.memory:LIMIT:10,devices:eth0.parent\n"

/* Whether an instance passes all filters: a prefix or pattern of its name, or key=value. */
bool list_filter_match(char *const *filters, int n, const cJSON *instance);
/* Whether the filters look at nothing but name, status, type, architecture, location and description. */
bool list_filter_members_only(char *const *filters, int n);
/* The part that the server can do, as the value of filter= ("status eq running"); NULL: none. Caller frees.
 */
char *list_filter_server(char *const *filters, int n);

#endif
