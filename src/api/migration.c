/* SPDX-License-Identifier: MIT */
/* The websockets of a migration: they are handed to berth-migrate after the handshake, no byte of them passes through berthd. */
#include "api/migration.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "api/http.h"
#include "api/router.h"
#include "base/mem.h"
#include "instance/migrate_link.h"

/* Lives until the connection is closed, by its peer or with its operation. */
struct handed {
	struct migrate_link *link; /* NULL: the operation has ended */
	int which;
	struct raw_connection *connection; /* NULL: not switched yet */
};

/* May come from within open_cb(), when what was waited for fails at once. close_cb() follows in any case. */
static void end_cb(void *data)
{
	struct handed *h = data;

	h->link = NULL;
	if (h->connection != NULL)
		raw_end_soon(h->connection);
}

static void open_cb(struct raw_connection *c, int fd, const void *extra, size_t len, void *data)
{
	struct handed *h = data;
	int own = len == 0 ? fcntl(fd, F_DUPFD_CLOEXEC, 3) : -1; /* nobody has anything to say before the other side has answered */

	h->connection = c;
	if (h->link != NULL && own >= 0) {
		migrate_link_opened(h->link, h->which, own);
		return;
	}
	if (own >= 0)
		close(own);
	raw_end_soon(c);
}

static void close_cb(struct raw_connection *c, void *data)
{
	struct handed *h = data;

	if (h->link != NULL)
		migrate_link_gone(h->link, h->which);
	free(h);
}

static const struct raw_handler raw = { open_cb, close_cb };

void migration_connect(struct migrate_link *link, struct request *r)
{
	const char *secret = request_query(r, "secret");
	struct handed *h;
	int which;

	if (secret == NULL || secret[0] == '\0') {
		reply_errorf(r, ERROR_INVALID, "missing secret");
		return;
	}
	which = migrate_link_take(link, secret);
	if (which < 0) {
		reply_errorf(r, ERROR_FORBIDDEN, "not authorized");
		return;
	}
	h = mem_alloc(sizeof(*h));
	h->link = link;
	h->which = which;
	migrate_link_expect(link, which, end_cb, h);
	reply_websocket_raw(r, &raw, h);
}
