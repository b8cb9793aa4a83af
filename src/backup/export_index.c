/* SPDX-License-Identifier: MIT */
/* What an export says of its instance: LXD's index.yaml, and a backup.yaml in each folder. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "backup/export.h"
#include "backup/export_private.h"
#include "base/fs.h"
#include "base/ident.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/yaml_print.h"
#include "instance/cloud_init.h"
#include "instance/instance.h"
#include "instance/metadata.h"
#include "instance/snapshot.h"

/* LXD knows these of volatile.*, and refuses others. */
static bool lxd_knows(const char *key)
{
	static const char *const whole[] = { "volatile.base_image", "volatile.uuid", "volatile.last_state.power",
					     "volatile.apply_template", CLOUD_INIT_ID };
	static const char *const endings[] = { ".hwaddr", ".host_name", ".name" };
	size_t len = strlen(key);

	for (size_t i = 0; i < sizeof(whole) / sizeof(whole[0]); i++)
		if (strcmp(key, whole[i]) == 0)
			return true;
	for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
		size_t n = strlen(endings[i]);

		if (len > n && strcmp(key + len - n, endings[i]) == 0)
			return true;
	}
	return false;
}

static void put_config(cJSON *v, const char *name, const cJSON *from)
{
	cJSON *config = cJSON_Duplicate(from, true), *item, *next;

	for (item = config->child; item != NULL; item = next) {
		next = item->next;
		if (strncmp(item->string, "volatile.", 9) == 0 && !lxd_knows(item->string))
			cJSON_Delete(cJSON_DetachItemViaPointer(config, item));
	}
	json_set_str(config, "volatile.idmap.base", "0");
	json_set_str(config, "volatile.last_state.idmap", "[]"); /* the files have the container's own ids */
	json_sort(config);
	json_set(v, name, config);
}

static cJSON *common(struct berthd *b, const char *name, const cJSON *desired)
{
	cJSON *v = cJSON_CreateObject(), *config = NULL, *devices = NULL;

	instance_expand_shown(b, desired, &config, &devices);
	json_set_str(v, "architecture", json_str_or(desired, "architecture", "x86_64"));
	put_config(v, "config", json_obj(desired, "config"));
	json_set(v, "devices", cJSON_Duplicate(json_obj(desired, "devices"), true));
	json_set_bool(v, "ephemeral", json_bool(desired, "ephemeral", false));
	json_set(v, "profiles", cJSON_Duplicate(json_arr(desired, "profiles"), true));
	json_set_bool(v, "stateful", false);
	json_set_str(v, "description", json_str_or(desired, "description", ""));
	json_set_str(v, "created_at", json_str_or(desired, "created_at", TIME_UNSET));
	put_config(v, "expanded_config", config);
	json_set(v, "expanded_devices", devices);
	json_set_str(v, "name", name);
	json_set_str(v, "last_used_at", json_str_or(desired, "last_used_at", TIME_UNSET));
	cJSON_Delete(config);
	return v;
}

static cJSON *container_of(struct berthd *b, const struct instance *inst)
{
	cJSON *v = common(b, inst->name, inst->desired);
	bool runs = instance_active(inst);

	json_set_str(v, "status", runs ? "Running" : "Stopped");
	json_set_int(v, "status_code", runs ? 103 : 102);
	json_set_str(v, "location", "none");
	json_set_str(v, "type", "container");
	json_set_str(v, "project", "default");
	return v;
}

static cJSON *snapshot_of(struct berthd *b, const cJSON *snapshot)
{
	cJSON *v = common(b, json_str_or(snapshot, "name", ""), snapshot);

	json_set_str(v, "expires_at", json_str_or(snapshot, "expires_at", TIME_UNSET));
	json_set_int(v, "size", -1);
	return v;
}

static cJSON *volume_of(const char *name)
{
	cJSON *v = cJSON_CreateObject();

	cJSON_AddObjectToObject(v, "config");
	json_set_str(v, "description", "");
	json_set_str(v, "name", name);
	json_set_str(v, "content_type", "filesystem");
	return v;
}

static cJSON *pool_of(void)
{
	cJSON *v = cJSON_CreateObject();

	cJSON_AddObjectToObject(v, "config");
	json_set_str(v, "description", "");
	json_set_str(v, "name", "default");
	json_set_str(v, "driver", "dir");
	cJSON_AddArrayToObject(v, "used_by");
	json_set_str(v, "status", "Created");
	cJSON_AddItemToArray(cJSON_AddArrayToObject(v, "locations"), cJSON_CreateString("none"));
	return v;
}

cJSON *export_config(struct berthd *b, const struct instance *inst, const cJSON *snapshots)
{
	cJSON *v = cJSON_CreateObject(), *volume = volume_of(inst->name), *list = cJSON_CreateArray();
	cJSON *volumes = cJSON_CreateArray();
	const cJSON *item;

	json_set(v, "container", container_of(b, inst));
	cJSON_ArrayForEach(item, snapshots) {
		cJSON *one = volume_of(json_str_or(item, "name", ""));

		json_set_str(one, "expires_at", json_str_or(item, "expires_at", TIME_UNSET));
		cJSON_AddItemToArray(volumes, one);
		cJSON_AddItemToArray(list, snapshot_of(b, item));
	}
	json_set(v, "snapshots", list);
	json_set(v, "pool", pool_of());
	json_set_str(volume, "type", "container");
	json_set_str(volume, "location", "none");
	cJSON_AddArrayToObject(volume, "used_by");
	json_set(v, "volume", volume);
	json_set(v, "volume_snapshots", volumes);
	return v;
}

static int write_yaml(const char *dir, const char *name, const cJSON *v, struct error *err)
{
	AUTO_FREE char *path = fs_join(dir, name);
	size_t len;
	AUTO_FREE char *text = yaml_text(v, &len, err);

	return text == NULL ? -1 : fs_write_quick(path, text, len, 0600, err);
}

/* backup.yaml, metadata.yaml and templates/ of one folder. All have the same backup.yaml, as LXD's have. */
static int write_folder(struct berthd *b, const struct instance *inst, const char *dir, const cJSON *config, struct error *err)
{
	return fs_mkdirs(dir, 0711, err) < 0 || write_yaml(dir, "backup.yaml", config, err) < 0 ||
	       metadata_copy(b, inst, dir, err) < 0 ? -1 : 0;
}

cJSON *export_index(const char *name, const char *backend, const char *pool, const char *type, const cJSON *snapshots,
		    cJSON *config_taken)
{
	cJSON *v = cJSON_CreateObject(), *names = cJSON_CreateArray();
	const cJSON *item;

	json_set_str(v, "name", name);
	json_set_str(v, "backend", backend);
	json_set_str(v, "pool", pool);
	cJSON_ArrayForEach(item, snapshots)
		cJSON_AddItemToArray(names, cJSON_CreateString(json_str_or(item, "name", "")));
	json_set(v, "snapshots", names->child != NULL ? names : NULL);
	if (names->child == NULL)
		cJSON_Delete(names);
	json_set_bool(v, "optimized", false);
	json_set_bool(v, "optimized_header", false);
	json_set_str(v, "type", type);
	json_set(v, "config", config_taken);
	return v;
}

/* What is left to be read after this. */
int export_write_index(const char *dir, const cJSON *index, cJSON *args, struct error *err)
{
	const cJSON *names = json_arr(index, "snapshots");

	json_set(args, "left", names != NULL ? cJSON_Duplicate(names, true) : cJSON_CreateArray());
	return write_yaml(dir, EXPORT_INDEX, index, err);
}

int export_write_facts(struct berthd *b, const struct instance *inst, const cJSON *snapshots, const char *dir,
		       cJSON *args, struct error *err)
{
	AUTO_FREE char *top = fs_join(dir, "backup");
	AUTO_FREE char *own = fs_join(top, "container");
	AUTO_JSON cJSON *index = export_index(inst->name, "dir", "default", "container", snapshots,
						export_config(b, inst, snapshots));
	const cJSON *config = json_obj(index, "config"), *item;

	if (write_folder(b, inst, own, config, err) < 0 || export_write_index(top, index, args, err) < 0)
		return -1;
	cJSON_ArrayForEach(item, snapshots) {
		AUTO_FREE char *path = mem_printf("%s/snapshots/%s", top, json_str_or(item, "name", ""));

		if (write_folder(b, inst, path, config, err) < 0)
			return -1;
	}
	return 0;
}
