/* SPDX-License-Identifier: MIT */
#include "image/tar_inspect.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "image/tar_notes.h"
#include "image/tar_tree.h"

enum layout { LAYOUT_UNKNOWN, LAYOUT_ROOT, LAYOUT_FOLDER };
enum verdict { PASS, DROP };
enum { HELD_MAX = 32, HELD_SIZE_MAX = 64 * 1024 };

/* An entry that came before the layout was known: the top folder, or a file in it. */
struct held {
	struct tar_entry entry;
	char *name;
	struct strbuf records, data;
};

struct inspect {
	const struct tar_inspect *in;
	struct tar_reader *reader;
	struct tar_writer *writer;
	struct tar_tree *tree;
	struct tar_notes notes;
	enum layout layout;
	struct strbuf name, target, out_name, out_target;
	struct held held[HELD_MAX];
	size_t n_held;
	uint64_t entries, bytes, dropped;
	bool root_written, has_templates, has_metadata;
};

static int refuse(const char *name, const char *rule, struct error *err)
{
	char buf[128];

	return error_set(err, ERROR_INVALID, "entry '%s': %s", tar_printable(name, buf), rule);
}

/* ---- limits */

static int check_limits(struct inspect *s, const struct tar_entry *e, struct error *err)
{
	const struct tar_inspect *in = s->in;
	char buf[128];

	if (++s->entries > in->max_entries)
		return error_set(err, ERROR_TOO_LARGE, "the archive has more than %llu entries",
				 (unsigned long long)in->max_entries);
	if (e->real_size > in->max_bytes || s->bytes + e->real_size > in->max_bytes)
		return error_set(err, ERROR_TOO_LARGE, "the archive unpacks to more than %llu bytes",
				 (unsigned long long)in->max_bytes);
	if (e->uid > in->max_id || e->gid > in->max_id)
		return error_set(err, ERROR_INVALID,
				 "entry '%s': owner %llu:%llu is beyond %llu, the last id of a container",
				 tar_printable(s->name.buf, buf), (unsigned long long)e->uid,
				 (unsigned long long)e->gid, (unsigned long long)in->max_id);
	s->bytes += e->real_size;
	return 0;
}

/* ---- names */

static bool is_in(const char *name, const char *folder)
{
	size_t len = strlen(folder);

	return strncmp(name, folder, len) == 0 && (name[len] == 0 || name[len] == '/');
}

static void decide_layout(struct inspect *s, const struct tar_entry *e)
{
	const char *name = s->name.buf;

	if (s->in->part != TAR_PART_WHOLE)
		s->layout = s->in->part == TAR_PART_ROOTFS ? LAYOUT_ROOT : LAYOUT_FOLDER;
	else if (is_in(name, "rootfs") || is_in(name, "metadata.yaml") || is_in(name, "templates"))
		s->layout = LAYOUT_FOLDER;
	else if (!name[0] && e->type == TAR_DIR)
		s->layout = LAYOUT_UNKNOWN;
	else if (e->type != TAR_FILE || e->sparse || strchr(name, '/') || s->n_held == HELD_MAX ||
		 e->size > HELD_SIZE_MAX)
		s->layout = LAYOUT_ROOT;
}

/* What lies beside rootfs/ in an archive of the folder layout. */
static int judge_beside(struct inspect *s, const struct tar_entry *e, enum verdict *ret, struct error *err)
{
	const char *name = s->name.buf;

	*ret = PASS;
	if (strcmp(name, "metadata.yaml") == 0) {
		if (e->type != TAR_FILE || e->sparse || s->has_metadata)
			return refuse(name, "it must be one plain file", err);
		s->has_metadata = true;
	} else if (is_in(name, "templates")) {
		if (e->type != TAR_FILE && e->type != TAR_DIR)
			return refuse(name, "templates are files and folders only", err);
		s->has_templates = true;
	} else {
		*ret = DROP;
	}
	return 0;
}

/* The standard nodes that LXC makes itself in every container, and unix sockets: nobody misses them. */
bool tar_known_device(const char *path)
{
	static const char *const names[] = {"null",    "zero", "full",	  "random",
					    "urandom", "tty",  "console", "ptmx"};
	size_t i;

	if (strncmp(path, "dev/", 4))
		return false;
	path += 4;
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(path, names[i]) == 0)
			return true;
	}
	if (strncmp(path, "tty", 3) || !path[3])
		return false;
	for (path += 3; isdigit((unsigned char)*path);)
		path++;
	return *path == 0;
}

bool tar_is_whiteout(const struct tar_entry *e)
{
	return e->type == TAR_DEVICE && !e->block && e->dev_major == 0 && e->dev_minor == 0;
}

/* Other device nodes are left out: the tree is every instance's, privileged ones' too, whom no map keeps from using them. */
static int judge(struct inspect *s, const struct tar_entry *e, enum verdict *ret, struct error *err)
{
	const char *out = s->out_name.buf;

	*ret = PASS;
	if (s->layout == LAYOUT_FOLDER && !is_in(out, "rootfs"))
		return judge_beside(s, e, ret, err);
	if (strcmp(out, "rootfs") == 0 && e->type != TAR_DIR)
		return refuse(s->name.buf, "the root of the tree must be a folder", err);
	if (s->in->part == TAR_PART_METADATA || e->type == TAR_SOCKET)
		*ret = DROP;
	if (e->type == TAR_DEVICE && (!tar_is_whiteout(e) || strncmp(out, "rootfs/", 7) != 0 || tar_known_device(out + 7)))
		*ret = DROP;
	if (e->type == TAR_HARDLINK && tar_tree_left_out(s->tree, s->out_target.buf))
		*ret = DROP;
	return 0;
}

static void map_name(const struct inspect *s, const struct strbuf *name, struct strbuf *out)
{
	strbuf_reset(out);
	if (s->layout == LAYOUT_ROOT)
		strbuf_addstr(out, name->len ? "rootfs/" : "rootfs");
	strbuf_add(out, name->buf, name->len);
}

/* ---- passing on */

static int write_root(struct inspect *s, struct error *err)
{
	struct tar_entry root = { .type = TAR_DIR, .name = "rootfs", .link = "", .mode = 0755 };

	if (s->root_written || !is_in(s->out_name.buf, "rootfs"))
		return 0;
	s->root_written = true;
	return s->out_name.len > 6 ? tar_writer_entry(s->writer, &root, err) : 0;
}

static int pass_data(struct inspect *s, struct error *err)
{
	const void *p;
	size_t n;

	for (;;) {
		if (tar_reader_data(s->reader, &p, &n, err))
			return -1;
		if (n == 0)
			break;
		tar_notes_data(&s->notes, p, n);
		if (tar_writer_data(s->writer, p, n, err))
			return -1;
	}
	tar_notes_end(&s->notes);
	return 0;
}

/* s->name is canonical; data is NULL when it comes from the reader. */
static int pass(struct inspect *s, struct tar_entry *e, const struct strbuf *data, struct error *err)
{
	enum verdict verdict;
	int rc;

	map_name(s, &s->name, &s->out_name);
	if (e->type == TAR_HARDLINK)
		map_name(s, &s->target, &s->out_target);
	if (judge(s, e, &verdict, err))
		return -1;
	rc = tar_tree_add(s->tree, e->type, s->out_name.buf, s->out_target.buf, err);
	if (rc == 0 && verdict == DROP && (e->type == TAR_DEVICE || e->type == TAR_SOCKET || e->type == TAR_HARDLINK))
		tar_tree_leave_out(s->tree, s->out_name.buf);
	s->dropped += verdict == DROP && s->name.len;
	if (rc || verdict == DROP)
		return rc < 0 ? -1 : 0;
	e->name = s->out_name.buf;
	if (e->type == TAR_HARDLINK)
		e->link = s->out_target.buf;
	tar_notes_entry(&s->notes, e->name, e->type == TAR_FILE && !e->sparse);
	if (write_root(s, err) || tar_writer_entry(s->writer, e, err))
		return -1;
	if (!data)
		return pass_data(s, err);
	tar_notes_data(&s->notes, data->buf, data->len);
	tar_notes_end(&s->notes);
	return data->len ? tar_writer_data(s->writer, data->buf, data->len, err) : 0;
}

/* ---- files that wait for the layout */

static int hold(struct inspect *s, const struct tar_entry *e, struct error *err)
{
	struct held *h = &s->held[s->n_held++];
	const void *p;
	size_t n;

	h->entry = *e;
	h->name = mem_strdup(s->name.buf);
	strbuf_init(&h->data);
	strbuf_init(&h->records);
	strbuf_add(&h->records, e->records->buf, e->records->len);
	h->entry.records = &h->records;
	for (;;) {
		if (tar_reader_data(s->reader, &p, &n, err))
			return -1;
		if (n == 0)
			return 0;
		strbuf_add(&h->data, p, n);
	}
}

static int pass_held(struct inspect *s, struct error *err)
{
	AUTO_STRBUF struct strbuf current = STRBUF_INIT;
	size_t i;
	int rc = 0;

	strbuf_add(&current, s->name.buf, s->name.len);
	for (i = 0; i < s->n_held && rc == 0; i++) {
		strbuf_reset(&s->name);
		strbuf_addstr(&s->name, s->held[i].name);
		s->held[i].entry.link = "";
		rc = pass(s, &s->held[i].entry, &s->held[i].data, err);
	}
	strbuf_reset(&s->name);
	strbuf_add(&s->name, current.buf, current.len);
	return rc;
}

static void free_held(struct inspect *s)
{
	size_t i;

	for (i = 0; i < s->n_held; i++) {
		free(s->held[i].name);
		strbuf_clear(&s->held[i].data);
		strbuf_clear(&s->held[i].records);
	}
	s->n_held = 0;
}

/* Images made by hand mix "rootfs/x" and "/rootfs/x", pylxd's among them; other absolute names are no image's. */
static const char *relative(const char *name)
{
	return strncmp(name, "/rootfs/", 8) == 0 ? name + 1 : name;
}

static int handle(struct inspect *s, struct tar_entry *e, struct error *err)
{
	if (tar_canonical_name(relative(e->name), &s->name, err) ||
	    (e->type == TAR_HARDLINK && tar_canonical_name(e->link, &s->target, err)) ||
	    check_limits(s, e, err))
		return -1;
	if (e->type == TAR_SYMLINK && (!e->link[0] || strlen(e->link) > 4095))
		return refuse(s->name.buf, "a symbolic link has an empty or too long target", err);
	if (s->layout == LAYOUT_UNKNOWN) {
		decide_layout(s, e);
		if (s->layout == LAYOUT_UNKNOWN)
			return hold(s, e, err);
		if (pass_held(s, err))
			return -1;
	}
	return pass(s, e, NULL, err);
}

/* ---- the whole */

static int check_whole(struct inspect *s, struct error *err)
{
	if (s->layout == LAYOUT_UNKNOWN && s->n_held) {
		s->layout = LAYOUT_ROOT;
		if (pass_held(s, err))
			return -1;
	}
	if (s->in->part == TAR_PART_METADATA)
		return s->has_metadata ? 0
				       : error_set(err, ERROR_INVALID, "the archive holds no metadata.yaml");
	if (!s->notes.looks_like_root)
		return error_set(err, ERROR_INVALID,
				 "the archive holds no root file system: no bin, sbin, usr or etc%s",
				 s->layout == LAYOUT_FOLDER ? " in rootfs" : "");
	return 0;
}

static cJSON *report(struct inspect *s, const struct tar_source *source, struct error *err)
{
	cJSON *r = cJSON_CreateObject();

	json_set_str(r, "layout", s->layout == LAYOUT_ROOT ? "root" : s->has_metadata ? "lxd" : "rootfs");
	json_set_str(r, "packing", tar_source_packing(source));
	json_set_int(r, "entries", (int64_t)s->entries);
	json_set_int(r, "bytes", (int64_t)s->bytes);
	json_set_int(r, "dropped", (int64_t)s->dropped);
	json_set_bool(r, "has_templates", s->has_templates);
	if (tar_notes_report(&s->notes, r, err) == 0)
		return r;
	cJSON_Delete(r);
	return NULL;
}

static int run(struct inspect *s, struct error *err)
{
	struct tar_entry e;
	int rc;

	while ((rc = tar_reader_next(s->reader, &e, err)) > 0) {
		if (handle(s, &e, err))
			return -1;
	}
	return rc || check_whole(s, err) ? -1 : tar_writer_end(s->writer, err);
}

cJSON *tar_inspect(struct tar_source *source, const struct tar_inspect *in, tar_sink sink, void *sink_data,
		   struct error *err)
{
	struct inspect *s = mem_alloc(sizeof(*s));
	cJSON *result = NULL;

	s->in = in;
	s->reader = tar_reader_new(source);
	s->writer = tar_writer_new(sink, sink_data);
	s->tree = tar_tree_new();
	tar_notes_init(&s->notes);
	strbuf_init(&s->name);
	strbuf_init(&s->target);
	strbuf_init(&s->out_name);
	strbuf_init(&s->out_target);
	if (run(s, err) == 0)
		result = report(s, source, err);
	free_held(s);
	strbuf_clear(&s->name);
	strbuf_clear(&s->target);
	strbuf_clear(&s->out_name);
	strbuf_clear(&s->out_target);
	tar_notes_clear(&s->notes);
	tar_tree_free(s->tree);
	tar_writer_free(s->writer);
	tar_reader_free(s->reader);
	free(s);
	return result;
}
