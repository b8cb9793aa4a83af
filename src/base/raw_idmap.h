/* SPDX-License-Identifier: MIT */
/*
 * raw.idmap: ids of an instance that are certain ids of the host, beside its range. Lines "uid|gid|both HOST[-HOST]
 * NS[-NS]". What they map is taken out of the range: the other ids stay where they are. Where two lines map the same id
 * of the instance, the later one counts.
 */
#ifndef BERTH_BASE_RAW_IDMAP_H
#define BERTH_BASE_RAW_IDMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/strbuf.h"

/* The kernel takes a map of less than 4096 bytes: 97 lines of up to 33. */
enum { RAW_IDMAP_MAX = 48 };

struct raw_idmap_entry {
	bool uid, gid; /* for which of them; at least one */
	uint32_t host, ns, len; /* len >= 1; no id is above 4294967294 */
};

struct raw_idmap {
	struct raw_idmap_entry v[RAW_IDMAP_MAX];
	size_t n;
};

/* A whole map, of users or of groups: the instance's ids ns, ns + 1, … are the host's host, host + 1, … */
struct id_extent {
	uint32_t ns, host, len;
};

struct id_extents {
	struct id_extent v[2 * RAW_IDMAP_MAX + 2]; /* one more for who adds one */
	size_t n;
};

/*
 * The value of the key; "" is none. ERROR_INVALID in LXD's words ("Failed to get ID map: Invalid ID map line …") for what
 * is no map, for the host's id 0, and for a host's id that is mapped twice.
 */
int raw_idmap_parse(const char *text, struct raw_idmap *ret, struct error *err);

/* The same as one word for command lines and berth.json, "b1000:1000:1,u5:6:10" (kind, host, ns, length); "" for none. */
void raw_idmap_print(const struct raw_idmap *raw, struct strbuf *out);
int raw_idmap_scan(const char *word, struct raw_idmap *ret, struct error *err);

/*
 * The map of an instance's users (or groups) by ns: its range of size ids from base, of which raw's lines take their
 * part. ERROR_INVALID when a host's id would be two of the instance's.
 */
int raw_idmap_extents(const struct raw_idmap *raw, uint32_t base, uint32_t size, bool groups, struct id_extents *ret,
		      struct error *err);

/* The host's id for one of the instance's; false: it has none. */
bool id_extents_find(const struct id_extents *map, uint32_t ns, uint32_t *ret);

#endif
