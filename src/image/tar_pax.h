/* SPDX-License-Identifier: MIT */
/*
 * Extended headers (POSIX pax, tar(5)): "LEN KEY=VALUE\n" records. What matters
 * for a tree is kept, all else (atime, comments, names of users) is dropped.
 */
#ifndef BERTH_IMAGE_TAR_PAX_H
#define BERTH_IMAGE_TAR_PAX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/strbuf.h"

enum { PAX_SIZE_MAX = 1024 * 1024, SPARSE_MAX = 65536 };

/* Where data lies in a sparse file; the rest of it is zeros. */
struct tar_extent {
	uint64_t offset, len;
};

struct tar_sparse {
	bool on;
	int major, minor;     /* GNU.sparse.major/minor; 0, 0 for the old ways */
	bool real_size_set;
	uint64_t real_size;
	struct tar_extent *map;
	size_t n, cap;
	size_t max;           /* of n; 0: SPARSE_MAX */
	bool half;            /* format 0.0: an offset came, its length did not yet */
};

void tar_sparse_clear(struct tar_sparse *sp); /* keeps the memory of map */
int tar_sparse_add(struct tar_sparse *sp, uint64_t offset, uint64_t len, struct error *err);

enum { PAX_PATH = 1, PAX_LINK = 2, PAX_SIZE = 4, PAX_UID = 8, PAX_GID = 16, PAX_MTIME = 32 };

struct tar_pax {
	unsigned set; /* PAX_* */
	struct strbuf path, link;
	uint64_t size, uid, gid;
	int64_t mtime; /* floor of the time */
	uint32_t mtime_ns;
	struct strbuf records; /* xattrs and ACLs, checked, as records to hand on */
	struct strbuf acl[2];  /* access, default: with numeric ids */
	bool acl_exact[2];     /* from the xattr, where all ids are numbers */
	struct tar_sparse sparse;
};

void tar_pax_init(struct tar_pax *p);
void tar_pax_clear(struct tar_pax *p); /* frees */
void tar_pax_reset(struct tar_pax *p); /* nothing set, keeps the memory */
/* global: only uid, gid, mtime may be set for all entries; what would rename or resize them is refused. */
int tar_pax_parse(struct tar_pax *p, const char *data, size_t len, bool global, struct error *err);

/* Appends one record; value may hold any byte. */
void tar_pax_record(struct strbuf *out, const char *key, const void *value, size_t len);

/* An ACL in text form with numeric ids, or with names and the ids behind them (star): appends it with numeric
 * ids only. Entries with a name alone are left out: the host's idea of it means nothing in the container. */
int tar_acl_numeric(const char *text, size_t len, struct strbuf *out, struct error *err);
/* The kernel's xattr (linux/posix_acl_xattr.h) as such text. */
int tar_acl_from_xattr(const void *value, size_t len, struct strbuf *out, struct error *err);

/* Decimal digits only. */
int tar_parse_decimal(const char *s, size_t len, uint64_t max, uint64_t *ret);

#endif
