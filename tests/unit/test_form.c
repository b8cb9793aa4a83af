/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/strbuf.h"
#include "cli/form.h"

static int file_of(const void *data, size_t len)
{
	int fd = memfd_create("test", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, len), (ssize_t)len);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

static int split(const char *text, size_t len, struct form_range *ranges, struct error *err)
{
	int fd = file_of(text, len);
	int n = form_split(fd, ranges, 2, err);

	close(fd);
	return n;
}

static int split_text(const char *text, struct form_range *ranges)
{
	struct error err = ERROR_INIT;

	return split(text, strlen(text), ranges, &err);
}

/* What is sent is found again, byte for byte, also when the parts look like boundaries. */
static void test_round_trip(void **state)
{
	static const char a[] = "first\0part\r\n--not a boundary\r\n", b[] = "";
	struct error err = ERROR_INIT;
	struct form_part parts[2] = { { "metadata", mem_strdup("meta.tar.xz"), file_of(a, sizeof(a) - 1) },
				      { "rootfs", mem_strdup("root.tar.xz"), file_of(b, 0) } };
	struct form *f = form_start(parts, 2, &err);
	struct strbuf body = STRBUF_INIT;
	struct form_range ranges[2];
	char buf[512];
	ssize_t n;

	assert_non_null(f);
	assert_true(strlen(form_boundary(f)) >= 32);
	while ((n = read(form_fd(f), buf, sizeof(buf))) > 0)
		strbuf_add(&body, buf, (size_t)n);
	assert_int_equal(form_finish(f, &err), 0);
	assert_int_equal(split(body.buf, body.len, ranges, &err), 2);
	assert_string_equal(ranges[0].name, "metadata");
	assert_string_equal(ranges[0].filename, "meta.tar.xz");
	assert_int_equal(ranges[0].end - ranges[0].start, sizeof(a) - 1);
	assert_memory_equal(body.buf + ranges[0].start, a, sizeof(a) - 1);
	assert_string_equal(ranges[1].name, "rootfs");
	assert_int_equal(ranges[1].end, ranges[1].start);
	strbuf_clear(&body);
	for (n = 0; n < 2; n++) {
		close(parts[n].fd);
		free(parts[n].filename);
	}
}

static void test_reader_that_leaves(void **state)
{
	struct error err = ERROR_INIT;
	AUTO_FREE char *big = mem_alloc(1 << 20);
	struct form_part part = { "rootfs", mem_strdup("x"), file_of(big, 1 << 20) };
	struct form *f = form_start(&part, 1, &err);

	assert_non_null(f);
	assert_int_equal(form_finish(f, NULL), -1);
	close(part.fd);
	free(part.filename);
}

static void test_unreadable(void **state)
{
	struct error err = ERROR_INIT;
	struct form_part part = { "rootfs", mem_strdup("x"), open("/", O_RDONLY) };
	struct form *f = form_start(&part, 1, &err);
	char buf[512];

	assert_non_null(f);
	while (read(form_fd(f), buf, sizeof(buf)) > 0)
		;
	assert_int_equal(form_finish(f, &err), -1);
	assert_non_null(strstr(err.msg, "cannot read"));
	close(part.fd);
	free(part.filename);
}

static void test_names(void **state)
{
	struct form_range r[2];

	assert_int_equal(split_text("--b\r\nContent-Disposition: form-data; name=metadata; "
				    "filename=\"/etc/../x.tar\"\r\n\r\nDATA\r\n--b--\r\n",
				    r),
			 1);
	assert_string_equal(r[0].name, "metadata");
	assert_string_equal(r[0].filename, "x.tar");
	assert_int_equal(r[0].end - r[0].start, 4);
	assert_int_equal(split_text("--b\r\nContent-Disposition: form-data; filename=\"..\"\r\n\r\n\r\n--b--\r\n", r), 1);
	assert_string_equal(r[0].filename, "");
	assert_string_equal(r[0].name, "");
}

static void test_no_form(void **state)
{
	struct form_range r[2];

	assert_int_equal(split_text("", r), 0);
	assert_int_equal(split_text("\x1f\x8b gzip, not a form", r), 0);
	assert_int_equal(split_text("--", r), 0);
	assert_int_equal(split_text("--\r\n--\r\n", r), 0);
}

static void test_broken(void **state)
{
	struct form_range r[2];

	assert_int_equal(split_text("--b\r\nX: y\r\n\r\nno end", r), -1);
	assert_int_equal(split_text("--b\r\nX: y\r\n", r), -1);
	assert_int_equal(split_text("--b\r\nno header end", r), -1);
	assert_int_equal(split_text("--b\r\n\r\ndata\r\n--b", r), -1);
	assert_int_equal(split_text("--b\r\n\r\n1\r\n--b\r\n\r\n2\r\n--b\r\n\r\n3\r\n--b--\r\n", r), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip), cmocka_unit_test(test_reader_that_leaves),
		cmocka_unit_test(test_unreadable), cmocka_unit_test(test_names),
		cmocka_unit_test(test_no_form),	   cmocka_unit_test(test_broken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
