/* SPDX-License-Identifier: MIT */
/* All instances when the host goes down: highest boot.stop.priority first, each with its boot.host_shutdown_timeout. */
#include "instance/shutdown.h"

#include <stdlib.h>

#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "instance/instance.h"

#define TIMEOUT_S 30

struct one {
	char *name;
	long priority;
	int timeout_s;
};

struct shutdown {
	struct berthd *b;
	struct op *self;
	struct one *list; /* highest priority first */
	size_t n, next;
	size_t open; /* stops that have not ended; and one while they are started */
	bool over;   /* the operation is: the last of them frees this */
	struct strbuf failed;
};

static void shutdown_free(struct shutdown *s)
{
	for (size_t i = 0; i < s->n; i++)
		free(s->list[i].name);
	free(s->list);
	strbuf_clear(&s->failed);
	free(s);
}

static long number(const struct berthd *b, const struct instance *inst, const char *key, long otherwise)
{
	const char *value = instance_value(b, inst->desired, key);

	return value == NULL || value[0] == '\0' ? otherwise : strtol(value, NULL, 10);
}

static int by_priority(const void *a, const void *b)
{
	const struct one *x = a, *y = b;

	return x->priority == y->priority ? 0 : x->priority > y->priority ? -1 : 1;
}

static void collect(struct shutdown *s)
{
	const char **names = registry_names(s->b->registry);

	s->list = mem_alloc((registry_count(s->b->registry) + 1) * sizeof(*s->list));
	for (const char **n = names; *n != NULL; n++) {
		const struct instance *inst = registry_get(s->b->registry, *n);

		if (!instance_active(inst))
			continue;
		s->list[s->n++] = (struct one){ .name = mem_strdup(*n),
						.priority = number(s->b, inst, "boot.stop.priority", 0),
						.timeout_s = (int)number(s->b, inst, "boot.host_shutdown_timeout", TIMEOUT_S) };
	}
	free(names);
	qsort(s->list, s->n, sizeof(*s->list), by_priority);
}

static void note(struct shutdown *s, const char *name, const char *msg)
{
	log_warning("'%s' is not stopped: %s", name, msg);
	strbuf_addf(&s->failed, "%s%s: %s", s->failed.len > 0 ? "\n" : "", name, msg);
}

static void stop(struct shutdown *s, const char *name, int timeout_s, bool force);
static void next_group(struct shutdown *s);

static void one_ended(struct op *op, void *data)
{
	struct shutdown *s = data;
	const char *name = json_str_or(op_args(op), "name", "");
	const struct instance *inst = registry_get(s->b->registry, name);
	bool failed = op_error(op)->code != ERROR_NONE && inst != NULL && instance_active(inst);

	s->open--;
	if (s->over) {
		if (s->open == 0)
			shutdown_free(s);
		return;
	}
	if (failed && json_bool(op_args(op), "force", false)) {
		note(s, name, op_error(op)->msg);
	} else if (failed) {
		log_warning("'%s' is killed: %s", name, op_error(op)->msg);
		stop(s, name, -1, true);
	}
	if (s->open == 0)
		next_group(s);
}

static void stop(struct shutdown *s, const char *name, int timeout_s, bool force)
{
	struct power_options options = { .action = POWER_STOP, .timeout_s = timeout_s, .force = force, .host_down = true };
	struct error err = ERROR_INIT;
	struct op *op = instance_power(s->b, name, &options, &err);

	if (op == NULL) {
		if (err.code != ERROR_NOT_FOUND)
			note(s, name, err.msg);
		return;
	}
	op_set_origin(op, cJSON_Duplicate(op_origin(s->self), true));
	s->open++;
	op_on_end(op, one_ended, s);
}

/* Those of the next priority, or the end. */
static void next_group(struct shutdown *s)
{
	struct error err = ERROR_INIT;

	while (s->open == 0 && s->next < s->n) {
		long priority = s->list[s->next].priority;

		for (; s->next < s->n && s->list[s->next].priority == priority; s->next++)
			stop(s, s->list[s->next].name, s->list[s->next].timeout_s, s->list[s->next].timeout_s == 0);
	}
	if (s->open > 0)
		return;
	if (s->failed.len > 0)
		error_set(&err, ERROR_TOOL, "%s", s->failed.buf);
	op_resume(s->self, s->failed.len > 0 ? OP_FAIL : OP_DONE, &err);
}

static enum op_result step_all(struct op *op, struct error *err)
{
	struct shutdown *s = op_data(op);

	s->self = op;
	instance_autostart_stop(s->b);
	collect(s);
	next_group(s);
	return OP_WAIT;
}

static void *shutdown_load(void *ctx, cJSON *args, struct error *err)
{
	struct shutdown *s = mem_alloc(sizeof(*s));

	s->b = ctx;
	strbuf_init(&s->failed);
	return s;
}

static void shutdown_unload(void *data)
{
	struct shutdown *s = data;

	if (s == NULL)
		return;
	s->over = true;
	if (s->open == 0)
		shutdown_free(s);
}

static const struct op_step shutdown_steps[] = { { "all", step_all, NULL, 86400, 0 }, { 0 } };
static const struct op_kind shutdown_kind = {
	.name = "host-stop",
	.description = "Stopping all instances",
	.steps = shutdown_steps,
	.load = shutdown_load,
	.unload = shutdown_unload,
	.volatile_ = true,
	.coordinator = true,
	.patient = true,
};

struct op *instance_shutdown_all(struct berthd *b, struct error *err)
{
	return op_start(b->ops, &shutdown_kind, cJSON_CreateObject(), NULL, err);
}
