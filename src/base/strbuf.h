/* SPDX-License-Identifier: MIT */
/*
 * A growing byte string.  Invariant: buf is never NULL and buf[len] == 0, also
 * before the first allocation, so buf can always be read as a C string.
 */
#ifndef BERTH_BASE_STRBUF_H
#define BERTH_BASE_STRBUF_H

#include <stdarg.h>
#include <stddef.h>

struct strbuf {
	char *buf;
	size_t len;
	size_t cap; /* 0: buf is strbuf_empty, not ours to free */
};

extern char strbuf_empty[];
#define STRBUF_INIT { .buf = strbuf_empty, .len = 0, .cap = 0 }

void strbuf_init(struct strbuf *sb);
void strbuf_clear(struct strbuf *sb); /* frees; usable again afterwards */
void strbuf_reset(struct strbuf *sb); /* len = 0, keeps the memory */
void strbuf_grow(struct strbuf *sb, size_t extra);
void strbuf_add(struct strbuf *sb, const void *data, size_t len);
void strbuf_addstr(struct strbuf *sb, const char *s);
void strbuf_addch(struct strbuf *sb, char c);
void strbuf_addf(struct strbuf *sb, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void strbuf_vaddf(struct strbuf *sb, const char *fmt, va_list ap)
	__attribute__((format(printf, 2, 0)));
void strbuf_adduri(struct strbuf *sb, const char *s); /* percent-encoded: all but RFC 3986's unreserved characters */
void strbuf_truncate(struct strbuf *sb, size_t len);
void strbuf_drop_front(struct strbuf *sb, size_t len);
char *strbuf_detach(struct strbuf *sb); /* caller frees; sb is empty again */

#define AUTO_STRBUF __attribute__((cleanup(strbuf_clear)))

#endif
