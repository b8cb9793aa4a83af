/* SPDX-License-Identifier: MIT */
#include "image/tar_backup.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "image/tar_history.h"
#include "image/tar_inspect.h"
#include "image/tar_tree.h"

enum { EXTENTS_MAX = 4 * 1024 * 1024, NEEDS_MAX = 1000, PATH_MAX_LEN = 4200, NOBODY = 65534 };

struct backup {
	const struct tar_backup *in;
	struct tar_source *source;
	struct tar_reader *reader;
	struct tar_writer *writer;
	struct tar_history *history;
	struct strbuf name, target, raw, link;
	uint64_t entries, bytes, dropped;
	bool second, listed;
	cJSON *needs;
};

static int refuse(const char *name, const char *rule, struct error *err)
{
	char buf[128];

	return error_set(err, ERROR_INVALID, "entry '%s': %s", tar_printable(name, buf), rule);
}

static int check_limits(struct backup *s, const struct tar_entry *e, struct error *err)
{
	const struct tar_backup *in = s->in;

	if (++s->entries > in->max_entries)
		return error_set(err, ERROR_TOO_LARGE, "the backup has more than %llu entries (image_max_entries)",
				 (unsigned long long)in->max_entries);
	/* of a sparse file only what it holds: a lastlog of some TiB is usual, and takes a block */
	if (e->size > in->max_bytes || s->bytes + e->size > in->max_bytes)
		return error_set(err, ERROR_TOO_LARGE, "the backup unpacks to more than %llu bytes (image_max_bytes)",
				 (unsigned long long)in->max_bytes);
	if (e->uid > in->max_id || e->gid > in->max_id)
		return refuse(s->name.buf, "its owner is beyond the last id of the instance", err);
	s->bytes += e->size;
	return 0;
}

/* ---- the streams that go out */

static bool is_below(const char *name, const char *folder)
{
	size_t len = strlen(folder);

	return len == 0 || (strncmp(name, folder, len) == 0 && (name[len] == 0 || name[len] == '/'));
}

static bool wanted(const struct backup *s, const char *name)
{
	size_t i;

	for (i = 0; i < s->in->n_only; i++) {
		if (is_below(name, s->in->only[i]))
			return true;
	}
	return s->in->only == NULL;
}

static int end_stream(struct backup *s, struct error *err)
{
	int rc = tar_writer_end(s->writer, err);

	tar_writer_free(s->writer);
	s->writer = NULL;
	return rc;
}

static int begin_second(struct backup *s, struct error *err)
{
	if (s->second)
		return 0;
	s->second = true;
	if (end_stream(s, err) || s->in->next_stream(s->in->data, err))
		return -1;
	s->writer = tar_writer_new(s->in->sink, s->in->sink_data);
	return 0;
}

static int gone(const char *path, void *data, struct error *err)
{
	struct backup *s = data;

	if (!wanted(s, path))
		return 0;
	return begin_second(s, err) || s->in->remove(s->in->data, path, err) ? -1 : 0;
}

static int folder_again(const struct tar_entry *folder, void *data, struct error *err)
{
	struct backup *s = data;
	struct tar_entry e = *folder;

	if (!wanted(s, folder->name))
		return 0;
	if (!e.name[0])
		e.name = ".";
	return begin_second(s, err) || tar_writer_entry(s->writer, &e, err) ? -1 : 0;
}

/* ---- entries */

static int pass_data(struct backup *s, bool write, struct error *err)
{
	const void *p;
	size_t n;

	for (;;) {
		if (tar_reader_data(s->reader, &p, &n, err))
			return -1;
		if (s->in->progress)
			s->in->progress(s->in->data, tar_source_total(s->source));
		if (n == 0)
			return 0;
		if (write && tar_writer_data(s->writer, p, n, err))
			return -1;
	}
}

static int need(struct backup *s, const char *target, struct error *err)
{
	if (cJSON_GetArraySize(s->needs) >= NEEDS_MAX)
		return error_set(err, ERROR_TOO_LARGE, "more than %d hard links lead out of what is wanted", NEEDS_MAX);
	cJSON_AddItemToArray(s->needs, cJSON_CreateString(target));
	return 0;
}

static int write_entry(struct backup *s, struct tar_entry *e, enum history_verdict verdict, struct error *err)
{
	if (s->second != tar_history_second(s->history) && begin_second(s, err))
		return -1;
	if (!wanted(s, e->name))
		return pass_data(s, false, err);
	if (verdict == HISTORY_REPLACE && s->in->remove(s->in->data, e->name, err))
		return -1;
	if (e->type == TAR_HARDLINK && !wanted(s, e->link))
		return need(s, e->link, err);
	if (!e->name[0])
		e->name = ".";
	return tar_writer_entry(s->writer, e, err) ? -1 : pass_data(s, true, err);
}

static int judge(struct backup *s, const struct tar_entry *e, bool *ret_drop, struct error *err)
{
	*ret_drop = e->type == TAR_SOCKET;
	if (e->type == TAR_SYMLINK && (!e->link[0] || strlen(e->link) > 4095))
		return refuse(s->name.buf, "a symbolic link has an empty or too long target", err);
	if (!s->name.len && e->type != TAR_DIR)
		return refuse(".", "the root of the tree must be a folder", err);
	if (e->type != TAR_DEVICE || s->in->devices)
		return 0;
	*ret_drop = tar_known_device(s->name.buf);
	return *ret_drop || tar_is_whiteout(e) ? 0 : refuse(s->name.buf, "device nodes are only for privileged instances", err);
}

/* ---- archives that hold more than one tree */

/* What is below the prefix, without it: 0; elsewhere: 1. Of a link, too, which must not lead elsewhere. */
static int strip_one(struct backup *s, const char **name, struct strbuf *out, struct error *err)
{
	size_t len = strlen(s->in->prefix);

	if (tar_canonical_path(*name, out, err))
		return -1;
	if (!is_below(out->buf, s->in->prefix))
		return 1;
	*name = out->buf[len] ? out->buf + len + 1 : ".";
	return 0;
}

static int strip(struct backup *s, struct tar_entry *e, struct error *err)
{
	int rc;

	if (!s->in->prefix)
		return 0;
	rc = strip_one(s, &e->name, &s->raw, err);
	if (rc == 0 && e->type == TAR_HARDLINK && (rc = strip_one(s, &e->link, &s->link, err)) == 1)
		return refuse(e->name, "a hard link leads out of the tree", err);
	return rc;
}

static uint64_t shifted(const struct tar_shift *t, uint64_t id)
{
	if (t->size == 0)
		return id;
	return id >= t->host && id - t->host < t->size ? t->inside + (id - t->host) : NOBODY;
}

static int handle(struct backup *s, struct tar_entry *e, struct error *err)
{
	enum history_verdict verdict;
	uint64_t freed;
	bool drop;

	if (s->listed)
		return error_set(err, ERROR_INVALID, "the archive goes on after its list of paths");
	if (tar_canonical_path(e->name, &s->name, err) ||
	    (e->type == TAR_HARDLINK && tar_canonical_path(e->link, &s->target, err)) || check_limits(s, e, err) ||
	    judge(s, e, &drop, err))
		return -1;
	s->dropped += drop;
	if (drop)
		return pass_data(s, false, err);
	e->name = s->name.buf;
	if (e->type == TAR_HARDLINK)
		e->link = s->target.buf;
	verdict = tar_history_add(s->history, e, &freed, err);
	if (verdict == HISTORY_REFUSED)
		return -1;
	s->bytes -= freed;
	return verdict == HISTORY_SKIP ? 0 : write_entry(s, e, verdict, err);
}

/* ---- the list of a second pass */

static int keep(struct backup *s, const char *raw, struct error *err)
{
	if (!raw[0] || raw[1] != ' ')
		return refuse(raw, "the list of paths is malformed", err);
	if (tar_canonical_path(raw + 2, &s->name, err))
		return -1;
	tar_history_keep(s->history, s->name.buf);
	return 0;
}

static int take_list(struct backup *s, const struct tar_entry *e, struct error *err)
{
	AUTO_STRBUF struct strbuf path = STRBUF_INIT;
	const char *p, *end, *nul;
	const void *data;
	size_t n;

	if (!s->in->second_pass || s->listed || e->type != TAR_FILE || e->sparse)
		return refuse(e->name, "a list of paths has no place here", err);
	s->listed = true;
	for (;;) {
		if (tar_reader_data(s->reader, &data, &n, err))
			return -1;
		if (n == 0)
			break;
		for (p = data, end = p + n; p < end; p = nul + 1) {
			nul = memchr(p, 0, (size_t)(end - p));
			strbuf_add(&path, p, (size_t)((nul ? nul : end) - p));
			if (path.len > PATH_MAX_LEN)
				return refuse(path.buf, "a path of the list is too long", err);
			if (!nul)
				break;
			if (keep(s, path.buf, err))
				return -1;
			strbuf_reset(&path);
		}
	}
	return path.len ? refuse(path.buf, "the list of paths is cut off", err) : 0;
}

static int finish(struct backup *s, struct error *err)
{
	if (s->in->second_pass && !s->listed)
		return error_set(err, ERROR_INVALID, "unexpected end of the archive: the list of its paths is missing");
	if (s->in->second_pass && (tar_history_sweep(s->history, gone, s, err) ||
				   tar_history_touched(s->history, folder_again, s, err)))
		return -1;
	return end_stream(s, err);
}

static int run(struct backup *s, struct error *err)
{
	struct tar_entry e;
	int rc;

	while ((rc = tar_reader_next(s->reader, &e, err)) > 0) {
		if (s->in->list && strcmp(e.name, s->in->list) == 0)
			rc = take_list(s, &e, err);
		else if ((rc = strip(s, &e, err)) == 0) {
			e.uid = shifted(&s->in->shift, e.uid);
			e.gid = shifted(&s->in->shift, e.gid);
			rc = handle(s, &e, err);
		} else if (rc > 0) {
			rc = pass_data(s, false, err);
		}
		if (rc)
			return -1;
	}
	return rc ? -1 : finish(s, err);
}

static cJSON *report(struct backup *s)
{
	cJSON *r = cJSON_CreateObject();

	json_set_int(r, "entries", (int64_t)s->entries);
	json_set_int(r, "bytes", (int64_t)s->bytes);
	json_set_int(r, "dropped", (int64_t)s->dropped);
	json_set(r, "needs", s->needs);
	s->needs = NULL;
	return r;
}

cJSON *tar_backup(struct tar_source *source, const struct tar_backup *in, struct error *err)
{
	struct backup s = { .in = in, .source = source };
	cJSON *result = NULL;

	s.reader = tar_reader_new(source);
	tar_reader_extents(s.reader, EXTENTS_MAX);
	s.writer = tar_writer_new(in->sink, in->sink_data);
	s.history = tar_history_new(in->second_pass);
	s.needs = cJSON_CreateArray();
	strbuf_init(&s.name);
	strbuf_init(&s.target);
	strbuf_init(&s.raw);
	strbuf_init(&s.link);
	if (run(&s, err) == 0)
		result = report(&s);
	cJSON_Delete(s.needs);
	strbuf_clear(&s.name);
	strbuf_clear(&s.target);
	strbuf_clear(&s.raw);
	strbuf_clear(&s.link);
	tar_history_free(s.history);
	tar_writer_free(s.writer);
	tar_reader_free(s.reader);
	return result;
}
