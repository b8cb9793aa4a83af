/* SPDX-License-Identifier: MIT */
#include "api/events.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "api/event_log.h"
#include "api/http.h"
#include "api/requestor.h"
#include "api/router.h"
#include "base/ident.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/strbuf.h"

#define LOG_MAX (16 << 20)      /* kept for those who are behind, all together */
#define BEHIND_MAX (1 << 20)    /* of one that takes nothing for STALLED_PINGS */
#define DEBUG_MAX 64            /* subscribers: more of them are a burst of clients, not people who watch */
#define SENT_AHEAD 16384        /* copied for one subscriber at a time */
#define PING_MS 10000
#define STALLED_PINGS 3
#define CLOSE_GOING_AWAY 1001 /* RFC 6455 7.4.1 */
#define CLOSE_POLICY 1008

enum { EVENT_OPERATION = 1, EVENT_LIFECYCLE = 2, EVENT_LOGGING = 4, EVENT_ALL = 7 };

static const struct event_type {
	const char *name;
	int bit;
} types[] = {
	{ "operation", EVENT_OPERATION },
	{ "lifecycle", EVENT_LIFECYCLE },
	{ "logging", EVENT_LOGGING },
};

struct subscriber {
	LIST_ENTRY(subscriber) link;
	struct events *events; /* NULL: not in its list (yet, or any more) */
	struct websocket *ws;
	int wants;
	struct event_place *at; /* what it is told next */
	unsigned stalled;       /* pings since it took something */
};
LIST_HEAD(subscriber_list, subscriber);

struct events {
	struct subscriber_list subscribers;
	struct event_log *log;
	bool logging; /* a log line is being sent: what that logs is not sent */
	uv_timer_t ping;
};

static bool anybody_wants(const struct events *e, int bit)
{
	const struct subscriber *s;

	LIST_FOREACH(s, &e->subscribers, link)
		if (s->wants & bit)
			return true;
	return false;
}

/* Debug lines are made while somebody may look at them. */
static void choose_level(const struct events *e)
{
	const struct subscriber *s;
	unsigned n = 0, wanting = 0;

	LIST_FOREACH(s, &e->subscribers, link) {
		n++;
		wanting += (s->wants & EVENT_LOGGING) != 0;
	}
	log_sink_debug(wanting > 0 && n <= DEBUG_MAX);
}

/* It is one of them no more; its end follows from the loop. */
static void cut(struct subscriber *s)
{
	event_place_release(s->at);
	s->at = NULL;
	websocket_close(s->ws, CLOSE_POLICY);
}

/* The next events, as many as are sent ahead. */
static void pump(struct subscriber *s)
{
	struct event_text t;

	while (s->at != NULL && websocket_queued(s->ws) < SENT_AHEAD && event_place_read(s->at, &t)) {
		if ((s->wants & t.type) && websocket_send_text(s->ws, t.text, t.len) < 0)
			return;
		s->at = event_place_next(s->at);
		s->stalled = 0;
	}
}

/* Those who are the farthest behind make room. */
static void bound(struct events *e)
{
	struct subscriber *s, *last;

	while (event_log_bytes(e->log) > LOG_MAX) {
		last = NULL;
		LIST_FOREACH(s, &e->subscribers, link)
			if (s->at != NULL && (last == NULL || event_place_behind(e->log, s->at) > event_place_behind(e->log, last->at)))
				last = s;
		if (last == NULL)
			return;
		cut(last);
	}
}

/* Serialised once, and kept once for all who are behind. */
static void emit(struct events *e, const struct event_type *type, const cJSON *metadata)
{
	struct strbuf text = STRBUF_INIT;
	AUTO_FREE char *json = json_text(metadata);
	char now[TIME_TEXT_SIZE];
	struct subscriber *s;
	size_t len;

	time_now(now);
	strbuf_addf(&text, "{\"type\":\"%s\",\"timestamp\":\"%s\",\"metadata\":", type->name, now);
	strbuf_addstr(&text, json);
	strbuf_addstr(&text, ",\"location\":\"none\",\"project\":\"default\"}");
	len = text.len;
	event_log_add(e->log, type->bit, strbuf_detach(&text), len);
	LIST_FOREACH(s, &e->subscribers, link)
		pump(s);
	bound(e);
}

static void op_changed_cb(struct op *op, void *data)
{
	struct events *e = data;
	cJSON *object;

	if (!anybody_wants(e, EVENT_OPERATION))
		return;
	object = op_json(op);
	emit(e, &types[0], object);
	cJSON_Delete(object);
}

void events_lifecycle(struct events *e, const char *action, const char *source, cJSON *context_taken, const cJSON *who)
{
	cJSON *metadata;

	if (!anybody_wants(e, EVENT_LIFECYCLE)) {
		cJSON_Delete(context_taken);
		return;
	}
	metadata = cJSON_CreateObject();
	json_set_str(metadata, "action", action);
	json_set_str(metadata, "source", source);
	if (context_taken)
		json_set(metadata, "context", context_taken);
	if (who)
		json_set(metadata, "requestor", cJSON_Duplicate(who, true));
	emit(e, &types[1], metadata);
	cJSON_Delete(metadata);
}

void events_request(struct request *r, const char *action, const char *source, cJSON *context_taken)
{
	struct events *e = request_berthd(r)->events;
	cJSON *who = anybody_wants(e, EVENT_LIFECYCLE) ? requestor_of(r) : NULL;

	events_lifecycle(e, action, source, context_taken, who);
	cJSON_Delete(who);
}

static void log_cb(enum log_level level, const char *msg, void *data)
{
	static const char *const names[] = { "error", "warning", "info", "debug" };
	struct events *e = data;
	cJSON *metadata;

	if (e->logging || !anybody_wants(e, EVENT_LOGGING))
		return;
	e->logging = true;
	metadata = cJSON_CreateObject();
	json_set_str(metadata, "message", msg);
	json_set_str(metadata, "level", names[level]);
	json_set(metadata, "context", cJSON_CreateObject());
	emit(e, &types[2], metadata);
	cJSON_Delete(metadata);
	e->logging = false;
}

static void ping_cb(uv_timer_t *t)
{
	struct events *e = t->data;
	struct subscriber *s;

	LIST_FOREACH(s, &e->subscribers, link) {
		if (s->at != NULL && event_place_behind(e->log, s->at) > BEHIND_MAX && s->stalled++ >= STALLED_PINGS)
			cut(s);
		else
			websocket_ping(s->ws);
	}
}

struct events *events_new(struct berthd *b)
{
	struct events *e = mem_alloc(sizeof(*e));

	e->log = event_log_new();
	uv_timer_init(b->loop, &e->ping);
	e->ping.data = e;
	op_queue_on_change(b->ops, op_changed_cb, e);
	log_set_sink(log_cb, e);
	return e;
}

static void closed_cb(uv_handle_t *handle)
{
	free(handle->data);
}

void events_free(struct events *e)
{
	struct subscriber *s;

	if (!e)
		return;
	log_set_sink(NULL, NULL);
	log_sink_debug(false);
	while ((s = LIST_FIRST(&e->subscribers))) {
		LIST_REMOVE(s, link);
		s->events = NULL;
		event_place_release(s->at);
		s->at = NULL;
		websocket_close(s->ws, CLOSE_GOING_AWAY);
	}
	event_log_free(e->log);
	uv_close((uv_handle_t *)&e->ping, closed_cb);
}

/* ---- GET /1.0/events */

static void opened_cb(struct websocket *ws, void *data)
{
	struct subscriber *s = data;
	struct events *e = s->events;

	s->ws = ws;
	s->at = event_log_end(e->log);
	LIST_INSERT_HEAD(&e->subscribers, s, link);
	choose_level(e);
	websocket_ping(ws);
	if (!uv_is_active((uv_handle_t *)&e->ping))
		uv_timer_start(&e->ping, ping_cb, PING_MS, PING_MS);
}

static void message_cb(struct websocket *ws, int opcode, const void *msg, size_t len, void *data)
{
	/* LXD's clients say nothing here; what they say is ignored */
}

static void written_cb(struct websocket *ws, void *data)
{
	pump(data);
}

static void closed_subscriber_cb(struct websocket *ws, void *data)
{
	struct subscriber *s = data;

	if (s->events && s->ws) {
		LIST_REMOVE(s, link);
		choose_level(s->events);
		if (LIST_EMPTY(&s->events->subscribers))
			uv_timer_stop(&s->events->ping);
	}
	event_place_release(s->at);
	free(s);
}

static const struct websocket_handler subscriber_handler = {
	.on_open = opened_cb,
	.on_message = message_cb,
	.on_written = written_cb,
	.on_close = closed_subscriber_cb,
};

/* type=operation,lifecycle; absent: all. */
static int parse_types(const char *list, int *ret, struct error *err)
{
	size_t len, i;

	*ret = list && *list ? 0 : EVENT_ALL;
	for (; list && *list; list += len + (list[len] == ',')) {
		int bit = 0;

		len = strcspn(list, ",");
		for (i = 0; i < sizeof(types) / sizeof(types[0]); i++)
			if (strlen(types[i].name) == len && memcmp(types[i].name, list, len) == 0)
				bit = types[i].bit;
		if (bit == 0)
			return error_set(err, ERROR_INVALID, "'%.*s' isn't a supported event type", (int)len,
					 list);
		*ret |= bit;
	}
	return 0;
}

static void events_get(struct request *r)
{
	struct error err = ERROR_INIT;
	struct subscriber *s;
	int wants;

	if (parse_types(request_query(r, "type"), &wants, &err) < 0) {
		reply_error(r, &err);
		return;
	}
	s = mem_alloc(sizeof(*s));
	s->events = request_berthd(r)->events;
	s->wants = wants;
	reply_websocket(r, &subscriber_handler, s);
}

const struct route event_routes[] = {
	{ "GET", "/1.0/events", events_get, NULL },
	{ NULL, NULL, NULL, NULL },
};
