/* SPDX-License-Identifier: MIT */
#include "image/tar_history.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/strmap.h"

struct node {
	struct node *parent; /* NULL: the root */
	uint32_t age;        /* of the folder: grows when it is replaced, and all below is dead */
	uint32_t born;       /* the parent's age then */
	enum tar_type type;
	bool implied;        /* a folder that others lie in, and that has not come itself */
	bool second;         /* came in the second pass */
	bool kept, touched;
	uint32_t mode, mtime_ns; /* of folders, to say them again */
	uint64_t uid, gid, size; /* size: of files */
	int64_t mtime;
};

struct tar_history {
	struct strmap *nodes;
	struct node *root;
	bool allowed, second;
	struct strbuf path, folder; /* folder: where the last entry lay */
	struct node *last;          /* the node of folder, or NULL */
};

struct tar_history *tar_history_new(bool second_pass)
{
	struct tar_history *h = mem_alloc(sizeof(*h));

	h->nodes = strmap_new(free);
	h->allowed = second_pass;
	h->root = mem_alloc(sizeof(*h->root));
	h->root->type = TAR_DIR;
	h->root->implied = true;
	strmap_put(h->nodes, "", h->root);
	strbuf_init(&h->path);
	strbuf_init(&h->folder);
	return h;
}

void tar_history_free(struct tar_history *h)
{
	if (!h)
		return;
	strmap_free(h->nodes);
	strbuf_clear(&h->path);
	strbuf_clear(&h->folder);
	free(h);
}

bool tar_history_second(const struct tar_history *h)
{
	return h->second;
}

static bool alive(const struct node *n)
{
	for (; n->parent; n = n->parent) {
		if (n->born != n->parent->age || n->parent->type != TAR_DIR)
			return false;
	}
	return true;
}

static struct node *find(const struct tar_history *h, const char *path)
{
	struct node *n = strmap_get(h->nodes, path);

	return n && alive(n) ? n : NULL;
}

/* A dead node of that path is used anew; what lies below it stays dead. */
static struct node *bear(struct tar_history *h, const char *path, struct node *parent)
{
	struct node *n = strmap_get(h->nodes, path);
	uint32_t age = n ? n->age + 1 : 0;

	if (!n) {
		n = mem_alloc(sizeof(*n));
		strmap_put(h->nodes, path, n);
	}
	*n = (struct node){ .parent = parent, .age = age, .born = parent->age, .type = TAR_DIR, .implied = true,
			    .second = h->second };
	return n;
}

static int below(const char *name, const char *folder, enum tar_type type, struct error *err)
{
	char buf[128], in_the_way[128];

	return error_set(err, ERROR_INVALID, "entry '%s' lies below '%s', which is a %s of this archive",
			 tar_printable(name, buf), tar_printable(folder, in_the_way),
			 type == TAR_SYMLINK ? "symbolic link" : "file");
}

/* The folder that name lies in: walked to from the root, unless it is the last one's. */
static struct node *parent_of(struct tar_history *h, const char *name, struct error *err)
{
	const char *last = strrchr(name, '/');
	size_t len = last ? (size_t)(last - name) : 0, at;
	struct node *n, *parent = h->root;

	if (h->last && len == h->folder.len && memcmp(name, h->folder.buf, len) == 0)
		return h->last;
	h->last = NULL;
	strbuf_reset(&h->folder);
	for (at = 0; at < len; at++) {
		at += strcspn(name + at, "/");
		strbuf_reset(&h->folder);
		strbuf_add(&h->folder, name, at);
		n = strmap_get(h->nodes, h->folder.buf);
		if (!n || n->parent != parent || n->born != parent->age) {
			n = bear(h, h->folder.buf, parent);
			parent->touched |= h->second;
		}
		if (n->type != TAR_DIR) {
			below(name, h->folder.buf, n->type, err);
			return NULL;
		}
		parent = n;
	}
	h->last = parent;
	return parent;
}

static int check_link(struct tar_history *h, const struct tar_entry *e, enum tar_type *ret, struct error *err)
{
	const struct node *n = find(h, e->link);
	char buf[128], to[128];

	if (!n || n->type == TAR_DIR)
		return error_set(err, ERROR_INVALID, "hard link '%s' points to '%s', which is no earlier file of this archive",
				 tar_printable(e->name, buf), tar_printable(e->link, to));
	*ret = n->type;
	return 0;
}

static void describe(struct node *n, const struct tar_entry *e, enum tar_type type)
{
	n->type = type;
	n->implied = false;
	n->mode = e->mode;
	n->uid = e->uid;
	n->gid = e->gid;
	n->mtime = e->mtime;
	n->mtime_ns = e->mtime_ns;
	n->size = e->type == TAR_FILE ? e->size : 0;
}

static enum history_verdict replace(struct tar_history *h, struct node *old, const struct tar_entry *e, enum tar_type type,
				    uint64_t *ret_freed, struct error *err)
{
	bool was_dir = old->type == TAR_DIR, is_dir = type == TAR_DIR;
	char buf[128];

	if (!h->allowed || old->second || (!old->parent && !is_dir)) {
		error_set(err, ERROR_INVALID, "entry '%s' comes %s", tar_printable(e->name, buf),
			  !h->allowed ? "twice" : old->second ? "twice in one pass" : "again and is no folder");
		return HISTORY_REFUSED;
	}
	h->second = true;
	old->second = true;
	*ret_freed = old->size;
	if (old->parent && !(was_dir && is_dir))
		old->parent->touched = true;
	if (was_dir != is_dir) {
		old->age++;
		old->touched = false;
		h->last = NULL;
	}
	describe(old, e, type);
	return was_dir == is_dir ? HISTORY_AGAIN : HISTORY_REPLACE;
}

enum history_verdict tar_history_add(struct tar_history *h, const struct tar_entry *e, uint64_t *ret_freed,
				     struct error *err)
{
	enum tar_type type = e->type;
	struct node *parent, *n;

	*ret_freed = 0;
	if (type == TAR_HARDLINK && check_link(h, e, &type, err) < 0)
		return HISTORY_REFUSED;
	if (e->type == TAR_HARDLINK && strcmp(e->name, e->link) == 0)
		return HISTORY_SKIP;
	parent = e->name[0] ? parent_of(h, e->name, err) : h->root;
	if (!parent)
		return HISTORY_REFUSED;
	n = e->name[0] ? find(h, e->name) : h->root;
	if (n && !(n->implied && type == TAR_DIR))
		return replace(h, n, e, type, ret_freed, err);
	if (!n) {
		n = bear(h, e->name, parent);
		parent->touched |= h->second;
	}
	describe(n, e, type);
	return HISTORY_NEW;
}

/* ---- the end */

void tar_history_keep(struct tar_history *h, const char *path)
{
	struct node *n = find(h, path);

	for (; n && !n->kept; n = n->parent)
		n->kept = true;
}

int tar_history_sweep(struct tar_history *h, int (*gone)(const char *path, void *data, struct error *err), void *data,
		      struct error *err)
{
	const char *path;
	char buf[128];
	void *value;
	size_t pos = 0;

	h->root->kept = true;
	while (strmap_next(h->nodes, &pos, &path, &value)) {
		struct node *n = value;

		if (n->kept || !alive(n))
			continue;
		if (n->second)
			return error_set(err, ERROR_INVALID, "entry '%s' is of the second pass, but not in the list at its end",
					 tar_printable(path, buf));
		if (!n->parent->kept)
			continue;
		n->parent->touched = true;
		if (gone(path, data, err))
			return -1;
	}
	return 0;
}

int tar_history_touched(struct tar_history *h, int (*again)(const struct tar_entry *folder, void *data, struct error *err),
			void *data, struct error *err)
{
	static const struct strbuf none = STRBUF_INIT;
	const char *path;
	void *value;
	size_t pos = 0;

	while (strmap_next(h->nodes, &pos, &path, &value)) {
		const struct node *n = value;
		struct tar_entry e = { .type = TAR_DIR, .name = path, .link = "", .records = &none };

		if (!n->touched || n->second || n->implied || n->type != TAR_DIR || !n->kept || !alive(n))
			continue;
		e.mode = n->mode;
		e.uid = n->uid;
		e.gid = n->gid;
		e.mtime = n->mtime;
		e.mtime_ns = n->mtime_ns;
		if (again(&e, data, err))
			return -1;
	}
	return 0;
}
