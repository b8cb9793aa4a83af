/* SPDX-License-Identifier: MIT */
#include "image/tar_source.h"

#include <bzlib.h>
#include <errno.h>
#include <lzma.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "base/mem.h"

enum { RAW_SIZE = 256 * 1024, OUT_SIZE = 256 * 1024, MEMORY_MAX = 256 * 1024 * 1024, WINDOW_LOG_MAX = 27 };

/* step() turns raw bytes into out bytes; it may produce none. */
struct decoder {
	int (*start)(struct tar_source *s, struct error *err); /* NULL: known, and refused */
	int (*step)(struct tar_source *s, struct error *err);
};

struct tar_source {
	int fd; /* -1: all of it is in raw already */
	unsigned char *raw_own;
	const unsigned char *raw;
	size_t raw_pos, raw_len;
	bool raw_end;
	unsigned char *out;
	const unsigned char *give; /* out, or raw when nothing is packed */
	size_t give_pos, give_len;
	bool end;
	uint64_t total, limit;
	enum packing packing;
	const struct decoder *decoder; /* NULL before the first read */
	z_stream z;
	lzma_stream xz;
	bz_stream bz;
	ZSTD_DStream *zstd;
	bool between; /* no member or frame is open */
};

static int cut_off(struct error *err)
{
	return error_set(err, ERROR_INVALID, "unexpected end of the archive: it is cut off");
}

static int raw_fill(struct tar_source *s, struct error *err)
{
	ssize_t n;

	if (s->raw_end || s->raw_pos < s->raw_len)
		return 0;
	do {
		n = read(s->fd, s->raw_own, RAW_SIZE);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return error_sys(err, errno, "cannot read the archive");
	s->raw_pos = 0;
	s->raw_len = (size_t)n;
	s->raw_end = n == 0;
	return 0;
}

static void give(struct tar_source *s, size_t len)
{
	s->give = s->out;
	s->give_pos = 0;
	s->give_len = len;
}

/* ---- none */

static int none_start(struct tar_source *s, struct error *err)
{
	return 0;
}

static int none_step(struct tar_source *s, struct error *err)
{
	s->give = s->raw + s->raw_pos;
	s->give_pos = 0;
	s->give_len = s->raw_len - s->raw_pos;
	s->raw_pos = s->raw_len;
	s->end = s->give_len == 0;
	return 0;
}

/* ---- gzip */

static int gzip_start(struct tar_source *s, struct error *err)
{
	if (inflateInit2(&s->z, 15 + 16) != Z_OK)
		return error_set(err, ERROR_SYSTEM, "cannot set up gzip");
	return 0;
}

/* Between members: another one, zero padding, or the end. */
static int gzip_between(struct tar_source *s, struct error *err)
{
	while (s->raw_pos < s->raw_len && s->raw[s->raw_pos] == 0)
		s->raw_pos++;
	if (s->raw_pos == s->raw_len) {
		s->end = s->raw_end;
		return 0;
	}
	if (s->raw[s->raw_pos] != 0x1f)
		return error_set(err, ERROR_INVALID, "trailing garbage after the end of the gzip data");
	s->between = false;
	inflateReset(&s->z);
	return 0;
}

static int gzip_step(struct tar_source *s, struct error *err)
{
	int rc;

	if (s->between)
		return gzip_between(s, err);
	s->z.next_in = (unsigned char *)s->raw + s->raw_pos;
	s->z.avail_in = (uInt)(s->raw_len - s->raw_pos);
	s->z.next_out = s->out;
	s->z.avail_out = OUT_SIZE;
	rc = inflate(&s->z, Z_NO_FLUSH);
	s->raw_pos = s->raw_len - s->z.avail_in;
	if (rc != Z_OK && rc != Z_STREAM_END && rc != Z_BUF_ERROR)
		return error_set(err, ERROR_INVALID, "the gzip data is damaged: %s",
				 s->z.msg ? s->z.msg : zError(rc));
	if (rc == Z_BUF_ERROR && s->raw_end && s->raw_pos == s->raw_len)
		return cut_off(err);
	s->between = rc == Z_STREAM_END;
	give(s, OUT_SIZE - s->z.avail_out);
	return 0;
}

/* ---- xz */

static int xz_start(struct tar_source *s, struct error *err)
{
	if (lzma_stream_decoder(&s->xz, MEMORY_MAX, LZMA_CONCATENATED) != LZMA_OK)
		return error_set(err, ERROR_SYSTEM, "cannot set up xz");
	return 0;
}

static int xz_step(struct tar_source *s, struct error *err)
{
	lzma_ret rc;

	s->xz.next_in = s->raw + s->raw_pos;
	s->xz.avail_in = s->raw_len - s->raw_pos;
	s->xz.next_out = s->out;
	s->xz.avail_out = OUT_SIZE;
	rc = lzma_code(&s->xz, s->raw_end ? LZMA_FINISH : LZMA_RUN);
	s->raw_pos = s->raw_len - s->xz.avail_in;
	if (rc == LZMA_BUF_ERROR)
		return cut_off(err);
	if (rc == LZMA_MEMLIMIT_ERROR)
		return error_set(err, ERROR_INVALID, "the %s data needs more than 256 MiB to unpack", packing_name(s->packing));
	if (rc != LZMA_OK && rc != LZMA_STREAM_END)
		return error_set(err, ERROR_INVALID, "the %s data is damaged", packing_name(s->packing));
	s->end = rc == LZMA_STREAM_END;
	give(s, OUT_SIZE - s->xz.avail_out);
	return 0;
}

/* The format before xz; it has no check sums of its own. */
static int lzma_start(struct tar_source *s, struct error *err)
{
	if (lzma_alone_decoder(&s->xz, MEMORY_MAX) != LZMA_OK)
		return error_set(err, ERROR_SYSTEM, "cannot set up lzma");
	return 0;
}

/* ---- bzip2 */

static int bzip2_start(struct tar_source *s, struct error *err)
{
	if (BZ2_bzDecompressInit(&s->bz, 0, 0) != BZ_OK)
		return error_set(err, ERROR_SYSTEM, "cannot set up bzip2");
	return 0;
}

/* Between streams (pbzip2 makes many): another one, or the end. */
static int bzip2_between(struct tar_source *s, struct error *err)
{
	if (s->raw_pos == s->raw_len) {
		s->end = s->raw_end;
		return 0;
	}
	BZ2_bzDecompressEnd(&s->bz);
	memset(&s->bz, 0, sizeof(s->bz));
	s->between = false;
	return bzip2_start(s, err);
}

static int bzip2_step(struct tar_source *s, struct error *err)
{
	int rc;

	if (s->between)
		return bzip2_between(s, err);
	s->bz.next_in = (char *)s->raw + s->raw_pos;
	s->bz.avail_in = (unsigned)(s->raw_len - s->raw_pos);
	s->bz.next_out = (char *)s->out;
	s->bz.avail_out = OUT_SIZE;
	rc = BZ2_bzDecompress(&s->bz);
	if (rc != BZ_OK && rc != BZ_STREAM_END)
		return error_set(err, ERROR_INVALID, "the bzip2 data is damaged");
	if (rc == BZ_OK && s->raw_end && s->raw_pos == s->raw_len && s->bz.avail_out == OUT_SIZE)
		return cut_off(err);
	s->raw_pos = s->raw_len - s->bz.avail_in;
	s->between = rc == BZ_STREAM_END;
	give(s, OUT_SIZE - s->bz.avail_out);
	return 0;
}

/* ---- zstd */

static int zstd_start(struct tar_source *s, struct error *err)
{
	s->zstd = ZSTD_createDStream();
	if (!s->zstd || ZSTD_isError(ZSTD_DCtx_setParameter(s->zstd, ZSTD_d_windowLogMax, WINDOW_LOG_MAX)))
		return error_set(err, ERROR_SYSTEM, "cannot set up zstd");
	s->between = true;
	return 0;
}

static int zstd_step(struct tar_source *s, struct error *err)
{
	ZSTD_inBuffer in = { s->raw, s->raw_len, s->raw_pos };
	ZSTD_outBuffer out = { s->out, OUT_SIZE, 0 };
	size_t rc;

	if (s->between && s->raw_pos == s->raw_len) {
		s->end = s->raw_end;
		return 0;
	}
	rc = ZSTD_decompressStream(s->zstd, &out, &in);
	if (ZSTD_isError(rc))
		return error_set(err, ERROR_INVALID, "the zstd data is damaged: %s", ZSTD_getErrorName(rc));
	if (rc != 0 && s->raw_end && out.pos == 0 && in.pos == s->raw_pos)
		return cut_off(err);
	s->raw_pos = in.pos;
	s->between = rc == 0;
	give(s, out.pos);
	return 0;
}

/* ---- the table */

static const struct decoder decoders[] = {
	[PACKING_GZIP] = { gzip_start, gzip_step },
	[PACKING_XZ] = { xz_start, xz_step },
	[PACKING_ZSTD] = { zstd_start, zstd_step },
	[PACKING_BZIP2] = { bzip2_start, bzip2_step },
	[PACKING_LZMA] = { lzma_start, xz_step },
	[PACKING_NONE] = { none_start, none_step },
	[PACKING_7Z] = { NULL, NULL }, /* the last one: others are refused too */
};

bool tar_source_reads(enum packing p)
{
	return decoders[p].start != NULL;
}

/* The first bytes may come in small pieces: collects enough of them to look at. */
static int detect(struct tar_source *s, struct error *err)
{
	ssize_t n = 1;

	while (s->fd >= 0 && s->raw_len < PACKING_HEAD && n > 0) {
		n = read(s->fd, s->raw_own + s->raw_len, RAW_SIZE - s->raw_len);
		if (n < 0 && errno != EINTR)
			return error_sys(err, errno, "cannot read the archive");
		s->raw_len += n > 0 ? (size_t)n : 0;
		n = n < 0 ? 1 : n;
	}
	if (s->raw_len == 0)
		return error_set(err, ERROR_INVALID, "Unsupported compression: the archive is empty");
	s->packing = packing_of(s->raw, s->raw_len);
	if (!tar_source_reads(s->packing))
		return error_set(err, ERROR_INVALID,
				 "Unsupported compression: %s (gzip, xz, zstd, bzip2, lzma or a plain tar is needed)",
				 packing_name(s->packing));
	s->decoder = &decoders[s->packing];
	return s->decoder->start(s, err);
}

static struct tar_source *source_new(void)
{
	struct tar_source *s = mem_alloc(sizeof(*s));

	s->fd = -1;
	s->xz = (lzma_stream)LZMA_STREAM_INIT;
	s->out = mem_realloc(NULL, OUT_SIZE, 1);
	return s;
}

struct tar_source *tar_source_fd(int fd)
{
	struct tar_source *s = source_new();

	s->fd = fd;
	s->raw = s->raw_own = mem_realloc(NULL, RAW_SIZE, 1);
	return s;
}

struct tar_source *tar_source_memory(const void *data, size_t len)
{
	struct tar_source *s = source_new();

	s->raw = data;
	s->raw_len = len;
	s->raw_end = true;
	return s;
}

void tar_source_free(struct tar_source *s)
{
	if (!s)
		return;
	inflateEnd(&s->z);
	lzma_end(&s->xz);
	BZ2_bzDecompressEnd(&s->bz);
	ZSTD_freeDStream(s->zstd);
	free(s->raw_own);
	free(s->out);
	free(s);
}

void tar_source_limit(struct tar_source *s, uint64_t max)
{
	s->limit = max;
}

static int fill(struct tar_source *s, struct error *err)
{
	if (!s->decoder && detect(s, err))
		return -1;
	while (s->give_pos == s->give_len && !s->end) {
		/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): detect() set it */
		if (raw_fill(s, err) || s->decoder->step(s, err))
			return -1;
	}
	return 0;
}

int tar_source_chunk(struct tar_source *s, uint64_t max, const void **ret, size_t *ret_len, struct error *err)
{
	size_t n;

	if (fill(s, err))
		return -1;
	n = s->give_len - s->give_pos;
	if (n > max)
		n = (size_t)max;
	*ret = s->give + s->give_pos;
	*ret_len = n;
	s->give_pos += n;
	s->total += n;
	if (s->limit && s->total > s->limit)
		return error_set(err, ERROR_TOO_LARGE, "the archive unpacks to more than %llu bytes",
				 (unsigned long long)s->limit);
	return 0;
}

ssize_t tar_source_read(struct tar_source *s, void *buf, size_t len, struct error *err)
{
	size_t done = 0, n;
	const void *p;

	while (done < len) {
		if (tar_source_chunk(s, len - done, &p, &n, err))
			return -1;
		if (n == 0)
			break;
		memcpy((char *)buf + done, p, n);
		done += n;
	}
	return (ssize_t)done;
}

uint64_t tar_source_total(const struct tar_source *s)
{
	return s->total;
}

const char *tar_source_packing(const struct tar_source *s)
{
	return packing_name(s->packing);
}
