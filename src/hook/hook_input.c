/* SPDX-License-Identifier: MIT */
#include "hook/hook_input.h"

#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "instance/instance.h"
#include "model/settings.h"

#define KEPT "hook_instance" /* in the operation's args */

static const char *name_of(struct op *op)
{
	const cJSON *args = op_args(op);
	const char *name = json_str_or(args, "name", "");

	return strcmp(op_step_name(op), "post-rename") == 0 ? json_str_or(args, "new_name", name) : name;
}

static cJSON *known_instance(struct op *op)
{
	struct berthd *b = op_ctx(op);
	struct instance *inst = registry_get(b->registry, name_of(op));

	return inst != NULL ? cJSON_Parse(instance_text(b, inst)) : NULL;
}

/* One that does not exist yet: as it is to be, without what only an existing one has. */
static cJSON *desired_instance(struct op *op)
{
	static const char *const copied[] = { "architecture", "config", "devices", "ephemeral", "profiles", "description" };
	const cJSON *desired = json_obj(op_args(op), "desired");
	cJSON *v = cJSON_CreateObject(), *config, *devices;

	json_set_str(v, "name", name_of(op));
	if (desired == NULL)
		return v;
	for (size_t i = 0; i < sizeof(copied) / sizeof(copied[0]); i++) {
		const cJSON *item = cJSON_GetObjectItemCaseSensitive(desired, copied[i]);

		if (item != NULL)
			json_set(v, copied[i], cJSON_Duplicate(item, true));
	}
	instance_expand(op_ctx(op), desired, &config, &devices);
	json_set(v, "expanded_config", config);
	json_set(v, "expanded_devices", devices);
	json_set_str(v, "type", "container");
	return v;
}

char *hook_input(struct op *op)
{
	static const struct {
		const char *arg, *key;
	} told[] = { { "new_name", "new_name" }, { "copy_of", "source" }, { "snapshot", "snapshot" }, { "backup", "backup" } };
	const cJSON *kept = json_obj(op_args(op), KEPT);
	AUTO_JSON cJSON *v = known_instance(op);

	if (v == NULL)
		v = kept != NULL ? cJSON_Duplicate(kept, true) : desired_instance(op);
	json_set_str(v, "event", op_step_name(op));
	json_set_str(v, "operation", op_id(op));
	for (size_t i = 0; i < sizeof(told) / sizeof(told[0]); i++)
		if (json_str(op_args(op), told[i].arg) != NULL)
			json_set_str(v, told[i].key, json_str(op_args(op), told[i].arg));
	if (json_str(op_args(op), "new_name") != NULL)
		json_set_str(v, "old_name", json_str(op_args(op), "name"));
	json_sort(v);
	return json_text(v);
}

void hook_input_keep(struct op *op)
{
	cJSON *v = known_instance(op);

	if (v != NULL)
		json_set(op_args(op), KEPT, v);
}

void hook_environment(struct op *op, const char *hook, struct argv *env)
{
	const struct berthd *b = op_ctx(op);
	const char *name = name_of(op);
	AUTO_FREE char *dir = instance_dir(b, name);

	argv_pushf(env, "BERTH_EVENT=%s", op_step_name(op));
	argv_pushf(env, "BERTH_HOOK=%s", hook);
	argv_pushf(env, "BERTH_OPERATION=%s", op_id(op));
	argv_pushf(env, "BERTH_SOCKET=%s", b->settings->socket);
	if (*name != '\0') { /* events of the host have none */
		argv_pushf(env, "BERTH_INSTANCE=%s", name);
		argv_pushf(env, "LXC_NAME=%s", name);
		argv_pushf(env, "LXC_ROOTFS_PATH=%s/rootfs", dir);
		argv_pushf(env, "LXC_CONFIG_FILE=%s/config", dir);
	}
	argv_pushl(env, "HOME=/root", "LC_ALL=C", NULL);
}
