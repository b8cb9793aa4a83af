/* SPDX-License-Identifier: MIT */
/*
 * A server of src/api in this process and a client in a thread: for test_http.c
 * and test_events.c. The test's function is the client and uses blocking
 * sockets with a deadline; assertions are the main thread's (cmocka is not for
 * threads), so the client says what went wrong with client_fail().
 */
#ifndef BERTH_TESTS_HTTP_SERVER_H
#define BERTH_TESTS_HTTP_SERVER_H

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "api/events.h"
#include "api/http.h"
#include "api/server_config.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "lxc/probe.h"
#include "model/settings.h"

#define CLIENT_DEADLINE_S 20

static char server_dir[64], server_socket[96];
static uv_loop_t server_loop;
static struct settings server_settings = { .storage_driver = (char *)"dir", .server_name = (char *)"test",
					   .http_max_body = 65536 };
static struct probe server_probe = { .lxc_version = "5.0.2", .architecture = "x86_64" };
static struct berthd server = { .settings = &server_settings, .probe = &server_probe, .loop = &server_loop };

/* An operation that goes on when a client says so. */
static struct op *server_op;
static uv_async_t server_async;
static void (*server_task)(void); /* runs on the loop when the client calls client_on_loop() */
static uv_sem_t server_task_done;

static enum op_result held_run(struct op *op, struct error *err)
{
	server_op = op;
	return OP_WAIT;
}

static const struct op_step held_steps[] = { { "hold", held_run, NULL, 60, 0 }, { 0 } };
static const struct op_kind held_kind = { .name = "hold", .description = "Holding", .steps = held_steps,
					  .volatile_ = true, .may_cancel = true };

static inline void server_hold(void)
{
	struct error err = ERROR_INIT;

	op_start(server.ops, &held_kind, cJSON_CreateObject(), &(struct op_options){ 0 }, &err);
}

static inline void server_let_go(void)
{
	op_resume(server_op, OP_DONE, NULL);
	server_op = NULL;
}

static void server_async_cb(uv_async_t *a)
{
	if (!server_task) {
		uv_stop(&server_loop);
		return;
	}
	server_task();
	server_task = NULL;
	uv_sem_post(&server_task_done);
}

static inline int server_setup(void **state)
{
	struct error err = ERROR_INIT;
	AUTO_FREE char *config = NULL;

	snprintf(server_dir, sizeof(server_dir), "/tmp/berth-test-http-XXXXXX");
	if (!mkdtemp(server_dir))
		return -1;
	snprintf(server_socket, sizeof(server_socket), "%s/s.sock", server_dir);
	config = fs_join(server_dir, "server.json");
	log_set_level(LOG_LEVEL_ERROR);
	uv_loop_init(&server_loop);
	uv_sem_init(&server_task_done, 0);
	server.ops = op_queue_new(&server_loop, server_dir, &server, 4);
	server.server = server_config_open(config, &err);
	server.events = events_new(&server);
	server.http = http_listen(&server, server_socket, &err);
	return server.http ? 0 : -1;
}

static inline int server_teardown(void **state)
{
	struct error err = ERROR_INIT;

	http_free(server.http);
	op_queue_free(server.ops);
	events_free(server.events);
	server_config_free(server.server);
	uv_run(&server_loop, UV_RUN_DEFAULT);
	uv_sem_destroy(&server_task_done);
	if (uv_loop_close(&server_loop) != 0)
		return -1;
	return fs_remove_tree(server_dir, &err);
}

/* ---- the client's side */

static char client_error[512];

__attribute__((format(printf, 1, 2)))
static void client_fail(const char *fmt, ...)
{
	va_list ap;

	if (*client_error)
		return;
	va_start(ap, fmt);
	vsnprintf(client_error, sizeof(client_error), fmt, ap);
	va_end(ap);
}

static inline void client_on_loop(void (*task)(void))
{
	server_task = task;
	uv_async_send(&server_async);
	uv_sem_wait(&server_task_done);
}

static void client_thread(void *arg)
{
	void (*client)(void) = *(void (**)(void))arg;

	client();
	uv_async_send(&server_async);
}

/* Runs the client in a thread and the server in this one until the client ends. NULL, or what went wrong. */
static inline const char *server_run(void (*client)(void))
{
	uv_thread_t thread;

	*client_error = 0;
	uv_async_init(&server_loop, &server_async, server_async_cb);
	uv_thread_create(&thread, client_thread, &client);
	uv_run(&server_loop, UV_RUN_DEFAULT);
	uv_thread_join(&thread);
	uv_close((uv_handle_t *)&server_async, NULL);
	uv_run(&server_loop, UV_RUN_NOWAIT);
	return *client_error ? client_error : NULL;
}

static inline int client_connect(void)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	struct timeval deadline = { .tv_sec = CLIENT_DEADLINE_S };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	memcpy(addr.sun_path, server_socket, strlen(server_socket) + 1);
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		client_fail("connect: %s", strerror(errno));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &deadline, sizeof(deadline));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &deadline, sizeof(deadline));
	return fd;
}

static inline void client_send(int fd, const char *text, size_t len)
{
	while (len > 0) {
		ssize_t n = send(fd, text, len, MSG_NOSIGNAL);

		if (n < 0)
			return; /* refused early; the answer tells */
		text += n;
		len -= (size_t)n;
	}
}

/* All that comes until the server closes, or the deadline. Appends to out. */
static inline void client_read_all(int fd, struct strbuf *out)
{
	char buf[4096];
	ssize_t n;

	while ((n = recv(fd, buf, sizeof(buf), 0)) > 0)
		strbuf_add(out, buf, (size_t)n);
	if (n < 0 && errno != ECONNRESET)
		client_fail("the server did not close: %s", strerror(errno));
}

/* Until the text is there. */
static inline void client_read_until(int fd, struct strbuf *out, const char *text)
{
	char buf[4096];
	ssize_t n = 1;

	while (n > 0 && !memmem(out->buf, out->len, text, strlen(text))) {
		n = recv(fd, buf, sizeof(buf), 0);
		if (n > 0)
			strbuf_add(out, buf, (size_t)n);
	}
	if (n <= 0)
		client_fail("'%s' did not come, but '%.200s'", text, out->buf);
}

static inline void client_expect(const struct strbuf *got, const char *part)
{
	if (!memmem(got->buf, got->len, part, strlen(part)))
		client_fail("'%s' expected, got '%.300s'", part, got->buf);
}

/* One connection: sends, reads to the end, expects. */
static inline void client_exchange(const char *request, const char *const *parts)
{
	AUTO_STRBUF struct strbuf got = STRBUF_INIT;
	int fd = client_connect();

	client_send(fd, request, strlen(request));
	client_read_all(fd, &got);
	for (; *parts; parts++)
		client_expect(&got, *parts);
	close(fd);
}

#define EXCHANGE(request, ...) client_exchange(request, (const char *const[]){ __VA_ARGS__, NULL })

#endif
