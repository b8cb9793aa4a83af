/* SPDX-License-Identifier: MIT */
#include "helper/pack_join.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/strbuf.h"
#include "image/tar_header.h"

enum { SIZE_AT = 124, SIZE_LEN = 12, TYPE_AT = 156, EXTENDED_MAX = 16 * 1024 * 1024, PATH_LEN_MAX = 4096 };

struct pack_join {
	pack_sink write;
	void *data;
	char header[TAR_BLOCK];
	size_t have;      /* bytes of it */
	uint64_t left;    /* of the current entry's data, with its padding */
	struct strbuf extended; /* data of the pax header being read, without padding */
	uint64_t extended_left;
	bool size_set;    /* a pax header said how long the next entry is */
	uint64_t size;
	bool amid;        /* an extended header wants its entry */
	bool any;         /* there was an entry */
};

struct pack_join *pack_join_new(pack_sink write, void *data)
{
	struct pack_join *j = mem_alloc(sizeof(*j));

	j->write = write;
	j->data = data;
	strbuf_init(&j->extended);
	return j;
}

void pack_join_free(struct pack_join *j)
{
	if (j == NULL)
		return;
	strbuf_clear(&j->extended);
	free(j);
}

static bool all_zero(const char *block)
{
	return block[0] == 0 && memcmp(block, block + 1, TAR_BLOCK - 1) == 0;
}

static bool is_path(const char *record)
{
	return strncmp(record, "path=", 5) == 0 || strncmp(record, "linkpath=", 9) == 0 ||
	       strncmp(record, "GNU.sparse.name=", 16) == 0;
}

/*
 * Records "LEN KEY=VALUE\n": of "size" the last one counts. A path that cannot be unpacked was made since berth-pack
 * scan looked for such ones.
 */
static int read_size(struct pack_join *j, struct error *err)
{
	const char *p = j->extended.buf, *end = p + j->extended.len;

	while (p < end) {
		char *key;
		unsigned long long len = strtoull(p, &key, 10);

		if (key == p || *key != ' ' || len < 5 || len > (unsigned long long)(end - p) || p[len - 1] != '\n')
			return error_set(err, ERROR_INVALID, "the stream is damaged: an extended header cannot be read");
		key++;
		if (strncmp(key, "size=", 5) == 0) {
			j->size = strtoull(key + 5, NULL, 10);
			j->size_set = true;
			if (j->size >> 60)
				return error_set(err, ERROR_INVALID, "the stream is damaged: a size is too large");
		}
		if (is_path(key) && p + len - strchr(key, '=') - 2 > PATH_LEN_MAX)
			return error_set(err, ERROR_INVALID, "a path is longer than %d bytes: remove or exclude it", PATH_LEN_MAX);
		p += len;
	}
	return 0;
}

static uint64_t padded(uint64_t size)
{
	return (size + TAR_BLOCK - 1) / TAR_BLOCK * TAR_BLOCK;
}

static int take_header(struct pack_join *j, struct error *err)
{
	const char type = j->header[TYPE_AT];
	int64_t size;

	if (!tar_checksum_fits(j->header))
		return error_set(err, ERROR_INVALID, "the stream is damaged: a header has a wrong checksum");
	if (tar_number(j->header + SIZE_AT, SIZE_LEN, "size", &size, err) < 0)
		return -1;
	if (size < 0 || size >> 60)
		return error_set(err, ERROR_INVALID, "the stream is damaged: a size is too large");
	j->left = (uint64_t)size;
	j->amid = type == 'x' || type == 'L' || type == 'K';
	if (type == 'x') {
		if (size > EXTENDED_MAX)
			return error_set(err, ERROR_INVALID, "the stream is damaged: an extended header is too long");
		strbuf_reset(&j->extended);
		j->extended_left = j->left;
		j->size_set = false;
	} else if (!j->amid && type != 'g') {
		if (j->size_set)
			j->left = j->size;
		if (type >= '1' && type <= '6')
			j->left = 0;
		j->size_set = false;
	}
	j->left = padded(j->left);
	return 0;
}

/* One whole header: passes it on unless it is an end. */
static int header_done(struct pack_join *j, struct error *err)
{
	j->have = 0;
	if (all_zero(j->header)) {
		if (j->amid)
			return error_set(err, ERROR_INVALID, "the stream is damaged: it ends before a file's header");
		return 0;
	}
	if (take_header(j, err) < 0)
		return -1;
	j->any = true;
	return j->write(j->data, j->header, TAR_BLOCK, err);
}

static int feed_data(struct pack_join *j, const char *bytes, size_t len, struct error *err)
{
	size_t n = j->extended_left < len ? (size_t)j->extended_left : len;

	if (n > 0) {
		strbuf_add(&j->extended, bytes, n);
		j->extended_left -= n;
		if (j->extended_left == 0 && read_size(j, err) < 0)
			return -1;
	}
	j->left -= len;
	return j->write(j->data, bytes, len, err);
}

int pack_join_feed(struct pack_join *j, const void *bytes, size_t len, struct error *err)
{
	const char *p = bytes;

	while (len > 0) {
		size_t n;

		if (j->left > 0) {
			n = j->left < len ? (size_t)j->left : len;
			if (feed_data(j, p, n, err) < 0)
				return -1;
		} else {
			n = TAR_BLOCK - j->have < len ? TAR_BLOCK - j->have : len;
			memcpy(j->header + j->have, p, n);
			j->have += n;
			if (j->have == TAR_BLOCK && header_done(j, err) < 0)
				return -1;
		}
		p += n;
		len -= n;
	}
	return 0;
}

int pack_join_end(struct pack_join *j, struct error *err)
{
	static const char zeros[2 * TAR_BLOCK];

	if (j->left > 0 || j->have > 0 || j->amid || !j->any)
		return error_set(err, ERROR_INVALID, "the stream ends too early");
	return j->write(j->data, zeros, sizeof(zeros), err);
}
