/* SPDX-License-Identifier: MIT */
#include "image/tar_tree.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/strmap.h"

enum { NAME_MAX_TOTAL = 4095, NAME_MAX_PART = 255 };

/* What is known of a path; 0 is nothing. LINKED: a hard link shares its inode. OUT: it is not passed on. */
enum { SEEN_FILE = 1, SEEN_DIR, SEEN_SYMLINK, SEEN_OTHER, SEEN_KIND = 7, SEEN_LINKED = 8, SEEN_OUT = 16 };

struct tar_tree {
	struct strmap *seen;
	struct strbuf parent; /* the folder that was checked last: archives go folder by folder */
};

static int bad_name(const char *raw, const char *rule, struct error *err)
{
	char buf[128];

	return error_set(err, ERROR_INVALID, "entry '%s': %s", tar_printable(raw, buf), rule);
}

static int check_part(const char *raw, const char *part, size_t len, bool any_byte, struct error *err)
{
	size_t i;

	if (len == 2 && part[0] == '.' && part[1] == '.')
		return bad_name(raw, "names with '..' are refused", err);
	if (len > NAME_MAX_PART)
		return bad_name(raw, "a part of a name is longer than 255 bytes", err);
	for (i = 0; i < len && !any_byte; i++) {
		if ((unsigned char)part[i] < 0x20 || part[i] == 0x7f)
			return bad_name(raw, "names with control characters are refused", err);
	}
	return 0;
}

static int canonical(const char *raw, struct strbuf *out, bool any_byte, struct error *err)
{
	const char *part = raw;
	size_t len;

	strbuf_reset(out);
	if (raw[0] == '/')
		return bad_name(raw, "absolute names are refused", err);
	if (!raw[0])
		return bad_name(raw, "empty names are refused", err);
	for (; *part; part += len + (part[len] == '/')) {
		len = strcspn(part, "/");
		if (len == 0 || (len == 1 && part[0] == '.'))
			continue;
		if (check_part(raw, part, len, any_byte, err))
			return -1;
		if (out->len)
			strbuf_addch(out, '/');
		strbuf_add(out, part, len);
	}
	return out->len > NAME_MAX_TOTAL ? bad_name(raw, "a name is longer than 4095 bytes", err) : 0;
}

int tar_canonical_name(const char *raw, struct strbuf *out, struct error *err)
{
	return canonical(raw, out, false, err);
}

int tar_canonical_path(const char *raw, struct strbuf *out, struct error *err)
{
	return canonical(raw, out, true, err);
}

struct tar_tree *tar_tree_new(void)
{
	struct tar_tree *t = mem_alloc(sizeof(*t));

	t->seen = strmap_new(NULL);
	strbuf_init(&t->parent);
	strmap_put(t->seen, "", (void *)(uintptr_t)SEEN_DIR);
	return t;
}

void tar_tree_free(struct tar_tree *t)
{
	if (!t)
		return;
	strmap_free(t->seen);
	strbuf_clear(&t->parent);
	free(t);
}

static unsigned seen(const struct tar_tree *t, const char *name)
{
	return (unsigned)(uintptr_t)strmap_get(t->seen, name);
}

static void remember(struct tar_tree *t, const char *name, unsigned what)
{
	strmap_put(t->seen, name, (void *)(uintptr_t)what);
}

/* One folder on the way to an entry: there already, or made by the unpacker. Else what stands in its place.
 */
static const char *check_folder(struct tar_tree *t, const char *folder)
{
	unsigned kind = seen(t, folder) & SEEN_KIND;

	if (kind == 0)
		remember(t, folder, SEEN_DIR);
	if (kind == 0 || kind == SEEN_DIR)
		return NULL;
	return kind == SEEN_SYMLINK ? "symbolic link" : "file";
}

static int check_parents(struct tar_tree *t, char *name, struct error *err)
{
	char *last = strrchr(name, '/'), *slash, buf[128], in_the_way[128];
	size_t len = last ? (size_t)(last - name) : 0;
	const char *what;

	if (len == t->parent.len && memcmp(name, t->parent.buf, len) == 0)
		return 0;
	strbuf_reset(&t->parent);
	for (slash = strchr(name, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = 0;
		what = check_folder(t, name);
		tar_printable(name, in_the_way);
		*slash = '/';
		if (what)
			return error_set(err, ERROR_INVALID,
					 "entry '%s' lies below '%s', which is a %s of this archive",
					 tar_printable(name, buf), in_the_way, what);
	}
	strbuf_add(&t->parent, name, len);
	return 0;
}

static int check_target(struct tar_tree *t, const char *name, const char *target, unsigned *ret,
			struct error *err)
{
	unsigned what = seen(t, target), kind = what & SEEN_KIND;
	char buf[128], to[128];

	if (kind != SEEN_FILE && kind != SEEN_SYMLINK && kind != SEEN_OTHER)
		return error_set(err, ERROR_INVALID,
				 "hard link '%s' points to '%s', which is no earlier file of this archive",
				 tar_printable(name, buf), tar_printable(target, to));
	if (strcmp(name, target) == 0)
		return 1;
	remember(t, target, what | SEEN_LINKED);
	*ret = kind | SEEN_LINKED;
	return 0;
}

/* Folders may come again, files too (an archive that was appended to) unless a link is in the game. A file that no link
 * shares may become a symbolic link (pylxd's image: busybox, and then a link for each applet, busybox too). */
static int check_again(unsigned old, unsigned now, const char *name, struct error *err)
{
	char buf[128];

	if (old == 0 || (old == SEEN_DIR && now == SEEN_DIR) ||
	    (old == SEEN_FILE && (now == SEEN_FILE || now == SEEN_SYMLINK)))
		return 0;
	return error_set(err, ERROR_INVALID, "entry '%s' comes twice, and one of them is %s",
			 tar_printable(name, buf),
			 old == SEEN_DIR || now == SEEN_DIR ? "a folder" : "a link or special");
}

int tar_tree_add(struct tar_tree *t, enum tar_type type, char *name, const char *target, struct error *err)
{
	static const unsigned kinds[] = {
		[TAR_FILE] = SEEN_FILE,	  [TAR_DIR] = SEEN_DIR,	      [TAR_SYMLINK] = SEEN_SYMLINK,
		[TAR_FIFO] = SEEN_OTHER,  [TAR_DEVICE] = SEEN_OTHER,  [TAR_SOCKET] = SEEN_OTHER,
		[TAR_HARDLINK] = SEEN_FILE,
	};
	unsigned now = kinds[type], old;
	int rc = check_parents(t, name, err);

	if (rc == 0 && type == TAR_HARDLINK)
		rc = check_target(t, name, target, &now, err);
	if (rc)
		return rc;
	old = seen(t, name);
	if (check_again(old, now, name, err))
		return -1;
	if (old != now)
		remember(t, name, now);
	return 0;
}

void tar_tree_leave_out(struct tar_tree *t, const char *name)
{
	remember(t, name, seen(t, name) | SEEN_OUT);
}

bool tar_tree_left_out(const struct tar_tree *t, const char *name)
{
	return seen(t, name) & SEEN_OUT;
}
