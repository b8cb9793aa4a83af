/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/multipart.h"
#include "base/mem.h"
#include "base/strbuf.h"

/* "[name/filename]bytes[name2/-]…" */
static struct strbuf seen = STRBUF_INIT;

static int part_cb(void *data, const char *name, const char *filename, struct error *err)
{
	if (strcmp(name, "evil") == 0)
		return error_set(err, ERROR_INVALID, "evil part");
	strbuf_addf(&seen, "[%s/%s]", name, filename ? filename : "-");
	return 0;
}

static int bytes_cb(void *data, const void *bytes, size_t len, struct error *err)
{
	strbuf_add(&seen, bytes, len);
	return 0;
}

static const struct multipart_handler handler = { part_cb, bytes_cb };

static int feed(const char *type, const char *body, size_t len, size_t piece, struct error *err)
{
	struct multipart *m = multipart_new(type, &handler, NULL, err);
	int ret = m ? 0 : -1;

	strbuf_clear(&seen);
	while (ret == 0 && len > 0) {
		size_t n = len < piece ? len : piece;
		char *exact = mem_alloc(n); /* reading past a piece is seen */

		memcpy(exact, body, n);
		ret = multipart_feed(m, exact, n, err);
		free(exact);
		body += n;
		len -= n;
	}
	if (ret == 0)
		ret = multipart_finish(m, err);
	multipart_free(m);
	return ret;
}

static const char type[] = "multipart/form-data; boundary=XX";

static void gives(const char *body, const char *want)
{
	size_t piece;

	for (piece = 1; piece <= strlen(body); piece++) {
		struct error err = ERROR_INIT;

		if (feed(type, body, strlen(body), piece, &err) < 0)
			fail_msg("%s", err.msg);
		assert_string_equal(seen.buf, want);
	}
}

static void refused(const char *t, const char *body)
{
	struct error err = ERROR_INIT;

	assert_int_equal(feed(t, body, strlen(body), 5, &err), -1);
	assert_int_equal(err.code, ERROR_INVALID);
	assert_true(strlen(err.msg) > 0);
}

static void test_parts(void **state)
{
	gives("--XX\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nhello\r\n--XX--\r\n", "[a/-]hello");
	gives("preamble\r\n--XX \t\r\ncontent-disposition:form-data; filename=f.tar; name=a\r\nX: "
	      "y\r\n\r\n1\r\n--XX\r\n"
	      "Content-Disposition: form-data; name=b; filename=\"g "
	      "\\\"h\\\"\"\r\n\r\n2\r\n--XX--epilogue\r\n--XX\r\n",
	      "[a/f.tar]1[b/g \"h\"]2");
	gives("--XX\r\nContent-Disposition: form-data; name=a\r\n\r\n\r\n--XX\r\n"
	      "Content-Disposition: form-data; name=b\r\n\r\n\r\n\r\n--XX--", "[a/-][b/-]\r\n");
	/* an empty part whose boundary follows its headers at once */
	gives("--XX\r\nContent-Disposition: form-data; name=a\r\n\r\n--XX--", "[a/-]");
}

static void test_near_boundaries(void **state)
{
	gives("--XX\r\nContent-Disposition: form-data; name=a\r\n\r\n--X\r\n--X\r\r\n--Y\r\n-\r\r\r\n--XX--",
	      "[a/-]--X\r\n--X\r\r\n--Y\r\n-\r\r");
	gives("--XX\r\nContent-Disposition: form-data; name=a\r\n\r\nx--XX\n--XX--\r\n--XX--",
	      "[a/-]x--XX\n--XX--");
}

static void test_binary(void **state)
{
	static const char body[] = "--XX\r\nContent-Disposition: form-data; name=a\r\n\r\n\0\r\0\n\r\n--XX--";
	struct error err = ERROR_INIT;

	assert_int_equal(feed(type, body, sizeof(body) - 1, 3, &err), 0);
	assert_int_equal(seen.len, strlen("[a/-]") + 4);
	assert_memory_equal(seen.buf + 5, "\0\r\0\n", 4);
}

static void test_refused(void **state)
{
	char *long_header = mem_alloc(6000);

	refused("multipart/form-data", "");
	refused("multipart/form-data; boundary=", "");
	refused("multipart/form-data; boundary=\"a\001b\"", "");
	refused("multipart/form-data; "
		"boundary=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
		"");
	refused(type, "");
	refused(type, "no boundary at all");
	refused(type, "--XX\r\nContent-Disposition: form-data; name=a\r\n\r\nhalf");
	refused(type, "--XX\r\nContent-Disposition: form-data; name=a\r\n\r\nhalf\r\n--XX");
	refused(type, "--XX\r\nContent-Disposition: form-data\r\n\r\nx\r\n--XX--");
	refused(type, "--XX\r\nContent-Disposition: form-data; filename=\"; name=x\"\r\n\r\nx\r\n--XX--");
	refused(type, "--XX\r\n\r\nx\r\n--XX--");
	refused(type, "--XXY\r\nContent-Disposition: form-data; name=a\r\n\r\nx\r\n--XX--");
	refused(type, "--XX\r\nContent-Disposition: form-data; name=evil\r\n\r\nx\r\n--XX--");
	strcpy(long_header, "--XX\r\nX: ");
	memset(long_header + 9, 'a', 5000);
	refused(type, long_header);
	free(long_header);
}

static void test_type(void **state)
{
	assert_true(multipart_is("multipart/form-data; boundary=x"));
	assert_true(multipart_is("Multipart/Form-Data"));
	assert_false(multipart_is("multipart/form-datax"));
	assert_false(multipart_is("application/octet-stream"));
	assert_false(multipart_is(NULL));
}

static int teardown(void **state)
{
	strbuf_clear(&seen);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parts),
		cmocka_unit_test(test_near_boundaries),
		cmocka_unit_test(test_binary),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_type),
	};

	return cmocka_run_group_tests(tests, NULL, teardown);
}
