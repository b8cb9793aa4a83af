/* SPDX-License-Identifier: MIT */
/* The eighteen operations: each names the function of ours that does it. */
#include <stdlib.h>
#include <string.h>

#include "api/host_module.h"
#include "backup/backup.h"
#include "backup/restore.h"
#include "base/json.h"
#include "base/json_merge.h"
#include "base/mem.h"
#include "host/host.h"
#include "instance/instance.h"
#include "instance/password.h"
#include "instance/volume.h"
#include "panel/vm.h"
#include "terminal/terminal.h"

#define SHUTDOWN_S 30 /* of S_CLOSE and S_RESET */

/* ---- inputs and results */

/* A text that must be there. */
static const char *need(const struct panel_call *c, const char *field, const char *what, struct error *err)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(c->in, field);

	if (cJSON_IsString(v) && v->valuestring[0] != '\0')
		return v->valuestring;
	error_set(err, ERROR_INVALID, v == NULL ? "%s is missing: %s" : "%s must be a string: %s", field, what);
	return NULL;
}

/* The name of an instance that is there. */
static const char *need_instance(const struct panel_call *c, struct error *err)
{
	const char *name = need(c, "vm_uuid", "the name of the instance", err);

	return name != NULL && registry_find(c->b->registry, name, err) != NULL ? name : NULL;
}

static int flag(const struct panel_call *c, const char *field, bool def, bool *ret, struct error *err)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(c->in, field);

	*ret = v == NULL || cJSON_IsNull(v) ? def : cJSON_IsTrue(v);
	if (v != NULL && !cJSON_IsNull(v) && !cJSON_IsBool(v))
		return error_set(err, ERROR_INVALID, "%s must be true or false", field);
	return 0;
}

static void copy(cJSON *to, const char *as, const struct panel_call *c, const char *field)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(c->in, field);

	if (v != NULL && !cJSON_IsNull(v))
		json_set(to, as, cJSON_Duplicate(v, true));
}

static struct op *done(struct panel_call *c, cJSON *results_taken)
{
	c->done = true;
	c->results = results_taken;
	return NULL;
}

/* What the operation has to tell: its metadata. */
static void end_metadata(struct panel_call *c, struct op *op)
{
	AUTO_JSON cJSON *object = op_json(op);
	cJSON *metadata = json_obj(object, "metadata");

	if (metadata != NULL)
		c->results = cJSON_Duplicate(metadata, true);
}

/* The instance as the API shows it, with what the operation has to tell. */
static void end_instance(struct panel_call *c, struct op *op)
{
	const char *name = json_str(op_args(op), "new_name");
	struct instance *inst = registry_get(c->b->registry, name != NULL ? name : json_str_or(op_args(op), "name", ""));
	struct error ignored = ERROR_INIT;
	const char *text;

	end_metadata(c, op);
	if (inst == NULL)
		return;
	text = instance_text(c->b, inst);
	if (c->results == NULL)
		c->results = cJSON_CreateObject();
	AUTO_JSON cJSON *object = json_parse(text, strlen(text), &ignored);
	json_merge(c->results, object);
}

/* ---- the host */

static struct op *hs_loader(struct panel_call *c, struct error *err)
{
	return host_load(c->b, c->in, err);
}

static struct op *hs_unload(struct panel_call *c, struct error *err)
{
	return host_unload(c->b, c->in, err);
}

static struct op *v_scanner(struct panel_call *c, struct error *err)
{
	return host_scan(c->b, c->in, err);
}

static struct op *nothing(struct panel_call *c, struct error *err)
{
	return done(c, NULL);
}

/* ---- instances */

/* The VMConfig: the members of the body, or of its member vm_conf. */
static const cJSON *config_of(const struct panel_call *c)
{
	const cJSON *v = json_obj(c->in, "vm_conf");

	return v != NULL ? v : c->in;
}

static struct op *vm_create_begin(struct panel_call *c, struct error *err)
{
	AUTO_VMCONFIG struct vmconfig config = { 0 };

	if (vmconfig_parse(c->b->settings, config_of(c), &config, err) < 0)
		return NULL;
	return vm_create(c->b, &config, err);
}

static struct op *v_install(struct panel_call *c, struct error *err)
{
	const char *name = need_instance(c, err);

	return name != NULL ? vm_reinstall(c->b, name, json_str(c->in, "os_name"), err) : NULL;
}

/* vm_last, the VMConfig before: what is the same in both has not changed. */
static struct op *vm_update_begin(struct panel_call *c, struct error *err)
{
	AUTO_VMCONFIG struct vmconfig config = { 0 };
	AUTO_JSON cJSON *changes = vmconfig_changes(json_obj(c->in, "vm_last"), config_of(c));
	const char *name = need(c, "vm_uuid", "the name of the instance", err);
	struct vm_update_options options;

	error_clear(err);
	if (flag(c, "restart", false, &options.restart, err) < 0 || flag(c, "reinstall", false, &options.reinstall, err) < 0)
		return NULL;
	cJSON_DeleteItemFromObjectCaseSensitive(changes, "restart");
	cJSON_DeleteItemFromObjectCaseSensitive(changes, "reinstall");
	cJSON_DeleteItemFromObjectCaseSensitive(changes, "vm_last");
	json_set_str(changes, "vm_uuid", name != NULL ? name : json_str(config_of(c), "vm_uuid"));
	if (vmconfig_parse(c->b->settings, changes, &config, err) < 0)
		return NULL;
	return vm_update(c->b, &config, &options, err);
}

static struct op *vm_delete_begin(struct panel_call *c, struct error *err)
{
	const char *name = need_instance(c, err);
	bool backups;

	if (name == NULL || flag(c, "rm_back", false, &backups, err) < 0)
		return NULL;
	return vm_delete(c->b, name, backups, err);
}

/* ---- power */

static const struct {
	const char *power;
	struct power_options options;
	bool idle_is_stopped; /* nothing to do when it is stopped; else when it runs */
} powers[] = {
	{ "S_START", { POWER_START, -1, false, false }, false },
	{ "S_CLOSE", { POWER_STOP, SHUTDOWN_S, false, false }, true },
	{ "H_CLOSE", { POWER_STOP, SHUTDOWN_S, true, false }, true },
	{ "S_RESET", { POWER_RESTART, SHUTDOWN_S, false, false }, false },
	{ "H_RESET", { POWER_RESTART, SHUTDOWN_S, true, false }, false },
	{ "A_PAUSE", { POWER_FREEZE, -1, false, false }, false },
	{ "A_WAKED", { POWER_UNFREEZE, -1, false, false }, false },
};

static cJSON *state_results(const struct instance *inst)
{
	cJSON *v = cJSON_CreateObject();
	int code;

	json_set_str(v, "state", inst != NULL ? instance_status(inst, &code) : "Deleted");
	return v;
}

static void end_state(struct panel_call *c, struct op *op)
{
	c->results = state_results(registry_get(c->b->registry, json_str_or(op_args(op), "name", "")));
}

/* What it is to become it is already. */
static bool is_so(const struct instance *inst, const struct power_options *o, char **ret_message)
{
	enum lxc_state now = inst->state;

	if (o->action == POWER_START && now == LXC_RUNNING)
		*ret_message = mem_printf("'%s' runs already", inst->name);
	else if (o->action == POWER_STOP && now == LXC_STOPPED)
		*ret_message = mem_printf("'%s' is stopped already", inst->name);
	else if (o->action == POWER_FREEZE && now == LXC_FROZEN)
		*ret_message = mem_printf("'%s' is frozen already", inst->name);
	else if (o->action == POWER_UNFREEZE && now == LXC_RUNNING)
		*ret_message = mem_printf("'%s' is not frozen", inst->name);
	else
		return false;
	return true;
}

static struct op *vm_powers(struct panel_call *c, struct error *err)
{
	const char *name = need_instance(c, err), *power;
	const struct instance *inst;

	power = name != NULL ? need(c, "power", "S_START, S_CLOSE, H_CLOSE, S_RESET, H_RESET, A_PAUSE or A_WAKED", err) : NULL;
	if (power == NULL)
		return NULL;
	inst = registry_get(c->b->registry, name);
	for (size_t i = 0; i < sizeof(powers) / sizeof(powers[0]); i++) {
		if (strcmp(powers[i].power, power) != 0)
			continue;
		if (is_so(inst, &powers[i].options, &c->message))
			return done(c, state_results(inst));
		return instance_power(c->b, name, &powers[i].options, err);
	}
	error_set(err, ERROR_INVALID,
		  "power '%.32s' must be S_START, S_CLOSE, H_CLOSE, S_RESET, H_RESET, A_PAUSE or A_WAKED", power);
	return NULL;
}

static struct op *password(struct panel_call *c, struct error *err)
{
	const char *name = need_instance(c, err);
	AUTO_JSON cJSON *request = cJSON_CreateObject();
	cJSON *secret;
	struct op *op;

	if (name == NULL || need(c, "os_pass", "the new password", err) == NULL)
		return NULL;
	copy(request, "password", c, "os_pass");
	copy(request, "user", c, "user");
	op = instance_password(c->b, name, request, err);
	secret = cJSON_GetObjectItemCaseSensitive(request, "password");
	explicit_bzero(secret->valuestring, strlen(secret->valuestring));
	return op;
}

/* ---- backups */

static struct op *vm_backup(struct panel_call *c, struct error *err)
{
	const char *name = need_instance(c, err);
	AUTO_JSON cJSON *request = cJSON_CreateObject();

	if (name == NULL)
		return NULL;
	copy(request, "hint", c, "vm_tips");
	copy(request, "mode", c, "mode");
	return backup_create(c->b, name, request, err);
}

static struct op *restores(struct panel_call *c, struct error *err)
{
	const char *name = need(c, "vm_uuid", "the name of the instance", err);
	const char *file = name != NULL ? need(c, "vm_back", "the backup's file", err) : NULL;
	AUTO_JSON cJSON *request = cJSON_CreateObject();

	if (file == NULL)
		return NULL;
	json_set_str(request, "instance", name);
	copy(request, "new_name", c, "new_name");
	copy(request, "start", c, "start");
	return backup_restore(c->b, file, request, err);
}

static struct op *ld_backup(struct panel_call *c, struct error *err)
{
	cJSON *list = backup_list(c->b, NULL, err);

	return list != NULL ? done(c, list) : NULL;
}

static struct op *rm_backup(struct panel_call *c, struct error *err)
{
	const char *name = need(c, "vm_uuid", "the name of the instance", err);
	const char *file = name != NULL ? need(c, "vm_back", "the backup's file", err) : NULL;

	return file != NULL ? backup_delete(c->b, name, file, err) : NULL;
}

/* ---- volumes */

static struct op *hdd_mount(struct panel_call *c, struct error *err)
{
	const char *name = need_instance(c, err);
	AUTO_JSON cJSON *request = cJSON_CreateObject();
	bool attach;

	if (name == NULL || need(c, "hdd_name", "the name of the volume", err) == NULL ||
	    flag(c, "in_flag", true, &attach, err) < 0)
		return NULL;
	copy(request, "name", c, "hdd_name");
	if (!attach)
		return volume_detach(c->b, name, request, err);
	copy(request, "path", c, "path");
	copy(request, "readonly", c, "ro");
	copy(request, "source", c, "source");
	return volume_attach(c->b, name, request, err);
}

static struct op *rm_mounts(struct panel_call *c, struct error *err)
{
	const char *owner = need(c, "vm_uuid", "the name of the instance", err);
	const char *volume = owner != NULL ? need(c, "hdd_name", "the name of the volume", err) : NULL;

	return volume != NULL ? volume_delete(c->b, owner, volume, err) : NULL;
}

/* ---- web terminal */

static struct op *vc_remote(struct panel_call *c, struct error *err)
{
	const char *name = need_instance(c, err);
	AUTO_JSON cJSON *request = cJSON_CreateObject();
	cJSON *results;

	if (name == NULL)
		return NULL;
	copy(request, "ip_addr", c, "ip_addr");
	copy(request, "ttl", c, "ttl");
	results = terminal_create(c->b, name, request, err);
	if (results == NULL)
		return NULL;
	c->message = mem_strdup(json_str_or(results, "url", ""));
	return done(c, results);
}

const struct panel_operation panel_operations[] = {
	{ "HSLoader", "", "the host is loaded", true, hs_loader, end_metadata, NULL },
	{ "HSUnload", "", "the host is unloaded; containers go on running", true, hs_unload, end_metadata, NULL },
	{ "VScanner", "filter_name", "the instances were looked up", false, v_scanner, end_metadata, NULL },
	{ "VMCreate", NULL, "the instance runs", false, vm_create_begin, end_instance, NULL },
	{ "VInstall", "vm_uuid os_name", "the instance was installed anew", false, v_install, end_instance, NULL },
	{ "VMUpdate", NULL, "the instance was updated", false, vm_update_begin, end_metadata, NULL },
	{ "VMDelete", "vm_uuid rm_back", "the instance was deleted; its volumes stay", false, vm_delete_begin, NULL, NULL },
	{ "VMPowers", "vm_uuid power", "done", false, vm_powers, end_state, NULL },
	{ "Password", "vm_uuid os_pass user", "the password was set", false, password, NULL, NULL },
	{ "VMBackup", "vm_uuid vm_tips mode", "the backup was made", false, vm_backup, end_metadata, NULL },
	{ "Restores", "vm_uuid vm_back new_name start", "the backup was restored", false, restores, end_instance, NULL },
	{ "HDDMount", "vm_uuid hdd_name path ro in_flag source", "done", false, hdd_mount, end_metadata, NULL },
	{ "LDBackup", "", "the backups that are there", true, ld_backup, NULL, NULL },
	{ "RMBackup", "vm_uuid vm_back", "the backup was deleted", false, rm_backup, NULL, NULL },
	{ "RMMounts", "vm_uuid hdd_name", "the volume was deleted", false, rm_mounts, NULL, NULL },
	{ "VCRemote", "vm_uuid ip_addr ttl", NULL, false, vc_remote, NULL, terminal_ready },
	{ "ISOMount", NULL, "containers need no ISO image: nothing was done", true, nothing, NULL, NULL },
	{ "GPUShows", NULL, "no GPUs are listed for containers", true, nothing, NULL, NULL },
	{ NULL, NULL, NULL, false, NULL, NULL, NULL },
};
