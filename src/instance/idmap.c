/* SPDX-License-Identifier: MIT */
/* Which host ids an instance's ids are. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/raw_idmap.h"
#include "base/strbuf.h"
#include "base/units.h"
#include "instance/work.h"
#include "lxc/probe.h"
#include "lxc/subid.h"

#define IDMAP_SIZE 65536
#define RAW "volatile.idmap.raw"
#define WORDS "Failed to get ID map: "

static bool is_true(const cJSON *config, const char *key)
{
	const char *s = json_str(config, key);
	struct error err = ERROR_INIT;
	int v = 0;

	return s != NULL && units_parse_bool(s, &v, &err) == 0 && v;
}

static int64_t number(const cJSON *config, const char *key, int64_t def)
{
	const char *s = json_str(config, key);

	return s != NULL ? strtoll(s, NULL, 10) : def;
}

void idmap_of(const struct berthd *b, const cJSON *config, uint32_t *ret_base, uint32_t *ret_size)
{
	const char *own = json_str(config, "volatile.idmap.base");

	/* what its files have counts: a change waits for the next start (shift.h) */
	if (own != NULL ? strcmp(own, "0") == 0 : is_true(config, "security.privileged")) {
		*ret_base = 0;
		*ret_size = 0;
		return;
	}
	*ret_base = (uint32_t)number(config, "volatile.idmap.base", b->probe->idmap_base);
	*ret_size = (uint32_t)number(config, "volatile.idmap.size", IDMAP_SIZE);
}

/* ---- as LXD says it */

static const char *const maps[] = { "volatile.idmap.current", "volatile.idmap.next" };
static const char disk[] = "volatile.last_state.idmap";

bool idmap_is_shown(const char *key)
{
	return strcmp(key, maps[0]) == 0 || strcmp(key, maps[1]) == 0 || strcmp(key, disk) == 0;
}

static void add_map(struct strbuf *out, const struct raw_idmap *raw, uint32_t base, uint32_t size, bool groups)
{
	struct error ignored = ERROR_INIT;
	struct id_extents map;

	if (raw_idmap_extents(raw, base, size, groups, &map, &ignored) < 0)
		return;
	for (size_t i = 0; i < map.n; i++)
		strbuf_addf(out, "%s{\"Isuid\":%s,\"Isgid\":%s,\"Hostid\":%" PRIu32 ",\"Nsid\":%" PRIu32 ",\"Maprange\":%" PRIu32 "}",
			    out->len > 1 ? "," : "", groups ? "false" : "true", groups ? "true" : "false", map.v[i].host, map.v[i].ns,
			    map.v[i].len);
}

void idmap_show(const struct berthd *b, cJSON *config)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT;
	struct error ignored = ERROR_INIT;
	struct raw_idmap raw;
	uint32_t base, size;

	if (json_str(config, "volatile.idmap.base") == NULL)
		return; /* not of our making */
	idmap_of(b, config, &base, &size);
	if (raw_idmap_scan(json_str_or(config, RAW, ""), &raw, &ignored) < 0)
		raw.n = 0;
	strbuf_addch(&text, '[');
	if (size > 0) {
		add_map(&text, &raw, base, size, false);
		add_map(&text, &raw, base, size, true);
	}
	strbuf_addch(&text, ']');
	for (size_t i = 0; i < sizeof(maps) / sizeof(maps[0]); i++)
		json_set_str(config, maps[i], text.buf);
	json_set_str(config, disk, "[]");
}

enum { SUBIDS_MAX = 1 << 20 };

/* A range that must not be touched, and where what touched one ends. */
struct search {
	const char *own_name;
	uint64_t base, size, shared;
	uint64_t end;
	bool hit;
	bool raw; /* ids of raw.idmap count too: for a range; several instances may share such an id */
};

/* Ids of raw.idmap lie in a range only if /etc/subuid has changed since. */
static void compare_raw(struct search *s, const cJSON *config)
{
	struct error ignored = ERROR_INIT;
	struct raw_idmap raw;

	if (!s->raw || raw_idmap_scan(json_str_or(config, RAW, ""), &raw, &ignored) < 0)
		return;
	for (size_t i = 0; i < raw.n && !s->hit; i++) {
		s->end = (uint64_t)raw.v[i].host + raw.v[i].len;
		s->hit = s->base < s->end && s->base + s->size > raw.v[i].host;
	}
}

static void compare(struct search *s, const char *name, const cJSON *config)
{
	uint64_t first = (uint64_t)number(config, "volatile.idmap.base", 0);
	uint64_t len = (uint64_t)number(config, "volatile.idmap.size", 0);

	if (s->hit || strcmp(name, s->own_name) == 0)
		return;
	compare_raw(s, config);
	if (s->hit || first == 0 || first == s->shared)
		return;
	s->hit = s->base < first + len && s->base + s->size > first;
	s->end = first + len;
}

/* Instances being made, and changes that wait for their turn, are in no registry yet. */
static void compare_op(struct op *op, void *data)
{
	cJSON *args = op_args(op);
	const char *name = json_str_or(args, "name", "");

	if (op_final(op))
		return;
	compare(data, name, json_obj(json_obj(args, "desired"), "config"));
	compare(data, name, json_obj(json_obj(args, "new"), "config"));
}

static bool taken_by(struct berthd *b, const char *own_name, uint64_t base, uint64_t size, bool raw, uint64_t *ret_end)
{
	struct search s = { .own_name = own_name, .base = base, .size = size, .shared = b->probe->idmap_base, .raw = raw };
	const char **names;

	*ret_end = s.shared + IDMAP_SIZE;
	if (base < *ret_end && base + size > s.shared)
		return true;
	names = registry_names(b->registry);
	for (const char **n = names; *n != NULL && !s.hit; n++)
		compare(&s, *n, json_obj(registry_get(b->registry, *n)->desired, "config"));
	free(names);
	op_foreach(b->ops, compare_op, &s);
	*ret_end = s.end;
	return s.hit;
}

/*
 * Does [base, base+size) touch the range of any other isolated instance, the shared one, or an id of raw.idmap? Gives where
 * that one ends.
 */
static bool taken(struct berthd *b, const char *own_name, uint64_t base, uint64_t size, uint64_t *ret_end)
{
	return taken_by(b, own_name, base, size, true, ret_end);
}

static int find_free(struct berthd *b, const char *own_name, uint64_t size, uint64_t *ret, struct error *err)
{
	uint64_t first = b->probe->idmap_base, end = first + b->probe->idmap_size, next;

	for (uint64_t base = first; base + size <= end; base = next) {
		if (!taken(b, own_name, base, size, &next)) {
			*ret = base;
			return 0;
		}
	}
	return error_set(err, ERROR_CONFLICT,
			 "no %llu free subordinate ids left for an isolated instance: enlarge root's range in "
			 "/etc/subuid and /etc/subgid", (unsigned long long)size);
}

/* The range it has already stays its own for as long as it fits: its files lie there. */
static bool keeps(struct berthd *b, const cJSON *config, const char *own_name, uint64_t size, uint64_t *ret)
{
	uint64_t base = (uint64_t)number(config, "volatile.idmap.base", 0), other;

	if (base == 0 || (uint64_t)number(config, "volatile.idmap.size", 0) != size ||
	    taken(b, own_name, base, size, &other))
		return false;
	*ret = base;
	return true;
}

static int pick(struct berthd *b, const cJSON *config, const char *own_name, uint64_t *base, uint64_t *size,
		struct error *err)
{
	uint64_t first = b->probe->idmap_base, end = first + b->probe->idmap_size, other;

	*base = first;
	*size = IDMAP_SIZE; /* security.idmap.size and .base are of isolated ones */
	if (!is_true(config, "security.idmap.isolated"))
		return 0;
	*size = (uint64_t)number(config, "security.idmap.size", IDMAP_SIZE);
	if (json_str(config, "security.idmap.base") == NULL)
		return keeps(b, config, own_name, *size, base) ? 0 : find_free(b, own_name, *size, base, err);
	*base = (uint64_t)number(config, "security.idmap.base", 0);
	if (*base < first || *base + *size > end)
		return error_set(err, ERROR_INVALID,
				 "security.idmap.base %llu with %llu ids lies outside root's range %llu-%llu of "
				 "/etc/subuid", (unsigned long long)*base, (unsigned long long)*size,
				 (unsigned long long)first, (unsigned long long)end - 1);
	if (taken(b, own_name, *base, *size, &other))
		return error_set(err, ERROR_CONFLICT, "security.idmap.base %llu overlaps ids of another instance",
				 (unsigned long long)*base);
	return 0;
}

/* ---- raw.idmap */

/*
 * Every range is taken out of root's large one, now or later: an id of that would be two instances'. What lies outside
 * of it may be a range's only if /etc/subuid has changed.
 */
static int check_host(struct berthd *b, const char *own_name, const struct raw_idmap_entry *e, struct error *err)
{
	uint64_t first = b->probe->idmap_base, end = first + b->probe->idmap_size, other;

	if ((e->host < end && (uint64_t)e->host + e->len > first) || taken_by(b, own_name, e->host, e->len, false, &other))
		return error_set(err, ERROR_INVALID, WORDS "Host id is in the range of subids: raw.idmap takes %u, but %llu-%llu are "
				 "for the ranges of instances", e->host, (unsigned long long)first, (unsigned long long)end - 1);
	return 0;
}

static int check_entry(struct berthd *b, const char *own_name, uint64_t size, const struct raw_idmap_entry *e, struct error *err)
{
	if ((uint64_t)e->ns + e->len > size)
		return error_set(err, ERROR_INVALID, WORDS "raw.idmap maps the instance's id %u, which has ids 0-%llu "
				 "(security.idmap.isolated and security.idmap.size give it more)", e->ns + e->len - 1,
				 (unsigned long long)size - 1);
	return check_host(b, own_name, e, err);
}

/*
 * LXC walks into the folder of an instance on overlay as its group 0 (config.c). Nobody else's may be given that: in there
 * lie the files as the host has them, setuid ones too.
 */
static bool maps_group_0(const struct raw_idmap *raw)
{
	for (size_t i = 0; i < raw->n; i++)
		if (raw->v[i].gid && raw->v[i].ns == 0)
			return true;
	return false;
}

static int assign_raw(struct berthd *b, cJSON *desired, const cJSON *expanded, const char *own_name, uint32_t base, uint32_t size,
		      struct error *err)
{
	cJSON *config = json_obj(desired, "config");
	AUTO_STRBUF struct strbuf text = STRBUF_INIT;
	struct id_extents ignored;
	struct raw_idmap raw;

	if (raw_idmap_parse(json_str_or(expanded, "raw.idmap", ""), &raw, err) < 0 ||
	    raw_idmap_extents(&raw, base, size, false, &ignored, err) < 0 || raw_idmap_extents(&raw, base, size, true, &ignored, err) < 0)
		return -1;
	if (raw.n > 0 && !b->probe->idmapped_mounts)
		return error_set(err, ERROR_UNSUPPORTED, "raw.idmap needs idmapped mounts, which this kernel or the file system of the "
				 "instances does not have");
	for (size_t i = 0; i < raw.n; i++)
		if (check_entry(b, own_name, size, &raw.v[i], err) < 0)
			return -1;
	if (maps_group_0(&raw) && strcmp(json_str_or(desired, "driver", ""), "overlay") == 0)
		return error_set(err, ERROR_UNSUPPORTED, WORDS "raw.idmap maps the instance's group 0, which the storage driver overlay "
				 "cannot: the host's group would have to get into the instance's folder (a storage pool of the driver "
				 "dir can)");
	raw_idmap_print(&raw, &text);
	json_set_str(config, RAW, raw.n > 0 ? text.buf : NULL);
	return 0;
}

static int check_file(const struct raw_idmap *raw, const char *path, bool groups, struct error *err)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT;

	if (fs_read_file(path, SUBIDS_MAX, &text, err) < 0)
		return -1;
	for (size_t i = 0; i < raw->n; i++) {
		const struct raw_idmap_entry *e = &raw->v[i];

		if ((groups ? e->gid : e->uid) && !subid_allows(text.buf, e->host, e->len))
			return error_set(err, ERROR_INVALID, "raw.idmap: the host's %s %u is not root's to give: a line 'root:%u:%u' in %s "
					 "makes it so", groups ? "gid" : "uid", e->host, e->host, e->len, path);
	}
	return 0;
}

int idmap_check_granted(const cJSON *config, struct error *err)
{
	struct raw_idmap raw;

	if (raw_idmap_scan(json_str_or(config, RAW, ""), &raw, err) < 0)
		return -1;
	if (raw.n == 0)
		return 0;
	return check_file(&raw, "/etc/subuid", false, err) < 0 ? -1 : check_file(&raw, "/etc/subgid", true, err);
}

int idmap_assign(struct berthd *b, cJSON *desired, const cJSON *expanded, const char *own_name, struct error *err)
{
	cJSON *config = json_obj(desired, "config");
	uint64_t base, size;

	if (is_true(expanded, "security.privileged")) {
		json_set_str(config, "volatile.idmap.base", "0");
		json_set_str(config, "volatile.idmap.size", "0");
		json_set(config, RAW, NULL);
		return 0;
	}
	if (b->probe->idmap_size < IDMAP_SIZE)
		probe_subids(b->probe);
	if (b->probe->idmap_size < IDMAP_SIZE)
		return error_set(err, ERROR_UNSUPPORTED,
				 "root has no range of %d subordinate ids in /etc/subuid and /etc/subgid: run "
				 "berth host init (or set security.privileged=true)", IDMAP_SIZE);
	if (pick(b, expanded, own_name, &base, &size, err) < 0 || assign_raw(b, desired, expanded, own_name, (uint32_t)base, (uint32_t)size, err) < 0)
		return -1;
	json_set_strf(config, "volatile.idmap.base", "%llu", (unsigned long long)base);
	json_set_strf(config, "volatile.idmap.size", "%llu", (unsigned long long)size);
	return 0;
}
