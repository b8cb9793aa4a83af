/* SPDX-License-Identifier: MIT */
#include "api/profile_wait.h"

#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "instance/registry.h"
#include "instance/update.h"

enum { MESSAGE_MAX = 900 }; /* of the names that fit into an error */

struct change;

struct member {
	struct change *change;
	struct member *next;
	char *instance;
	struct op_wait *wait; /* NULL: it has ended, or there is none */
};

struct change {
	struct request *request;
	struct berthd *b;
	struct member *members;
	unsigned left; /* members that wait, and one while they are still being gathered */
	unsigned failed, told;
	struct strbuf failures;
	uv_timer_t timer; /* closed by change_end() */
};

static void closed_cb(uv_handle_t *handle)
{
	struct change *c = handle->data;

	strbuf_clear(&c->failures);
	free(c);
}

static void change_end(struct change *c)
{
	struct member *next;

	for (struct member *m = c->members; m != NULL; m = next) {
		next = m->next;
		op_wait_cancel(m->wait);
		free(m->instance);
		free(m);
	}
	c->members = NULL;
	uv_close((uv_handle_t *)&c->timer, closed_cb);
}

/* One that was deleted meanwhile has not failed. */
static void add_failure(struct change *c, const char *instance, const char *why)
{
	AUTO_FREE char *line = mem_printf(" - Project: default, Instance: %s: %s\n", instance, why);

	if (registry_get(c->b->registry, instance) == NULL)
		return;
	c->failed++;
	if (c->failures.len + strlen(line) > MESSAGE_MAX)
		return;
	c->told++;
	strbuf_addstr(&c->failures, line);
}

static void change_reply(struct change *c)
{
	struct request *r = c->request;

	request_on_gone(r, NULL);
	if (c->failed > c->told)
		strbuf_addf(&c->failures, " - and %u more\n", c->failed - c->told);
	if (c->failed > 0)
		reply_errorf(r, ERROR_TOOL, "The following instances failed to update (profile change still saved):\n%s",
			     c->failures.buf);
	else
		reply_sync(r, NULL);
	change_end(c);
}

static void one_less(struct change *c)
{
	if (--c->left == 0)
		change_reply(c);
}

static void too_long_cb(uv_timer_t *timer)
{
	struct change *c = timer->data;

	for (const struct member *m = c->members; m != NULL; m = m->next)
		if (m->wait != NULL)
			add_failure(c, m->instance, "Instance is busy, and gets the change when it no longer is");
	change_reply(c);
}

static void ended_cb(struct op *op, void *data)
{
	struct member *m = data;
	struct change *c = m->change;
	AUTO_JSON cJSON *view = op_status(op) == OP_SUCCESS ? op_json(op) : NULL;
	const char *failed = view != NULL ? json_str(json_obj(view, "metadata"), "failed") : op_error(op)->msg;

	m->wait = NULL;
	if (failed != NULL)
		add_failure(c, m->instance, failed);
	uv_timer_start(&c->timer, too_long_cb, PROFILE_PATIENCE_MS, 0);
	one_less(c);
}

static void gone_cb(struct request *r)
{
	change_end(request_data(r));
}

static void started(const char *instance, struct op *op, const struct error *err, void *data)
{
	struct change *c = data;
	struct member *m;

	if (op == NULL) {
		add_failure(c, instance, err->msg);
		return;
	}
	m = mem_alloc(sizeof(*m));
	*m = (struct member){ .change = c, .next = c->members, .instance = mem_strdup(instance) };
	c->members = m;
	c->left++;
	m->wait = op_on_end(op, ended_cb, m);
}

void profile_reply_when_taken(struct request *r, const char *profile)
{
	struct change *c = mem_alloc(sizeof(*c));

	*c = (struct change){ .request = r, .b = request_berthd(r), .left = 1, .failures = STRBUF_INIT };
	uv_timer_init(c->b->loop, &c->timer);
	c->timer.data = c;
	uv_timer_start(&c->timer, too_long_cb, PROFILE_PATIENCE_MS, 0);
	request_set_data(r, c);
	request_on_gone(r, gone_cb);
	instance_profile_changed(c->b, profile, started, c);
	one_less(c);
}
