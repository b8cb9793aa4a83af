/* SPDX-License-Identifier: MIT */
#include "base/raw_idmap.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define WORDS "Failed to get ID map: "
#define ID_MAX 4294967294u /* the next one is "no id" to the kernel */

enum { SHOWN = 80 };

struct span {
	uint32_t first, len;
};

/* What a line is shown as: one line, of a length to read. */
static int refuse(const char *what, const char *text, size_t len, struct error *err)
{
	char show[SHOWN + 1];
	size_t n = len < SHOWN ? len : SHOWN;

	for (size_t i = 0; i < n; i++)
		show[i] = text[i] < ' ' || text[i] > '~' ? '?' : text[i];
	show[n] = '\0';
	return error_set(err, ERROR_INVALID, WORDS "%s \"%s\"", what, show);
}

/* Digits alone; moves on. */
static int parse_id(const char **p, uint32_t max, uint32_t *ret)
{
	uint64_t n = 0;
	const char *s = *p;

	for (; *s >= '0' && *s <= '9' && n <= max; s++)
		n = n * 10 + (uint64_t)(*s - '0');
	if (s == *p || n > max)
		return -1;
	*p = s;
	*ret = (uint32_t)n;
	return 0;
}

/* "1000" or "1000-1009", of len characters. */
static int parse_span(const char *text, size_t len, struct span *ret, struct error *err)
{
	const char *p = text;
	uint32_t last;

	if (parse_id(&p, ID_MAX, &ret->first) < 0)
		return refuse("Invalid ID map range: ids are numbers from 0 to 4294967294, not", text, len, err);
	last = ret->first;
	if (*p == '-') {
		p++;
		if (parse_id(&p, ID_MAX, &last) < 0)
			return refuse("Invalid ID map range: ids are numbers from 0 to 4294967294, not", text, len, err);
	}
	if ((size_t)(p - text) != len)
		return refuse("Invalid ID Map range", text, len, err);
	if (last < ret->first)
		return refuse("Invalid ID map range: it ends before it begins:", text, len, err);
	ret->len = last - ret->first + 1;
	return 0;
}

static bool is_word(const char *text, size_t len, const char *word)
{
	return strlen(word) == len && strncmp(text, word, len) == 0;
}

static int parse_line(const char *line, size_t len, struct raw_idmap_entry *ret, struct error *err)
{
	const char *end = line + len, *one = memchr(line, ' ', len), *two;
	struct span host, ns;

	two = one != NULL ? memchr(one + 1, ' ', (size_t)(end - one - 1)) : NULL;
	if (two == NULL || memchr(two + 1, ' ', (size_t)(end - two - 1)) != NULL)
		return refuse("Invalid ID map line", line, len, err);
	if (parse_span(one + 1, (size_t)(two - one - 1), &host, err) < 0 ||
	    parse_span(two + 1, (size_t)(end - two - 1), &ns, err) < 0)
		return -1;
	if (host.len != ns.len)
		return refuse("The ID map ranges are of different sizes", line, len, err);
	if (host.first == 0)
		return refuse("The host's root cannot be mapped (security.privileged is for that)", line, len, err);
	ret->uid = is_word(line, (size_t)(one - line), "uid") || is_word(line, (size_t)(one - line), "both");
	ret->gid = is_word(line, (size_t)(one - line), "gid") || is_word(line, (size_t)(one - line), "both");
	if (!ret->uid && !ret->gid)
		return refuse("Invalid ID map type", line, len, err);
	ret->host = host.first;
	ret->ns = ns.first;
	ret->len = host.len;
	return 0;
}

static int check_twice(const struct raw_idmap *raw, struct error *err)
{
	struct id_extents ignored;

	return raw_idmap_extents(raw, 0, 0, false, &ignored, err) < 0 ? -1 : raw_idmap_extents(raw, 0, 0, true, &ignored, err);
}

int raw_idmap_parse(const char *text, struct raw_idmap *ret, struct error *err)
{
	ret->n = 0;
	while (*text != '\0') {
		size_t len = strcspn(text, "\n");

		if (len > 0 && ret->n == RAW_IDMAP_MAX)
			return error_set(err, ERROR_INVALID, WORDS "Too many lines: at most %d", RAW_IDMAP_MAX);
		if (len > 0 && parse_line(text, len, &ret->v[ret->n++], err) < 0)
			return -1;
		text += len + (text[len] == '\n');
	}
	return check_twice(ret, err);
}

/* ---- as one word */

void raw_idmap_print(const struct raw_idmap *raw, struct strbuf *out)
{
	for (size_t i = 0; i < raw->n; i++) {
		const struct raw_idmap_entry *e = &raw->v[i];

		strbuf_addf(out, "%s%c%" PRIu32 ":%" PRIu32 ":%" PRIu32, i > 0 ? "," : "", e->uid && e->gid ? 'b' : e->uid ? 'u' : 'g',
			    e->host, e->ns, e->len);
	}
}

static int scan_entry(const char **p, struct raw_idmap_entry *ret)
{
	char kind = *(*p)++;

	ret->uid = kind == 'b' || kind == 'u';
	ret->gid = kind == 'b' || kind == 'g';
	if ((!ret->uid && !ret->gid) || parse_id(p, ID_MAX, &ret->host) < 0 || *(*p)++ != ':' ||
	    parse_id(p, ID_MAX, &ret->ns) < 0 || *(*p)++ != ':' || parse_id(p, ID_MAX, &ret->len) < 0)
		return -1;
	return ret->len > 0 && ret->host > 0 && ID_MAX - ret->host >= ret->len - 1 && ID_MAX - ret->ns >= ret->len - 1 ? 0 : -1;
}

int raw_idmap_scan(const char *word, struct raw_idmap *ret, struct error *err)
{
	const char *p = word;

	ret->n = 0;
	while (*p != '\0') {
		if (ret->n == RAW_IDMAP_MAX || scan_entry(&p, &ret->v[ret->n++]) < 0 || (*p != ',' && *p != '\0') ||
		    (*p == ',' && p[1] == '\0'))
			return error_set(err, ERROR_INVALID, "invalid id map '%.80s': must be KIND HOST:ID:LENGTH, with commas between them",
					 word);
		p += *p == ',';
	}
	return check_twice(ret, err);
}

/* ---- a whole map */

static void add(struct id_extents *to, uint64_t ns, uint64_t host, uint64_t len)
{
	if (len > 0)
		to->v[to->n++] = (struct id_extent){ (uint32_t)ns, (uint32_t)host, (uint32_t)len };
}

/* Takes the ids of e out of all that is there. */
static void punch(struct id_extents *map, const struct raw_idmap_entry *e)
{
	const struct id_extents was = *map;
	uint64_t first = e->ns, end = first + e->len;

	map->n = 0;
	for (size_t i = 0; i < was.n; i++) {
		uint64_t ns = was.v[i].ns, ns_end = ns + was.v[i].len, host = was.v[i].host;
		uint64_t low_end = ns_end < first ? ns_end : first, high = ns > end ? ns : end;

		add(map, ns, host, low_end > ns ? low_end - ns : 0);
		add(map, high, host + (high - ns), ns_end > high ? ns_end - high : 0);
	}
}

static int by_ns(const void *a, const void *b)
{
	const struct id_extent *left = a, *right = b;

	return left->ns < right->ns ? -1 : left->ns > right->ns;
}

static int check_hosts(const struct id_extents *map, struct error *err)
{
	for (size_t i = 0; i < map->n; i++) {
		const struct id_extent *a = &map->v[i];

		for (size_t j = i + 1; j < map->n; j++) {
			const struct id_extent *b = &map->v[j];

			if ((uint64_t)a->host < (uint64_t)b->host + b->len && (uint64_t)b->host < (uint64_t)a->host + a->len)
				return error_set(err, ERROR_INVALID, WORDS "Host id is in the range of subids: %" PRIu32 " would be two ids of "
						 "the instance", a->host > b->host ? a->host : b->host);
		}
	}
	return 0;
}

int raw_idmap_extents(const struct raw_idmap *raw, uint32_t base, uint32_t size, bool groups, struct id_extents *ret,
		      struct error *err)
{
	ret->n = 0;
	add(ret, 0, base, size);
	for (size_t i = 0; i < raw->n; i++) {
		const struct raw_idmap_entry *e = &raw->v[i];

		if (groups ? !e->gid : !e->uid)
			continue;
		punch(ret, e);
		add(ret, e->ns, e->host, e->len);
	}
	qsort(ret->v, ret->n, sizeof(ret->v[0]), by_ns);
	return check_hosts(ret, err);
}

bool id_extents_find(const struct id_extents *map, uint32_t ns, uint32_t *ret)
{
	for (size_t i = 0; i < map->n; i++) {
		const struct id_extent *e = &map->v[i];

		if (ns >= e->ns && ns - e->ns < e->len) {
			*ret = e->host + (ns - e->ns);
			return true;
		}
	}
	return false;
}
