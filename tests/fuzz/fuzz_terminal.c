/* SPDX-License-Identifier: MIT */
/*
 * What a browser sends to the gateway of the web terminals: the head of its request and, behind the head, the frames
 * of its websocket. Of a head that is taken, what ttyd gets must be one well-formed head, whatever stood in it; and what
 * frames are said to be must not depend on how they were cut.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "terminal/frames.h"
#include "terminal/head.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "fuzz_terminal: %s\n", what);
	abort();
}

/* Nothing that could end a line, or the head. */
static void one_line(const char *text)
{
	for (; text && *text; text++)
		must((unsigned char)*text >= ' ' || *text == '\t', "a control character in a field");
}

static void check_head(const struct head *h, const char *text)
{
	AUTO_STRBUF struct strbuf out = STRBUF_INIT;
	AUTO_FREE char *cookie = head_cookie(h, "berth_terminal"), *token = head_query(h, "token");
	size_t lines = 0, fields = 0;

	must(h->path && h->path[0] == '/' && h->query && h->field[HEAD_HOST], "a part is missing");
	must(!strpbrk(h->path, " ?#\r\n\t"), "the path is more than a path");
	must(strstr(text, h->path) && strstr(text, h->query), "an address that nobody asked for");
	for (size_t i = 0; i < HEAD_FIELDS; i++) {
		one_line(h->field[i]);
		fields += h->field[i] != NULL;
	}
	one_line(h->query);
	must(!cookie || (h->field[HEAD_COOKIE] && strstr(h->field[HEAD_COOKIE], cookie)), "a cookie out of nothing");
	must(!token || strstr(h->query, token), "a token out of nothing");
	head_for_ttyd(h, &out);
	must(head_end(out.buf, out.len) == out.len, "the head for ttyd ends too early");
	for (const char *p = out.buf; (p = strstr(p, "\r\n")); p += 2)
		lines++;
	must(lines <= 6 + fields, "the head for ttyd has lines of the client's");
	head_from_ttyd(&out, out.len, "https://panel");
	must(head_end(out.buf, out.len) == out.len, "the answer's head ends too early");
}

static void check_answer(const char *text)
{
	const struct answer a = { .status = 403, .fields = "", .text = text, .again = text, .origins = "" };
	AUTO_STRBUF struct strbuf out = STRBUF_INIT;
	const char *body;

	head_answer(&out, &a);
	body = out.buf + head_end(out.buf, out.len);
	must(strstr(body, "</title>") && strstr(body, "<style>"), "no page");
	must(!strstr(body, "<script"), "a page with a script");
}

/* All at once, byte by byte, and in two parts. */
static void check_frames(const uint8_t *data, size_t size)
{
	struct frames whole = { 0 }, bytes = { 0 }, halves = { 0 };
	bool seen = false, seen_halves;

	for (size_t i = 0; i < size; i++) {
		seen = frames_feed(&bytes, data + i, 1) || seen;
		must(bytes.head_len < sizeof(bytes.head), "a header that is too long");
	}
	must(frames_feed(&whole, data, size) == seen, "cut otherwise, it is something else");
	seen_halves = frames_feed(&halves, data, size / 2);
	seen_halves = frames_feed(&halves, data + size / 2, size - size / 2) || seen_halves;
	must(seen_halves == seen && halves.left == whole.left && bytes.left == whole.left &&
	     halves.head_len == whole.head_len && bytes.head_len == whole.head_len, "cut otherwise, it ends otherwise");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* of just its size: reading past the head is seen */
	size_t len = head_end((const char *)data, size);
	struct error err = ERROR_INIT;
	struct head h;

	must(len <= size, "a head longer than what there is");
	if (len > 0 && len <= HEAD_MAX) {
		AUTO_FREE char *text = mem_strndup((const char *)data, len);

		if (head_parse((const char *)data, len, &h, &err) == 0)
			check_head(&h, text);
		else
			must(*err.msg && !h.path && !h.query, "refused, but not said why, or not empty");
		head_clear(&h);
		check_answer(text);
	}
	check_frames(data + len, size - len);
	return 0;
}
