/* SPDX-License-Identifier: MIT */
#include "image/tar_reader.h"

#include <errno.h>
#include <fcntl.h>
#include <libtar.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "image/tar_header.h"
#include "image/tar_sparse.h"

enum { LONG_NAME_MAX = 4096, PADDING_MAX = 16 * 1024 * 1024, GLOBAL_MAX = 64 };
#define MTIME_MIN (-2147483648LL) /* what ext4 can hold */
#define MTIME_MAX 15032385535LL

struct tar_reader {
	struct tar_source *source;
	TAR *tar;
	struct tar_pax global, pax;
	struct strbuf name, link, data;
	uint64_t left;    /* data of the entry not given yet */
	unsigned padding; /* after it, to the next block */
	unsigned long_blocks; /* of a long name that libtar is reading */
	unsigned zeros;   /* zero blocks in a row before this header */
	unsigned globals;
	bool first, hit_end, failed;
	struct error error; /* of block_read, when failed */
};

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
	if (size < 1 || size > LONG_NAME_MAX + 1)
		return error_set(&r->error, ERROR_INVALID, "a name of %lld bytes is longer than %d",
				 (long long)size, LONG_NAME_MAX);
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

static void data_follows(struct tar_reader *r, uint64_t size)
{
	r->left = size;
	r->padding = (unsigned)(-size % TAR_BLOCK);
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

static void field_text(struct strbuf *out, const char *field, size_t len)
{
	strbuf_add(out, field, strnlen(field, len));
}

static void take_names(struct tar_reader *r)
{
	const struct tar_header *h = &r->tar->th_buf;

	strbuf_reset(&r->name);
	strbuf_reset(&r->link);
	if (r->pax.set & PAX_PATH) {
		strbuf_addstr(&r->name, r->pax.path.buf);
	} else if (h->gnu_longname) {
		field_text(&r->name, h->gnu_longname, LONG_NAME_MAX + 1);
	} else {
		if (memcmp(h->magic, "ustar", 6) == 0 && h->prefix[0]) {
			field_text(&r->name, h->prefix, sizeof(h->prefix));
			strbuf_addch(&r->name, '/');
		}
		field_text(&r->name, h->name, sizeof(h->name));
	}
	if (r->pax.set & PAX_LINK)
		strbuf_addstr(&r->link, r->pax.link.buf);
	else if (h->gnu_longlink)
		field_text(&r->link, h->gnu_longlink, LONG_NAME_MAX + 1);
	else
		field_text(&r->link, h->linkname, sizeof(h->linkname));
}

static int take_type(struct tar_reader *r, struct tar_entry *e, struct error *err)
{
	static const struct {
		char flag;
		enum tar_type type;
	} types[] = { { '0', TAR_FILE },    { 0, TAR_FILE },   { '7', TAR_FILE },   { 'S', TAR_FILE },
		      { '1', TAR_HARDLINK }, { '2', TAR_SYMLINK }, { '3', TAR_DEVICE }, { '4', TAR_DEVICE },
		      { '5', TAR_DIR },     { '6', TAR_FIFO },  { 's', TAR_SOCKET } };
	char flag = r->tar->th_buf.typeflag, buf[128];
	size_t i;

	for (i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		if (types[i].flag != flag)
			continue;
		e->type = types[i].type;
		if (e->type == TAR_FILE && r->name.len && r->name.buf[r->name.len - 1] == '/')
			e->type = TAR_DIR; /* V7 had no other way */
		return 0;
	}
	return error_set(err, ERROR_INVALID, "entry '%s' is of the unsupported type '%c'",
			 tar_printable(r->name.buf, buf), flag > 0x20 && flag < 0x7f ? flag : '?');
}

/* A pax record wins, then the global one, then the header's field. */
static int take_id(const struct tar_reader *r, unsigned flag, const char *field, uint64_t *ret,
		   struct error *err)
{
	const struct tar_pax *p = r->pax.set & flag ? &r->pax : r->global.set & flag ? &r->global : NULL;
	int64_t v = 0;

	if (p) {
		*ret = flag == PAX_UID ? p->uid : p->gid;
		return 0;
	}
	if (tar_number(field, 8, flag == PAX_UID ? "uid" : "gid", &v, err))
		return -1;
	if (v < 0)
		return error_set(err, ERROR_INVALID, "a header has a negative %s",
				 flag == PAX_UID ? "uid" : "gid");
	*ret = (uint64_t)v;
	return 0;
}

static int take_mtime(const struct tar_reader *r, struct tar_entry *e, struct error *err)
{
	const struct tar_header *h = &r->tar->th_buf;
	const struct tar_pax *p = r->pax.set & PAX_MTIME      ? &r->pax
				  : r->global.set & PAX_MTIME ? &r->global
							      : NULL;

	e->mtime_ns = p ? p->mtime_ns : 0;
	if (p)
		e->mtime = p->mtime;
	else if (tar_number(h->mtime, sizeof(h->mtime), "mtime", &e->mtime, err))
		return -1;
	if (e->mtime < MTIME_MIN || e->mtime > MTIME_MAX)
		e->mtime = 0;
	return 0;
}

/* Only files have data: elsewhere writers left sizes that mean nothing (POSIX, pax, "size"). */
static int take_size(struct tar_reader *r, struct tar_entry *e, struct error *err)
{
	const struct tar_header *h = &r->tar->th_buf;
	int64_t size;
	char buf[128];

	if (tar_number(h->size, sizeof(h->size), "size", &size, err))
		return -1;
	if (r->pax.set & PAX_SIZE)
		size = (int64_t)r->pax.size;
	if (size < 0 || size > INT64_MAX - TAR_BLOCK)
		return error_set(err, ERROR_INVALID, "entry '%s' has an absurd size",
				 tar_printable(e->name, buf));
	if (e->type != TAR_FILE) {
		if (size && ((r->pax.set & PAX_SIZE) || h->typeflag == '0' || h->typeflag == 0))
			return error_set(err, ERROR_INVALID, "entry '%s' is no file but has data",
					 tar_printable(e->name, buf));
		size = 0;
	}
	e->size = e->real_size = (uint64_t)size;
	data_follows(r, e->size);
	return 0;
}

static int take_sparse(struct tar_reader *r, struct tar_entry *e, struct error *err)
{
	const char *header = r->tar->th_buf.name;
	struct tar_sparse *sp = &r->pax.sparse;
	char buf[128];

	e->sparse = NULL;
	if (r->tar->th_buf.typeflag == 'S') {
		if (sp->on)
			return error_set(err, ERROR_INVALID, "a sparse file has two maps");
		if (tar_sparse_old(sp, header, r->source, err))
			return -1;
	}
	if (!sp->on)
		return 0;
	if (e->type != TAR_FILE)
		return error_set(err, ERROR_INVALID, "entry '%s' is sparse but no file",
				 tar_printable(e->name, buf));
	if (sp->major == 1 && tar_sparse_in_data(sp, r->source, &r->left, err))
		return -1;
	e->size = r->left;
	if (tar_sparse_check(sp, e->size, err))
		return error_wrap(err, "entry '%s'", tar_printable(e->name, buf));
	e->real_size = sp->real_size;
	e->sparse = sp;
	return 0;
}

/* Linux's device numbers: 12 and 20 bits. */
static int take_device(const struct tar_reader *r, struct tar_entry *e, struct error *err)
{
	const struct tar_header *h = &r->tar->th_buf;
	int64_t major, minor;
	char buf[128];

	if (e->type != TAR_DEVICE)
		return 0;
	if (tar_number(h->devmajor, sizeof(h->devmajor), "device number", &major, err) ||
	    tar_number(h->devminor, sizeof(h->devminor), "device number", &minor, err))
		return -1;
	if (major < 0 || major > 0xfff || minor < 0 || minor > 0xfffff)
		return error_set(err, ERROR_INVALID, "entry '%s' has an absurd device number",
				 tar_printable(e->name, buf));
	e->block = h->typeflag == '4';
	e->dev_major = (uint32_t)major;
	e->dev_minor = (uint32_t)minor;
	return 0;
}

static int take_entry(struct tar_reader *r, struct tar_entry *e, struct error *err)
{
	const struct tar_header *h = &r->tar->th_buf;
	int64_t mode;

	memset(e, 0, sizeof(*e));
	take_names(r);
	e->name = r->name.buf;
	e->link = r->link.buf;
	e->records = &r->pax.records;
	if (take_type(r, e, err) || tar_number(h->mode, sizeof(h->mode), "mode", &mode, err) ||
	    take_id(r, PAX_UID, h->uid, &e->uid, err) || take_id(r, PAX_GID, h->gid, &e->gid, err) ||
	    take_mtime(r, e, err) || take_size(r, e, err) || take_sparse(r, e, err) || take_device(r, e, err))
		return -1;
	e->mode = (uint32_t)mode & 07777;
	return 1;
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
			return take_entry(r, ret, err);
		}
		if (type != 'V' && read_pax(r, type == 'g', err))
			return -1;
	}
}
