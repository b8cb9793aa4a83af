/* SPDX-License-Identifier: MIT */
#include "base/strbuf.h"

#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

char strbuf_empty[1];

void strbuf_init(struct strbuf *sb)
{
	sb->buf = strbuf_empty;
	sb->len = 0;
	sb->cap = 0;
}

void strbuf_clear(struct strbuf *sb)
{
	if (sb->cap)
		free(sb->buf);
	strbuf_init(sb);
}

void strbuf_reset(struct strbuf *sb)
{
	strbuf_truncate(sb, 0);
}

/* Room for `extra` more bytes and the NUL; doubles, so appending is linear. */
void strbuf_grow(struct strbuf *sb, size_t extra)
{
	size_t want, cap;

	if (__builtin_add_overflow(sb->len, extra, &want) || want > SIZE_MAX / 2 - 1)
		want = SIZE_MAX - 1; /* mem_realloc ends the program */
	want++;
	if (want <= sb->cap)
		return;
	cap = sb->cap ? sb->cap * 2 : 32;
	if (cap < want)
		cap = want;
	sb->buf = mem_realloc(sb->cap ? sb->buf : NULL, cap, 1);
	if (!sb->cap)
		sb->buf[0] = 0;
	sb->cap = cap;
}

void strbuf_add(struct strbuf *sb, const void *data, size_t len)
{
	if (!len)
		return;
	strbuf_grow(sb, len);
	memcpy(sb->buf + sb->len, data, len);
	sb->len += len;
	sb->buf[sb->len] = 0;
}

void strbuf_addstr(struct strbuf *sb, const char *s)
{
	strbuf_add(sb, s, strlen(s));
}

void strbuf_addch(struct strbuf *sb, char c)
{
	strbuf_grow(sb, 1);
	sb->buf[sb->len++] = c;
	sb->buf[sb->len] = 0;
}

void strbuf_addf(struct strbuf *sb, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	strbuf_vaddf(sb, fmt, ap);
	va_end(ap);
}

void strbuf_vaddf(struct strbuf *sb, const char *fmt, va_list ap)
{
	va_list again;
	size_t room;
	int n;

	strbuf_grow(sb, 64);
	room = sb->cap - sb->len;
	va_copy(again, ap);
	n = vsnprintf(sb->buf + sb->len, room, fmt, again);
	va_end(again);
	if (n >= 0 && (size_t)n >= room) {
		strbuf_grow(sb, (size_t)n);
		n = vsnprintf(sb->buf + sb->len, sb->cap - sb->len, fmt, ap);
	}
	if (n > 0)
		sb->len += (size_t)n;
	sb->buf[sb->len] = 0;
}

void strbuf_adduri(struct strbuf *sb, const char *s)
{
	static const char unreserved[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";

	for (; *s != '\0'; s++) {
		if (strchr(unreserved, *s) != NULL)
			strbuf_addch(sb, *s);
		else
			strbuf_addf(sb, "%%%02X", (unsigned)(unsigned char)*s);
	}
}

void strbuf_truncate(struct strbuf *sb, size_t len)
{
	assert(len <= sb->len);
	sb->len = len;
	if (sb->cap)
		sb->buf[len] = 0;
}

void strbuf_drop_front(struct strbuf *sb, size_t len)
{
	assert(len <= sb->len);
	if (!len)
		return;
	sb->len -= len;
	memmove(sb->buf, sb->buf + len, sb->len + 1);
}

char *strbuf_detach(struct strbuf *sb)
{
	char *s;

	strbuf_grow(sb, 0);
	s = sb->buf;
	strbuf_init(sb);
	return s;
}
