/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/json.h"
#include "cli/client.h"
#include "fake_server.h"

#define SYNC(METADATA) "{\"type\":\"sync\",\"status_code\":200,\"metadata\":" METADATA "}"
#define ASYNC "{\"type\":\"async\",\"operation\":\"/1.0/operations/ab-1\",\"metadata\":{\"id\":\"ab-1\"}}"
#define REFUSED "{\"type\":\"error\",\"error_code\":404,\"error\":\"Instance not found\"}"
#define HEAD(N) "HTTP/1.1 200 OK\r\nContent-Length: " #N "\r\n\r\n"

/* A client of a server with one scripted answer. */
struct one {
	struct fake server;
	struct fake_answer script[2];
	struct client *client;
	struct error err;
};

static void one_open(struct one *o, const char *bytes, size_t len, bool hang_up)
{
	memset(o, 0, sizeof(*o));
	o->script[0] = (struct fake_answer){ .bytes = bytes, .len = len, .hang_up = hang_up };
	fake_start(&o->server, o->script);
	o->client = client_new(o->server.path);
	client_set_quiet(o->client, true);
}

static void one_close(struct one *o)
{
	client_free(o->client);
	fake_stop(&o->server);
}

/* GETs, expects a failure that says `why`. */
static void expect_failure(const char *bytes, size_t len, const char *why)
{
	struct one o;
	cJSON *v;

	one_open(&o, bytes, len, true);
	v = client_get(o.client, "/1.0", NULL, &o.err);
	assert_null(v);
	if (!strstr(o.err.msg, why))
		fail_msg("'%s' does not say '%s'", o.err.msg, why);
	one_close(&o);
}

static void test_get(void **state)
{
	AUTO_FREE char *answer = fake_json(200, SYNC("{\"a\":[1,2]}"));
	AUTO_JSON cJSON *v = NULL;
	struct one o;

	one_open(&o, answer, 0, false);
	v = client_get(o.client, "/1.0/x?y=1", NULL, &o.err);
	assert_non_null(v);
	assert_int_equal(cJSON_GetArraySize(json_arr(v, "a")), 2);
	one_close(&o);
}

static void test_request_text(void **state)
{
	AUTO_FREE char *answer = fake_json(200, SYNC("null"));
	AUTO_JSON cJSON *body = cJSON_Parse("{\"k\":\"v\"}");
	AUTO_JSON cJSON *v = NULL;
	struct one o;

	one_open(&o, answer, 0, false);
	v = client_change(o.client, "PUT", "/1.0/instances/c1", body, "\"tag\"", &o.err);
	assert_true(cJSON_IsNull(v));
	assert_ptr_equal(strstr(o.server.requests[0], "PUT /1.0/instances/c1 HTTP/1.1\r\n"),
			 o.server.requests[0]);
	assert_non_null(strstr(o.server.requests[0], "\r\nHost: "));
	assert_non_null(strstr(o.server.requests[0], "\r\nIf-Match: \"tag\"\r\n"));
	assert_non_null(strstr(o.server.requests[0], "\r\nContent-Type: application/json\r\n"));
	assert_non_null(strstr(o.server.requests[0], "\r\nContent-Length: 9\r\n"));
	assert_non_null(strstr(o.server.requests[0], "\r\n\r\n{\"k\":\"v\"}"));
	one_close(&o);
}

static void test_etag(void **state)
{
	AUTO_FREE char *etag = NULL;
	AUTO_JSON cJSON *v = NULL;
	struct one o;

	one_open(&o, "HTTP/1.1 200 OK\r\nEtAg: \"abc\"\r\nContent-Length: 47\r\n\r\n" SYNC("{}"), 0, false);
	v = client_get(o.client, "/1.0", &etag, &o.err);
	assert_non_null(v);
	assert_string_equal(etag, "\"abc\"");
	one_close(&o);
}

static void test_chunked_answer(void **state)
{
	AUTO_JSON cJSON *v = NULL;
	struct one o;

	one_open(
	    &o,
	    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	    "10\r\n{\"type\":\"sync\",\"\r\n5;x=y\r\nmetad\r\n9\r\nata\":[1]}\r\n0\r\nX-Trailer: 1\r\n\r\n",
	    0, false);
	v = client_get(o.client, "/1.0", NULL, &o.err);
	assert_int_equal(cJSON_GetArraySize(v), 1);
	one_close(&o);
}

static void test_until_close_and_100(void **state)
{
	AUTO_JSON cJSON *v = NULL;
	struct one o;

	one_open(&o, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 X\r\n\r\nHTTP/1.1 200 OK\r\n\r\n" SYNC("[]"),
		 0, true);
	v = client_get(o.client, "/1.0", NULL, &o.err);
	assert_true(cJSON_IsArray(v));
	one_close(&o);
}

static void test_error_answer(void **state)
{
	AUTO_FREE char *answer = fake_json(404, REFUSED);
	struct one o;

	one_open(&o, answer, 0, false);
	assert_null(client_get(o.client, "/1.0/instances/x", NULL, &o.err));
	assert_int_equal(o.err.code, ERROR_NOT_FOUND);
	assert_string_equal(o.err.msg, "Instance not found");
	one_close(&o);
}

/* client_request reports an error answer as an answer. */
static void test_request_keeps_errors(void **state)
{
	AUTO_FREE char *answer = fake_json(412, REFUSED);
	struct response r;
	struct one o;

	one_open(&o, answer, 0, false);
	assert_int_equal(client_request(o.client, "GET", "/1.0", NULL, NULL, &r, &o.err), 0);
	assert_int_equal(r.status, 412);
	assert_string_equal(json_str(r.envelope, "error"), "Instance not found");
	response_clear(&r);
	one_close(&o);
}

static void test_hostile_answers(void **state)
{
	struct strbuf big = STRBUF_INIT;

	strbuf_addstr(&big, "HTTP/1.1 200 OK\r\nX: ");
	for (int i = 0; i < 200000; i++)
		strbuf_addch(&big, 'a');
	expect_failure(big.buf, big.len, "no HTTP");
	strbuf_clear(&big);
	expect_failure("", 1, "no HTTP");
	expect_failure("SSH-2.0-OpenSSH_9.2\r\n", 0, "no HTTP");
	expect_failure("HTTP/1.1 2OO OK\r\n\r\n", 0, "no HTTP");
	expect_failure("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", 0, "no HTTP");
	expect_failure("HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n", 0, "no HTTP");
	expect_failure("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", 0, "no HTTP");
	expect_failure("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 0, "no HTTP");
	expect_failure("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcdefgh\r\n", 0,
		       "no HTTP");
	expect_failure("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffffff\r\n", 0,
		       "no HTTP");
}

static void test_truncated_answers(void **state)
{
	expect_failure("H", 0, "in the middle of its answer");
	expect_failure("HTTP/1.1 200 OK\r\nContent-Len", 0, "in the middle of its answer");
	expect_failure(HEAD(47) "{\"type\":\"sync\"", 0, "in the middle of its answer");
	expect_failure("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", 0,
		       "in the middle of its answer");
	expect_failure("HTTP/1.1 100 Continue\r\n\r\n", 0, "in the middle of its answer");
}

static void test_strange_bodies(void **state)
{
	expect_failure(HEAD(2) "{}", 0, "not what its API promises");
	expect_failure(HEAD(5) "hello", 0, "not what its API promises");
	expect_failure(HEAD(0), 0, "not what its API promises");
	expect_failure(HEAD(16) "{\"type\":\"sync\"}x", 0, "not what its API promises");
	expect_failure("HTTP/1.1 502 Bad\r\nContent-Length: 3\r\n\r\nbad", 0, "HTTP status 502");
	expect_failure("HTTP/1.1 500 X\r\nContent-Length: 2\r\n\r\n[]", 0, "HTTP status 500");
}

static void test_no_server(void **state)
{
	struct client *c = client_new("/tmp/berth-test-nosuch/socket");
	struct error err = ERROR_INIT;

	assert_null(client_get(c, "/1.0", NULL, &err));
	assert_int_equal(err.code, ERROR_UNAVAILABLE);
	assert_non_null(strstr(err.msg, "is it running? try: systemctl start berthd"));
	client_free(c);
}

static void test_long_socket_path(void **state)
{
	char path[200];
	struct error err = ERROR_INIT;
	struct client *c;

	memset(path, 'a', sizeof(path));
	path[0] = '/';
	path[sizeof(path) - 1] = 0;
	c = client_new(path);
	assert_null(client_get(c, "/1.0", NULL, &err));
	assert_non_null(strstr(err.msg, "too long"));
	client_free(c);
}

static void test_no_injection(void **state)
{
	static const char *const paths[] = { "1.0", "/1.0 HTTP/1.1", "/1.0\r\nX: y", "/a\tb", "/\x7f" };
	struct client *c = client_new("/tmp/berth-test-nosuch/socket");

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		struct error err = ERROR_INIT;

		assert_null(client_get(c, paths[i], NULL, &err));
		assert_int_equal(err.code, ERROR_INVALID);
	}
	client_free(c);
}

static void test_escape(void **state)
{
	AUTO_FREE char *s = client_escape("a/b c?d=\xc3\xa9%~");

	assert_string_equal(s, "a%2Fb%20c%3Fd%3D%C3%A9%25~");
}

/* ---- several requests */

static void test_keep_alive(void **state)
{
	AUTO_FREE char *a = fake_json(200, SYNC("1"));
	struct fake_answer script[] = {
	    {.bytes = a}, {.bytes = a}, {.bytes = a, .hang_up = true}, {.bytes = a}, {0}};
	struct error err = ERROR_INIT;
	struct client *c;
	struct fake f;

	fake_start(&f, script);
	c = client_new(f.path);
	for (int i = 0; i < 4; i++) {
		AUTO_JSON cJSON *v = client_get(c, "/1.0", NULL, &err);

		assert_true(cJSON_IsNumber(v));
	}
	client_free(c);
	fake_stop(&f);
	assert_int_equal(f.connections, 2);
}

/* An answer that says so ends the connection, and bytes behind an answer are not taken for the next one. */
static void test_close_and_garbage(void **state)
{
	AUTO_FREE char *a = fake_json(200, SYNC("1"));
	AUTO_FREE char *garbage = mem_printf("%sHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", a);
	struct fake_answer script[] = {
		{ .bytes = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 47\r\n\r\n" SYNC("{}") },
		{ .bytes = garbage },
		{ .bytes = a },
		{ 0 },
	};
	struct error err = ERROR_INIT;
	struct client *c;
	struct fake f;

	fake_start(&f, script);
	c = client_new(f.path);
	for (int i = 0; i < 3; i++) {
		AUTO_JSON cJSON *v = client_get(c, "/1.0", NULL, &err);

		assert_non_null(v);
	}
	client_free(c);
	fake_stop(&f);
	assert_int_equal(f.connections, 3);
}

static void run_operation(const char *operation, struct error *err, cJSON **ret, struct fake *f)
{
	AUTO_FREE char *begun = fake_json(202, ASYNC);
	AUTO_FREE char *done = fake_json(200, operation);
	struct fake_answer script[] = { { .bytes = begun }, { .bytes = done }, { 0 } };
	struct client *c;

	fake_start(f, script);
	c = client_new(f->path);
	client_set_quiet(c, true);
	*ret = client_change(c, "POST", "/1.0/instances", NULL, NULL, err);
	client_free(c);
	assert_int_equal(f->n, 2);
	assert_ptr_equal(strstr(f->requests[1], "GET /1.0/operations/ab-1/wait"), f->requests[1]);
	fake_stop(f);
	assert_int_equal(f->connections, 1);
}

static void test_operation(void **state)
{
	struct error err = ERROR_INIT;
	struct fake f;
	cJSON *op;

	run_operation(SYNC("{\"id\":\"ab-1\",\"status_code\":200,\"err\":\"\",\"metadata\":{\"x\":1}}"), &err,
		      &op, &f);
	assert_non_null(op);
	assert_int_equal(json_int(json_obj(op, "metadata"), "x", 0), 1);
	cJSON_Delete(op);
}

static void test_operation_fails(void **state)
{
	struct error err = ERROR_INIT;
	struct fake f;
	cJSON *op;

	run_operation(SYNC("{\"id\":\"ab-1\",\"status_code\":400,\"err\":\"it broke\"}"), &err, &op, &f);
	assert_null(op);
	assert_string_equal(err.msg, "it broke");
	run_operation(SYNC("{\"id\":\"ab-1\",\"status_code\":401,\"err\":\"\"}"), &err, &op, &f);
	assert_null(op);
	assert_int_equal(err.code, ERROR_CANCELLED);
}

/* Ids become part of a path: only what looks like one is taken. */
static void test_operation_id(void **state)
{
	AUTO_FREE char *bad =
	    fake_json(202, "{\"type\":\"async\",\"operation\":\"\",\"metadata\":{\"id\":\"../x y\"}}");
	struct one o;

	one_open(&o, bad, 0, false);
	assert_null(client_begin(o.client, "PUT", "/1.0/x", NULL, NULL, &o.err));
	assert_non_null(strstr(o.err.msg, "usable id"));
	one_close(&o);
}

static void test_begin_sync(void **state)
{
	AUTO_FREE char *answer = fake_json(200, SYNC("{}"));
	struct one o;

	one_open(&o, answer, 0, false);
	assert_null(client_begin(o.client, "PUT", "/1.0/x", NULL, NULL, &o.err));
	assert_int_equal(o.err.code, ERROR_NONE);
	one_close(&o);
}

/* ---- files */

static int temp_file(const void *data, size_t len)
{
	FILE *f = tmpfile();
	int fd = dup(fileno(f));

	fclose(f);
	assert_int_equal(write(fd, data, len), len);
	lseek(fd, 0, SEEK_SET);
	return fd;
}

static void test_upload(void **state)
{
	static const char *const headers[] = { "X-LXD-public: 1", NULL };
	AUTO_FREE char *answer = fake_json(200, SYNC("{\"n\":1}"));
	AUTO_JSON cJSON *v = NULL;
	int fd = temp_file("hello", 5);
	struct one o;

	one_open(&o, answer, 0, false);
	v = client_upload(o.client, "/1.0/images", fd, headers, &o.err);
	close(fd);
	assert_int_equal(json_int(v, "n", 0), 1);
	assert_non_null(strstr(o.server.requests[0], "\r\nX-LXD-public: 1\r\n"));
	assert_non_null(strstr(o.server.requests[0], "\r\n\r\n5\r\nhello\r\n0\r\n\r\n"));
	one_close(&o);
}

/* The server refuses while we still send: its words come through, not a broken pipe. */
static void test_upload_refused_early(void **state)
{
	AUTO_FREE char *answer =
	    fake_json(413, "{\"type\":\"error\",\"error\":\"too large\",\"error_code\":413}");
	AUTO_FREE char *data = mem_alloc(8 << 20);
	struct fake_answer script[] = { { .bytes = answer, .early = true, .hang_up = true }, { 0 } };
	int fd = temp_file(data, 8 << 20);
	struct error err = ERROR_INIT;
	struct client *c;
	struct fake f;

	fake_start(&f, script);
	c = client_new(f.path);
	client_set_quiet(c, true);
	assert_null(client_upload(c, "/1.0/images", fd, NULL, &err));
	assert_string_equal(err.msg, "too large");
	close(fd);
	client_free(c);
	fake_stop(&f);
}

static void expect_name(const char *disposition, const char *name)
{
	AUTO_FREE char *answer = mem_printf(
	    "HTTP/1.1 200 OK\r\nContent-Disposition: %s\r\nContent-Length: 4\r\n\r\na\nbc", disposition);
	AUTO_FREE char *got = NULL;
	FILE *out = tmpfile();
	char buf[8] = "";
	struct one o;

	one_open(&o, answer, 0, false);
	assert_int_equal(client_download(o.client, "/1.0/images/x/export", fileno(out), &got, &o.err), 0);
	assert_int_equal(pread(fileno(out), buf, sizeof(buf), 0), 4);
	assert_memory_equal(buf, "a\nbc", 4);
	if (name)
		assert_string_equal(got, name);
	else
		assert_null(got);
	fclose(out);
	one_close(&o);
}

static void test_download(void **state)
{
	expect_name("inline;filename=ab.tar.gz", "ab.tar.gz");
	expect_name("attachment; filename=\"a b.tar\"; x=y", "a b.tar");
	expect_name("inline;filename=../../etc/passwd", "passwd");
	expect_name("inline;filename=\"..\"", NULL);
	expect_name("inline;filename=a/", NULL);
	expect_name("inline", NULL);
}

static void test_download_refused(void **state)
{
	AUTO_FREE char *answer = fake_json(404, REFUSED);
	FILE *out = tmpfile();
	char *name = NULL;
	struct one o;

	one_open(&o, answer, 0, false);
	assert_int_equal(client_download(o.client, "/1.0/images/x/export", fileno(out), &name, &o.err), -1);
	assert_string_equal(o.err.msg, "Instance not found");
	assert_int_equal(lseek(fileno(out), 0, SEEK_END), 0);
	fclose(out);
	one_close(&o);
}

/* ---- websockets */

#define UPGRADED                                                                                         \
	"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"              \
	"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"

static bool collect(const char *text, size_t len, void *data)
{
	struct strbuf *sb = data;

	strbuf_add(sb, text, len);
	strbuf_addch(sb, '|');
	return memcmp(text, "stop", len < 4 ? len : 4) != 0;
}

static int websocket(const char *frames, size_t len, struct strbuf *texts, struct error *err)
{
	AUTO_FREE char *bytes = mem_alloc(sizeof(UPGRADED) + len);
	struct one o;
	int rc;

	memcpy(bytes, UPGRADED, sizeof(UPGRADED) - 1);
	memcpy(bytes + sizeof(UPGRADED) - 1, frames, len);
	one_open(&o, bytes, sizeof(UPGRADED) - 1 + len, true);
	rc = client_websocket(o.client, "/1.0/events", collect, texts, err);
	one_close(&o);
	return rc;
}

static void test_websocket(void **state)
{
	AUTO_STRBUF struct strbuf texts = STRBUF_INIT;
	struct error err = ERROR_INIT;

	/* a text, one in two fragments with a ping between, a close */
	assert_int_equal(websocket("\x81\x02hi\x01\x02"
				   "ab\x89\x01x\x80\x02"
				   "cd\x88\x02\x03\xe8",
				   19, &texts, &err),
			 0);
	assert_string_equal(texts.buf, "hi|abcd|");
}

static void test_websocket_stops(void **state)
{
	AUTO_STRBUF struct strbuf texts = STRBUF_INIT;
	struct error err = ERROR_INIT;

	assert_int_equal(websocket("\x81\x04stop\x81\x02no", 10, &texts, &err), 0);
	assert_string_equal(texts.buf, "stop|");
}

static void test_websocket_hostile(void **state)
{
	static const struct {
		const char *frames;
		size_t len;
	} bad[] = {
		{ "\x81\x05" "ab", 4 },                                 /* ends in a frame */
		{ "\x81\x7f\x7f\xff\xff\xff\xff\xff\xff\xff", 10 },     /* an absurd length */
		{ "\x83\x01" "a", 3 },                                  /* an unknown opcode */
		{ "\xf1\x01" "a", 3 },                                  /* reserved bits */
		{ "\x81\x02\xff\xfe", 4 },                              /* not UTF-8 */
		{ "\x80\x01" "a", 3 },                                  /* continues nothing */
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		AUTO_STRBUF struct strbuf texts = STRBUF_INIT;
		struct error err = ERROR_INIT;

		assert_int_equal(websocket(bad[i].frames, bad[i].len, &texts, &err), -1);
		assert_string_equal(texts.buf, "");
	}
}

static void test_websocket_refused(void **state)
{
	AUTO_FREE char *answer = fake_json(404, REFUSED);
	AUTO_STRBUF struct strbuf texts = STRBUF_INIT;
	struct one o;

	one_open(&o, answer, 0, false);
	assert_int_equal(client_websocket(o.client, "/1.0/events", collect, &texts, &o.err), -1);
	assert_string_equal(o.err.msg, "Instance not found");
	one_close(&o);
	one_open(
	    &o,
	    "HTTP/1.1 101 X\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: x\r\n\r\n",
	    0, true);
	assert_int_equal(client_websocket(o.client, "/1.0/events", collect, &texts, &o.err), -1);
	assert_non_null(strstr(o.err.msg, "no websocket"));
	one_close(&o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_get),
		cmocka_unit_test(test_request_text),
		cmocka_unit_test(test_etag),
		cmocka_unit_test(test_chunked_answer),
		cmocka_unit_test(test_until_close_and_100),
		cmocka_unit_test(test_error_answer),
		cmocka_unit_test(test_request_keeps_errors),
		cmocka_unit_test(test_hostile_answers),
		cmocka_unit_test(test_truncated_answers),
		cmocka_unit_test(test_strange_bodies),
		cmocka_unit_test(test_no_server),
		cmocka_unit_test(test_long_socket_path),
		cmocka_unit_test(test_no_injection),
		cmocka_unit_test(test_escape),
		cmocka_unit_test(test_keep_alive),
		cmocka_unit_test(test_close_and_garbage),
		cmocka_unit_test(test_operation),
		cmocka_unit_test(test_operation_fails),
		cmocka_unit_test(test_operation_id),
		cmocka_unit_test(test_begin_sync),
		cmocka_unit_test(test_upload),
		cmocka_unit_test(test_upload_refused_early),
		cmocka_unit_test(test_download),
		cmocka_unit_test(test_download_refused),
		cmocka_unit_test(test_websocket),
		cmocka_unit_test(test_websocket_stops),
		cmocka_unit_test(test_websocket_hostile),
		cmocka_unit_test(test_websocket_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
