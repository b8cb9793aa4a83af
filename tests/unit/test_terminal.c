/* SPDX-License-Identifier: MIT */
/* Web terminals without sockets: tokens, heads, frames, versions of ttyd. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "terminal/frames.h"
#include "terminal/head.h"
#include "terminal/token.h"
#include "model/ttyd_version.h"

/* ---- tokens */

static char name_c1[] = "c1", name_c2[] = "c2", uuid_u[] = "u", host_h[] = "host.example";

static void add(struct tokens *t, char *name, uint64_t now, char out[TOKEN_TEXT_SIZE])
{
	struct token_claim claim = { .name = name, .uuid = uuid_u, .host = host_h };
	struct error err = ERROR_INIT;

	assert_int_equal(tokens_add(t, &claim, now, 1000, out, &err), 0);
}

static void a_token_is_good_once(void **state)
{
	struct tokens *t = tokens_new();
	struct token_claim claim = { 0 };
	char one[TOKEN_TEXT_SIZE], two[TOKEN_TEXT_SIZE];

	add(t, name_c1, 0, one);
	add(t, name_c2, 0, two);
	assert_int_equal(strspn(one, "0123456789abcdef"), 64);
	assert_string_not_equal(one, two);
	assert_true(tokens_have_host(t, "HOST.example"));
	assert_false(tokens_claim(t, "", 1, &claim));
	assert_false(tokens_claim(t, "0000", 1, &claim));
	assert_true(tokens_claim(t, two, 1, &claim));
	assert_string_equal(claim.name, "c2");
	token_claim_clear(&claim);
	assert_false(tokens_claim(t, two, 1, &claim));
	assert_true(tokens_claim(t, one, 999, &claim));
	token_claim_clear(&claim);
	assert_int_equal(tokens_count(t), 0);
	assert_false(tokens_have_host(t, "host.example"));
	tokens_free(t);
}

static void tokens_expire_and_give_way(void **state)
{
	struct tokens *t = tokens_new();
	struct token_claim claim = { 0 };
	char token[TOKEN_PER_INSTANCE + 1][TOKEN_TEXT_SIZE], late[TOKEN_TEXT_SIZE];

	for (int i = 0; i <= TOKEN_PER_INSTANCE; i++)
		add(t, name_c1, 0, token[i]);
	assert_int_equal(tokens_count(t), TOKEN_PER_INSTANCE);
	assert_false(tokens_claim(t, token[0], 1, &claim)); /* the oldest */
	assert_false(tokens_claim(t, token[1], 1000, &claim)); /* over */
	add(t, name_c1, 900, late);
	tokens_expire(t, 1000);
	assert_int_equal(tokens_count(t), 1);
	assert_true(tokens_claim(t, late, 1000, &claim));
	token_claim_clear(&claim);
	tokens_free(t);
}

static void tokens_are_bounded(void **state)
{
	struct tokens *t = tokens_new();
	struct error err = ERROR_INIT;
	char token[TOKEN_TEXT_SIZE], name[16];
	struct token_claim claim = { .name = name, .uuid = uuid_u, .host = host_h };

	for (int i = 0; i < TOKEN_MAX; i++) {
		snprintf(name, sizeof(name), "c%d", i);
		assert_int_equal(tokens_add(t, &claim, 0, 1000, token, &err), 0);
	}
	snprintf(name, sizeof(name), "more");
	assert_int_equal(tokens_add(t, &claim, 0, 1000, token, &err), -1);
	assert_int_equal(err.code, ERROR_UNAVAILABLE);
	assert_int_equal(tokens_add(t, &claim, 1000, 1000, token, &err), 0); /* the others are over */
	tokens_free(t);
}

/* ---- heads */

static int parse(const char *text, struct head *h)
{
	struct error err = ERROR_INIT;
	size_t len = head_end(text, strlen(text));
	int rc;

	assert_true(len > 0);
	rc = head_parse(text, len, h, &err);
	if (rc < 0)
		assert_null(h->path);
	return rc < 0 ? (int)err.code : 0;
}

static void a_head_is_taken_apart(void **state)
{
	struct head h;
	char *s;

	assert_int_equal(head_end("GET / HTTP/1.1\r\n", 16), 0);
	assert_int_equal(parse("GET /t/x/ws?arg=a&token=T%20&b HTTP/1.1\r\nhost: a:1\r\nConnection: keep-alive, Upgrade\r\n"
			       "Upgrade: WebSocket\r\nSec-WebSocket-Key: k\r\nCookie: a=b; berth_terminal=c;d=\r\n\r\nrest",
			       &h), 0);
	assert_string_equal(h.path, "/t/x/ws");
	assert_true(h.websocket);
	assert_string_equal(h.field[HEAD_HOST], "a:1");
	s = head_query(&h, "token");
	assert_string_equal(s, "T%20");
	free(s);
	s = head_cookie(&h, "berth_terminal");
	assert_string_equal(s, "c");
	free(s);
	assert_null(head_cookie(&h, "terminal"));
	assert_null(head_query(&h, "b"));
	head_clear(&h);
	assert_int_equal(parse("GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n", &h), 0);
	assert_false(h.websocket);
	head_clear(&h);
}

static void bad_heads(void **state)
{
	static const char *const invalid[] = {
		"GET / HTTP/1.1\r\n\r\n",
		"GET / HTTP/1.0\r\nHost: a\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a\r\nCookie: a=1\r\nCookie: a=2\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n",
		"GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET  HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET / HTTP/1.1\r\nHost a\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: \034a\r\n\r\n", /* \x1ca would be one character */
		"GET / HTTP/1.1\r\nHost: a\r\nX: \x1c\r\n\r\n",
		"GET /a HTTP/1.1\nHost: a\n\nGET /b HTTP/1.1\r\n\r\n",
		"GET /a HTTP/1.1\nHost: a\n\n\r\n\r\n",
		"\r\n\r\n",
		"junk\r\n\r\n",
	};
	struct head h;

	for (size_t i = 0; i < sizeof(invalid) / sizeof(invalid[0]); i++)
		assert_int_equal(parse(invalid[i], &h), ERROR_INVALID);
	assert_int_equal(parse("POST / HTTP/1.1\r\nHost: a\r\n\r\n", &h), ERROR_UNSUPPORTED);
	assert_int_equal(parse("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", &h), ERROR_UNSUPPORTED);
}

static void ttyd_gets_a_new_head(void **state)
{
	struct head h;
	AUTO_STRBUF struct strbuf out = STRBUF_INIT;

	assert_int_equal(parse("GET /t/x/?arg=-x HTTP/1.1\r\nHost: evil\r\nAccept-Encoding: gzip\r\nCookie: a=b\r\n"
			       "X-Forwarded-For: 1\r\n\r\n", &h), 0);
	head_for_ttyd(&h, &out);
	assert_string_equal(out.buf, "GET /t/x/ HTTP/1.1\r\nHost: berth\r\nAccept-Encoding: gzip\r\nConnection: close\r\n\r\n");
	head_clear(&h);
	strbuf_reset(&out);
	strbuf_addstr(&out, "HTTP/1.1 200 OK\r\na: b\r\n\r\nbody");
	head_from_ttyd(&out, strlen(out.buf) - 4, "https://p");
	assert_non_null(strstr(out.buf, "HTTP/1.1 200 OK\r\nContent-Security-Policy: frame-ancestors 'self' https://p\r\n"));
	assert_non_null(strstr(out.buf, "\r\na: b\r\n\r\nbody"));
}

static void answers_are_escaped(void **state)
{
	AUTO_STRBUF struct strbuf out = STRBUF_INIT;
	const struct answer a = { .status = 403, .fields = "X: y\r\n", .text = "<b>\"&'", .again = "/t/\"x", .origins = "" };

	head_answer(&out, &a);
	assert_null(strstr(out.buf, "<b>"));
	assert_non_null(strstr(out.buf, "&#60;b&#62;&#34;&#38;&#39;"));
	assert_non_null(strstr(out.buf, "url=/t/&#34;x"));
	assert_non_null(strstr(out.buf, "frame-ancestors 'self'\r\n"));
}

/* ---- frames */

static void pings_are_no_activity(void **state)
{
	static const uint8_t ping[] = { 0x89, 0x85, 1, 2, 3, 4, 'h', 'e', 'l', 'l', 'o' };
	static const uint8_t text[] = { 0x82, 126, 0, 200 };
	static const uint8_t empty_pong[] = { 0x8a, 0x00 };
	static const uint8_t empty_text[] = { 0x81, 0x00 };
	struct frames f = { 0 };
	uint8_t payload[200];

	memset(payload, 0x81, sizeof(payload));
	for (size_t i = 0; i < sizeof(ping); i++)
		assert_false(frames_feed(&f, ping + i, 1));
	assert_false(frames_feed(&f, text, 3));
	assert_true(frames_feed(&f, text + 3, 1));
	assert_true(frames_feed(&f, payload, 150));
	assert_true(frames_feed(&f, payload, 50));
	assert_false(frames_feed(&f, empty_pong, 2));
	assert_true(frames_feed(&f, empty_text, 2));
	assert_false(frames_feed(&f, ping, sizeof(ping)));
	memcpy(payload, ping, sizeof(ping));
	memcpy(payload + sizeof(ping), empty_text, 2);
	assert_true(frames_feed(&f, payload, sizeof(ping) + 2));
	assert_int_equal(f.left, 0);
}

/* ---- ttyd */

static void versions_of_ttyd(void **state)
{
	struct error err = ERROR_INIT;
	unsigned v[3];
	bool writable;

	assert_true(ttyd_parse_version("ttyd version 1.7.7-40e79c7\n", v));
	assert_int_equal(v[2], 7);
	assert_int_equal(ttyd_judge(v, &writable, &err), 0);
	assert_true(writable);
	assert_true(ttyd_parse_version("ttyd version 1.7.3", v));
	assert_int_equal(ttyd_judge(v, &writable, &err), 0);
	assert_false(writable);
	assert_true(ttyd_parse_version("ttyd version 2.0", v));
	assert_int_equal(ttyd_judge(v, &writable, &err), 0);
	assert_true(writable);
	assert_true(ttyd_parse_version("ttyd version 1.6.0", v));
	assert_int_equal(ttyd_judge(v, &writable, &err), -1);
	assert_false(ttyd_parse_version("1.7.7", v));
	assert_false(ttyd_parse_version("ttyd version x", v));
	assert_false(ttyd_parse_version("", v));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_token_is_good_once),
		cmocka_unit_test(tokens_expire_and_give_way),
		cmocka_unit_test(tokens_are_bounded),
		cmocka_unit_test(a_head_is_taken_apart),
		cmocka_unit_test(bad_heads),
		cmocka_unit_test(ttyd_gets_a_new_head),
		cmocka_unit_test(answers_are_escaped),
		cmocka_unit_test(pings_are_no_activity),
		cmocka_unit_test(versions_of_ttyd),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
