/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as an image archive (the first byte chooses the part): refused with a reason, or passed on as a
 * stream that holds rootfs, templates and metadata.yaml only, and that is read again as the very same stream.
 * Checksums of headers are put right first, or no mutation would get beyond them.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/strbuf.h"
#include "image/tar_inspect.h"
#include "image/tar_reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int collect(void *data, const void *buf, size_t len, struct error *err)
{
	strbuf_add(data, buf, len);
	return 0;
}

static void fix_checksum(uint8_t *h)
{
	unsigned sum = 0;
	char text[8];
	size_t i;

	if (memcmp(h + 257, "ustar", 5) != 0)
		return;
	memset(h + 148, ' ', 8);
	for (i = 0; i < 512; i++)
		sum += h[i];
	snprintf(text, sizeof(text), "%06o", sum & 0777777);
	memcpy(h + 148, text, 7);
}

static int run(const void *data, size_t size, enum tar_part part, struct strbuf *out, struct error *err)
{
	const struct tar_inspect in = {
	    .part = part, .max_bytes = 4 << 20, .max_entries = 500, .max_id = 65535};
	struct tar_source *source = tar_source_memory(data, size);
	cJSON *report;

	tar_source_limit(source, 8 << 20);
	report = tar_inspect(source, &in, collect, out, err);
	tar_source_free(source);
	cJSON_Delete(report);
	return report ? 0 : -1;
}

static void check_names(const struct strbuf *out)
{
	struct tar_source *source = tar_source_memory(out->buf, out->len);
	struct tar_reader *reader = tar_reader_new(source);
	struct error err = ERROR_INIT;
	struct tar_entry e;
	int rc;

	while ((rc = tar_reader_next(reader, &e, &err)) > 0) {
		size_t n = strcspn(e.name, "/");

		if (e.type == TAR_DEVICE || e.name[0] == '/' || strstr(e.name, "..") == e.name ||
		    strstr(e.name, "/../"))
			abort();
		if (!(n == 6 && memcmp(e.name, "rootfs", 6) == 0) &&
		    !(n == 9 && memcmp(e.name, "templates", 9) == 0) && strcmp(e.name, "metadata.yaml") != 0)
			abort();
	}
	if (rc < 0)
		abort();
	tar_reader_free(reader);
	tar_source_free(source);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_STRBUF struct strbuf out = STRBUF_INIT, again = STRBUF_INIT;
	AUTO_FREE uint8_t *copy = NULL;
	struct error err = ERROR_INIT;
	enum tar_part part;
	size_t i;

	if (size < 1)
		return 0;
	part = (enum tar_part)(data[0] % 3);
	copy = mem_alloc(size);
	memcpy(copy, data + 1, size - 1);
	for (i = 0; i + 512 < size; i += 512)
		fix_checksum(copy + i);
	if (run(copy, size - 1, part, &out, &err)) {
		if (err.code == ERROR_NONE || !err.msg[0])
			abort();
		return 0;
	}
	check_names(&out);
	if (part == TAR_PART_METADATA)
		return 0;
	/* the second reading sees one entry more: a root folder that the archive left out */
	if (run(out.buf, out.len, TAR_PART_WHOLE, &again, &err)) {
		if (err.code != ERROR_TOO_LARGE)
			abort();
	} else if (out.len != again.len || memcmp(out.buf, again.buf, out.len) != 0) {
		abort();
	}
	return 0;
}
