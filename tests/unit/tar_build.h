/* SPDX-License-Identifier: MIT */
/* Tar archives built in memory, good and hostile ones; for tests of src/image. */
#ifndef BERTH_TESTS_TAR_BUILD_H
#define BERTH_TESTS_TAR_BUILD_H

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/strbuf.h"
#include "image/tar_inspect.h"

struct tar_item {
	const char *name;
	char type; /* '0' when 0 */
	const char *link;
	const char *data;
	size_t len;       /* 0: strlen(data) */
	const char *magic; /* NULL: "ustar\0" "00"; "gnu": the old one; "v7": none */
	unsigned mode;    /* 0: 0644 */
	const char *uid, *gid, *size, *mtime, *prefix, *major, *minor; /* raw fields, NULL: sensible ones */
};

static inline void tar_build_sum(char *h)
{
	unsigned sum = 0, i;
	char text[16];

	memset(h + 148, ' ', 8);
	for (i = 0; i < 512; i++)
		sum += (unsigned char)h[i];
	snprintf(text, sizeof(text), "%06o", sum & 0777777);
	memcpy(h + 148, text, 6);
	h[154] = 0;
}

static inline void tar_build_field(char *at, size_t size, const char *raw, const char *otherwise)
{
	const char *s = raw ? raw : otherwise;
	size_t len = strlen(s);

	memcpy(at, s, len < size ? len : size);
}

static inline void tar_build_header(const struct tar_item *t, size_t size, char h[512])
{
	char text[32];

	memset(h, 0, 512);
	tar_build_field(h, 100, t->name, "");
	snprintf(text, sizeof(text), "%07o", t->mode ? t->mode : 0644);
	memcpy(h + 100, text, 7);
	tar_build_field(h + 108, 8, t->uid, "0000000");
	tar_build_field(h + 116, 8, t->gid, "0000000");
	snprintf(text, sizeof(text), "%011llo", (unsigned long long)size);
	tar_build_field(h + 124, 12, t->size, text);
	tar_build_field(h + 136, 12, t->mtime, "14000000000");
	h[156] = t->type ? t->type : '0';
	tar_build_field(h + 157, 100, t->link, "");
	if (!t->magic)
		memcpy(h + 257, "ustar\00000", 8);
	else if (strcmp(t->magic, "gnu") == 0)
		memcpy(h + 257, "ustar  ", 8);
	tar_build_field(h + 329, 8, t->major, "");
	tar_build_field(h + 337, 8, t->minor, "");
	tar_build_field(h + 345, 155, t->prefix, "");
	tar_build_sum(h);
}

static inline void tar_build_pad(struct strbuf *out)
{
	static const char zeros[512];

	if (out->len % 512)
		strbuf_add(out, zeros, 512 - out->len % 512);
}

static inline void tar_build_add(struct strbuf *out, const struct tar_item *t)
{
	size_t len = t->len ? t->len : t->data ? strlen(t->data) : 0;
	char h[512];

	tar_build_header(t, len, h);
	strbuf_add(out, h, 512);
	if (t->data)
		strbuf_add(out, t->data, len);
	tar_build_pad(out);
}

/* One pax record behind the others. */
static inline void tar_build_record(struct strbuf *out, const char *key, const char *value)
{
	size_t body = strlen(key) + strlen(value) + 3, total = body + 1;
	char text[32];

	while (total != body + (size_t)snprintf(text, sizeof(text), "%zu", total))
		total = body + strlen(text);
	strbuf_addf(out, "%zu %s=%s\n", total, key, value);
}

static inline void tar_build_pax(struct strbuf *out, char type, const char *key, const char *value)
{
	struct strbuf records = STRBUF_INIT;
	struct tar_item t = { .name = "PaxHeader", .type = type };

	tar_build_record(&records, key, value);
	t.data = records.buf;
	t.len = records.len;
	tar_build_add(out, &t);
	strbuf_clear(&records);
}

static inline void tar_build_end(struct strbuf *out)
{
	static const char zeros[1024];

	strbuf_add(out, zeros, sizeof(zeros));
}

#define TAR_ADD(out, ...) tar_build_add(out, &(struct tar_item){ __VA_ARGS__ })

static const struct tar_inspect whole = { TAR_PART_WHOLE, 1 << 20, 1000, 65535 };

static inline int collect(void *data, const void *buf, size_t len, struct error *err)
{
	strbuf_add(data, buf, len);
	return 0;
}

/* Takes the archive. The report, or NULL and the message in err. */
static inline cJSON *inspect(struct strbuf *archive, const struct tar_inspect *in, struct strbuf *out,
			     struct error *err)
{
	struct tar_source *source = tar_source_memory(archive->buf, archive->len);
	struct strbuf ignored = STRBUF_INIT;
	cJSON *report = tar_inspect(source, in, collect, out ? out : &ignored, err);

	tar_source_free(source);
	strbuf_clear(&ignored);
	strbuf_clear(archive);
	return report;
}

static inline void start_tree(struct strbuf *a)
{
	strbuf_init(a);
	TAR_ADD(a, .name = "./", .type = '5', .mode = 0755);
	TAR_ADD(a, .name = "./etc/", .type = '5', .mode = 0755);
}

#endif
