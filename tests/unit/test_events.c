/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "http_server.h"

#define FRAME_TEXT 0x81
#define FRAME_CLOSE 0x88
#define FRAME_PING 0x89
#define FRAME_PONG 0x8a

static void run(void (*client)(void))
{
	const char *wrong = server_run(client);

	if (wrong)
		fail_msg("%s", wrong);
}

/* The handshake of RFC 6455 1.3; behind it, rest is sent in the same packet. */
static int subscribe(const char *query, const void *rest, size_t rest_len)
{
	AUTO_FREE char *text = mem_printf("GET /1.0/events%s HTTP/1.1\r\nHost: x\r\nUpgrade: WebSocket\r\n"
					  "Connection: keep-alive, Upgrade\r\nSec-WebSocket-Version: 13\r\n"
					  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", query);
	AUTO_STRBUF struct strbuf packet = STRBUF_INIT, got = STRBUF_INIT;
	int fd = client_connect();
	char c;

	strbuf_addstr(&packet, text);
	strbuf_add(&packet, rest, rest_len);
	client_send(fd, packet.buf, packet.len);
	while (!strstr(got.buf, "\r\n\r\n") && recv(fd, &c, 1, 0) == 1)
		strbuf_addch(&got, c);
	client_expect(&got, "HTTP/1.1 101 Switching Protocols\r\n");
	client_expect(&got, "\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n");
	return fd;
}

static bool read_exactly(int fd, void *buf, size_t len)
{
	ssize_t n = 0;
	size_t got = 0;

	while (got < len && (n = recv(fd, (char *)buf + got, len - got, 0)) > 0)
		got += (size_t)n;
	return got == len;
}

/* The next frame's payload and first byte; 0 at the end of the stream. */
static int read_frame(int fd, struct strbuf *out)
{
	unsigned char head[2], more[8];
	size_t len, i;

	strbuf_reset(out);
	if (!read_exactly(fd, head, 2))
		return 0;
	len = head[1];
	if (len >= 126) {
		size_t n = len == 126 ? 2 : 8;

		if (len > 127 || !read_exactly(fd, more, n))
			return 0;
		for (len = 0, i = 0; i < n; i++)
			len = len << 8 | more[i];
	}
	strbuf_grow(out, len);
	if (!read_exactly(fd, out->buf, len))
		return 0;
	out->len = len;
	out->buf[len] = 0;
	return head[0];
}

/* Skips pings. */
static void expect_event(int fd, const char *part)
{
	AUTO_STRBUF struct strbuf frame = STRBUF_INIT;
	int type;

	do
		type = read_frame(fd, &frame);
	while (type == FRAME_PING);
	if (type != FRAME_TEXT)
		client_fail("frame of type %d instead of '%s'", type, part);
	client_expect(&frame, part);
}

/* Skips other events: an operation tells of each step. */
static void await_event(int fd, const char *part)
{
	AUTO_STRBUF struct strbuf frame = STRBUF_INIT;
	int type;

	do
		type = read_frame(fd, &frame);
	while (type == FRAME_PING || (type == FRAME_TEXT && !strstr(frame.buf, part)));
	if (type != FRAME_TEXT)
		client_fail("'%s' did not come", part);
}

static void expect_frame(int fd, int want, const char *payload)
{
	AUTO_STRBUF struct strbuf frame = STRBUF_INIT;
	int type = read_frame(fd, &frame);

	if (type != want || strcmp(frame.buf, payload) != 0)
		client_fail("frame %d '%s', wanted %d '%s'", type, frame.buf, want, payload);
}

static void send_frame(int fd, int type, const char *payload, size_t len)
{
	AUTO_STRBUF struct strbuf frame = STRBUF_INIT;
	size_t i;

	strbuf_addch(&frame, (char)type);
	strbuf_addch(&frame, (char)(0x80 | len));
	strbuf_add(&frame, "mask", 4);
	for (i = 0; i < len; i++)
		strbuf_addch(&frame, payload[i] ^ "mask"[i % 4]);
	client_send(fd, frame.buf, frame.len);
}

static void lifecycle(void)
{
	cJSON *context = cJSON_CreateObject(), *who = cJSON_CreateObject();

	json_set_str(context, "old_name", "c0");
	json_set_str(who, "username", "root");
	events_lifecycle(server.events, "instance-renamed", "/1.0/instances/c1", context, who);
	cJSON_Delete(who);
}

static void log_line(void)
{
	log_error("a line for the log: %d", 7);
}

static void all_types(void)
{
	int fd = subscribe("", NULL, 0);

	expect_frame(fd, FRAME_PING, "keepalive");
	client_on_loop(server_hold);
	expect_event(fd, "{\"type\":\"operation\",\"timestamp\":\"");
	await_event(fd, "\"status\":\"Running\",\"status_code\":103");
	client_on_loop(server_let_go);
	await_event(fd, "\"status\":\"Success\",\"status_code\":200");
	client_on_loop(lifecycle);
	expect_event(fd, "\"metadata\":{\"action\":\"instance-renamed\",\"source\":\"/1.0/instances/c1\","
			 "\"context\":{\"old_name\":\"c0\"},\"requestor\":{\"username\":\"root\"}},\"location\":\"none\",\"project\":\"default\"}");
	client_on_loop(log_line);
	expect_event(
		fd,
		"\"metadata\":{\"message\":\"a line for the log: 7\",\"level\":\"error\",\"context\":{}}");
	close(fd);
}

static void test_all_types(void **state)
{
	run(all_types);
}

static void chosen_types(void)
{
	int one = subscribe("?type=lifecycle", NULL, 0), two = subscribe("?type=logging,lifecycle", NULL, 0);

	client_on_loop(log_line);
	client_on_loop(lifecycle);
	expect_event(one, "\"type\":\"lifecycle\"");
	expect_event(two, "\"type\":\"logging\"");
	expect_event(two, "\"type\":\"lifecycle\"");
	close(one);
	close(two);
}

static void test_chosen_types(void **state)
{
	run(chosen_types);
}

static void ping_and_close(void)
{
	int fd = subscribe("?type=lifecycle", NULL, 0);

	expect_frame(fd, FRAME_PING, "keepalive");
	send_frame(fd, FRAME_PONG, "keepalive", 9);
	send_frame(fd, FRAME_TEXT, "ignored", 7);
	send_frame(fd, FRAME_PING, "hello", 5);
	expect_frame(fd, FRAME_PONG, "hello");
	send_frame(fd, FRAME_CLOSE, "\x03\xe8", 2);
	expect_frame(fd, FRAME_CLOSE, "\x03\xe8");
	expect_frame(fd, 0, "");
	close(fd);
}

static void test_ping_and_close(void **state)
{
	run(ping_and_close);
}

/* A frame that came in the packet of the handshake. */
static void early_frame(void)
{
	int fd = subscribe("?type=lifecycle", "\x89\x82mask\x05\x08", 8);

	expect_frame(fd, FRAME_PING, "keepalive");
	expect_frame(fd, FRAME_PONG, "hi");
	close(fd);
}

static void test_early_frame(void **state)
{
	run(early_frame);
}

static void bad_frames(void)
{
	static const struct { const char *bytes; size_t len; } frames[] = {
		{ "\x81\x05hello", 7 },			      /* not masked */
		{ "\xf1\x85mask\0\0\0\0\0", 11 },	      /* reserved bits */
		{ "\x83\x85mask\0\0\0\0\0", 11 },	      /* unknown type */
		{ "\x89\xfe\x01\0mask", 8 },		      /* a ping too long */
		{ "\x81\xff\xff\xff\xff\xff\xff\xff\xff\xffmask", 14 }, /* 2^64 bytes */
		{ "\x82\xff\0\0\0\0\0\x20\0\0mask", 14 },     /* 2 MiB, more than we take */
		{ "\x81\x82mask\x92\x9f", 8 },		      /* not UTF-8 */
	};
	AUTO_STRBUF struct strbuf frame = STRBUF_INIT;
	size_t i;

	for (i = 0; i < sizeof(frames) / sizeof(frames[0]); i++) {
		int fd = subscribe("", NULL, 0), type;

		client_send(fd, frames[i].bytes, frames[i].len);
		shutdown(fd, SHUT_WR);
		while ((type = read_frame(fd, &frame)) == FRAME_PING)
			;
		if (type != FRAME_CLOSE && type != 0)
			client_fail("bad frame %zu was answered with %d", i, type);
		close(fd);
	}
}

static void test_bad_frames(void **state)
{
	run(bad_frames);
}

static void flood(int n)
{
	char *text = mem_alloc(60001);
	cJSON *context;

	memset(text, 'x', 60000);
	for (int i = 0; i < n; i++) {
		context = cJSON_CreateObject();
		json_set_str(context, "text", text);
		events_lifecycle(server.events, "x", "/1.0", context, NULL);
	}
	free(text);
}

static void flood_much(void) /* 18 MB */
{
	flood(300);
}

static void flood_some(void) /* 3.6 MB */
{
	flood(60);
}

/* Who does not read is dropped, the others get everything. */
static void slow_reader(void)
{
	int slow = subscribe("?type=lifecycle", NULL, 0), i;
	AUTO_STRBUF struct strbuf frame = STRBUF_INIT;

	client_on_loop(flood_much);
	i = subscribe("?type=lifecycle", NULL, 0);
	client_on_loop(lifecycle);
	expect_event(i, "instance-renamed");
	close(i);
	for (i = 0; read_frame(slow, &frame) != 0; i++)
		;
	if (i >= 301)
		client_fail("the slow reader got all %d frames", i);
	close(slow);
}

/* Who reads late gets everything, in order, and is not told more than it asked for. */
static void late_reader(void)
{
	int late = subscribe("?type=lifecycle", NULL, 0);

	client_on_loop(flood_some);
	client_on_loop(log_line);
	client_on_loop(lifecycle);
	for (int i = 0; i < 60; i++)
		expect_event(late, "\"action\":\"x\"");
	expect_event(late, "instance-renamed");
	close(late);
}

static void test_late_reader(void **state)
{
	run(late_reader);
}

static void debug_line(void)
{
	log_debug("a line that counts for little");
}

/* The level of berthd's own log is another matter. */
static void debug_lines(void)
{
	int one, two;

	client_on_loop(debug_line);
	one = subscribe("?type=lifecycle", NULL, 0);
	two = subscribe("?type=logging", NULL, 0);
	client_on_loop(debug_line);
	client_on_loop(lifecycle);
	expect_event(one, "instance-renamed");
	await_event(two, "\"metadata\":{\"message\":\"a line that counts for little\",\"level\":\"debug\"");
	close(one);
	close(two);
}

static void test_debug_lines(void **state)
{
	run(debug_lines);
}

static void test_slow_reader(void **state)
{
	run(slow_reader);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_types),
		cmocka_unit_test(test_chosen_types),
		cmocka_unit_test(test_ping_and_close),
		cmocka_unit_test(test_early_frame),
		cmocka_unit_test(test_bad_frames),
		cmocka_unit_test(test_slow_reader),
		cmocka_unit_test(test_late_reader),
		cmocka_unit_test(test_debug_lines),
	};

	return cmocka_run_group_tests(tests, server_setup, server_teardown);
}
