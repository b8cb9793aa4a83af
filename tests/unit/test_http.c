/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <dirent.h>

#include "http_server.h"

#define HEAD " HTTP/1.1\r\nHost: x\r\n"
#define CLOSE HEAD "Connection: close\r\n"

static void run(void (*client)(void))
{
	const char *wrong = server_run(client);

	if (wrong)
		fail_msg("%s", wrong);
}

static void basics(void)
{
	EXCHANGE("GET /" CLOSE "\r\n", "HTTP/1.1 200 OK\r\n", "\r\nContent-Type: application/json\r\n",
		 "\r\nConnection: close\r\n", "\r\n\r\n{\"type\":\"sync\"", "\"metadata\":[\"/1.0\"]}\n");
	EXCHANGE("GET /1.0" CLOSE "\r\n", "\r\nETag: \"", "\"api_version\":\"1.0\"");
	EXCHANGE("GET http://somewhere/1.0/operations" CLOSE "\r\n", "HTTP/1.1 200 OK");
	EXCHANGE("GET /nosuch" CLOSE "\r\n", "HTTP/1.1 404 Not Found\r\n",
		 "\r\nX-Content-Type-Options: nosniff\r\n");
	EXCHANGE("DELETE /1.0" CLOSE "\r\n", "HTTP/1.1 501 Not Implemented\r\n");
	EXCHANGE("GET / HTTP/1.0\r\n\r\n", "200 OK\r\n", "\"/1.0\"");
}

static void test_basics(void **state)
{
	run(basics);
}

static void head(void)
{
	AUTO_STRBUF struct strbuf got = STRBUF_INIT;
	int fd = client_connect();

	client_send(fd, "HEAD /" CLOSE "\r\n", strlen("HEAD /" CLOSE "\r\n"));
	client_read_all(fd, &got);
	client_expect(&got, "\r\nContent-Length: 114\r\n");
	if (strstr(got.buf, "\r\n\r\n")[4])
		client_fail("HEAD has a body");
	close(fd);
}

static void test_head(void **state)
{
	run(head);
}

static void bodies(void)
{
	EXCHANGE("PATCH /1.0" CLOSE "Content-Length: 28\r\n\r\n{\"config\":{\"user.a\":\"1234\"}}", "200 OK");
	EXCHANGE("PATCH /1.0" CLOSE
		 "Transfer-Encoding: chunked\r\n\r\nb\r\n{\"config\":{\r\n2;ext=1\r\n}}\r\n0\r\n\r\n",
		 "200 OK");
	EXCHANGE("PATCH /1.0" CLOSE "Content-Length: 3\r\n\r\n{x}", "HTTP/1.1 400 ", "\"error_code\":400");
	EXCHANGE("GET /" CLOSE "Content-Length: 4\r\n\r\nnull", "200 OK");
	EXCHANGE("PATCH /1.0" CLOSE "Expect: 100-continue\r\nContent-Length: 13\r\n\r\n{\"config\":{}}",
		 "HTTP/1.1 100 Continue\r\n", "HTTP/1.1 200 OK");
	EXCHANGE("PATCH /1.0" HEAD "Expect: 100-continue\r\nContent-Length: 999999\r\n\r\n", "HTTP/1.1 413 ");
}

static void test_bodies(void **state)
{
	run(bodies);
}

/* Three requests in one packet, the second of them answered later. */
static void pipeline(void)
{
	static const char text[] = "GET /" HEAD "\r\nGET /1.0/operations" HEAD "\r\nPATCH /1.0" HEAD
				   "Content-Length: 13\r\n\r\n{\"config\":{}}GET /nosuch" CLOSE "\r\n";
	AUTO_STRBUF struct strbuf got = STRBUF_INIT;
	const char *at;
	int fd = client_connect(), n = 0;

	client_send(fd, text, strlen(text));
	client_read_all(fd, &got);
	for (at = got.buf; (at = strstr(at, "HTTP/1.1 200 OK")); at++)
		n++;
	if (n != 3)
		client_fail("%d of 3 answers", n);
	client_expect(&got, "HTTP/1.1 404");
	close(fd);
}

static void test_pipeline(void **state)
{
	run(pipeline);
}

static void malformed(void)
{
	AUTO_FREE char *big = mem_alloc(100001);
	AUTO_FREE char *text = NULL, *text2 = NULL;

	memset(big, 'a', 100000);
	text = mem_printf("GET /%s" HEAD "\r\n", big);
	text2 = mem_printf("GET /" HEAD "X: %s\r\n\r\n", big);
	EXCHANGE(text, "HTTP/1.1 414 ");
	EXCHANGE(text2, "HTTP/1.1 431 ");
	EXCHANGE("GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 400 ");
	EXCHANGE("GET / HTTP/7.7\r\nHost: x\r\n\r\n", "HTTP/1.1 505 ");
	EXCHANGE("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n", "HTTP/1.1 400 ");
	EXCHANGE("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", "HTTP/1.1 400 ");
	EXCHANGE("POST /1.0" HEAD "Transfer-Encoding: chunked\r\n\r\nzz\r\n", "HTTP/1.1 400 ");
	EXCHANGE("GARBAGE\r\n\r\n", ""); /* closed */
}

static void test_malformed(void **state)
{
	run(malformed);
}

/* Refused while the body still comes: the answer is there, and the connection ends when the client stops. */
static void too_large(void)
{
	AUTO_STRBUF struct strbuf got = STRBUF_INIT;
	char *chunk = mem_alloc(65537);
	int fd = client_connect(), i;

	memset(chunk, ' ', 65536);
	client_send(fd, "PATCH /1.0" HEAD "Transfer-Encoding: chunked\r\n\r\n",
		    strlen("PATCH /1.0" HEAD "Transfer-Encoding: chunked\r\n\r\n"));
	for (i = 0; i < 10; i++) {
		client_send(fd, "10000\r\n", 7);
		client_send(fd, chunk, 65536);
		client_send(fd, "\r\n", 2);
	}
	client_read_until(fd, &got, "larger than 65536 bytes\",\"metadata\":null}\n");
	client_expect(&got, "HTTP/1.1 413 ");
	shutdown(fd, SHUT_WR);
	client_read_all(fd, &got);
	close(fd);
	free(chunk);
	EXCHANGE("GET /" CLOSE "\r\n", "200 OK");
}

static void test_too_large(void **state)
{
	run(too_large);
}

/* ---- answers that come later */

static char wait_request[200];

static void name_wait(struct op *op, void *data)
{
	if (op_status(op) < OP_SUCCESS)
		snprintf(wait_request, sizeof(wait_request), "GET /1.0/operations/%s/wait" CLOSE "\r\n",
			 op_id(op));
}

static void find_wait(void)
{
	op_foreach(server.ops, name_wait, NULL);
}

static size_t waiting;

static void count_one(struct op *op, void *data)
{
	waiting += op_status(op) < OP_SUCCESS;
}

static void count_running(void)
{
	waiting = 0;
	op_foreach(server.ops, count_one, NULL);
}

static void hold(void)
{
	client_on_loop(server_hold);
	do
		client_on_loop(count_running);
	while (!server_op);
	client_on_loop(find_wait);
}

static void later(void)
{
	AUTO_STRBUF struct strbuf got = STRBUF_INIT;
	int fds[50], i;

	hold();
	for (i = 0; i < 50; i++) {
		fds[i] = client_connect();
		client_send(fds[i], wait_request, strlen(wait_request));
	}
	EXCHANGE("GET /1.0/operations" CLOSE "\r\n", "{\"running\":[\"/1.0/operations/");
	EXCHANGE("GET /1.0/operations?recursion=1" CLOSE "\r\n", "{\"running\":[{\"id\":");
	client_on_loop(server_let_go);
	for (i = 0; i < 50; i++) {
		strbuf_reset(&got);
		client_read_all(fds[i], &got);
		client_expect(&got, "\"status\":\"Success\"");
		client_expect(&got, "\"err\":\"\"");
		close(fds[i]);
	}
}

static void test_later(void **state)
{
	run(later);
}

static void timeout(void)
{
	AUTO_FREE char *text = NULL;

	hold();
	text = mem_printf("%.*s?timeout=0" CLOSE "\r\n", (int)(strstr(wait_request, " HTTP") - wait_request),
			  wait_request);
	EXCHANGE(text, "\"status\":\"Running\"");
	free(text);
	text = mem_printf("%.*s?timeout=1" CLOSE "\r\n", (int)(strstr(wait_request, " HTTP") - wait_request),
			  wait_request);
	EXCHANGE(text, "\"status\":\"Running\"");
	free(text);
	text = mem_printf("%.*s?timeout=x" CLOSE "\r\n", (int)(strstr(wait_request, " HTTP") - wait_request),
			  wait_request);
	EXCHANGE(text, "HTTP/1.1 400 ");
	client_on_loop(server_let_go);
	EXCHANGE(wait_request, "\"status\":\"Success\"");
}

static void test_timeout(void **state)
{
	run(timeout);
}

/* A client that ended its half still gets its answer. */
static void half_closed(void)
{
	AUTO_STRBUF struct strbuf got = STRBUF_INIT;
	int fd = client_connect();

	hold();
	client_send(fd, wait_request, strlen(wait_request));
	shutdown(fd, SHUT_WR);
	EXCHANGE("GET /" CLOSE "\r\n", "200 OK");
	client_on_loop(server_let_go);
	client_read_all(fd, &got);
	client_expect(&got, "\"status\":\"Success\"");
	close(fd);
}

static void test_half_closed(void **state)
{
	run(half_closed);
}

static size_t open_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	size_t n = 0;

	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

/* Clients that vanish in every state leave nothing; their descriptors show when they are really gone. */
static void vanish(void)
{
	static const char *const requests[] = {
		"GET /1.0/op",
		"POST /1.0" HEAD "Content-Length: 100\r\n\r\n{",
		"GET /" HEAD "\r\n",
		"GET /" HEAD,
		"PATCH /1.0" HEAD "Transfer-Encoding: chunked\r\n\r\n10\r\nab",
		"GET /1.0/events" HEAD
		"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
	};
	size_t before = open_fds(), i, n = sizeof(requests) / sizeof(requests[0]);
	int tries;

	hold();
	for (i = 0; i < 20 * (n + 1); i++) {
		const char *text = i % (n + 1) == n ? wait_request : requests[i % (n + 1)];
		int fd = client_connect();

		client_send(fd, text, strlen(text));
		if (i % 3 == 0)
			client_on_loop(count_running); /* the server has turned meanwhile */
		close(fd);
	}
	client_on_loop(server_let_go);
	for (tries = 0; open_fds() > before && tries < 100000; tries++)
		client_on_loop(count_running);
	if (open_fds() > before)
		client_fail("%zu descriptors, before %zu", open_fds(), before);
}

static void test_vanish(void **state)
{
	run(vanish);
}

/* ---- the socket */

static void test_socket(void **state)
{
	struct error err = ERROR_INIT;
	char path[128];
	struct stat st;

	assert_int_equal(stat(server_socket, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0660);
	assert_null(http_listen(&server, server_socket, &err)); /* a daemon answers there */
	assert_non_null(strstr(err.msg, "another daemon answers"));
	snprintf(path, sizeof(path), "%s/file", server_dir);
	assert_int_equal(fs_write_atomic(path, "x", 1, 0600, &err), 0);
	assert_null(http_listen(&server, path, &err));
	assert_non_null(strstr(err.msg, "not a socket"));
	assert_true(fs_exists(path));
	memset(path, 'a', sizeof(path) - 1);
	path[sizeof(path) - 1] = 0;
	assert_null(http_listen(&server, path, &err));
	assert_non_null(strstr(err.msg, "longer than 107 bytes"));
}

static void test_stale_socket(void **state)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	struct error err = ERROR_INIT;
	struct http *h;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/stale", server_dir);
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	close(fd); /* as after kill -9 */
	h = http_listen(&server, addr.sun_path, &err);
	assert_non_null(h);
	http_free(h);
	assert_false(fs_exists(addr.sun_path));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_basics),
		cmocka_unit_test(test_head),
		cmocka_unit_test(test_bodies),
		cmocka_unit_test(test_pipeline),
		cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_too_large),
		cmocka_unit_test(test_later),
		cmocka_unit_test(test_timeout),
		cmocka_unit_test(test_half_closed),
		cmocka_unit_test(test_vanish),
		cmocka_unit_test(test_socket),
		cmocka_unit_test(test_stale_socket),
	};

	return cmocka_run_group_tests(tests, server_setup, server_teardown);
}
