/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as the tar stream of a backup (the first byte: 1 two passes, 2 device nodes, 4 only some paths): refused with
 * a reason, or passed on as one or two streams that name nothing outside, nor come through a link; and the one stream of
 * one pass is judged again to be the very same. Checksums of headers are put right first.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/strbuf.h"
#include "image/tar_backup.h"
#include "image/tar_reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct streams {
	struct strbuf v[2];
	struct strbuf *to;
	bool second;
};

static int collect(void *data, const void *buf, size_t len, struct error *err)
{
	struct streams *s = data;

	strbuf_add(s->to, buf, len);
	return 0;
}

static int next_stream(void *data, struct error *err)
{
	struct streams *s = data;

	if (s->second)
		abort();
	s->second = true;
	s->to = &s->v[1];
	return 0;
}

static void check_name(const char *name)
{
	if (name[0] == '/' || strcmp(name, "..") == 0 || strncmp(name, "../", 3) == 0 || strstr(name, "/../") ||
	    (strlen(name) > 2 && strcmp(name + strlen(name) - 3, "/..") == 0))
		abort();
}

static int remove_path(void *data, const char *path, struct error *err)
{
	struct streams *s = data;

	check_name(path);
	if (!s->second || path[0] == 0)
		abort();
	return 0;
}

static void fix_checksum(uint8_t *h)
{
	unsigned sum = 0;
	char text[8];

	if (memcmp(h + 257, "ustar", 5) != 0)
		return;
	memset(h + 148, ' ', 8);
	for (size_t i = 0; i < 512; i++)
		sum += h[i];
	snprintf(text, sizeof(text), "%06o", sum & 0777777);
	memcpy(h + 148, text, 7);
}

static int run(const void *data, size_t size, unsigned flags, struct streams *out, struct error *err)
{
	static const char *const only[] = { "etc", "dir/file" };
	struct tar_backup in = { .max_bytes = 4 << 20, .max_entries = 500, .max_id = 65535, .devices = flags & 2,
				 .second_pass = flags & 1, .list = ".berth-manifest", .sink = collect, .sink_data = out,
				 .next_stream = next_stream, .remove = remove_path, .data = out };
	struct tar_source *source = tar_source_memory(data, size);
	cJSON *report;

	if (flags & 4) {
		in.only = only;
		in.n_only = 2;
	}
	out->to = &out->v[0];
	tar_source_limit(source, 8 << 20);
	report = tar_backup(source, &in, err);
	tar_source_free(source);
	cJSON_Delete(report);
	return report ? 0 : -1;
}

/* No entry lies below a link of its own stream. */
static void check_stream(const struct strbuf *out, bool devices)
{
	struct tar_source *source = tar_source_memory(out->buf, out->len);
	struct tar_reader *reader = tar_reader_new(source);
	AUTO_STRBUF struct strbuf links = STRBUF_INIT;
	struct error err = ERROR_INIT;
	struct tar_entry e;
	const char *p;
	int rc;

	tar_reader_extents(reader, 4 << 20);
	while ((rc = tar_reader_next(reader, &e, &err)) > 0) {
		check_name(e.name);
		if ((e.type == TAR_DEVICE && !devices) || e.type == TAR_SOCKET)
			abort();
		if (e.type == TAR_HARDLINK)
			check_name(e.link);
		for (p = links.buf; p < links.buf + links.len; p += strlen(p) + 1) {
			if (strncmp(e.name, p, strlen(p)) == 0 && e.name[strlen(p)] == '/')
				abort();
		}
		if (e.type == TAR_SYMLINK)
			strbuf_add(&links, e.name, strlen(e.name) + 1);
	}
	if (rc < 0)
		abort();
	tar_reader_free(reader);
	tar_source_free(source);
}

static void clear(struct streams *s)
{
	strbuf_clear(&s->v[0]);
	strbuf_clear(&s->v[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct streams out = { { STRBUF_INIT, STRBUF_INIT }, NULL, false }, again = { { STRBUF_INIT, STRBUF_INIT }, NULL, false };
	AUTO_FREE uint8_t *copy = NULL;
	struct error err = ERROR_INIT;
	unsigned flags;

	if (size < 1)
		return 0;
	flags = data[0] & 7;
	copy = mem_alloc(size);
	memcpy(copy, data + 1, size - 1);
	for (size_t i = 0; i + 512 < size; i += 512)
		fix_checksum(copy + i);
	if (run(copy, size - 1, flags, &out, &err)) {
		if (err.code == ERROR_NONE || !err.msg[0])
			abort();
		clear(&out);
		return 0;
	}
	check_stream(&out.v[0], flags & 2);
	if (out.second)
		check_stream(&out.v[1], flags & 2);
	if (!(flags & 5)) {
		if (out.second || run(out.v[0].buf, out.v[0].len, flags, &again, &err) || out.v[0].len != again.v[0].len ||
		    memcmp(out.v[0].buf, again.v[0].buf, out.v[0].len) != 0)
			abort();
	}
	clear(&out);
	clear(&again);
	return 0;
}
