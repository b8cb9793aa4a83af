/* SPDX-License-Identifier: MIT */
#include "image/tar_writer.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "image/tar_header.h"

enum { BUFFER_SIZE = 256 * 1024, DIRECT_SIZE = 64 * 1024, FIELD_NAME = 100 };

struct tar_writer {
	tar_sink sink;
	void *sink_data;
	char *buf;
	size_t len;
	uint64_t left; /* data of the entry still to come */
	unsigned padding;
	struct strbuf pax, map;
};

struct header {
	char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], chksum[8], typeflag, linkname[100];
	char magic[8], uname[32], gname[32], devmajor[8], devminor[8], rest[167];
};
_Static_assert(sizeof(struct header) == TAR_BLOCK, "a header is one block");

int tar_sink_fd(void *fd_pointer, const void *buf, size_t len, struct error *err)
{
	const char *p = buf;
	ssize_t n;

	while (len) {
		n = write(*(int *)fd_pointer, p, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_sys(err, errno, "cannot hand the archive on");
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

struct tar_writer *tar_writer_new(tar_sink sink, void *sink_data)
{
	struct tar_writer *w = mem_alloc(sizeof(*w));

	w->sink = sink;
	w->sink_data = sink_data;
	w->buf = mem_realloc(NULL, BUFFER_SIZE, 1);
	strbuf_init(&w->pax);
	strbuf_init(&w->map);
	return w;
}

void tar_writer_free(struct tar_writer *w)
{
	if (!w)
		return;
	strbuf_clear(&w->pax);
	strbuf_clear(&w->map);
	free(w->buf);
	free(w);
}

static int flush(struct tar_writer *w, struct error *err)
{
	size_t len = w->len;

	w->len = 0;
	return len ? w->sink(w->sink_data, w->buf, len, err) : 0;
}

static int put(struct tar_writer *w, const void *data, size_t len, struct error *err)
{
	if (w->len + len > BUFFER_SIZE && flush(w, err))
		return -1;
	if (len >= DIRECT_SIZE)
		return flush(w, err) ? -1 : w->sink(w->sink_data, data, len, err);
	memcpy(w->buf + w->len, data, len);
	w->len += len;
	return 0;
}

static int put_zeros(struct tar_writer *w, size_t len, struct error *err)
{
	static const char zeros[2 * TAR_BLOCK];

	return len ? put(w, zeros, len, err) : 0;
}

/* Octal with a final NUL where it fits, else base 256. */
static void put_number(char *field, size_t len, int64_t value)
{
	size_t i;

	if (value >= 0 && value >> (3 * (len - 1)) == 0) {
		for (i = len - 1; i-- > 0; value >>= 3)
			field[i] = (char)('0' + (value & 7));
		return;
	}
	for (i = len; i-- > 0; value >>= 8)
		field[i] = (char)(value & 0xff);
	field[0] = (char)(value < 0 ? 0xff : 0x80);
}

static void put_text(char *field, const char *text)
{
	size_t len = strlen(text);

	memcpy(field, text, len < FIELD_NAME ? len : FIELD_NAME);
}

static int put_header(struct tar_writer *w, struct header *h, struct error *err)
{
	const unsigned char *p = (const unsigned char *)h;
	unsigned sum = 0;
	size_t i;

	memcpy(h->magic, "ustar\00000",
	       8); /* POSIX: elsewhere GNU tar does not look for its pax sparse maps */
	memset(h->chksum, ' ', sizeof(h->chksum));
	for (i = 0; i < sizeof(*h); i++)
		sum += p[i];
	put_number(h->chksum, 7, sum);
	h->chksum[6] = 0;
	return put(w, h, sizeof(*h), err);
}

/* A header of our own with text behind it: 'x', 'L', 'K'. */
static int put_extra(struct tar_writer *w, char type, const char *name, const char *text, size_t len,
		     struct error *err)
{
	struct header h = { .typeflag = type };

	put_text(h.name, name);
	put_number(h.mode, sizeof(h.mode), 0644);
	put_number(h.uid, sizeof(h.uid), 0);
	put_number(h.gid, sizeof(h.gid), 0);
	put_number(h.mtime, sizeof(h.mtime), 0);
	put_number(h.size, sizeof(h.size), (int64_t)len);
	return put_header(w, &h, err) || put(w, text, len, err) || put_zeros(w, -len % TAR_BLOCK, err) ? -1
												       : 0;
}

static int put_long(struct tar_writer *w, char type, const char *text, struct error *err)
{
	size_t len = strlen(text);

	return len > FIELD_NAME ? put_extra(w, type, "././@LongLink", text, len + 1, err) : 0;
}

static void add_number(struct strbuf *out, const char *key, uint64_t value)
{
	char text[24];
	int n = snprintf(text, sizeof(text), "%llu", (unsigned long long)value);

	tar_pax_record(out, key, text, (size_t)n);
}

/* Sparse files in format 1.0: the map stands before the data, both in blocks. */
static void add_sparse(struct tar_writer *w, const struct tar_entry *e)
{
	size_t i;

	strbuf_addf(&w->map, "%zu\n", e->sparse->n);
	for (i = 0; i < e->sparse->n; i++)
		strbuf_addf(&w->map, "%llu\n%llu\n", (unsigned long long)e->sparse->map[i].offset,
			    (unsigned long long)e->sparse->map[i].len);
	while (w->map.len % TAR_BLOCK)
		strbuf_addch(&w->map, 0);
	add_number(&w->pax, "GNU.sparse.major", 1);
	add_number(&w->pax, "GNU.sparse.minor", 0);
	tar_pax_record(&w->pax, "GNU.sparse.name", e->name, strlen(e->name));
	add_number(&w->pax, "GNU.sparse.realsize", e->real_size);
}

static int put_pax(struct tar_writer *w, const struct tar_entry *e, struct error *err)
{
	char text[40];
	int n;

	strbuf_reset(&w->pax);
	strbuf_reset(&w->map);
	if (e->sparse)
		add_sparse(w, e);
	/* before 1970 only the rounded time: GNU tar reads "-1.5" as it likes */
	if (e->mtime_ns && e->mtime >= 0) {
		n = snprintf(text, sizeof(text), "%lld.%09u", (long long)e->mtime, (unsigned)e->mtime_ns);
		tar_pax_record(&w->pax, "mtime", text, (size_t)n);
	}
	if (e->records)
		strbuf_add(&w->pax, e->records->buf, e->records->len);
	return w->pax.len ? put_extra(w, 'x', "././@PaxHeader", w->pax.buf, w->pax.len, err) : 0;
}

static char type_flag(const struct tar_entry *e)
{
	static const char flags[] = { [TAR_FILE] = '0', [TAR_DIR] = '5', [TAR_SYMLINK] = '2',
				      [TAR_HARDLINK] = '1', [TAR_FIFO] = '6' };

	return e->type == TAR_DEVICE ? (e->block ? '4' : '3') : flags[e->type];
}

int tar_writer_entry(struct tar_writer *w, const struct tar_entry *e, struct error *err)
{
	struct header h = { .typeflag = type_flag(e) };
	bool link = e->type == TAR_SYMLINK || e->type == TAR_HARDLINK;

	if (put_pax(w, e, err) || (link && put_long(w, 'K', e->link, err)) || put_long(w, 'L', e->name, err))
		return -1;
	put_text(h.name, e->name);
	if (link)
		put_text(h.linkname, e->link);
	put_number(h.mode, sizeof(h.mode), e->mode);
	put_number(h.uid, sizeof(h.uid), (int64_t)e->uid);
	put_number(h.gid, sizeof(h.gid), (int64_t)e->gid);
	put_number(h.mtime, sizeof(h.mtime), e->mtime);
	put_number(h.size, sizeof(h.size), (int64_t)(e->size + w->map.len));
	if (e->type == TAR_DEVICE) {
		put_number(h.devmajor, sizeof(h.devmajor), e->dev_major);
		put_number(h.devminor, sizeof(h.devminor), e->dev_minor);
	}
	w->left = e->size;
	w->padding = (unsigned)(-e->size % TAR_BLOCK);
	if (put_header(w, &h, err))
		return -1;
	return w->map.len ? put(w, w->map.buf, w->map.len, err) : 0;
}

int tar_writer_data(struct tar_writer *w, const void *data, size_t len, struct error *err)
{
	if (put(w, data, len, err))
		return -1;
	w->left -= len;
	return w->left == 0 ? put_zeros(w, w->padding, err) : 0;
}

int tar_writer_end(struct tar_writer *w, struct error *err)
{
	return put_zeros(w, 2 * TAR_BLOCK, err) || flush(w, err) ? -1 : 0;
}
