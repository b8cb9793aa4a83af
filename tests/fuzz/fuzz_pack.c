/* SPDX-License-Identifier: MIT */
/*
 * Tar streams on their way into a backup (berth-pack join). What comes out must not depend on how what went in was cut,
 * and joined again it must stay what it is. The first byte says where to cut.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/strbuf.h"
#include "helper/pack_join.h"

enum { BLOCK = 512 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "fuzz_pack: %s\n", what);
	abort();
}

static int keep(void *data, const void *bytes, size_t len, struct error *err)
{
	strbuf_add(data, bytes, len);
	return 0;
}

static int join(const void *bytes, size_t len, size_t cut, struct strbuf *out, struct error *err)
{
	struct pack_join *j = pack_join_new(keep, out);
	const char *p = bytes;
	int rc = 0;

	while (rc == 0 && len > 0) {
		size_t n = cut < len ? cut : len;

		rc = pack_join_feed(j, p, n, err);
		p += n;
		len -= n;
	}
	if (rc == 0)
		rc = pack_join_end(j, err);
	pack_join_free(j);
	return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_STRBUF struct strbuf whole = STRBUF_INIT;
	AUTO_STRBUF struct strbuf cut = STRBUF_INIT;
	AUTO_STRBUF struct strbuf again = STRBUF_INIT;
	struct error err = ERROR_INIT, other = ERROR_INIT;
	int rc;

	if (size == 0)
		return 0;
	rc = join(data + 1, size - 1, size, &whole, &err);
	must(join(data + 1, size - 1, data[0] + 1u, &cut, &other) == rc, "cut otherwise, it is another stream");
	must(strcmp(err.msg, other.msg) == 0, "cut otherwise, it fails otherwise");
	if (rc < 0) {
		must(*err.msg, "refused, but not said why");
		return 0;
	}
	must(whole.len == cut.len && memcmp(whole.buf, cut.buf, cut.len) == 0, "cut otherwise, it becomes another stream");
	must(whole.len >= 3 * BLOCK && whole.len <= size - 1 + 2 * BLOCK && whole.len % BLOCK == 0, "a wrong length");
	must(join(whole.buf, whole.len, whole.len, &again, &err) == 0, "what comes out is no stream");
	must(again.len == whole.len && memcmp(again.buf, whole.buf, again.len) == 0, "joined again, it changes");
	return 0;
}
