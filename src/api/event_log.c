/* SPDX-License-Identifier: MIT */
#include "api/event_log.h"

#include <stdlib.h>

#include "base/mem.h"

/* Held by the one before it (or by the log, the last one) and by who stands there. The last one has no text yet. */
struct event_place {
	struct event_place *next;
	struct event_log *log;
	unsigned users;
	uint64_t from; /* bytes that came before it */
	int type;
	char *text;
	size_t len;
};

struct event_log {
	struct event_place *last;
	size_t bytes;
	unsigned places; /* that know us */
	bool freed;
};

static struct event_place *place_new(struct event_log *log, uint64_t from, unsigned users)
{
	struct event_place *p = mem_alloc(sizeof(*p));

	p->log = log;
	p->from = from;
	p->users = users;
	log->places++;
	return p;
}

struct event_log *event_log_new(void)
{
	struct event_log *log = mem_alloc(sizeof(*log));

	log->last = place_new(log, 0, 1);
	return log;
}

static void place_free(struct event_place *p)
{
	struct event_log *log = p->log;

	log->bytes -= p->len;
	free(p->text);
	free(p);
	if (--log->places == 0 && log->freed)
		free(log);
}

/* Not by recursion: who falls behind holds a long chain. */
void event_place_release(struct event_place *at)
{
	while (at != NULL && --at->users == 0) {
		struct event_place *next = at->next;

		place_free(at);
		at = next;
	}
}

void event_log_free(struct event_log *log)
{
	if (log == NULL)
		return;
	log->freed = true;
	event_place_release(log->last);
}

void event_log_add(struct event_log *log, int type, char *text, size_t len)
{
	struct event_place *p = log->last;

	p->type = type;
	p->text = text;
	p->len = len;
	log->bytes += len;
	log->last = p->next = place_new(log, p->from + len, 2);
	event_place_release(p);
}

size_t event_log_bytes(const struct event_log *log)
{
	return log->bytes;
}

struct event_place *event_log_end(struct event_log *log)
{
	log->last->users++;
	return log->last;
}

bool event_place_read(const struct event_place *at, struct event_text *ret)
{
	*ret = (struct event_text){ at->type, at->text, at->len };
	return at->text != NULL;
}

struct event_place *event_place_next(struct event_place *at)
{
	struct event_place *next = at->next;

	if (--at->users == 0)
		place_free(at); /* its hold on the next one is ours now */
	else
		next->users++;
	return next;
}

uint64_t event_place_behind(const struct event_log *log, const struct event_place *at)
{
	return log->last->from - at->from;
}
