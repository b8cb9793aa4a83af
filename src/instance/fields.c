/* SPDX-License-Identifier: MIT */
#include "instance/fields.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "instance/instance.h"
#include "instance/snapshot.h"
#include "lxc/figures.h"

enum {
	FIELD_NAME = 1 << 0,
	FIELD_STATUS = 1 << 1,
	FIELD_TYPE = 1 << 2,
	FIELD_LOCATION = 1 << 3,
	FIELD_PROJECT = 1 << 4,
	FIELD_SNAPSHOTS = 1 << 5,
	FIELD_EXPANDED_CONFIG = 1 << 6,
	FIELD_EXPANDED_DEVICES = 1 << 7,
	FIELD_ARCHITECTURE = 1 << 8,
	FIELD_CREATED_AT = 1 << 9,
	FIELD_LAST_USED_AT = 1 << 10,
	FIELD_DESCRIPTION = 1 << 11,
	FIELD_EPHEMERAL = 1 << 12,
	FIELD_PROFILES = 1 << 13,
	FIELD_CONFIG = 1 << 14,
	FIELD_DEVICES = 1 << 15,
	FIELD_STATE_SHIFT = 16, /* FIGURES_* from here on */
};
#define STATE(parts) ((unsigned)(parts) << FIELD_STATE_SHIFT)
#define FIELD_STATE_DISK (1u << 30)

static const struct {
	const char *name;
	unsigned field;
	bool desired; /* a member of berth.json, copied as it is */
} table[] = {
	{ "name", FIELD_NAME, false },
	{ "status", FIELD_STATUS, false },
	{ "type", FIELD_TYPE, false },
	{ "location", FIELD_LOCATION, false },
	{ "project", FIELD_PROJECT, false },
	{ "snapshots", FIELD_SNAPSHOTS, false },
	{ "expanded_config", FIELD_EXPANDED_CONFIG, false },
	{ "expanded_devices", FIELD_EXPANDED_DEVICES, false },
	{ "architecture", FIELD_ARCHITECTURE, true },
	{ "created_at", FIELD_CREATED_AT, true },
	{ "last_used_at", FIELD_LAST_USED_AT, true },
	{ "description", FIELD_DESCRIPTION, true },
	{ "ephemeral", FIELD_EPHEMERAL, true },
	{ "profiles", FIELD_PROFILES, true },
	{ "config", FIELD_CONFIG, true },
	{ "devices", FIELD_DEVICES, true },
	{ "state", STATE(FIGURES_ALL) | FIELD_STATE_DISK, false },
	{ "state.cpu", STATE(FIGURES_CPU), false },
	{ "state.memory", STATE(FIGURES_MEMORY), false },
	{ "state.network", STATE(FIGURES_NETWORK), false },
	{ "state.processes", STATE(FIGURES_PROCESSES), false },
	{ "state.pid", STATE(FIGURES_PID), false },
	{ "state.disk", FIELD_STATE_DISK, false },
};
#define TABLE_SIZE (sizeof(table) / sizeof(table[0]))

int fields_parse(const char *text, unsigned *ret_fields, struct error *err)
{
	AUTO_FREE char *copy = mem_strdup(text);
	char *save = NULL;

	*ret_fields = 0;
	for (char *word = strtok_r(copy, ",", &save); word != NULL; word = strtok_r(NULL, ",", &save)) {
		size_t i = 0;

		while (i < TABLE_SIZE && strcmp(table[i].name, word) != 0)
			i++;
		if (i == TABLE_SIZE)
			return error_set(err, ERROR_INVALID, "fields: an instance has no member '%.64s'", word);
		*ret_fields |= table[i].field;
	}
	return 0;
}

static void add_expanded(struct berthd *b, const struct instance *inst, cJSON *v)
{
	cJSON *config, *devices;

	instance_expand(b, inst->desired, &config, &devices);
	json_set(v, "expanded_config", config);
	json_set(v, "expanded_devices", devices);
}

static void add_state(struct berthd *b, const struct instance *inst, unsigned fields, cJSON *v)
{
	unsigned parts = (fields >> FIELD_STATE_SHIFT) & FIGURES_ALL;
	cJSON *state;

	if (parts == 0 && !(fields & FIELD_STATE_DISK))
		return;
	state = figures_parts(inst->pid, b->probe, parts);
	if (fields & FIELD_STATE_DISK)
		cJSON_AddObjectToObject(state, "disk");
	json_set(v, "state", state);
}

/* What a table shows of them. */
static cJSON *short_snapshots(const struct berthd *b, struct instance *inst)
{
	static const char *const shown[] = { "name", "created_at", "expires_at", "stateful" };
	cJSON *list = cJSON_CreateArray();
	const cJSON *item;

	cJSON_ArrayForEach(item, snapshot_list(b, inst)) {
		cJSON *v = cJSON_CreateObject();

		for (size_t i = 0; i < sizeof(shown) / sizeof(shown[0]); i++)
			json_set(v, shown[i], cJSON_Duplicate(cJSON_GetObjectItemCaseSensitive(item, shown[i]), true));
		cJSON_AddItemToArray(list, v);
	}
	return list;
}

static void add_computed(struct berthd *b, struct instance *inst, unsigned fields, cJSON *v)
{
	int code;

	if (fields & FIELD_NAME)
		json_set_str(v, "name", inst->name);
	if (fields & FIELD_STATUS) {
		json_set_str(v, "status", instance_status(inst, &code));
		json_set_int(v, "status_code", code);
	}
	if (fields & FIELD_TYPE)
		json_set_str(v, "type", "container");
	if (fields & FIELD_LOCATION)
		json_set_str(v, "location", "none");
	if (fields & FIELD_PROJECT)
		json_set_str(v, "project", "default");
	if (fields & FIELD_SNAPSHOTS)
		json_set(v, "snapshots", short_snapshots(b, inst));
}

void fields_text(struct berthd *b, struct instance *inst, unsigned fields, struct strbuf *out)
{
	AUTO_JSON cJSON *v = cJSON_CreateObject();
	AUTO_FREE char *text = NULL;

	add_computed(b, inst, fields, v);
	for (size_t i = 0; i < TABLE_SIZE; i++) {
		cJSON *item = table[i].desired && (fields & table[i].field) ?
			      cJSON_GetObjectItemCaseSensitive(inst->desired, table[i].name) : NULL;

		if (item != NULL)
			cJSON_AddItemReferenceToObject(v, table[i].name, item);
	}
	if (fields & (FIELD_EXPANDED_CONFIG | FIELD_EXPANDED_DEVICES))
		add_expanded(b, inst, v);
	add_state(b, inst, fields, v);
	text = json_text(v);
	strbuf_addstr(out, text);
}
