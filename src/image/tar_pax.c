/* SPDX-License-Identifier: MIT */
#include "image/tar_pax.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "image/tar_reader.h"

/* GNU tar writes '=' and '%' in the name of an xattr as three characters. */
enum { XATTR_NAME_MAX = 3 * 255, KEY_MAX_LEN = 13 + XATTR_NAME_MAX };

/* One record: key is NUL-terminated, value is not. */
struct record {
	const char *key;
	const char *value;
	size_t len;
};

int tar_parse_decimal(const char *s, size_t len, uint64_t max, uint64_t *ret)
{
	uint64_t v = 0;
	size_t i;

	if (len == 0 || len > 20)
		return -1;
	for (i = 0; i < len; i++) {
		if (s[i] < '0' || s[i] > '9' || __builtin_mul_overflow(v, 10, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(s[i] - '0'), &v))
			return -1;
	}
	*ret = v;
	return v <= max ? 0 : -1;
}

static int bad_value(const struct record *r, struct error *err)
{
	char buf[128];

	return error_set(err, ERROR_INVALID, "the extended header '%s' has an invalid value", tar_printable(r->key, buf));
}

static int number(const struct record *r, uint64_t max, uint64_t *ret, struct error *err)
{
	return tar_parse_decimal(r->value, r->len, max, ret) ? bad_value(r, err) : 0;
}

/* ---- what is kept of a record */

static int take_text(struct tar_pax *p, const struct record *r, struct strbuf *out, unsigned flag,
		     struct error *err)
{
	if (r->len > 4096 || memchr(r->value, 0, r->len))
		return bad_value(r, err);
	strbuf_reset(out);
	strbuf_add(out, r->value, r->len);
	p->set |= flag;
	return 0;
}

static int take_path(struct tar_pax *p, const struct record *r, struct error *err)
{
	return take_text(p, r, &p->path, PAX_PATH, err);
}

static int take_link(struct tar_pax *p, const struct record *r, struct error *err)
{
	return take_text(p, r, &p->link, PAX_LINK, err);
}

static int take_size(struct tar_pax *p, const struct record *r, struct error *err)
{
	p->set |= PAX_SIZE;
	return number(r, INT64_MAX, &p->size, err);
}

static int take_uid(struct tar_pax *p, const struct record *r, struct error *err)
{
	p->set |= PAX_UID;
	return number(r, INT64_MAX, &p->uid, err);
}

static int take_gid(struct tar_pax *p, const struct record *r, struct error *err)
{
	p->set |= PAX_GID;
	return number(r, INT64_MAX, &p->gid, err);
}

/* "-1.5" is stored as -2 s + 500000000 ns. */
static int take_mtime(struct tar_pax *p, const struct record *r, struct error *err)
{
	const char *s = r->value, *end = r->value + r->len, *dot;
	bool negative = s < end && *s == '-';
	uint64_t whole;
	uint32_t ns = 0, unit = 100000000;

	s += negative;
	dot = memchr(s, '.', (size_t)(end - s));
	if (tar_parse_decimal(s, (size_t)((dot ? dot : end) - s), INT64_MAX, &whole))
		return bad_value(r, err);
	for (s = dot ? dot + 1 : end; s < end; s++, unit /= 10) {
		if (*s < '0' || *s > '9')
			return bad_value(r, err);
		ns += (uint32_t)(*s - '0') * unit;
	}
	p->mtime = negative ? -(int64_t)whole - (ns ? 1 : 0) : (int64_t)whole;
	p->mtime_ns = negative && ns ? 1000000000 - ns : ns;
	p->set |= PAX_MTIME;
	return 0;
}

/* ---- xattrs and ACLs */

/* The length counts its own digits. */
void tar_pax_record(struct strbuf *out, const char *key, const void *value, size_t len)
{
	size_t body = strlen(key) + len + 3, digits = 1, limit;

	for (limit = 10; body + digits >= limit; limit *= 10)
		digits++;
	strbuf_addf(out, "%zu %s=", body + digits, key);
	strbuf_add(out, value, len);
	strbuf_addch(out, '\n');
}

/*
 * linux/capability.h, struct vfs_ns_cap_data: revision 3 holds the uid of the
 * root it belongs to, where it was packed. Here that is the container's root:
 * revision 2 says it.
 */
static int take_capability(struct tar_pax *p, const struct record *r, struct error *err)
{
	unsigned char cap[20];
	uint32_t magic;

	if (r->len != 20 && r->len != 24)
		return bad_value(r, err);
	memcpy(cap, r->value, sizeof(cap));
	memcpy(&magic, cap, sizeof(magic));
	magic = le32toh(magic);
	if ((magic & 0xff000000) != (r->len == 20 ? 0x02000000u : 0x03000000u))
		return bad_value(r, err);
	magic = htole32((magic & 1) | 0x02000000u);
	memcpy(cap, &magic, sizeof(magic));
	tar_pax_record(&p->records, r->key, cap, sizeof(cap));
	return 0;
}

/* user.* and file capabilities; trusted.* (overlayfs's), SELinux labels etc. belong to the host they left. */
static int take_xattr(struct tar_pax *p, const struct record *r, struct error *err)
{
	const char *name = r->key + strlen("SCHILY.xattr.");

	if (strcmp(name, "security.capability") == 0)
		return take_capability(p, r, err);
	if (strncmp(name, "user.", 5) || !name[5])
		return 0;
	if (strlen(name) > XATTR_NAME_MAX || r->len > 65536)
		return bad_value(r, err);
	tar_pax_record(&p->records, r->key, r->value, r->len);
	return 0;
}

/* With --xattrs-include=* GNU tar stores ACLs twice: as text with names, and as the kernel's xattr. */
static int take_acl(struct tar_pax *p, const struct record *r, struct error *err)
{
	int which = strstr(r->key, "default") != NULL;

	if (p->acl_exact[which])
		return 0;
	strbuf_reset(&p->acl[which]);
	return tar_acl_numeric(r->value, r->len, &p->acl[which], err);
}

static int take_acl_xattr(struct tar_pax *p, const struct record *r, struct error *err)
{
	int which = strstr(r->key, "default") != NULL;

	p->acl_exact[which] = true;
	strbuf_reset(&p->acl[which]);
	return tar_acl_from_xattr(r->value, r->len, &p->acl[which], err);
}

static void add_acls(struct tar_pax *p)
{
	static const char *const names[] = { "SCHILY.acl.access", "SCHILY.acl.default" };
	int i;

	for (i = 0; i < 2; i++) {
		if (p->acl[i].len)
			tar_pax_record(&p->records, names[i], p->acl[i].buf, p->acl[i].len);
	}
}

/* ---- GNU sparse files, formats 0.0, 0.1, 1.0 (tar's manual, "Sparse Formats") */

void tar_sparse_clear(struct tar_sparse *sp)
{
	struct tar_extent *map = sp->map;
	size_t cap = sp->cap, max = sp->max;

	*sp = (struct tar_sparse){ .map = map, .cap = cap, .max = max };
}

int tar_sparse_add(struct tar_sparse *sp, uint64_t offset, uint64_t len, struct error *err)
{
	size_t max = sp->max ? sp->max : SPARSE_MAX;

	if (sp->n >= max)
		return error_set(err, ERROR_TOO_LARGE, "a sparse file has more than %zu extents", max);
	if (sp->n == sp->cap) {
		sp->cap = sp->cap ? 2 * sp->cap : 64;
		sp->map = mem_realloc(sp->map, sp->cap, sizeof(*sp->map));
	}
	sp->map[sp->n++] = (struct tar_extent){ offset, len };
	sp->on = true;
	return 0;
}

/* 0.1: "offset,length,offset,length,…" */
static int take_sparse_map(struct tar_sparse *sp, const struct record *r, struct error *err)
{
	const char *s = r->value, *end = r->value + r->len, *comma;
	uint64_t v[2];
	unsigned k = 0;

	sp->on = true;
	for (; s < end; s = comma + 1) {
		comma = memchr(s, ',', (size_t)(end - s));
		comma = comma ? comma : end;
		if (tar_parse_decimal(s, (size_t)(comma - s), INT64_MAX, &v[k]))
			return bad_value(r, err);
		if (k == 1 && tar_sparse_add(sp, v[0], v[1], err))
			return -1;
		k ^= 1;
	}
	return k ? bad_value(r, err) : 0;
}

/* 0.0: an offset, then its length, as records of their own. */
static int take_sparse_half(struct tar_sparse *sp, const struct record *r, bool offset, struct error *err)
{
	uint64_t v;

	if (offset != !sp->half || number(r, INT64_MAX, &v, err))
		return bad_value(r, err);
	if (offset && tar_sparse_add(sp, v, 0, err))
		return -1;
	if (!offset)
		sp->map[sp->n - 1].len = v;
	sp->half = offset;
	return 0;
}

static int take_sparse(struct tar_pax *p, const struct record *r, struct error *err)
{
	const char *name = r->key + strlen("GNU.sparse.");
	struct tar_sparse *sp = &p->sparse;
	uint64_t v = 0;

	if (!strcmp(name, "name"))
		return take_path(p, r, err);
	if (!strcmp(name, "map"))
		return take_sparse_map(sp, r, err);
	if (!strcmp(name, "offset") || !strcmp(name, "numbytes"))
		return take_sparse_half(sp, r, name[0] == 'o', err);
	if (number(r, INT64_MAX, &v, err))
		return -1;
	sp->on = true;
	if (!strcmp(name, "realsize") || !strcmp(name, "size")) {
		sp->real_size_set = true;
		sp->real_size = v;
	} else if (!strcmp(name, "major")) {
		sp->major = v > 9 ? 9 : (int)v;
	} else if (!strcmp(name, "minor")) {
		sp->minor = v > 9 ? 9 : (int)v;
	} else if (strcmp(name, "numblocks")) {
		return bad_value(r, err);
	}
	return 0;
}

/* ---- the table of keys */

static const struct {
	const char *key; /* ends in '.': a prefix */
	int (*take)(struct tar_pax *p, const struct record *r, struct error *err);
	bool global; /* may stand in a global header */
} keys[] = {
	{ "path", take_path, false },
	{ "linkpath", take_link, false },
	{ "size", take_size, false },
	{ "uid", take_uid, true },
	{ "gid", take_gid, true },
	{ "mtime", take_mtime, true },
	{ "SCHILY.acl.access", take_acl, false },
	{ "SCHILY.acl.default", take_acl, false },
	{ "SCHILY.xattr.system.posix_acl_access", take_acl_xattr, false },
	{ "SCHILY.xattr.system.posix_acl_default", take_acl_xattr, false },
	{ "SCHILY.xattr.", take_xattr, false },
	{ "GNU.sparse.", take_sparse, false },
};

static int take(struct tar_pax *p, const struct record *r, bool global, struct error *err)
{
	size_t i, len;

	for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		len = strlen(keys[i].key);
		if (keys[i].key[len - 1] == '.' ? strncmp(r->key, keys[i].key, len)
						: strcmp(r->key, keys[i].key))
			continue;
		if (global && !keys[i].global)
			return error_set(err, ERROR_INVALID, "the global header sets '%s' for every entry",
					 r->key);
		return keys[i].take(p, r, err);
	}
	return 0;
}

static int malformed(struct error *err)
{
	return error_set(err, ERROR_INVALID, "an extended header is malformed");
}

/* Checks one record's frame; returns its length, or 0. */
static size_t frame(const char *data, size_t len, const char **ret_key, const char **ret_equal)
{
	const char *blank = memchr(data, ' ', len < 20 ? len : 20), *equal, *c;
	uint64_t total;
	bool any;

	if (!blank || tar_parse_decimal(data, (size_t)(blank - data), len, &total))
		return 0;
	if (total < (uint64_t)(blank - data) + 4 || data[total - 1] != '\n')
		return 0;
	*ret_key = blank + 1;
	equal = memchr(blank + 1, '=', total - 1 - (size_t)(blank + 1 - data));
	if (!equal || equal == blank + 1 || equal - blank - 1 > KEY_MAX_LEN)
		return 0;
	/* the name of an xattr may hold any byte */
	any = equal - blank > 13 && memcmp(blank + 1, "SCHILY.xattr.", 13) == 0;
	for (c = blank + 1; c < equal; c++) {
		if (*c == 0 || (!any && ((unsigned char)*c < 0x20 || *c == 0x7f)))
			return 0;
	}
	*ret_equal = equal;
	return total;
}

int tar_pax_parse(struct tar_pax *p, const char *data, size_t len, bool global, struct error *err)
{
	const char *key_start, *equal;
	char key[KEY_MAX_LEN + 1];
	struct record r = { .key = key };
	size_t n;

	for (; len; data += n, len -= n) {
		n = frame(data, len, &key_start, &equal);
		if (n == 0)
			return malformed(err);
		memcpy(key, key_start, (size_t)(equal - key_start));
		key[equal - key_start] = 0;
		r.value = equal + 1;
		r.len = (size_t)(data + n - 1 - r.value);
		if (take(p, &r, global, err))
			return -1;
	}
	add_acls(p);
	return p->sparse.half ? malformed(err) : 0;
}

void tar_pax_init(struct tar_pax *p)
{
	memset(p, 0, sizeof(*p));
	strbuf_init(&p->path);
	strbuf_init(&p->link);
	strbuf_init(&p->records);
	strbuf_init(&p->acl[0]);
	strbuf_init(&p->acl[1]);
}

void tar_pax_clear(struct tar_pax *p)
{
	strbuf_clear(&p->path);
	strbuf_clear(&p->link);
	strbuf_clear(&p->records);
	strbuf_clear(&p->acl[0]);
	strbuf_clear(&p->acl[1]);
	free(p->sparse.map);
	p->sparse.map = NULL;
}

void tar_pax_reset(struct tar_pax *p)
{
	p->set = 0;
	strbuf_reset(&p->path);
	strbuf_reset(&p->link);
	strbuf_reset(&p->records);
	strbuf_reset(&p->acl[0]);
	strbuf_reset(&p->acl[1]);
	p->acl_exact[0] = p->acl_exact[1] = false;
	tar_sparse_clear(&p->sparse);
}
