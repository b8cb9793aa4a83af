/* SPDX-License-Identifier: MIT */
/*
 * /1.0/instances/NAME/console: lxc-console on a terminal between the websockets
 * of an operation, and the log of what the console showed.
 */
#include <string.h>

#include "api/events.h"
#include "api/exec.h"
#include "api/instance_logs.h"
#include "api/router.h"
#include "base/json.h"
#include "instance/instance.h"

static int check(const struct instance *inst, const char *type, struct error *err)
{
	if (strcmp(type, "") != 0 && strcmp(type, "console") != 0 && strcmp(type, "vga") != 0)
		return error_set(err, ERROR_INVALID, "Unknown console type \"%.40s\"", type);
	if (strcmp(type, "vga") == 0)
		return error_set(err, ERROR_INVALID, "VGA console is only supported by virtual machines");
	if (!instance_active(inst))
		return error_set(err, ERROR_INVALID, "Instance is not running");
	if (inst->state == LXC_FROZEN)
		return error_set(err, ERROR_INVALID, "Instance is frozen");
	return 0;
}

static void post_console(struct request *r)
{
	struct instance *inst = request_instance(r);
	const cJSON *body = request_body(r);
	struct error err = ERROR_INIT;
	cJSON *args;

	if (!inst)
		return;
	args = cJSON_CreateObject();
	json_set_str(args, "name", inst->name);
	if (check(inst, json_str_or(body, "type", ""), &err) < 0 || exec_take_number(body, "width", INT32_MAX, args, &err) < 0 ||
	    exec_take_number(body, "height", INT32_MAX, args, &err) < 0) {
		cJSON_Delete(args);
		reply_error(r, &err);
		return;
	}
	reply_op(r, console_start(request_berthd(r), args, &err), &err);
}

static void get_console(struct request *r)
{
	struct instance *inst = request_instance(r);

	if (!inst)
		return;
	instance_log_event(r, inst, "instance-console-retrieved", NULL);
	instance_log_reply(r, inst, "console.log", true);
}

/* LXC goes on appending to it. */
static void delete_console(struct request *r)
{
	struct instance *inst = request_instance(r);
	struct error err = ERROR_INIT;

	if (!inst)
		return;
	if (instance_log_empty(request_berthd(r), inst, "console.log", &err) < 0) {
		reply_error(r, &err);
		return;
	}
	instance_log_event(r, inst, "instance-console-reset", NULL);
	reply_sync(r, NULL);
}

const struct route console_routes[] = {
	{ "GET", "/1.0/instances/{name}/console", get_console, NULL },
	{ "POST", "/1.0/instances/{name}/console", post_console, NULL },
	{ "DELETE", "/1.0/instances/{name}/console", delete_console, NULL },
	{ 0 },
};
