/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "image/tar_header.h"
#include "image/tar_reader_private.h"
#include "image/tar_sparse.h"

#define MTIME_MIN (-2147483648LL) /* what ext4 can hold */
#define MTIME_MAX 15032385535LL

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
		field_text(&r->name, h->gnu_longname, TAR_LONG_NAME_MAX + 1);
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
		field_text(&r->link, h->gnu_longlink, TAR_LONG_NAME_MAX + 1);
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

static void data_follows(struct tar_reader *r, uint64_t size)
{
	r->left = size;
	r->padding = (unsigned)(-size % TAR_BLOCK);
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

int tar_entry_take(struct tar_reader *r, struct tar_entry *e, struct error *err)
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
