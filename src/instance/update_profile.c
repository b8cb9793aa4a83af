/* SPDX-License-Identifier: MIT */
/* Profiles that change below instances, and instances that a killed berthd left with something else than they should have. */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "instance/applied.h"
#include "instance/instance.h"
#include "instance/shift.h"
#include "instance/update.h"
#include "instance/work.h"
#include "model/profile.h"

static int check_with(struct berthd *b, const struct instance *inst, const char *profile, const cJSON *new_profile,
		      struct error *err)
{
	const cJSON *names = json_arr(inst->desired, "profiles"), *item;
	const cJSON **list = mem_alloc(((size_t)cJSON_GetArraySize(names) + 1) * sizeof(*list));
	AUTO_JSON cJSON *desired = cJSON_Duplicate(inst->desired, true);
	AUTO_JSON cJSON *config = NULL;
	AUTO_JSON cJSON *devices = NULL;
	size_t n = 0;

	cJSON_ArrayForEach(item, names) {
		const cJSON *p = strcmp(item->valuestring, profile) == 0 ? new_profile : profile_get(b->profiles, item->valuestring);

		if (p != NULL)
			list[n++] = p;
	}
	config_expand(list, n, inst->desired, &config, &devices);
	free(list);
	if (config_validate(config, b->probe, err) < 0 || work_check_devices(devices, err) < 0 || size_check(b, devices, err) < 0 ||
	    shift_defer(b, inst, desired, config, err) < 0)
		return error_wrap(err, "instance '%s' uses this profile", inst->name);
	return 0;
}

int instance_profile_check(struct berthd *b, const char *profile, const cJSON *new_profile, struct error *err)
{
	const char **names = registry_names(b->registry);
	int rc = 0;

	for (const char **n = names; *n != NULL && rc == 0; n++) {
		struct instance *inst = registry_get(b->registry, *n);

		if (!instance_uses_profile(inst, profile))
			continue;
		rc = check_with(b, inst, profile, new_profile, err);
	}
	free(names);
	return rc;
}

/* What it has now: as noted, or as its files say when it was never changed. */
static int note_running(struct berthd *b, const struct instance *inst, struct error *err)
{
	AUTO_JSON cJSON *states = applied_read(b, inst);

	if (states != NULL || inst->pid == 0)
		return 0;
	states = cJSON_CreateArray();
	cJSON_AddItemToArray(states, applied_wanted(b, inst));
	return applied_write(b, inst, states, err);
}

int instance_profile_changing(struct berthd *b, const char *profile, struct error *err)
{
	AUTO_FREE const char **names = registry_names(b->registry);

	for (const char **n = names; *n != NULL; n++) {
		struct instance *inst = registry_get(b->registry, *n);

		if (!instance_uses_profile(inst, profile))
			continue;
		instance_text(b, inst); /* for one that is just starting: adjust() compares with it */
		if (note_running(b, inst, err) < 0)
			return error_wrap(err, "instance '%s' uses this profile", inst->name);
	}
	return 0;
}

/* An update that changes nothing of the instance's own: what it has of its profiles is made true. */
static struct op *adjust(struct berthd *b, struct instance *inst, struct error *err)
{
	AUTO_JSON cJSON *before = NULL;
	struct error ignored = ERROR_INIT;
	cJSON *args = cJSON_CreateObject();

	/* the cached view still shows what was before */
	before = inst->text != NULL ? json_parse(inst->text, strlen(inst->text), &ignored) : NULL;
	registry_touch(inst);
	json_set_str(args, "name", inst->name);
	json_set_bool(args, "patch", true);
	json_set_bool(args, "profile", true);
	json_set(args, "change", cJSON_CreateObject());
	if (before != NULL) {
		json_set(args, "was_config", cJSON_Duplicate(json_obj(before, "expanded_config"), true));
		json_set(args, "was_devices", cJSON_Duplicate(json_obj(before, "expanded_devices"), true));
	}
	return work_start(b, &update_kind, args, err);
}

void instance_profile_changed(struct berthd *b, const char *profile, profile_started_cb started, void *data)
{
	AUTO_FREE const char **names = registry_names(b->registry);

	for (const char **n = names; *n != NULL; n++) {
		struct instance *inst = registry_get(b->registry, *n);
		struct error err = ERROR_INIT;
		struct op *op;

		if (!instance_uses_profile(inst, profile))
			continue;
		op = adjust(b, inst, &err);
		if (op == NULL)
			log_warning("instance '%s' did not take the change of profile '%s': %s", *n, profile, err.msg);
		started(*n, op, &err, data);
	}
}

/* ---- after berthd was killed */

/* Is it known to have, or maybe to have, something else than it should? */
static bool out_of_line(const struct berthd *b, const struct instance *inst)
{
	AUTO_JSON cJSON *states = applied_read(b, inst);
	AUTO_JSON cJSON *wanted = NULL;

	if (states == NULL)
		return false;
	wanted = applied_wanted(b, inst);
	return cJSON_GetArraySize(states) > 1 || !applied_same(cJSON_GetArrayItem(states, 0), wanted);
}

void update_bring_in_line(struct berthd *b, struct instance *inst)
{
	struct error err = ERROR_INIT;

	if (inst->adopted || inst->note != NULL || inst->pid == 0 || !out_of_line(b, inst))
		return;
	log_info("instance '%s' runs with something else than its configuration: mending it", inst->name);
	if (adjust(b, inst, &err) == NULL)
		log_warning("instance '%s': %s", inst->name, err.msg);
}

void instance_bring_in_line(struct berthd *b)
{
	AUTO_FREE const char **names = registry_names(b->registry);

	for (const char **n = names; *n != NULL; n++)
		update_bring_in_line(b, registry_get(b->registry, *n));
}
