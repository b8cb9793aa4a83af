/* SPDX-License-Identifier: MIT */
/*
 * What a client sends on a websocket after the handshake, to both kinds of handler: frames, fragments, control frames,
 * lengths that lie, an end in the middle. The first byte chooses: handler by pieces or by messages, how much of the
 * input came with the handshake, and whether reading is paused now and then. on_close must come once; on_message
 * never has more than 1 MiB, a piece never more than 4 KiB.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/http_private.h"
#include "base/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int server_fd;
static unsigned closed, pieces;
static bool pausing;

/* In place of libmicrohttpd's: the descriptor is ours. */
enum MHD_Result MHD_upgrade_action(struct MHD_UpgradeResponseHandle *urh, enum MHD_UpgradeAction action, ...)
{
	close(server_fd);
	return MHD_YES;
}

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "fuzz_websocket: %s\n", what);
	abort();
}

static void message_cb(struct websocket *ws, int opcode, const void *msg, size_t len, void *data)
{
	must(len <= 1024 * 1024, "a message that is too long");
	websocket_send_binary(ws, msg, len);
}

static void piece_cb(struct websocket *ws, bool text, bool end, const void *piece, size_t len, void *data)
{
	must(len <= 4096, "a piece that is too long");
	must(!end || len == 0, "an end with bytes");
	if (pausing && ++pieces % 3 == 0)
		websocket_pause(ws, true);
	if (text && end)
		websocket_close(ws, 1000);
	else
		websocket_send_binary(ws, piece, len);
}

static void written_cb(struct websocket *ws, void *data)
{
	websocket_pause(ws, false);
}

static void closed_cb(struct websocket *ws, void *data)
{
	closed++;
}

static const struct websocket_handler by_messages = { .on_message = message_cb, .on_close = closed_cb };
static const struct websocket_handler by_pieces = {
	.on_piece = piece_cb,
	.on_written = written_cb,
	.on_close = closed_cb,
};

static void serve(struct http *h, const struct websocket_handler *handler, const uint8_t *data, size_t size, size_t early)
{
	struct connection connection = { 0 };
	struct exchange x = { .http = h, .connection = &connection };
	int fds[2];

	must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0, "no sockets");
	server_fd = fds[0];
	websocket_upgrade_cb(websocket_new(h, handler, NULL), NULL, &x, (const char *)data, early, fds[0], NULL);
	for (size_t sent = early; sent < size && closed == 0;) {
		ssize_t n = send(fds[1], data + sent, size - sent > 1500 ? 1500 : size - sent, MSG_NOSIGNAL);

		sent += n > 0 ? (size_t)n : 0;
		uv_run(h->loop, UV_RUN_NOWAIT);
		while (recv(fds[1], (char[4096]){ 0 }, 4096, 0) > 0)
			;
	}
	close(fds[1]);
	for (int i = 0; i < 16 && closed == 0; i++)
		uv_run(h->loop, UV_RUN_NOWAIT);
	while (!LIST_EMPTY(&h->websockets))
		websocket_shut_down(LIST_FIRST(&h->websockets));
	while (uv_run(h->loop, UV_RUN_NOWAIT))
		;
	must(closed == 1, "on_close did not come once");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct http h = { 0 };
	uv_loop_t loop;
	uint8_t how;

	if (size == 0)
		return 0;
	how = *data++;
	size--;
	must(uv_loop_init(&loop) == 0, "no loop");
	h.loop = &loop;
	LIST_INIT(&h.websockets);
	closed = pieces = 0;
	pausing = how & 2;
	serve(&h, how & 1 ? &by_pieces : &by_messages, data, size, how & 4 ? size / 2 : 0);
	must(uv_loop_close(&loop) == 0, "a handle is left");
	return 0;
}
