/* SPDX-License-Identifier: MIT */
#include "terminal/frames.h"

/* Length of the header, as far as its first bytes tell. */
static size_t head_size(const struct frames *f)
{
	size_t size = 2;

	if (f->head_len < 2)
		return 2;
	if ((f->head[1] & 0x7f) == 126)
		size += 2;
	else if ((f->head[1] & 0x7f) == 127)
		size += 8;
	return f->head[1] & 0x80 ? size + 4 : size;
}

static uint64_t payload_size(const struct frames *f)
{
	uint64_t size = f->head[1] & 0x7f;
	size_t bytes = size == 126 ? 2 : size == 127 ? 8 : 0;

	if (!bytes)
		return size;
	size = 0;
	for (size_t i = 0; i < bytes; i++)
		size = size << 8 | f->head[2 + i];
	return size;
}

bool frames_feed(struct frames *f, const void *data, size_t len)
{
	const uint8_t *p = data;
	bool seen = false;

	while (len > 0) {
		size_t part = 1;

		if (f->left > 0) {
			part = f->left < len ? (size_t)f->left : len;
			f->left -= part;
			seen = seen || !f->control;
		} else {
			f->head[f->head_len++] = *p;
			if (f->head_len == head_size(f)) { /* opcodes from 8 on are close, ping and pong */
				f->control = f->head[0] & 0x08;
				f->left = payload_size(f);
				f->head_len = 0;
				seen = seen || !f->control;
			}
		}
		p += part;
		len -= part;
	}
	return seen;
}
