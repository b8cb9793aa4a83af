/* SPDX-License-Identifier: MIT */
#include "image/tar_reader.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "image/tar_header.h"
#include "image/tar_reader_private.h"

enum { PADDING_MAX = 16 * 1024 * 1024, GLOBAL_MAX = 64 };

/* libtar's callbacks get a descriptor only. */
static _Thread_local struct tar_reader *reading;

const char *tar_printable(const char *name, char buf[128])
{
	size_t i;

	for (i = 0; name[i] && i < 120; i++)
		buf[i] = name[i] < 0x20 || name[i] > 0x7e ? '?' : name[i];
	memcpy(buf + i, name[i] ? "..." : "", name[i] ? 4 : 1);
	return buf;
}

/* ---- blocks for libtar */

static int cut_off(struct error *err)
{
	return error_set(err, ERROR_INVALID, "unexpected end of the archive: it is cut off");
}

static int not_a_tar(struct error *err)
{
	return error_set(err, ERROR_INVALID,
			 "Unsupported compression: not a tar archive, nor one packed with gzip, xz or zstd");
}

static int damaged(struct error *err)
{
	return error_set(err, ERROR_INVALID, "a header is damaged: its checksum does not fit");
}

/* libtar allocates what an L or K header asks for and takes the text as terminated: both are checked. */
static int check_long(struct tar_reader *r, const char *block)
{
	const struct tar_header *h = (const struct tar_header *)(const void *)block;
	int64_t size;

	if ((h->size[0] & 0x80) || (h->size[11] != 0 && h->size[11] != ' '))
		return error_set(&r->error, ERROR_INVALID, "a long name has an invalid size field");
	if (tar_number(h->size, sizeof(h->size), "size", &size, &r->error))
		return -1;
	if (size < 1 || size > TAR_LONG_NAME_MAX + 1)
		return error_set(&r->error, ERROR_INVALID, "a name of %lld bytes is longer than %d",
				 (long long)size, TAR_LONG_NAME_MAX);
	r->long_blocks = (unsigned)(size + TAR_BLOCK - 1) / TAR_BLOCK;
	return 0;
}

static int check_block(struct tar_reader *r, const char *block)
{
	static const char zero[TAR_BLOCK];

	if (r->long_blocks) {
		r->long_blocks--;
		if (r->long_blocks == 0 && block[TAR_BLOCK - 1])
			return error_set(&r->error, ERROR_INVALID, "a long name is not terminated");
		return 0;
	}
	if (memcmp(block, zero, TAR_BLOCK) == 0) {
		r->zeros++;
		return 0;
	}
	r->zeros = 0;
	if (!tar_checksum_fits(block)) /* libtar looks at it too, but only after a long name */
		return r->first ? not_a_tar(&r->error) : damaged(&r->error);
	if (block[0] == 0)
		return error_set(&r->error, ERROR_INVALID, "an entry has an empty name");
	if (block[156] == GNU_LONGNAME_TYPE || block[156] == GNU_LONGLINK_TYPE)
		return check_long(r, block);
	return 0;
}

static ssize_t block_read(int fd, void *buf, size_t len)
{
	struct tar_reader *r = reading;
	ssize_t n = tar_source_read(r->source, buf, len, &r->error);
	int rc = 0;

	if (n == 0)
		r->hit_end = true;
	else if (n > 0 && n < TAR_BLOCK)
		rc = r->first ? not_a_tar(&r->error) : cut_off(&r->error);
	else if (n > 0)
		rc = check_block(r, buf);
	if (n >= 0 && rc == 0)
		return n;
	r->failed = true;
	errno = EIO;
	return -1;
}

static int block_open(const char *path, int flags, ...)
{
	return 0;
}

static int block_close(int fd)
{
	return 0;
}

static ssize_t block_write(int fd, const void *buf, size_t len)
{
	errno = EBADF;
	return -1;
}

static tartype_t block_type = { block_open, block_close, block_read, block_write };

struct tar_reader *tar_reader_new(struct tar_source *source)
{
	struct tar_reader *r = mem_alloc(sizeof(*r));

	r->source = source;
	r->first = true;
	tar_pax_init(&r->global);
	tar_pax_init(&r->pax);
	strbuf_init(&r->name);
	strbuf_init(&r->link);
	strbuf_init(&r->data);
	if (tar_fdopen(&r->tar, 0, "archive", &block_type, O_RDONLY, 0, TAR_GNU))
		abort();
	return r;
}

void tar_reader_free(struct tar_reader *r)
{
	if (!r)
		return;
	/* libtar leaves the last long names to its next header */
	free(r->tar->th_buf.gnu_longname);
	free(r->tar->th_buf.gnu_longlink);
	r->tar->th_buf.gnu_longname = r->tar->th_buf.gnu_longlink = NULL;
	tar_close(r->tar);
	tar_pax_clear(&r->global);
	tar_pax_clear(&r->pax);
	strbuf_clear(&r->name);
	strbuf_clear(&r->link);
	strbuf_clear(&r->data);
	free(r);
}

void tar_reader_extents(struct tar_reader *r, size_t max)
{
	r->pax.sparse.max = max;
}

/* ---- data */

static int skip(struct tar_reader *r, uint64_t len, struct error *err)
{
	const void *p;
	size_t n;

	for (; len; len -= n) {
		if (tar_source_chunk(r->source, len, &p, &n, err))
			return -1;
		if (n == 0)
			return cut_off(err);
	}
	return 0;
}

int tar_reader_data(struct tar_reader *r, const void **ret, size_t *ret_len, struct error *err)
{
	unsigned padding = r->padding;

	if (r->left == 0) {
		*ret_len = 0;
		r->padding = 0;
		return skip(r, padding, err);
	}
	if (tar_source_chunk(r->source, r->left, ret, ret_len, err))
		return -1;
	if (*ret_len == 0)
		return cut_off(err);
	r->left -= *ret_len;
	return 0;
}

/* ---- headers */

/* After the marker: tar pads to its record size with zeros. */
static int check_rest(struct tar_reader *r, struct error *err)
{
	uint64_t sum = 0;
	const void *p;
	size_t n;

	if (r->hit_end)
		return r->zeros ? 0 : cut_off(err);
	for (;; sum += n) {
		if (tar_source_chunk(r->source, TAR_BLOCK * 64, &p, &n, err))
			return -1;
		if (n == 0)
			return 0;
		if (*(const char *)p || memcmp(p, (const char *)p + 1, n - 1) || sum > PADDING_MAX)
			return error_set(err, ERROR_INVALID, "trailing garbage after the end of the archive");
	}
}

/* One header (with the long names before it): 1, 0 at the end, -1. */
static int read_header(struct tar_reader *r, struct error *err)
{
	int rc;

	reading = r;
	rc = th_read(r->tar);
	reading = NULL;
	if (r->failed) {
		*err = r->error;
		return -1;
	}
	if (r->hit_end && (r->first || r->long_blocks))
		return r->first && !r->zeros ? not_a_tar(err) : cut_off(err);
	if (rc == 1)
		return check_rest(r, err);
	if (rc && r->hit_end)
		return cut_off(err);
	if (rc)
		return r->first ? not_a_tar(err) : damaged(err);
	r->first = false;
	return 1;
}

static int read_pax(struct tar_reader *r, bool global, struct error *err)
{
	const struct tar_header *h = &r->tar->th_buf;
	ssize_t n;
	int64_t size;

	if (h->gnu_longname || h->gnu_longlink)
		return error_set(err, ERROR_INVALID, "a long name stands before an extended header");
	if (global && ++r->globals > GLOBAL_MAX)
		return error_set(err, ERROR_INVALID, "more than %d global headers", GLOBAL_MAX);
	if (tar_number(h->size, sizeof(h->size), "size", &size, err))
		return -1;
	if (size < 0 || size > PAX_SIZE_MAX)
		return error_set(err, ERROR_INVALID, "an extended header of %lld bytes is longer than %d",
				 (long long)size, PAX_SIZE_MAX);
	strbuf_reset(&r->data);
	strbuf_grow(&r->data, (size_t)size + 1);
	n = tar_source_read(r->source, r->data.buf, (size_t)size, err);
	if (n < 0)
		return -1;
	if (n < size)
		return cut_off(err);
	if (skip(r, (uint64_t)(-size & (TAR_BLOCK - 1)), err))
		return -1;
	return tar_pax_parse(global ? &r->global : &r->pax, r->data.buf, (size_t)size, global, err);
}

static int skip_data(struct tar_reader *r, struct error *err)
{
	uint64_t rest = r->left + r->padding;

	r->left = 0;
	r->padding = 0;
	return skip(r, rest, err);
}

int tar_reader_next(struct tar_reader *r, struct tar_entry *ret, struct error *err)
{
	bool extended = false;
	char type;
	int rc;

	tar_pax_reset(&r->pax);
	for (;;) {
		if (skip_data(r, err))
			return -1;
		rc = read_header(r, err);
		if (rc <= 0)
			return rc == 0 && extended ? cut_off(err) : rc;
		type = r->tar->th_buf.typeflag;
		if (type == 'x' || type == 'X') {
			if (extended)
				return error_set(err, ERROR_INVALID,
						 "an extended header belongs to no entry");
			extended = true;
		} else if (type != 'g' && type != 'V') {
			return tar_entry_take(r, ret, err);
		}
		if (type != 'V' && read_pax(r, type == 'g', err))
			return -1;
	}
}
