/* SPDX-License-Identifier: MIT */
#include "instance/applied.h"

#include <string.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/process.h"

static char *path_of(const struct berthd *b, const struct instance *inst)
{
	AUTO_FREE char *dir = instance_dir(b, inst->name);

	return fs_join(dir, APPLIED_FILE);
}

static bool states_ok(const cJSON *states)
{
	const cJSON *state;

	cJSON_ArrayForEach(state, states)
		if (json_obj(state, "config") == NULL || json_obj(state, "devices") == NULL)
			return false;
	return cJSON_GetArraySize(states) > 0;
}

cJSON *applied_read(const struct berthd *b, const struct instance *inst)
{
	AUTO_FREE char *path = path_of(b, inst);
	AUTO_FREE char *id = process_id(inst->pid, NULL);
	struct error ignored = ERROR_INIT;
	AUTO_JSON cJSON *v = id != NULL && fs_exists(path) ? json_read_file(path, &ignored) : NULL;

	if (v == NULL || strcmp(json_str_or(v, "run", ""), id) != 0 || !states_ok(json_arr(v, "states")))
		return NULL;
	return cJSON_DetachItemFromObjectCaseSensitive(v, "states");
}

int applied_write(const struct berthd *b, const struct instance *inst, const cJSON *states, struct error *err)
{
	AUTO_FREE char *path = path_of(b, inst);
	AUTO_FREE char *id = process_id(inst->pid, NULL);
	AUTO_JSON cJSON *v = cJSON_CreateObject();

	if (id == NULL)
		return 0; /* it has just ended: its next start takes all from its files */
	json_set_str(v, "run", id);
	json_set(v, "states", cJSON_Duplicate(states, true));
	return json_write_file(path, v, JSON_QUICK, err);
}

cJSON *applied_state(const cJSON *config, const cJSON *devices)
{
	cJSON *state = cJSON_CreateObject();

	json_set(state, "config", cJSON_Duplicate(config, true));
	json_set(state, "devices", cJSON_Duplicate(devices, true));
	return state;
}

cJSON *applied_wanted(const struct berthd *b, const struct instance *inst)
{
	AUTO_JSON cJSON *config = NULL;
	AUTO_JSON cJSON *devices = NULL;

	instance_expand(b, inst->desired, &config, &devices);
	return applied_state(config, devices);
}

static bool own_note(const cJSON *item)
{
	return strncmp(item->string, "volatile.", strlen("volatile.")) == 0;
}

/* Has b every key of a, with its value? */
static bool within(const cJSON *a, const cJSON *b)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, a)
		if (!own_note(item) && !cJSON_Compare(item, cJSON_GetObjectItemCaseSensitive(b, item->string), true))
			return false;
	return true;
}

bool applied_same(const cJSON *a, const cJSON *b)
{
	const cJSON *x = json_obj(a, "config"), *y = json_obj(b, "config");

	return within(x, y) && within(y, x) && cJSON_Compare(json_obj(a, "devices"), json_obj(b, "devices"), true);
}
