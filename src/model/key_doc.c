/* SPDX-License-Identifier: MIT */
#include "model/key_doc.h"

#include <string.h>

#include "model/key.h"
#include "model/key_refused.h"

static const char *const live_words[] = {
	[KEY_LIVE_APPLY] = "at once",
	[KEY_LIVE_NOTHING] = "no matter",
	[KEY_LIVE_RESTART] = "after a restart",
};

static const char intro[] =
	"# Configuration keys and devices\n"
	"\n"
	"Made from the tables in src/model by `make doc/config-keys.md`: change them there.\n"
	"\n"
	"*Takes effect* says when a change reaches a running instance: at once, after a restart (until then "
	"it is\n"
	"listed as pending), or no matter (nothing that runs depends on it). An empty value means unset. "
	"Values are\n"
	"one line without control characters, except those of type text.\n"
	"\n"
	"## Keys\n"
	"\n"
	"| key | type | unset means | takes effect | |\n"
	"|---|---|---|---|---|\n";

/* Text in a cell: a '|' would end it. */
static void cell(struct strbuf *out, const char *text)
{
	for (; *text; text++)
		strbuf_addf(out, *text == '|' ? "\\%c" : "%c", *text);
}

static void add_keys(struct strbuf *out)
{
	for (const struct config_key *k = config_keys; k->name; k++) {
		strbuf_addf(out, "| `%s` | %s | ", k->name, k->type);
		cell(out, k->def);
		strbuf_addf(out, " | %s | ", live_words[k->live]);
		cell(out, k->doc);
		strbuf_addstr(out, " |\n");
	}
}

static void add_refused(struct strbuf *out)
{
	strbuf_addstr(out, "\n## Keys of LXD's that are refused\n\n"
			   "The value that an unset key stands for is taken.\n\n| key | taken | why |\n|---|---|---|\n");
	for (const struct key_refused *k = keys_refused; k->name; k++) {
		strbuf_addf(out, "| `%s` | %s | ", k->name, k->harmless ? k->harmless : "");
		cell(out, k->reason);
		strbuf_addstr(out, " |\n");
	}
}

static void add_type(struct strbuf *out, const struct device_type *type)
{
	strbuf_addf(out, "\n### %s\n\n%s\n", type->name, type->doc);
	if (!type->properties->name)
		return;
	strbuf_addstr(out, "\n| option | type | takes effect | |\n|---|---|---|---|\n");
	for (const struct device_property *p = type->properties; p->name; p++) {
		strbuf_addf(out, "| `%s`%s | %s | %s | ", p->name, p->required ? " (required)" : "", p->type,
			    live_words[p->live]);
		cell(out, p->doc);
		strbuf_addstr(out, " |\n");
	}
}

void key_doc(struct strbuf *out)
{
	strbuf_addstr(out, intro);
	add_keys(out);
	add_refused(out);
	strbuf_addstr(out, "\n## Devices\n\n"
			   "A device's name has 1 to 63 letters, digits, `.`, `_` and `-`, and no `.` in front: a volume with another name is "
			   "attached as\n`lxc storage volume attach POOL 'my data' c1 data /srv`. Every device has a `type`. "
			   "Adding or removing one takes effect at once, except physical nics, unix devices\nof privileged instances and disks with `recursive` or "
			   "`propagation`: after a restart.\n");
	for (const struct device_type *type = device_types; type->name; type++)
		add_type(out, type);
}
