/* SPDX-License-Identifier: MIT */
#include "cli/json_show.h"

#include <stdio.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/strbuf.h"

static void put_indent(struct strbuf *out, int depth)
{
	while (depth-- > 0)
		strbuf_addch(out, '\t');
}

/* As Go's json.MarshalIndent writes it: what lxc query prints. */
static void pretty(struct strbuf *out, const cJSON *v, int depth)
{
	bool object = cJSON_IsObject(v);
	const cJSON *item;

	if ((!object && !cJSON_IsArray(v)) || !v->child) {
		AUTO_FREE char *text = json_text(v);

		strbuf_addstr(out, text);
		return;
	}
	strbuf_addch(out, object ? '{' : '[');
	cJSON_ArrayForEach(item, v) {
		strbuf_addstr(out, item == v->child ? "\n" : ",\n");
		put_indent(out, depth + 1);
		if (object) {
			cJSON key = { .type = cJSON_String, .valuestring = item->string };
			AUTO_FREE char *text = json_text(&key);

			strbuf_addf(out, "%s: ", text);
		}
		pretty(out, item, depth + 1);
	}
	strbuf_addch(out, '\n');
	put_indent(out, depth);
	strbuf_addch(out, object ? '}' : ']');
}

void json_show(const cJSON *v)
{
	AUTO_STRBUF struct strbuf out = STRBUF_INIT;

	pretty(&out, v, 0);
	puts(out.buf);
}
