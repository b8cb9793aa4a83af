/* SPDX-License-Identifier: MIT */
#include "helper/restore_index.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/packing.h"
#include "base/strbuf.h"
#include "helper/unpack_parts.h"
#include "helper/unpack_sandbox.h"
#include "image/metadata.h"
#include "image/tar_reader.h"
#include "image/tar_tree.h"

enum { INDEX_MAX = 4 << 20, VALUES_MAX = 200000, TEMPLATE_MAX = 1 << 20, TEMPLATES_MAX = 255, TEXT_MAX = 8 << 20 };
#define STREAM_MAX (1ull << 44) /* a bomb, if anything is */

#define INDEX "backup/index.yaml"
#define HEADER "backup/optimized_header.yaml"
#define OWN "backup/container/"

struct scan {
	struct tar_reader *reader;
	struct strbuf name;
	cJSON *out;
	size_t total; /* of templates */
	bool (*take)(struct scan *s, const struct tar_entry *e, bool *ret_done, struct error *err); /* false: err */
};

/* What no decoder knows, and is no tar either, is refused in LXD's words. */
static int check_packing(struct error *err)
{
	char head[262];
	ssize_t n = pread(STDIN_FILENO, head, sizeof(head), 0);
	enum packing p = n > 0 ? packing_of(head, (size_t)n) : PACKING_NONE;

	if (tar_source_reads(p) && (p != PACKING_NONE || (n == sizeof(head) && memcmp(head + 257, "ustar", 5) == 0)))
		return 0;
	return error_set(err, ERROR_TOOL, "Unsupported compression");
}

static int read_text(struct scan *s, const struct tar_entry *e, size_t max, struct strbuf *out, struct error *err)
{
	const void *p;
	size_t n;

	if (e->type != TAR_FILE || e->sparse || e->size > max)
		return error_set(err, ERROR_INVALID, "'%.100s' of the backup is no file, or too large", s->name.buf);
	do {
		if (tar_reader_data(s->reader, &p, &n, err))
			return -1;
		strbuf_add(out, p, n);
	} while (n > 0);
	return memchr(out->buf, 0, out->len) ? error_set(err, ERROR_INVALID, "'%.100s' of the backup holds a NUL", s->name.buf) : 0;
}

static cJSON *read_yaml(struct scan *s, const struct tar_entry *e, struct error *err)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT;

	return read_text(s, e, INDEX_MAX, &text, err) ? NULL : metadata_yaml(s->name.buf, text.buf, text.len, VALUES_MAX, err);
}

/* ---- index */

/* What of the index is still to come, or "": of an archive of send streams, what they are of. */
static const char *wanted(const cJSON *index)
{
	if (index == NULL)
		return INDEX;
	if (json_obj(index, "config") == NULL)
		return OWN "backup.yaml";
	return strcmp(json_str_or(index, "optimized_header", ""), "true") == 0 && json_obj(index, "header") == NULL ? HEADER : "";
}

static bool take_index(struct scan *s, const struct tar_entry *e, bool *ret_done, struct error *err)
{
	cJSON *index = json_obj(s->out, "index"), *v;

	if (strcmp(s->name.buf, wanted(index)) != 0)
		return true;
	v = read_yaml(s, e, err);
	if (v == NULL)
		return false;
	if (index == NULL)
		json_set(s->out, "index", v);
	else
		json_set(index, json_obj(index, "config") == NULL ? "config" : "header", v);
	*ret_done = wanted(json_obj(s->out, "index"))[0] == '\0';
	return true;
}

/* ---- facts */

static bool take_template(struct scan *s, const struct tar_entry *e, const char *name, struct error *err)
{
	cJSON *templates = json_obj(s->out, "templates");
	AUTO_STRBUF struct strbuf text = STRBUF_INIT;

	if (e->type == TAR_DIR)
		return true;
	if (strchr(name, '/') != NULL || cJSON_GetArraySize(templates) >= TEMPLATES_MAX || s->total + e->size > TEXT_MAX) {
		error_set(err, ERROR_INVALID, "the backup holds too many templates, or folders of them");
		return false;
	}
	if (read_text(s, e, TEMPLATE_MAX, &text, err))
		return false;
	s->total += text.len;
	json_set_str(templates, name, text.buf);
	return true;
}

static bool take_fact(struct scan *s, const struct tar_entry *e, bool *ret_done, struct error *err)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT;
	cJSON *v;

	if (strncmp(s->name.buf, OWN "templates/", strlen(OWN "templates/")) == 0)
		return take_template(s, e, s->name.buf + strlen(OWN "templates/"), err);
	if (strcmp(s->name.buf, OWN "metadata.yaml") != 0)
		return true;
	if (read_text(s, e, METADATA_SIZE_MAX, &text, err) || (v = metadata_parse(text.buf, text.len, err)) == NULL)
		return false;
	json_set(s->out, "metadata", v);
	return true;
}

/* ---- both */

static int scan(struct scan *s, struct error *err)
{
	struct tar_entry e;
	bool done = false;
	int rc = 0;

	while (!done && (rc = tar_reader_next(s->reader, &e, err)) > 0)
		if (tar_canonical_path(e.name, &s->name, err) || !s->take(s, &e, &done, err))
			return -1;
	return rc < 0 ? -1 : 0;
}

static int run(struct scan *s, struct error *err)
{
	struct tar_source *source = tar_source_fd(STDIN_FILENO);
	int rc = -1;

	tar_source_limit(source, STREAM_MAX);
	if (check_packing(err) == 0 && sandbox_drop_ids(getppid(), err) == 0 && sandbox_enter(err) == 0) {
		s->reader = tar_reader_new(source);
		strbuf_init(&s->name);
		rc = scan(s, err);
		strbuf_clear(&s->name);
		tar_reader_free(s->reader);
	}
	tar_source_free(source);
	return rc;
}

/* What the sandbox refuses is not asked for at the end: no exit handlers. */
static _Noreturn void finish(struct scan *s, int rc, struct error *err)
{
	int failed = report_write(STDOUT_FILENO, rc == 0 ? s->out : report_error(err));

	_exit(failed ? EXIT_READER_LEFT : rc == 0 ? 0 : EXIT_REFUSED);
}

_Noreturn void restore_index(void)
{
	struct scan s = { .take = take_index, .out = cJSON_CreateObject() };
	struct error err = ERROR_INIT;
	int rc = run(&s, &err);

	if (rc == 0 && json_obj(s.out, "index") == NULL)
		rc = error_set(&err, ERROR_INVALID, "Backup is missing index.yaml");
	else if (rc == 0 && json_obj(json_obj(s.out, "index"), "config") == NULL)
		rc = error_set(&err, ERROR_INVALID, "Backup is missing backup.yaml, and its index has no config");
	else if (rc == 0 && wanted(json_obj(s.out, "index"))[0] != '\0')
		rc = error_set(&err, ERROR_INVALID, "Backup is missing optimized_header.yaml");
	finish(&s, rc, &err);
}

_Noreturn void restore_facts(void)
{
	struct scan s = { .take = take_fact, .out = cJSON_CreateObject() };
	struct error err = ERROR_INIT;

	cJSON_AddObjectToObject(s.out, "templates");
	finish(&s, run(&s, &err), &err);
}
