/* SPDX-License-Identifier: MIT */
/* POST /1.0/instances/NAME/exec: what is asked for, and the two kinds of operation that do it. */
#include "api/exec_session.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/router.h"
#include "base/json.h"
#include "base/mem.h"
#include "instance/work.h"
#include "model/device.h"

#define PATH_DEFAULT "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* ---- the operations */

static void *exec_load(struct berthd *b, const cJSON *args)
{
	struct exec *x = mem_alloc(sizeof(*x));

	x->b = b;
	x->args = args;
	x->tty = -1;
	uv_timer_init(b->loop, &x->timer);
	uv_timer_init(b->loop, &x->start_timer);
	x->timer.data = x->start_timer.data = x;
	x->handles = 2;
	return x;
}

static void *load_recorded(void *ctx, cJSON *args, struct error *err)
{
	return exec_load(ctx, args);
}

static void *load_connected(void *ctx, cJSON *args, struct error *err)
{
	unsigned streams = json_bool(args, "interactive", false) ? 1u << SOCKET_STDIN :
			   1u << SOCKET_STDIN | 1u << SOCKET_STDOUT | 1u << SOCKET_STDERR;
	struct exec *x = exec_load(ctx, args);

	x->sockets = sockets_new(x->b->loop, streams | 1u << SOCKET_CONTROL, streams, &exec_sockets_handler, x);
	return x;
}

static void timer_closed_cb(uv_handle_t *handle)
{
	struct exec *x = handle->data;

	if (--x->handles == 0)
		free(x);
}

static void exec_unload(void *data)
{
	struct exec *x = data;

	x->over = true;
	exec_starts_leave(x);
	if (x->child)
		proc_abandon(x->child);
	inflow_free(x->in);
	outflow_free(x->out[0]);
	outflow_free(x->out[1]);
	sockets_free(x->sockets);
	if (x->tty >= 0)
		close(x->tty);
	uv_close((uv_handle_t *)&x->timer, timer_closed_cb);
	uv_close((uv_handle_t *)&x->start_timer, timer_closed_cb);
}

static void *load_console(void *ctx, cJSON *args, struct error *err)
{
	struct exec *x = exec_load(ctx, args);

	x->console = true;
	x->sockets = sockets_new(x->b->loop, 1u << SOCKET_STDIN | 1u << SOCKET_CONTROL, 1u << SOCKET_STDIN,
				 &exec_sockets_handler, x);
	return x;
}

static enum op_result serve(struct op *op, struct error *err)
{
	struct exec *x = op_data(op);

	x->op = op;
	sockets_expect(x->sockets);
	return OP_WAIT;
}

/* The folder is the mapped root's: what has that name there already is not followed. */
static int open_record(const struct exec *x, const char *stream, struct error *err)
{
	const char *name = json_str_or(x->args, "name", "");
	AUTO_FREE char *dir = instance_dir(x->b, name);
	AUTO_FREE char *file = mem_printf("exec_%s.%s", op_id(x->op), stream);
	AUTO_CLOSE int dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int fd = dirfd < 0 ? -1 : openat(dirfd, file, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

	return fd >= 0 ? fd : error_sys(err, errno, "cannot record to '%s/%s'", dir, file);
}

static void record_urls(const struct exec *x)
{
	const char *name = json_str_or(x->args, "name", "");
	cJSON *output = cJSON_CreateObject();

	json_set_strf(output, "1", "/1.0/instances/%s/logs/exec_%s.stdout", name, op_id(x->op));
	json_set_strf(output, "2", "/1.0/instances/%s/logs/exec_%s.stderr", name, op_id(x->op));
	op_metadata_set(x->op, "output", output);
}

static enum op_result record(struct op *op, struct error *err)
{
	struct exec *x = op_data(op);
	bool wanted = json_bool(x->args, "record", false);
	AUTO_CLOSE int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	AUTO_CLOSE int out = -1;
	AUTO_CLOSE int errs = -1;

	x->op = op;
	if (null < 0) {
		error_sys(err, errno, "cannot open '/dev/null'");
		return OP_FAIL;
	}
	if (wanted && ((out = open_record(x, "stdout", err)) < 0 || (errs = open_record(x, "stderr", err)) < 0))
		return OP_FAIL;
	if (wanted) {
		exec_own(x, out);
		exec_own(x, errs);
		record_urls(x);
	}
	if (exec_spawn(x, (const int[]){ null, wanted ? out : null, wanted ? errs : null }, err) < 0)
		return OP_FAIL;
	return OP_WAIT;
}

static void cancel(struct op *op)
{
	exec_stop(op_data(op));
}

static const struct op_step connected_steps[] = {
	{ "serve", serve, NULL, 0, OP_ENDLESS },
	{ 0 },
};

static const struct op_step recorded_steps[] = {
	{ "record", record, NULL, 0, OP_ENDLESS },
	{ 0 },
};

static const struct op_kind connected_kind = {
	.name = "exec",
	.description = "Executing command",
	.steps = connected_steps,
	.load = load_connected,
	.unload = exec_unload,
	.volatile_ = true,
	.coordinator = true,
	.class_name = "websocket",
	.cancel = cancel,
};

static const struct op_kind console_kind = {
	.name = "console",
	.description = "Showing console",
	.steps = connected_steps,
	.load = load_console,
	.unload = exec_unload,
	.volatile_ = true,
	.coordinator = true,
	.class_name = "websocket",
	.cancel = cancel,
};

static const struct op_kind recorded_kind = {
	.name = "exec-record",
	.description = "Executing command",
	.steps = recorded_steps,
	.load = load_recorded,
	.unload = exec_unload,
	.volatile_ = true,
	.coordinator = true,
	.cancel = cancel,
};

struct op *exec_start(struct berthd *b, cJSON *args, bool sockets, struct error *err)
{
	static const char *const shown[] = { "command", "environment", "interactive" };
	struct op_options options = { .resources = instance_resources(json_str_or(args, "name", "")) };
	struct op *op = op_start(b->ops, sockets ? &connected_kind : &recorded_kind, args, &options, err);
	const struct exec *x;

	if (!op || !sockets)
		return op;
	x = op_data(op);
	for (size_t i = 0; i < sizeof(shown) / sizeof(shown[0]); i++)
		op_metadata_set(op, shown[i], cJSON_Duplicate(cJSON_GetObjectItemCaseSensitive(x->args, shown[i]), true));
	op_metadata_set(op, "fds", sockets_fds(x->sockets));
	return op;
}

struct op *console_start(struct berthd *b, cJSON *args, struct error *err)
{
	struct op_options options = { .resources = instance_resources(json_str_or(args, "name", "")) };
	struct op *op = op_start(b->ops, &console_kind, args, &options, err);

	if (op)
		op_metadata_set(op, "fds", sockets_fds(((const struct exec *)op_data(op))->sockets));
	return op;
}

/* ---- the request */

static int check_command(const cJSON *command, struct error *err)
{
	const cJSON *item;

	if (!cJSON_IsArray(command) || !command->child)
		return error_set(err, ERROR_INVALID, "'command' must be a list of strings: the program and its arguments");
	cJSON_ArrayForEach(item, command)
		if (!cJSON_IsString(item))
			return error_set(err, ERROR_INVALID, "'command' must be a list of strings");
	return 0;
}

static int take_environment(cJSON *to, const cJSON *from, struct error *err)
{
	const cJSON *item;

	if (from && !cJSON_IsNull(from) && !cJSON_IsObject(from))
		return error_set(err, ERROR_INVALID, "'environment' must be an object of strings");
	cJSON_ArrayForEach(item, from)
	{
		if (!cJSON_IsString(item))
			return error_set(err, ERROR_INVALID, "'environment': the value of '%s' must be a string", item->string);
		if (!item->string[0] || strchr(item->string, '='))
			return error_set(err, ERROR_INVALID, "'environment': '%s' cannot be the name of a variable", item->string);
		json_set_str(to, item->string, item->valuestring);
	}
	return 0;
}

static void default_variable(cJSON *environment, const char *name, const char *value)
{
	if (!cJSON_GetObjectItemCaseSensitive(environment, name))
		json_set_str(environment, name, value);
}

/* As LXD has them: environment.* of the instance, then what every command has. Those of the instance that the request has
 * too go to own. */
static void complete_environment(const cJSON *config, cJSON *environment, cJSON *own, int64_t user)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, config) {
		if (!cJSON_IsString(item) || strncmp(item->string, "environment.", 12) != 0)
			continue;
		if (cJSON_GetObjectItemCaseSensitive(environment, item->string + 12))
			json_set_str(own, item->string, item->valuestring);
		default_variable(environment, item->string + 12, item->valuestring);
	}
	default_variable(environment, "PATH", PATH_DEFAULT);
	default_variable(environment, "LANG", "C.UTF-8");
	if (user == 0) {
		default_variable(environment, "HOME", "/root");
		default_variable(environment, "USER", "root");
	}
}

int exec_take_number(const cJSON *body, const char *key, double max, cJSON *args, struct error *err)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(body, key);
	double n = v && !cJSON_IsNull(v) ? v->valuedouble : 0;

	if (v && !cJSON_IsNull(v) && (!cJSON_IsNumber(v) || n < 0 || n > max || n != (double)(int64_t)n))
		return error_set(err, ERROR_INVALID, "'%s' must be a whole number from 0 to %.0f", key, max);
	json_set_int(args, key, (int64_t)n);
	return 0;
}

static int take_flag(const cJSON *body, const char *key, bool *ret, struct error *err)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(body, key);

	if (v && !cJSON_IsNull(v) && !cJSON_IsBool(v))
		return error_set(err, ERROR_INVALID, "'%s' must be true or false", key);
	*ret = cJSON_IsTrue(v);
	return 0;
}

static int64_t owner_id(const struct id_extents *map, uint32_t id)
{
	uint32_t host;

	return id_extents_find(map, id, &host) ? (int64_t)host : -1;
}

/* Who the command's user is out here: args owner_uid and owner_gid. */
static void find_owner(struct berthd *b, const cJSON *config, cJSON *args)
{
	uint32_t user = (uint32_t)json_int(args, "user", 0), group = (uint32_t)json_int(args, "group", 0);
	struct id_extents users, groups;
	bool mapped = instance_id_extents(config, b->probe, &users, &groups);

	json_set_int(args, "owner_uid", mapped ? owner_id(&users, user) : user);
	json_set_int(args, "owner_gid", mapped ? owner_id(&groups, group) : group);
}

struct flags {
	bool sockets, interactive, record;
};

static int take_request(struct request *r, const struct instance *inst, cJSON *args, struct flags *f, struct error *err)
{
	const cJSON *body = request_body(r);
	const cJSON *command = cJSON_GetObjectItemCaseSensitive(body, "command");
	cJSON *environment = cJSON_CreateObject(), *config, *devices;
	const char *cwd = json_str_or(body, "cwd", "");

	json_set_str(args, "name", inst->name);
	json_set(args, "environment", environment);
	if (check_command(command, err) < 0 ||
	    take_environment(environment, cJSON_GetObjectItemCaseSensitive(body, "environment"), err) < 0 ||
	    exec_take_number(body, "user", UINT32_MAX - 1, args, err) < 0 ||
	    exec_take_number(body, "group", UINT32_MAX - 1, args, err) < 0 ||
	    exec_take_number(body, "width", INT32_MAX, args, err) < 0 ||
	    exec_take_number(body, "height", INT32_MAX, args, err) < 0 ||
	    take_flag(body, "wait-for-websocket", &f->sockets, err) < 0 ||
	    take_flag(body, "interactive", &f->interactive, err) < 0 || take_flag(body, "record-output", &f->record, err) < 0)
		return -1;
	json_set(args, "command", cJSON_Duplicate(command, true));
	json_set_bool(args, "interactive", f->interactive && f->sockets);
	json_set_bool(args, "record", f->record);
	instance_expand_shown(request_berthd(r), inst->desired, &config, &devices);
	complete_environment(config, environment, cJSON_AddObjectToObject(args, "config"), json_int(args, "user", 0));
	find_owner(request_berthd(r), config, args);
	cJSON_Delete(config);
	cJSON_Delete(devices);
	json_set_str(args, "cwd", *cwd ? cwd : json_str_or(environment, "HOME", "/"));
	return 0;
}

static void post_exec(struct request *r)
{
	struct instance *inst = request_instance(r);
	cJSON *args = cJSON_CreateObject();
	struct error err = ERROR_INIT;
	struct flags f = { 0 };
	int rc = -1;

	if (!inst) {
		cJSON_Delete(args);
		return;
	}
	if (!instance_active(inst))
		error_set(&err, ERROR_INVALID, "Instance is not running");
	else if (inst->state == LXC_FROZEN)
		error_set(&err, ERROR_INVALID, "Instance is frozen");
	else
		rc = take_request(r, inst, args, &f, &err);
	if (rc < 0) {
		cJSON_Delete(args);
		reply_error(r, &err);
		return;
	}
	reply_op(r, exec_start(request_berthd(r), args, f.sockets, &err), &err);
}

const struct route exec_routes[] = {
	{ "POST", "/1.0/instances/{name}/exec", post_exec, NULL },
	{ 0 },
};
