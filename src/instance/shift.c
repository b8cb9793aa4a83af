/* SPDX-License-Identifier: MIT */
#include "instance/shift.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/units.h"
#include "model/settings.h"

#define TO "shift_to"

struct map {
	uint32_t base, size; /* 0: none */
};

static const char *const keys[] = { "volatile.idmap.base", "volatile.idmap.size", "volatile.idmap.raw" };

static bool same(struct map a, struct map b)
{
	return a.base == b.base && a.size == b.size;
}

static void copy_keys(cJSON *config, const cJSON *from)
{
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		json_set_str(config, keys[i], json_str(from, keys[i]));
}

static void set_map(cJSON *config, struct map map)
{
	json_set_strf(config, keys[0], "%u", map.base);
	json_set_strf(config, keys[1], "%u", map.size);
}

static struct map map_of(const struct berthd *b, const cJSON *desired)
{
	AUTO_JSON cJSON *config = NULL;
	AUTO_JSON cJSON *devices = NULL;
	struct map map;

	instance_expand(b, desired, &config, &devices);
	idmap_of(b, config, &map.base, &map.size);
	return map;
}

/* Gives desired what its other keys ask for. */
static int assign(struct berthd *b, const char *name, cJSON *desired, const cJSON *expanded, struct map *ret, struct error *err)
{
	if (idmap_assign(b, desired, expanded, name, err) < 0)
		return -1;
	*ret = map_of(b, desired);
	return 0;
}

int shift_defer(struct berthd *b, const struct instance *inst, cJSON *desired, cJSON *expanded, struct error *err)
{
	struct map was = map_of(b, inst->desired), now;
	cJSON *config = json_obj(desired, "config");

	if (assign(b, inst->name, desired, expanded, &now, err) < 0)
		return -1;
	if (!same(was, now))
		set_map(config, was);
	json_set_str(config, keys[2], json_str(json_obj(inst->desired, "config"), keys[2]));
	copy_keys(expanded, config);
	return 0;
}

/* ---- at a start */

struct shifting {
	struct work *w;
	op_fn next;
	struct map to;
};

static void save(struct work *w, struct instance *inst, enum json_write how, struct error *err)
{
	if (err->code == ERROR_NONE)
		(void)registry_save(w->b->registry, inst, how, err);
}

static bool has_own_ids(const struct berthd *b, const struct instance *inst)
{
	return strcmp(json_str_or(inst->desired, "driver", ""), "overlay") == 0 || !b->probe->idmapped_mounts;
}

static bool is_protected(const struct work *w, const struct instance *inst)
{
	AUTO_JSON cJSON *config = NULL;
	AUTO_JSON cJSON *devices = NULL;
	struct error err = ERROR_INIT;
	const char *v;
	int on = 0;

	instance_expand(w->b, inst->desired, &config, &devices);
	v = json_str(config, "security.protection.shift");
	return v != NULL && units_parse_bool(v, &on, &err) == 0 && on;
}

/* The map that desired asks for: the keys that name the present one do not count. */
static int wanted(struct work *w, const struct instance *inst, cJSON *desired, struct map *ret, struct error *err)
{
	AUTO_JSON cJSON *config = NULL;
	AUTO_JSON cJSON *devices = NULL;

	instance_expand(w->b, inst->desired, &config, &devices);
	return assign(w->b, inst->name, desired, config, ret, err);
}

static void push_map(struct argv *argv, const char *option, struct map map)
{
	if (map.size == 0)
		argv_pushf(argv, "%s=none", option);
	else
		argv_pushf(argv, "%s=%u:%u", option, map.base, map.size);
}

static enum op_result begin(struct op *op, struct work *w, op_fn next, struct error *err);

static enum op_result ended(struct op *op, const struct proc_result *result, struct error *err)
{
	struct shifting *s = op_attached(op);
	struct work *w = s->w;
	struct instance *inst = registry_find(w->b->registry, w->name, err);
	op_fn next = s->next;
	struct map to = s->to;
	enum op_result rc;

	op_attach(op, NULL, NULL);
	if (inst == NULL || proc_check("berth-rootfs", result, err) < 0)
		return OP_FAIL;
	json_set(inst->desired, TO, NULL);
	set_map(json_obj(inst->desired, "config"), to);
	save(w, inst, JSON_DURABLE, err);
	if (err->code != ERROR_NONE)
		return OP_FAIL;
	/* again: what was cut short may have been on its way to a third one; and the keys become what they are to be */
	rc = begin(op, w, next, err);
	return rc == OP_DONE ? next(op, err) : rc;
}

static enum op_result run(struct op *op, struct work *w, struct map from, struct map to, op_fn next, struct error *err)
{
	AUTO_FREE char *tree = mem_printf("%s/%s", w->dir, strcmp(json_str_or(registry_get(w->b->registry, w->name)->desired,
									       "driver", ""), "overlay") == 0 ? "upper" : "rootfs");
	struct argv argv = ARGV_INIT;
	struct shifting *s;
	enum op_result rc;

	argv_pushf(&argv, "%s/berth-rootfs", w->b->settings->libexec_dir);
	argv_push(&argv, "shift");
	push_map(&argv, "--idmap", from);
	push_map(&argv, "--to", to);
	argv_push(&argv, tree);
	log_info("instance '%s': the ids of its files change from %u to %u", w->name, from.base, to.base);
	rc = op_child(op, &argv, ended, err);
	if (rc != OP_WAIT)
		return rc;
	s = mem_alloc(sizeof(*s));
	*s = (struct shifting){ w, next, to };
	op_attach(op, s, free);
	return OP_WAIT;
}

static enum op_result begin(struct op *op, struct work *w, op_fn next, struct error *err)
{
	struct instance *inst = registry_find(w->b->registry, w->name, err);
	AUTO_JSON cJSON *desired = inst != NULL ? cJSON_Duplicate(inst->desired, true) : NULL;
	const cJSON *left;
	struct map was, to;

	if (inst == NULL || wanted(w, inst, desired, &to, err) < 0 || idmap_check_granted(json_obj(desired, "config"), err) < 0)
		return OP_FAIL;
	was = map_of(w->b, inst->desired);
	left = json_obj(inst->desired, TO);
	if (left != NULL && !same(to, (struct map){ (uint32_t)json_int(left, "base", 0), (uint32_t)json_int(left, "size", 0) }))
		/* back first */
		return run(op, w, (struct map){ (uint32_t)json_int(left, "base", 0), (uint32_t)json_int(left, "size", 0) }, was,
			   next, err);
	if (!same(was, to) && has_own_ids(w->b, inst)) {
		cJSON *note = cJSON_CreateObject();

		if (is_protected(w, inst)) {
			cJSON_Delete(note);
			error_set(err, ERROR_INVALID, "Container is protected against filesystem shifting");
			return OP_FAIL;
		}
		json_set_int(note, "base", to.base);
		json_set_int(note, "size", to.size);
		json_set(inst->desired, TO, note);
		save(w, inst, JSON_DURABLE, err);
		return err->code != ERROR_NONE ? OP_FAIL : run(op, w, was, to, next, err);
	}
	if (cJSON_Compare(json_obj(desired, "config"), json_obj(inst->desired, "config"), true))
		return OP_DONE;
	copy_keys(json_obj(inst->desired, "config"), json_obj(desired, "config"));
	save(w, inst, JSON_QUICK, err);
	return err->code != ERROR_NONE ? OP_FAIL : OP_DONE;
}

enum op_result shift_apply(struct op *op, op_fn next, struct error *err)
{
	struct work *w = op_data(op);
	const struct instance *inst = registry_get(w->b->registry, w->name);

	if (inst == NULL || inst->adopted || inst->note != NULL)
		return OP_DONE;
	return begin(op, w, next, err);
}
