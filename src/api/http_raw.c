/* SPDX-License-Identifier: MIT */
/* Connections that were switched to another protocol, which another process speaks: we only see that they end. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "api/http_private.h"
#include "base/mem.h"

#define LINGER_MS 10000 /* for what the client said before it hung up */

struct raw_connection {
	LIST_ENTRY(raw_connection) link;
	struct http *http;
	const struct raw_handler *handler;
	void *data;
	struct MHD_UpgradeResponseHandle *urh;
	int handles;
	uv_poll_t poll;
	uv_timer_t timer;
};

void reply_raw(struct request *r, const char *protocol, const struct raw_handler *handler, void *data)
{
	const char *asked = request_header(r, "Upgrade");

	if (r->reply.status != 0 || asked == NULL || strcasecmp(asked, protocol) != 0) {
		handler->on_close(NULL, data);
		reply_errorf(r, ERROR_INVALID, "Missing or invalid upgrade header");
		return;
	}
	r->reply.raw = handler;
	r->reply.raw_data = data;
	r->reply.protocol = protocol;
	r->reply.status = 101;
	r->transport->send(r);
}

struct raw_connection *raw_new(struct http *h, const struct raw_handler *handler, void *data)
{
	struct raw_connection *c = mem_alloc(sizeof(*c));

	c->http = h;
	c->handler = handler;
	c->data = data;
	return c;
}

void raw_drop(struct raw_connection *c)
{
	c->handler->on_close(NULL, c->data);
	free(c);
}

static void closed_cb(uv_handle_t *handle)
{
	struct raw_connection *c = handle->data;

	if (--c->handles == 0)
		free(c);
}

void raw_close(struct raw_connection *c)
{
	LIST_REMOVE(c, link);
	uv_close((uv_handle_t *)&c->poll, closed_cb);
	uv_close((uv_handle_t *)&c->timer, closed_cb);
	MHD_upgrade_action(c->urh, MHD_UPGRADE_ACTION_CLOSE); /* closes the descriptor; libuv has let go of it */
	c->http->kicked = true;
}

void raw_shut_down(struct raw_connection *c)
{
	c->handler->on_close(c, c->data);
	raw_close(c);
}

static void timer_cb(uv_timer_t *timer)
{
	raw_shut_down(timer->data);
}

void raw_end_soon(struct raw_connection *c)
{
	uv_timer_start(&c->timer, timer_cb, 0, 0);
}

static void hung_up_cb(uv_poll_t *poll, int status, int events)
{
	struct raw_connection *c = poll->data;

	uv_poll_stop(poll);
	uv_timer_start(&c->timer, timer_cb, LINGER_MS, 0);
}

void raw_upgrade_cb(void *cls, struct MHD_Connection *mhd, void *con_cls, const char *extra, size_t extra_len,
		    MHD_socket fd, struct MHD_UpgradeResponseHandle *urh)
{
	struct raw_connection *c = cls;
	struct exchange *x = con_cls;

	x->raw = NULL;
	x->connection->deadline = 0;
	c->urh = urh;
	uv_poll_init(c->http->loop, &c->poll, fd);
	uv_timer_init(c->http->loop, &c->timer);
	c->handles = 2;
	c->poll.data = c->timer.data = c;
	LIST_INSERT_HEAD(&c->http->raws, c, link);
	uv_poll_start(&c->poll, UV_DISCONNECT, hung_up_cb);
	c->handler->on_open(c, fd, extra, extra_len, c->data);
}
