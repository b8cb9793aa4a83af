/* SPDX-License-Identifier: MIT */
/* Which host ids an instance's ids are. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/units.h"
#include "instance/work.h"
#include "lxc/probe.h"

#define IDMAP_SIZE 65536

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

void idmap_show(const struct berthd *b, cJSON *config)
{
	AUTO_FREE char *text = NULL;
	uint32_t base, size;

	if (json_str(config, "volatile.idmap.base") == NULL)
		return; /* not of our making */
	idmap_of(b, config, &base, &size);
	if (size > 0)
		text = mem_printf("[{\"Isuid\":true,\"Isgid\":false,\"Hostid\":%" PRIu32 ",\"Nsid\":0,\"Maprange\":%" PRIu32 "},"
				  "{\"Isuid\":false,\"Isgid\":true,\"Hostid\":%" PRIu32 ",\"Nsid\":0,\"Maprange\":%" PRIu32 "}]",
				  base, size, base, size);
	for (size_t i = 0; i < sizeof(maps) / sizeof(maps[0]); i++)
		json_set_str(config, maps[i], text != NULL ? text : "[]");
	json_set_str(config, disk, "[]");
}

/* A range that must not be touched, and where what touched one ends. */
struct search {
	const char *own_name;
	uint64_t base, size, shared;
	uint64_t end;
	bool hit;
};

static void compare(struct search *s, const char *name, const cJSON *config)
{
	uint64_t first = (uint64_t)number(config, "volatile.idmap.base", 0);
	uint64_t len = (uint64_t)number(config, "volatile.idmap.size", 0);

	if (s->hit || strcmp(name, s->own_name) == 0 || first == 0 || first == s->shared)
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

/* Does [base, base+size) touch the range of any other isolated instance, or the shared one? Gives where that one ends. */
static bool taken(struct berthd *b, const char *own_name, uint64_t base, uint64_t size, uint64_t *ret_end)
{
	struct search s = { .own_name = own_name, .base = base, .size = size, .shared = b->probe->idmap_base };
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

int idmap_assign(struct berthd *b, cJSON *desired, const cJSON *expanded, const char *own_name, struct error *err)
{
	cJSON *config = json_obj(desired, "config");
	uint64_t base, size;

	if (is_true(expanded, "security.privileged")) {
		json_set_str(config, "volatile.idmap.base", "0");
		json_set_str(config, "volatile.idmap.size", "0");
		return 0;
	}
	if (b->probe->idmap_size < IDMAP_SIZE)
		probe_subids(b->probe);
	if (b->probe->idmap_size < IDMAP_SIZE)
		return error_set(err, ERROR_UNSUPPORTED,
				 "root has no range of %d subordinate ids in /etc/subuid and /etc/subgid: run "
				 "berth host init (or set security.privileged=true)", IDMAP_SIZE);
	if (pick(b, expanded, own_name, &base, &size, err) < 0)
		return -1;
	json_set_strf(config, "volatile.idmap.base", "%llu", (unsigned long long)base);
	json_set_strf(config, "volatile.idmap.size", "%llu", (unsigned long long)size);
	return 0;
}
