/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "host/forward.h"
#include "image/template.h"
#include "instance/instance.h"
#include "instance/password.h"
#include "instance/volume.h"
#include "instance/work.h"
#include "model/settings.h"
#include "panel/vm_work.h"

void *vm_load(void *ctx, cJSON *args, struct error *err)
{
	const char *name = json_str(args, "name");
	struct vm *vm;

	if (name == NULL || name[0] == '\0' || name[0] == '.' || strchr(name, '/') != NULL) {
		error_set(err, ERROR_INVALID, "the operation names no instance");
		return NULL;
	}
	vm = mem_alloc(sizeof(*vm));
	vm->b = ctx;
	vm->args = args;
	vm->name = name;
	vm->warnings = cJSON_CreateArray();
	vm->applied = cJSON_CreateArray();
	vm->pending = cJSON_CreateArray();
	return vm;
}

void vm_register(struct op_queue *q)
{
	vm_create_register(q);
}

static void forget_password(struct vm *vm)
{
	if (vm->password != NULL)
		explicit_bzero(vm->password, strlen(vm->password));
	free(vm->password);
	vm->password = NULL;
}

void vm_unload(void *data)
{
	struct vm *vm = data;

	if (vm == NULL)
		return;
	forget_password(vm);
	cJSON_Delete(vm->warnings);
	cJSON_Delete(vm->applied);
	cJSON_Delete(vm->pending);
	free(vm);
}

/* The lock is our own: those of the instance belong to the operations that are followed. */
struct op *vm_start(struct berthd *b, const struct op_kind *kind, cJSON *args, const char *password, struct error *err)
{
	AUTO_FREE char *lock = mem_printf("vm/%s", json_str_or(args, "name", ""));
	AUTO_FREE char *url = mem_printf("/1.0/instances/%s", json_str_or(args, "name", ""));
	const char *locks[] = { lock, NULL };
	struct op_options options = { .locks = locks, .resources = cJSON_CreateObject() };
	struct op *op;

	cJSON_AddItemToArray(cJSON_AddArrayToObject(options.resources, "instances"), cJSON_CreateString(url));
	op = op_start(b->ops, kind, args, &options, err);
	if (op != NULL && password != NULL)
		((struct vm *)op_data(op))->password = mem_strdup(password);
	return op;
}

static void copy_member(cJSON *args, const char *key, const cJSON *value)
{
	if (value != NULL)
		json_set(args, key, cJSON_Duplicate(value, true));
}

cJSON *vm_args(const struct vmconfig *c)
{
	cJSON *args = cJSON_CreateObject();

	json_set_str(args, "name", c->name);
	json_set_str(args, "os_name", c->os_name);
	json_set_str(args, "size", c->size);
	copy_member(args, "config", c->config);
	copy_member(args, "nics", c->nics);
	copy_member(args, "volumes", c->volumes);
	copy_member(args, "forwards", c->forwards);
	copy_member(args, "dns", c->dns);
	copy_member(args, "speeds", c->speeds);
	copy_member(args, "told", c->warnings);
	return args;
}

void vm_warn(struct vm *vm, const char *part, const char *text)
{
	AUTO_FREE char *line = mem_printf("%s: %s", part, text);

	cJSON_AddItemToArray(vm->warnings, cJSON_CreateString(line));
}

static const cJSON *root_of(const cJSON *devices)
{
	const cJSON *dev;

	cJSON_ArrayForEach(dev, devices)
		if (strcmp(json_str_or(dev, "type", ""), "disk") == 0 && strcmp(json_str_or(dev, "path", ""), "/") == 0)
			return dev;
	return NULL;
}

void vm_root_size(struct vm *vm, cJSON *devices, const cJSON *inherited)
{
	const cJSON *root = root_of(inherited);
	const char *size = json_str_or(vm->args, "size", "");
	AUTO_JSON cJSON *all = cJSON_CreateObject();
	struct error err = ERROR_INIT;
	cJSON *own;

	if (json_str(vm->args, "size") == NULL || root == NULL || strcmp(json_str_or(root, "size", ""), size) == 0)
		return;
	own = cJSON_Duplicate(root, true);
	json_set_str(own, "size", size[0] != '\0' ? size : NULL);
	json_set(all, root->string, cJSON_Duplicate(own, true));
	if (size_check(vm->b, all, &err) == 0) {
		json_set(devices, root->string, own);
		return;
	}
	cJSON_Delete(own);
	vm_warn(vm, "hdd_num: the root disk is not limited", err.msg);
}

static void set_speeds(const struct vm *vm, cJSON *device)
{
	const cJSON *speed;

	cJSON_ArrayForEach(speed, json_obj(vm->args, "speeds"))
		json_set_str(device, speed->string, speed->valuestring[0] != '\0' ? speed->valuestring : NULL);
}

void vm_nic_devices(const struct vm *vm, cJSON *devices, const cJSON *inherited)
{
	const cJSON *nics = json_obj(vm->args, "nics"), *nic;
	cJSON *none;

	cJSON_ArrayForEach(nic, nics)
		json_set(devices, nic->string, cJSON_Duplicate(nic, true));
	cJSON_ArrayForEach(nic, inherited) {
		if (nics == NULL || strcmp(json_str_or(nic, "type", ""), "nic") != 0 || json_obj(nics, nic->string) != NULL)
			continue;
		none = cJSON_CreateObject();
		json_set_str(none, "type", "none");
		json_set(devices, nic->string, none);
	}
	/* a limit on a nic of a profile needs a nic of its own */
	cJSON_ArrayForEach(nic, inherited)
		if (nics == NULL && json_obj(vm->args, "speeds") != NULL && json_obj(devices, nic->string) == NULL &&
		    strcmp(json_str_or(nic, "type", ""), "nic") == 0)
			json_set(devices, nic->string, cJSON_Duplicate(nic, true));
	for (cJSON *device = devices->child; device != NULL; device = device->next)
		if (strcmp(json_str_or(device, "type", ""), "nic") == 0)
			set_speeds(vm, device);
}

/* ---- template */

static int resolve(struct vm *vm, struct error *err)
{
	AUTO_FREE char *fingerprint = template_resolve(vm->b, json_str_or(vm->args, "os_name", ""), err);

	if (fingerprint == NULL)
		return -1;
	json_set_str(vm->args, "fingerprint", fingerprint);
	return 0;
}

static enum op_result imported(struct op *op, struct op *import, struct error *err)
{
	if (err->code != ERROR_NONE)
		return OP_FAIL;
	if (resolve(op_data(op), err) == 0)
		return OP_DONE;
	if (err->code == ERROR_NONE)
		error_set(err, ERROR_CONFLICT, "the template changed while it was imported");
	return OP_FAIL;
}

enum op_result step_vm_template(struct op *op, struct error *err)
{
	struct vm *vm = op_data(op);
	const char *name = json_str(vm->args, "os_name");

	if (name == NULL || resolve(vm, err) == 0)
		return OP_DONE;
	return err->code != ERROR_NONE ? OP_FAIL : op_follow(op, template_import(vm->b, name, err), imported, err);
}

/* ---- volumes, forwards, password */

static enum op_result attach_next(struct op *op, struct error *err);

static enum op_result attached(struct op *op, struct op *attach, struct error *err)
{
	struct vm *vm = op_data(op);
	const cJSON *volume = cJSON_GetArrayItem(json_arr(vm->args, "volumes"), vm->volume);

	if (err->code != ERROR_NONE) {
		error_wrap(err, "volume '%s'", json_str_or(volume, "name", ""));
		return OP_FAIL;
	}
	vm->volume++;
	return attach_next(op, err);
}

static enum op_result attach_next(struct op *op, struct error *err)
{
	struct vm *vm = op_data(op);
	const cJSON *volume = cJSON_GetArrayItem(json_arr(vm->args, "volumes"), vm->volume);

	if (volume == NULL)
		return OP_DONE;
	return op_follow(op, volume_attach(vm->b, vm->name, volume, err), attached, err);
}

enum op_result step_vm_volumes(struct op *op, struct error *err)
{
	struct vm *vm = op_data(op);

	vm->volume = 0;
	return attach_next(op, err);
}

static enum op_result forwarded(struct op *op, struct op *set, struct error *err)
{
	if (err->code == ERROR_NONE)
		return OP_DONE;
	error_wrap(err, "nat_all");
	return OP_FAIL;
}

enum op_result step_vm_forwards(struct op *op, struct error *err)
{
	struct vm *vm = op_data(op);
	const cJSON *forwards = json_arr(vm->args, "forwards");
	struct op *set;

	if (forwards == NULL)
		return OP_DONE;
	set = forward_set(vm->b, vm->name, forwards, err);
	if (set == NULL)
		error_wrap(err, "nat_all");
	return op_follow(op, set, forwarded, err);
}

enum op_result step_vm_password(struct op *op, struct error *err)
{
	struct vm *vm = op_data(op);
	AUTO_JSON cJSON *request = NULL;
	struct op *set;

	if (vm->password == NULL)
		return OP_DONE;
	request = cJSON_CreateObject();
	json_set_str(request, "user", "root");
	json_set_str(request, "password", vm->password);
	set = instance_password(vm->b, vm->name, request, err);
	/* what holds a secret is wiped before it is freed */
	explicit_bzero(cJSON_GetObjectItemCaseSensitive(request, "password")->valuestring, strlen(vm->password));
	forget_password(vm);
	return op_follow(op, set, NULL, err);
}

/* ---- name servers: LXC knows none, so they go where the container reads them */

static enum op_result dns_written(struct op *op, const struct proc_result *result, struct error *err)
{
	struct vm *vm = op_data(op);

	if (proc_check("lxc-attach", result, err) < 0)
		vm_warn(vm, "dns_addr: /etc/resolv.conf was not written", err->msg);
	error_clear(err);
	return OP_DONE;
}

enum op_result step_vm_dns(struct op *op, struct error *err)
{
	static const char script[] = "rm -f /etc/resolv.conf && cat >/etc/resolv.conf";
	struct vm *vm = op_data(op);
	const struct instance *inst = registry_get(vm->b->registry, vm->name);
	const cJSON *servers = json_arr(vm->args, "dns"), *server;
	const char *const argv[] = { "lxc-attach", "-P", vm->b->settings->system_path, "-n", vm->name, "--clear-env",
				     "--", "/bin/sh", "-c", script, NULL };
	AUTO_STRBUF struct strbuf text = STRBUF_INIT;
	struct proc_spec spec = { .argv = argv };

	if (cJSON_GetArraySize(servers) == 0)
		return OP_DONE;
	if (inst == NULL || inst->state != LXC_RUNNING) {
		vm_warn(vm, "dns_addr", "is written into a running instance: send it again when it runs");
		return OP_DONE;
	}
	cJSON_ArrayForEach(server, servers)
		strbuf_addf(&text, "nameserver %s\n", server->valuestring);
	spec.input = text.buf;
	spec.input_len = text.len;
	return op_child_spec(op, &spec, dns_written, err);
}

enum op_result step_vm_report(struct op *op, struct error *err)
{
	struct vm *vm = op_data(op);
	const cJSON *item;

	cJSON_ArrayForEach(item, json_arr(vm->args, "told"))
		cJSON_AddItemToArray(vm->warnings, cJSON_Duplicate(item, true));
	if (json_bool(vm->args, "os_waits", false))
		cJSON_AddItemToArray(vm->pending, cJSON_CreateString("os_name"));
	op_metadata_set(op, "warnings", cJSON_Duplicate(vm->warnings, true));
	op_metadata_set(op, "applied", cJSON_Duplicate(vm->applied, true));
	op_metadata_set(op, "pending", cJSON_Duplicate(vm->pending, true));
	return OP_DONE;
}
