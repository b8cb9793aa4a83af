/* SPDX-License-Identifier: MIT */
/* All networks are looked at, and made what they should be: at the host's load, and when something went. */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "host/host.h"
#include "host/network.h"
#include "network/network_private.h"

enum { FIRST_MS = 1000, LAST_MS = 60000 };

/* ---- the operation */

struct look {
	struct bring bring; /* first: network_bring.c finds it as the operation's data */
};

static void *look_load(void *ctx, cJSON *args, struct error *err)
{
	struct berthd *b = ctx;
	struct look *l = mem_alloc(sizeof(*l));
	AUTO_FREE const char **names = network_names(b);
	size_t count = 0;

	while (names[count])
		count++;
	l->bring.names = mem_alloc((count + 1) * sizeof(*l->bring.names));
	for (size_t i = 0; i < count; i++)
		l->bring.names[i] = mem_strdup(names[i]);
	l->bring.go_on = true;
	return l;
}

static void look_unload(void *data)
{
	struct look *l = data;

	network_bring_end(&l->bring);
	for (char **name = l->bring.names; *name; name++)
		free(*name);
	free(l->bring.names);
	free(l);
}

static enum op_result step_bring(struct op *op, struct error *err)
{
	return network_bring(op, op_data(op), err);
}

static const struct op_step look_steps[] = { { "bring", step_bring, NULL, 600, 0 }, { 0 } };
static const struct op_kind look_kind = {
	.name = "networks",
	.description = "Bringing up networks",
	.steps = look_steps,
	.load = look_load,
	.unload = look_unload,
	.volatile_ = true,
	.always = true, /* the host is being loaded */
};

static struct op *look(struct networks *n, struct error *err)
{
	struct op_options options = { .locks = (const char *const[]){ "networks", NULL } };

	return op_start(n->b->ops, &look_kind, cJSON_CreateObject(), &options, err);
}

/* ---- in the background */

static unsigned retry_ms(const struct networks *n)
{
	unsigned shift = n->failures < 7 ? n->failures - 1 : 6;

	return FIRST_MS << shift < LAST_MS ? FIRST_MS << shift : LAST_MS;
}

static bool all_work(const struct berthd *b)
{
	AUTO_FREE const char **names = network_names(b);

	for (const char **name = names; *name; name++)
		if (network_live(b->networks, *name)->broken)
			return false;
	return true;
}

static void looked(struct op *op, void *data)
{
	struct berthd *b = data;
	struct networks *n = b->networks;

	if (!n || n->resting)
		return;
	n->failures = op_status(op) == OP_SUCCESS && all_work(b) ? 0 : n->failures + 1;
	if (n->failures > 0)
		network_look_soon(n, retry_ms(n));
}

static void look_now(uv_timer_t *timer)
{
	struct networks *n = timer->data;
	struct error err = ERROR_INIT;
	struct op *op;

	if (n->resting || !host_loaded(n->b))
		return;
	op = look(n, &err);
	if (op)
		op_on_end(op, looked, n->b);
	else
		log_warning("networks are not looked after: %s", err.msg);
}

void network_look_soon(struct networks *n, unsigned ms)
{
	if (!n->resting && (!uv_is_active((uv_handle_t *)&n->timer) || uv_timer_get_due_in(&n->timer) > ms))
		uv_timer_start(&n->timer, look_now, ms, 0);
}

void network_link_gone(const char *name, void *networks)
{
	struct networks *n = networks;

	if (!name || network_get(n->b, name))
		network_look_soon(n, 50);
}

void network_watch(struct networks *n)
{
	struct error err = ERROR_INIT;

	if (n->links || n->resting)
		return;
	n->links = link_watch_start(n->b->loop, network_link_gone, n, &err);
	if (!n->links)
		log_warning("%s: the bridges of networks are not watched", err.msg);
}

/* ---- with the host */

struct loading {
	struct berthd *b;
	struct host_part *part;
};

static void loaded(struct op *op, void *data)
{
	struct loading *l = data;
	struct error err = ERROR_INIT;

	looked(op, l->b);
	if (op_status(op) != OP_SUCCESS)
		err = *op_error(op);
	else if (l->b->networks && !all_work(l->b))
		error_set(&err, ERROR_TOOL, "not all of them could be brought up");
	if (l->b->networks)
		host_part_done(l->part, NULL, &err);
	free(l);
}

static void part_load(struct berthd *b, struct host_part *part)
{
	struct networks *n = b->networks;
	AUTO_FREE const char **names = network_names(b);
	struct error err = ERROR_INIT;
	struct loading *l;
	struct op *op;

	n->resting = false;
	op = *names ? look(n, &err) : NULL;
	if (!op) {
		host_part_done(part, NULL, &err);
		return;
	}
	network_watch(n);
	l = mem_alloc(sizeof(*l));
	*l = (struct loading){ b, part };
	op_on_end(op, loaded, l);
}

static void part_unload(struct berthd *b)
{
	struct networks *n = b->networks;

	if (!n)
		return;
	n->resting = true;
	link_watch_stop(n->links);
	n->links = NULL;
	uv_timer_stop(&n->timer);
}

void network_parts(struct berthd *b)
{
	static const struct host_part_type part = { "networks", part_load, part_unload };

	host_part_add(b, &part);
}
