/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "host/host_private.h"

/* One load of all parts; also the handle of the one that is loading. */
struct host_part {
	LIST_ENTRY(host_part) link;
	struct host *h;
	size_t next;
	bool inside, again; /* done came while load was still running: no recursion */
	struct host_bringup result;
	void (*done)(struct host_bringup *result, void *data);
	void *data;
};

void host_part_add(struct berthd *b, const struct host_part_type *type)
{
	struct host *h = b->host;

	if (h->n_types == HOST_PARTS_MAX) {
		log_error("more than %d parts of the host", HOST_PARTS_MAX);
		abort();
	}
	h->types[h->n_types++] = type;
}

static void part_free(struct host_part *p)
{
	LIST_REMOVE(p, link);
	cJSON_Delete(p->result.warnings);
	cJSON_Delete(p->result.facts);
	free(p);
}

void host_parts_forget(struct host *h)
{
	struct host_part *next;

	for (struct host_part *p = LIST_FIRST(&h->loading); p != NULL; p = next) {
		next = LIST_NEXT(p, link);
		part_free(p);
	}
}

static void finish(struct host_part *p)
{
	p->done(&p->result, p->data);
	part_free(p);
}

static void go_on(struct host_part *p)
{
	while (p->next < p->h->n_types) {
		p->inside = true;
		p->again = false;
		p->h->types[p->next]->load(p->h->b, p);
		p->inside = false;
		if (!p->again)
			return; /* host_part_done() comes later */
	}
	finish(p);
}

void host_part_done(struct host_part *p, cJSON *facts_taken, const struct error *err)
{
	const char *name = p->h->types[p->next]->name;

	if (err->code != ERROR_NONE) {
		AUTO_FREE char *text = mem_printf("%s: %s", name, err->msg);

		log_warning("host load: %s", text);
		cJSON_AddItemToArray(p->result.warnings, cJSON_CreateString(text));
	}
	if (facts_taken != NULL)
		json_set(p->result.facts, name, facts_taken);
	p->next++;
	if (p->inside)
		p->again = true;
	else
		go_on(p);
}

void host_parts_load(struct host *h, void (*done)(struct host_bringup *result, void *data), void *data)
{
	struct host_part *p = mem_alloc(sizeof(*p));

	p->h = h;
	LIST_INSERT_HEAD(&h->loading, p, link);
	p->result.warnings = cJSON_CreateArray();
	p->result.facts = cJSON_CreateObject();
	p->done = done;
	p->data = data;
	go_on(p);
}

void host_parts_unload(struct host *h)
{
	for (size_t i = h->n_types; i-- > 0;)
		if (h->types[i]->unload != NULL)
			h->types[i]->unload(h->b);
}
