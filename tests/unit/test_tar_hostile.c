/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/mem.h"
#include "image/tar_inspect.h"
#include "image/tar_reader.h"
#include "tar_build.h"

static void expect_refused(struct strbuf *archive, const char *part_of_message)
{
	struct error err = ERROR_INIT;
	cJSON *report = inspect(archive, &whole, NULL, &err);

	if (report)
		fail_msg("accepted, but should say '%s'", part_of_message);
	if (!strstr(err.msg, part_of_message))
		fail_msg("'%s' lacks '%s'", err.msg, part_of_message);
	assert_true(err.code == ERROR_INVALID || err.code == ERROR_TOO_LARGE);
}

static void expect_item_refused(const struct tar_item *item, const char *part_of_message)
{
	struct strbuf a;

	start_tree(&a);
	tar_build_add(&a, item);
	tar_build_end(&a);
	expect_refused(&a, part_of_message);
}

#define REFUSED(message, ...) expect_item_refused(&(struct tar_item){ __VA_ARGS__ }, message)

static void test_hostile_names(void **state)
{
	char part[300];
	struct strbuf a;

	memset(part, 'a', 299);
	part[299] = 0;
	REFUSED("absolute names are refused", .name = "/etc/passwd", .data = "x");
	REFUSED("names with '..' are refused", .name = "../x", .data = "x");
	REFUSED("names with '..' are refused", .name = "etc/../../x", .data = "x");
	REFUSED("names with '..' are refused", .name = "etc/..", .type = '5');
	REFUSED("control characters", .name = "etc/a\nb", .data = "x");
	REFUSED("control characters", .name = "etc/\033[31m", .data = "x");
	REFUSED("control characters", .name = "etc/\177", .data = "x");
	REFUSED("no file but has data", .name = "etc/x/", .data = "data behind a folder");
	start_tree(&a);
	TAR_ADD(&a, .name = "././@LongLink", .type = 'L', .data = part, .len = 300, .magic = "gnu");
	TAR_ADD(&a, .name = "x", .data = "x");
	tar_build_end(&a);
	expect_refused(&a, "longer than 255");
}

static void test_hostile_long_names(void **state)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT;
	struct strbuf a;
	int i;

	for (i = 0; i < 2500; i++)
		strbuf_addstr(&text, "a/");
	start_tree(&a);
	TAR_ADD(&a, .name = "././@LongLink", .type = 'L', .data = text.buf, .len = text.len + 1,
		.magic = "gnu");
	TAR_ADD(&a, .name = "x", .data = "x");
	tar_build_end(&a);
	expect_refused(&a, "longer than 4096");

	start_tree(&a); /* 2^33 - 1 bytes: must not be allocated */
	TAR_ADD(&a, .name = "././@LongLink", .type = 'L', .size = "77777777777", .magic = "gnu");
	expect_refused(&a, "longer than 4096");

	start_tree(&a); /* a size field without an end runs into the next field */
	TAR_ADD(&a, .name = "././@LongLink", .type = 'L', .size = "000000000010", .magic = "gnu");
	expect_refused(&a, "invalid size field");

	start_tree(&a);
	strbuf_truncate(&text, 512);
	TAR_ADD(&a, .name = "././@LongLink", .type = 'L', .data = text.buf, .len = 512, .magic = "gnu");
	TAR_ADD(&a, .name = "x", .data = "x");
	tar_build_end(&a);
	expect_refused(&a, "not terminated");
}

static void expect_pair_refused(const struct tar_item *first, const struct tar_item *second,
				const char *message)
{
	struct strbuf a;

	start_tree(&a);
	tar_build_add(&a, first);
	tar_build_add(&a, second);
	tar_build_end(&a);
	expect_refused(&a, message);
}

static void test_hostile_links(void **state)
{
	static const struct tar_item out = { .name = "out", .type = '2', .link = "/tmp" };
	static const struct tar_item in = { .name = "out/x", .data = "x" };
	static const struct tar_item file = { .name = "out", .data = "x" };
	static const struct tar_item folder = { .name = "out", .type = '5' };
	static const struct tar_item below = { .name = "out/sub/", .type = '5' };
	static const struct tar_item hard = { .name = "hard", .type = '1', .link = "out" };
	static const struct tar_item hard_again = { .name = "hard", .data = "over the link" };
	struct strbuf a;

	expect_pair_refused(&out, &in, "lies below 'rootfs/out', which is a symbolic link");
	expect_pair_refused(&out, &below, "which is a symbolic link");
	expect_pair_refused(&file, &in, "which is a file");
	expect_pair_refused(&out, &file, "comes twice");
	expect_pair_refused(&out, &folder, "comes twice");
	expect_pair_refused(&folder, &out, "comes twice");
	expect_pair_refused(&in, &out, "comes twice");
	expect_pair_refused(&folder, &hard, "no earlier file");
	REFUSED("no earlier file", .name = "hard", .type = '1', .link = "etc/shadow");
	REFUSED("names with '..' are refused", .name = "hard", .type = '1', .link = "../../etc/shadow");
	REFUSED("absolute names are refused", .name = "hard", .type = '1', .link = "/etc/shadow");
	REFUSED("empty or too long target", .name = "l", .type = '2', .link = "");

	start_tree(&a);
	tar_build_add(&a, &file);
	tar_build_add(&a, &hard);
	tar_build_add(&a, &hard_again);
	tar_build_end(&a);
	expect_refused(&a, "comes twice");
	start_tree(&a); /* a file may become a link, a link's other name not; and nothing lies below it */
	tar_build_add(&a, &file);
	tar_build_add(&a, &hard);
	tar_build_add(&a, &out);
	tar_build_end(&a);
	expect_refused(&a, "comes twice");
	start_tree(&a);
	tar_build_add(&a, &file);
	tar_build_add(&a, &out);
	tar_build_add(&a, &in);
	tar_build_end(&a);
	expect_refused(&a, "lies below 'rootfs/out', which is a symbolic link");
	REFUSED("absolute names are refused", .name = "/etc/x", .data = "x");
	REFUSED("names with '..' are refused", .name = "/rootfs/../x", .data = "x");

	strbuf_init(&a); /* from rootfs/ into what lies beside it */
	TAR_ADD(&a, .name = "metadata.yaml", .data = "architecture: x86_64\n");
	TAR_ADD(&a, .name = "rootfs/etc/x", .type = '1', .link = "other/x");
	tar_build_end(&a);
	expect_refused(&a, "no earlier file");
	strbuf_init(&a);
	TAR_ADD(&a, .name = "rootfs", .type = '2', .link = "/");
	TAR_ADD(&a, .name = "rootfs/etc/passwd", .data = "x");
	tar_build_end(&a);
	expect_refused(&a, "must be a folder");
	strbuf_init(&a);
	TAR_ADD(&a, .name = "metadata.yaml", .type = '2', .link = "/etc/shadow");
	tar_build_end(&a);
	expect_refused(&a, "one plain file");
	strbuf_init(&a);
	TAR_ADD(&a, .name = "templates/x", .type = '2', .link = "/etc/shadow");
	tar_build_end(&a);
	expect_refused(&a, "files and folders only");
}

static void test_hostile_types(void **state)
{
	REFUSED("unsupported type 'M'", .name = "etc/m", .type = 'M');
	REFUSED("unsupported type '?'", .name = "etc/m", .type = '\7');
	REFUSED("beyond 65535", .name = "etc/u", .uid = "0200000", .data = "x");
	REFUSED("negative", .name = "etc/u", .uid = "\377\377\377\377\377\377\377\377", .data = "x");
	REFUSED("invalid uid", .name = "etc/u", .uid = "12x", .data = "x");
	REFUSED("invalid size", .name = "etc/u", .size = "99", .data = "x");
}

static void test_hostile_sizes(void **state)
{
	struct strbuf a;

	char h[512];

	start_tree(&a); /* 2^63 - 1, then a negative one, in base 256 */
	tar_build_header(&(struct tar_item){ .name = "etc/s" }, 0, h);
	memcpy(h + 124, "\200\0\0\0\177\377\377\377\377\377\377\377", 12);
	tar_build_sum(h);
	strbuf_add(&a, h, 512);
	expect_refused(&a, "absurd size");
	start_tree(&a);
	tar_build_header(&(struct tar_item){ .name = "etc/s" }, 0, h);
	memset(h + 124, 0xff, 12);
	tar_build_sum(h);
	strbuf_add(&a, h, 512);
	expect_refused(&a, "absurd size");
	start_tree(&a);
	tar_build_header(&(struct tar_item){ .name = "etc/s" }, 0, h);
	memcpy(h + 124, "\200\1\0\0\0\0\0\0\0\0\0\0", 12);
	tar_build_sum(h);
	strbuf_add(&a, h, 512);
	expect_refused(&a, "invalid size");
}

static void test_limits(void **state)
{
	struct tar_inspect in = whole;
	struct error err = ERROR_INIT;
	struct strbuf a;
	int i;

	REFUSED("unpacks to more than 1048576", .name = "etc/big", .size = "00004000001");
	start_tree(&a);
	tar_build_pax(&a, 'x', "GNU.sparse.size", "2000000"); /* holes count */
	TAR_ADD(&a, .name = "etc/holes");
	tar_build_end(&a);
	expect_refused(&a, "unpacks to more than");
	in.max_entries = 10;
	start_tree(&a);
	for (i = 0; i < 9; i++)
		TAR_ADD(&a, .name = "etc/again", .data = "x");
	tar_build_end(&a);
	assert_null(inspect(&a, &in, NULL, &err));
	assert_string_equal(err.msg, "the archive has more than 10 entries");
	assert_int_equal(err.code, ERROR_TOO_LARGE);
}

static void test_damaged(void **state)
{
	struct error err = ERROR_INIT;
	struct strbuf a;
	size_t cut;

	start_tree(&a);
	TAR_ADD(&a, .name = "etc/x", .data = "content");
	a.buf[1024 + 3] ^= 1;
	tar_build_end(&a);
	expect_refused(&a, "checksum");

	for (cut = 1; cut < 4 * 512; cut += 100) {
		start_tree(&a);
		TAR_ADD(&a, .name = "etc/x", .data = "content");
		strbuf_truncate(&a, cut);
		expect_refused(&a, cut < 512 ? "not a tar archive" : "unexpected end");
	}
	start_tree(&a);
	tar_build_end(&a);
	strbuf_addstr(&a, "garbage");
	expect_refused(&a, "trailing garbage");
	strbuf_init(&a);
	strbuf_addstr(&a, "#!/bin/sh\necho no archive\n");
	expect_refused(&a, "Unsupported compression: not a tar");
	/* noise is no archive, whatever type its header would be of, or if its name is empty */
	for (int c = 0; c < 256; c++) {
		char noise[1024];

		memset(noise, 'n', sizeof(noise));
		noise[0] = (char)(c % 2 ? 'n' : 0);
		noise[156] = (char)c;
		strbuf_init(&a);
		strbuf_add(&a, noise, sizeof(noise));
		expect_refused(&a, "Unsupported compression: not a tar");
	}
	start_tree(&a);
	TAR_ADD(&a, .name = "././@LongLink", .type = 'L', .data = "x");
	a.buf[1024 + 3] ^= 1;
	tar_build_end(&a);
	expect_refused(&a, "checksum");
	strbuf_init(&a);
	assert_null(inspect(&a, &whole, NULL, &err));
	assert_non_null(strstr(err.msg, "Unsupported compression: the archive is empty"));
	strbuf_init(&a);
	tar_build_end(&a);
	expect_refused(&a, "no root file system");
	strbuf_init(&a);
	TAR_ADD(&a, .name = "photos/cat.jpg", .data = "miaow");
	tar_build_end(&a);
	expect_refused(&a, "no root file system");
}

static void test_hostile_pax(void **state)
{
	static const struct {
		const char *key, *value, *message;
	} cases[] = {
		{ "path", "../../etc/x", "'..'" },
		{ "path", "/etc/x", "absolute" },
		{ "size", "-1", "'size' has an invalid value" },
		{ "size", "99999999999999999999", "'size' has an invalid value" },
		{ "uid", "4294967296", "beyond 65535" },
		{ "gid", "-5", "'gid' has an invalid value" },
		{ "mtime", "1.x", "'mtime' has an invalid value" },
		{ "SCHILY.acl.access", "user::rwx,nonsense", "access control list" },
		{ "SCHILY.acl.access", "mask:5:rwx", "access control list" },
		{ "SCHILY.xattr.security.capability", "short", "invalid value" },
		{ "GNU.sparse.map", "5,4,3", "invalid value" },
		{ "GNU.sparse.numbytes", "5", "invalid value" },
		{ "GNU.sparse.offset", "5", "malformed" },
		{ "GNU.sparse.major", "2", "sparse map is of an unknown format" },
		{ "GNU.sparse.unknown", "2", "invalid value" },
	};
	struct strbuf a;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		start_tree(&a);
		tar_build_pax(&a, 'x', cases[i].key, cases[i].value);
		TAR_ADD(&a, .name = "etc/x", .data = "1");
		tar_build_end(&a);
		expect_refused(&a, cases[i].message);
	}
	start_tree(&a);
	tar_build_pax(&a, 'g', "path", "etc/everything");
	TAR_ADD(&a, .name = "etc/x", .data = "1");
	tar_build_end(&a);
	expect_refused(&a, "global header sets 'path'");
	start_tree(&a);
	tar_build_pax(&a, 'x', "comment", "one");
	tar_build_pax(&a, 'x', "comment", "two");
	TAR_ADD(&a, .name = "etc/x", .data = "1");
	expect_refused(&a, "belongs to no entry");
	start_tree(&a);
	TAR_ADD(&a, .name = "h", .type = 'x', .size = "00010000000", .data = "x");
	expect_refused(&a, "longer than 1048576");
	static const char *const malformed[] = {"5 a=b\n", "99 a=b\n", "x a=b\n", "6 a=b",
						"6 =bc\n", " 6 a=b\n", "6\n"};
	for (i = 0; i < sizeof(malformed) / sizeof(malformed[0]); i++) {
		start_tree(&a);
		TAR_ADD(&a, .name = "h", .type = 'x', .data = malformed[i]);
		TAR_ADD(&a, .name = "etc/x", .data = "1");
		tar_build_end(&a);
		expect_refused(&a, "malformed");
	}
}

static void test_hostile_sparse(void **state)
{
	static const char *const maps[] = { "0,4,2,4", "4,4,0,4", "0,4,1997,4", "0,9", "0,7",
					    "9223372036854775807,9223372036854775807" };
	AUTO_STRBUF struct strbuf records = STRBUF_INIT;
	struct strbuf a;
	size_t i;

	for (i = 0; i < sizeof(maps) / sizeof(maps[0]); i++) {
		strbuf_reset(&records);
		tar_build_record(&records, "GNU.sparse.size", "2000");
		tar_build_record(&records, "GNU.sparse.map", maps[i]);
		start_tree(&a);
		TAR_ADD(&a, .name = "h", .type = 'x', .data = records.buf);
		TAR_ADD(&a, .name = "etc/s", .data = "headtail");
		tar_build_end(&a);
		expect_refused(&a, "entry 'etc/s': its sparse map");
	}
	strbuf_reset(&records);
	tar_build_record(&records, "GNU.sparse.major", "1");
	tar_build_record(&records, "GNU.sparse.realsize", "2000");
	start_tree(&a);
	TAR_ADD(&a, .name = "h", .type = 'x', .data = records.buf);
	TAR_ADD(&a, .name = "etc/s", .data = "no map here");
	tar_build_end(&a);
	expect_refused(&a, "sparse map");
}

/* Names that are not UTF-8 or hold escapes must not get into messages (they become JSON, and are printed). */
static void test_messages_are_printable(void **state)
{
	struct error err = ERROR_INIT;
	struct strbuf a;
	const char *p;

	start_tree(&a);
	TAR_ADD(&a, .name = "etc/\xff\xfe\033]0;x\a", .type = '4');
	tar_build_end(&a);
	assert_null(inspect(&a, &whole, NULL, &err));
	for (p = err.msg; *p; p++)
		assert_in_range((unsigned char)*p, 0x20, 0x7e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hostile_names),
		cmocka_unit_test(test_hostile_long_names),
		cmocka_unit_test(test_hostile_links),
		cmocka_unit_test(test_hostile_types),
		cmocka_unit_test(test_hostile_sizes),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_hostile_pax),
		cmocka_unit_test(test_hostile_sparse),
		cmocka_unit_test(test_messages_are_printable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
