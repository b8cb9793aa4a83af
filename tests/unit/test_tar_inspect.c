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

/* Entry n of an output stream. */
static void entry_at(const struct strbuf *out, unsigned n, struct tar_entry *e, struct strbuf *name,
		     struct strbuf *data)
{
	struct tar_source *source = tar_source_memory(out->buf, out->len);
	struct tar_reader *reader = tar_reader_new(source);
	struct error err = ERROR_INIT;
	const void *p;
	size_t len;
	unsigned i;

	for (i = 0; i <= n; i++)
		assert_int_equal(tar_reader_next(reader, e, &err), 1);
	strbuf_reset(name);
	strbuf_addf(name, "%s%s%s", e->name, e->link[0] ? " -> " : "", e->link);
	strbuf_reset(data);
	while (tar_reader_data(reader, &p, &len, &err) == 0 && len)
		strbuf_add(data, p, len);
	e->name = e->link = NULL;
	e->records = NULL;
	tar_reader_free(reader);
	tar_source_free(source);
}

static void expect_entry(const struct strbuf *out, unsigned n, const char *name, const char *data)
{
	AUTO_STRBUF struct strbuf got_name = STRBUF_INIT, got_data = STRBUF_INIT;
	struct tar_entry e;

	entry_at(out, n, &e, &got_name, &got_data);
	assert_string_equal(got_name.buf, name);
	assert_string_equal(got_data.buf, data);
}

/* ---- what passes */

static void test_root_layout(void **state)
{
	AUTO_STRBUF struct strbuf out = STRBUF_INIT;
	struct error err = ERROR_INIT;
	struct strbuf a;

	start_tree(&a);
	TAR_ADD(&a, .name = "./etc/hostname", .data = "berth\n");
	TAR_ADD(&a, .name = "./etc/name", .type = '1', .link = "./etc/hostname");
	TAR_ADD(&a, .name = "./bin", .type = '2', .link = "usr/bin");
	TAR_ADD(&a, .name = "./dev/null", .type = '3');
	TAR_ADD(&a, .name = "./run/pipe", .type = '6');
	tar_build_end(&a);
	AUTO_JSON cJSON *report = inspect(&a, &whole, &out, &err);
	assert_string_equal(err.msg, "");
	assert_non_null(report);
	assert_string_equal(json_str(report, "layout"), "root");
	assert_int_equal(json_int(report, "entries", 0), 7);
	assert_int_equal(json_int(report, "bytes", 0), 6);
	assert_int_equal(json_int(report, "dropped", 0), 1);
	expect_entry(&out, 0, "rootfs", "");
	expect_entry(&out, 1, "rootfs/etc", "");
	expect_entry(&out, 2, "rootfs/etc/hostname", "berth\n");
	expect_entry(&out, 3, "rootfs/etc/name -> rootfs/etc/hostname", "");
	expect_entry(&out, 4, "rootfs/bin -> usr/bin", "");
	expect_entry(&out, 5, "rootfs/run/pipe", "");
}

static void add_lxd_image(struct strbuf *a, bool metadata_first)
{
	static const char yaml[] =
	    "architecture: amd64\ncreation_date: 1700000000\nproperties:\n  os: Debian\n"
	    "  release: 12\ntemplates:\n  /etc/hosts:\n    when: [create]\n    template: hosts.tpl\n";

	strbuf_init(a);
	if (metadata_first)
		TAR_ADD(a, .name = "metadata.yaml", .data = yaml);
	TAR_ADD(a, .name = "rootfs/etc/os-release", .data = "ID=debian\nVERSION_ID=\"12\"\n");
	TAR_ADD(a, .name = "templates/hosts.tpl", .data = "127.0.0.1 x\n");
	TAR_ADD(a, .name = "README", .data = "dropped\n");
	if (!metadata_first)
		TAR_ADD(a, .name = "metadata.yaml", .data = yaml);
	tar_build_end(a);
}

static void test_lxd_layout(void **state)
{
	int first;

	for (first = 0; first < 2; first++) {
		AUTO_STRBUF struct strbuf out = STRBUF_INIT;
		struct error err = ERROR_INIT;
		struct strbuf a;

		add_lxd_image(&a, first);
		AUTO_JSON cJSON *report = inspect(&a, &whole, &out, &err);
		assert_string_equal(err.msg, "");
		assert_string_equal(json_str(report, "layout"), "lxd");
		assert_true(json_bool(report, "has_templates", false));
		assert_int_equal(json_int(report, "dropped", 0), 1);
		cJSON *metadata = json_obj(report, "metadata");
		assert_string_equal(json_str(metadata, "architecture"), "x86_64");
		assert_int_equal(json_int(metadata, "creation_date", 0), 1700000000);
		assert_string_equal(json_str(json_obj(metadata, "properties"), "release"), "12");
		assert_string_equal(json_str(json_obj(report, "os_release"), "id"), "debian");
		expect_entry(&out, first ? 1 : 0, "rootfs", "");
	}
}

/* lxc's own folders hold "config" beside rootfs/, in any order. */
static void test_files_before_the_layout_is_known(void **state)
{
	AUTO_STRBUF struct strbuf out = STRBUF_INIT, out2 = STRBUF_INIT;
	struct error err = ERROR_INIT;
	struct strbuf a;

	strbuf_init(&a);
	TAR_ADD(&a, .name = "./", .type = '5', .mode = 0700);
	TAR_ADD(&a, .name = "./config", .data = "lxc.include = x\n");
	TAR_ADD(&a, .name = "./rootfs/", .type = '5', .mode = 0755);
	TAR_ADD(&a, .name = "./rootfs/etc/", .type = '5', .mode = 0755);
	tar_build_end(&a);
	cJSON *report = inspect(&a, &whole, &out, &err);
	assert_string_equal(json_str(report, "layout"), "rootfs");
	cJSON_Delete(report);
	expect_entry(&out, 0, "rootfs", "");

	strbuf_init(&a);
	TAR_ADD(&a, .name = "./", .type = '5', .mode = 0711);
	TAR_ADD(&a, .name = "./.dockerenv", .data = "held");
	TAR_ADD(&a, .name = "./usr/", .type = '5', .mode = 0755);
	tar_build_end(&a);
	report = inspect(&a, &whole, &out2, &err);
	assert_string_equal(json_str(report, "layout"), "root");
	cJSON_Delete(report);
	expect_entry(&out2, 1, "rootfs/.dockerenv", "held");

	AUTO_STRBUF struct strbuf name = STRBUF_INIT, data = STRBUF_INIT;
	struct tar_entry e;
	entry_at(&out2, 0, &e, &name, &data);
	assert_string_equal(name.buf, "rootfs");
	assert_int_equal(e.mode, 0711);
}

static void test_architecture_by_majority(void **state)
{
	char x86[64] = "\177ELF\2\1\1", arm[64] = "\177ELF\2\1\1";
	struct error err = ERROR_INIT;
	struct strbuf a;

	x86[18] = 62;
	arm[18] = (char)183;
	start_tree(&a);
	TAR_ADD(&a, .name = "usr/bin/qemu-x86_64-static", .data = x86, .len = 64);
	TAR_ADD(&a, .name = "usr/bin/sh", .data = arm, .len = 64);
	TAR_ADD(&a, .name = "usr/bin/ls", .data = arm, .len = 64);
	TAR_ADD(&a, .name = "usr/bin/stray", .data = x86, .len = 64);
	tar_build_end(&a);
	AUTO_JSON cJSON *report = inspect(&a, &whole, NULL, &err);
	assert_string_equal(json_str_or(report, "architecture", "none"), "aarch64");
}

static void test_split_parts(void **state)
{
	struct tar_inspect in = whole;
	struct error err = ERROR_INIT;
	AUTO_STRBUF struct strbuf out = STRBUF_INIT;
	struct strbuf a;
	cJSON *report;

	in.part = TAR_PART_METADATA;
	add_lxd_image(&a, true);
	report = inspect(&a, &in, &out, &err);
	assert_non_null(json_obj(report, "metadata"));
	cJSON_Delete(report);
	expect_entry(
	    &out, 0, "metadata.yaml",
	    "architecture: amd64\ncreation_date: 1700000000\nproperties:\n  os: Debian\n"
	    "  release: 12\ntemplates:\n  /etc/hosts:\n    when: [create]\n    template: hosts.tpl\n");
	expect_entry(&out, 1, "templates/hosts.tpl", "127.0.0.1 x\n");

	start_tree(&a);
	tar_build_end(&a);
	assert_null(inspect(&a, &in, NULL, &err));
	assert_non_null(strstr(err.msg, "no metadata.yaml"));

	in.part = TAR_PART_ROOTFS;
	strbuf_init(&a);
	TAR_ADD(&a, .name = "rootfs/x", .data = "a folder called rootfs in the tree");
	TAR_ADD(&a, .name = "usr/bin/", .type = '5');
	tar_build_end(&a);
	strbuf_reset(&out);
	report = inspect(&a, &in, &out, &err);
	assert_non_null(report);
	cJSON_Delete(report);
	expect_entry(&out, 1, "rootfs/rootfs/x", "a folder called rootfs in the tree");
}

static void test_long_names_and_pax(void **state)
{
	char name[301], link[301];
	AUTO_STRBUF struct strbuf out = STRBUF_INIT, want = STRBUF_INIT;
	struct error err = ERROR_INIT;
	struct strbuf a;

	memset(name, 'n', 250);
	memcpy(name + 250, "/long", 6);
	memset(link, 'l', 300);
	link[300] = 0;
	start_tree(&a);
	TAR_ADD(&a, .name = "././@LongLink", .type = 'K', .data = link, .len = 301, .magic = "gnu");
	TAR_ADD(&a, .name = "././@LongLink", .type = 'L', .data = name, .len = 256, .magic = "gnu");
	TAR_ADD(&a, .name = "cut", .type = '2', .link = "cut", .magic = "gnu");
	tar_build_pax(&a, 'x', "path", "etc/\xc3\xa4");
	TAR_ADD(&a, .name = "etc/?", .data = "umlaut");
	TAR_ADD(&a, .name = "base", .prefix = "etc/prefix", .data = "p");
	tar_build_end(&a);
	AUTO_JSON cJSON *report = inspect(&a, &whole, &out, &err);
	assert_non_null(report);
	assert_string_equal(err.msg, "");
	strbuf_addf(&want, "rootfs/%s -> %s", name, link);
	expect_entry(&out, 2, want.buf, "");
	expect_entry(&out, 3, "rootfs/etc/\xc3\xa4", "umlaut");
	expect_entry(&out, 4, "rootfs/etc/prefix/base", "p");
}

static void test_owners_times_xattrs(void **state)
{
	AUTO_STRBUF struct strbuf out = STRBUF_INIT, name = STRBUF_INIT, data = STRBUF_INIT,
				  records = STRBUF_INIT;
	struct error err = ERROR_INIT;
	struct tar_entry e;
	struct strbuf a;

	start_tree(&a);
	tar_build_record(&records, "mtime", "1700000000.25");
	tar_build_record(&records, "uid", "1000");
	tar_build_record(&records, "SCHILY.xattr.user.colour", "blue");
	tar_build_record(&records, "SCHILY.xattr.trusted.overlay.opaque", "y");
	tar_build_record(&records, "SCHILY.xattr.security.selinux", "label");
	tar_build_record(&records, "SCHILY.acl.access",
			 "user::rwx,user:7:r-x,user:eve:rwx,group::r-x,mask::r-x,other::---");
	TAR_ADD(&a, .name = "h", .type = 'x', .data = records.buf);
	TAR_ADD(&a, .name = "etc/f", .data = "x", .mode = 04755, .gid = "0000017");
	tar_build_end(&a);
	AUTO_JSON cJSON *report = inspect(&a, &whole, &out, &err);
	assert_non_null(report);
	assert_string_equal(err.msg, "");
	entry_at(&out, 2, &e, &name, &data);
	assert_int_equal(e.mode, 04755);
	assert_int_equal(e.uid, 1000);
	assert_int_equal(e.gid, 15);
	assert_int_equal(e.mtime, 1700000000);
	assert_int_equal(e.mtime_ns, 250000000);
	assert_non_null(memmem(out.buf, out.len, "SCHILY.xattr.user.colour=blue\n", 30));
	assert_null(memmem(out.buf, out.len, "trusted", 7));
	assert_null(memmem(out.buf, out.len, "selinux", 7));
	assert_null(memmem(out.buf, out.len, "eve", 3));
	assert_non_null(
	    memmem(out.buf, out.len, "user::rwx,user:7:r-x,group::r-x,mask::r-x,other::---\n", 53));
}

/* What a container can set on a file must not make its archive unreadable. */
static void test_extremes(void **state)
{
	AUTO_STRBUF struct strbuf out = STRBUF_INIT, name = STRBUF_INIT, data = STRBUF_INIT, records = STRBUF_INIT,
				  key = STRBUF_INIT;
	struct error err = ERROR_INIT;
	struct tar_entry e;
	struct strbuf a;

	strbuf_addstr(&key, "SCHILY.xattr.user.");
	for (int i = 0; i < 250; i++) /* "=", as GNU tar writes it */
		strbuf_addstr(&key, "%3D");
	start_tree(&a);
	tar_build_record(&records, "mtime", "9223372036854775807.5");
	tar_build_record(&records, key.buf, "blue");
	TAR_ADD(&a, .name = "h", .type = 'x', .data = records.buf);
	TAR_ADD(&a, .name = "etc/f", .data = "x");
	strbuf_reset(&records);
	tar_build_record(&records, "mtime", "-9223372036854775807.5");
	TAR_ADD(&a, .name = "h", .type = 'x', .data = records.buf);
	TAR_ADD(&a, .name = "etc/g", .data = "x");
	tar_build_end(&a);
	AUTO_JSON cJSON *report = inspect(&a, &whole, &out, &err);
	assert_string_equal(err.msg, "");
	assert_non_null(report);
	entry_at(&out, 2, &e, &name, &data);
	assert_int_equal(e.mtime, 0);
	entry_at(&out, 3, &e, &name, &data);
	assert_int_equal(e.mtime, 0);
	strbuf_addstr(&key, "=blue\n");
	assert_non_null(memmem(out.buf, out.len, key.buf, key.len));
}

/* The numbers of the xattr win over the names of the text, in either order. */
static void test_acl_from_xattr(void **state)
{
	static const char acl[] = "\2\0\0\0"
				  "\1\0\6\0\377\377\377\377"
				  "\2\0\6\0\350\3\0\0"
				  "\4\0\4\0\377\377\377\377"
				  "\10\0\7\0\0\0\0\200" /* a group beyond all ids is left out */
				  "\20\0\6\0\377\377\377\377"
				  "\40\0\4\0\377\377\377\377";
	static const char text[] =
	    "SCHILY.acl.access=user::rw-,user:1000:rw-,group::r--,mask::rw-,other::r--\n";
	static const char other[] = "user::rwx,user:eve:rwx,other::rwx,g::r";
	int order;

	for (order = 0; order < 2; order++) {
		AUTO_STRBUF struct strbuf out = STRBUF_INIT, records = STRBUF_INIT;
		struct error err = ERROR_INIT;
		struct strbuf a;

		start_tree(&a);
		if (order)
			tar_build_record(&records, "SCHILY.acl.access", other);
		tar_pax_record(&records, "SCHILY.xattr.system.posix_acl_access", acl, sizeof(acl) - 1);
		if (!order)
			tar_build_record(&records, "SCHILY.acl.access", other);
		TAR_ADD(&a, .name = "h", .type = 'x', .data = records.buf, .len = records.len);
		TAR_ADD(&a, .name = "etc/f", .data = "x");
		tar_build_end(&a);
		cJSON_Delete(inspect(&a, &whole, &out, &err));
		assert_string_equal(err.msg, "");
		assert_non_null(memmem(out.buf, out.len, text, sizeof(text) - 1));
		assert_null(memmem(out.buf, out.len, "eve", 3));
		assert_null(memmem(out.buf, out.len, "posix_acl", 9));
	}
}

static void test_sparse_formats(void **state)
{
	static const char map10[512] = "2\n0\n4\n1000\n4\n";
	AUTO_STRBUF struct strbuf out = STRBUF_INIT, records = STRBUF_INIT, body = STRBUF_INIT;
	AUTO_STRBUF struct strbuf name = STRBUF_INIT, data = STRBUF_INIT;
	struct error err = ERROR_INIT;
	struct tar_entry e;
	struct strbuf a;
	char old[512];
	int i;

	start_tree(&a);
	tar_build_record(&records, "GNU.sparse.major", "1");
	tar_build_record(&records, "GNU.sparse.minor", "0");
	tar_build_record(&records, "GNU.sparse.name", "etc/new");
	tar_build_record(&records, "GNU.sparse.realsize", "2000");
	TAR_ADD(&a, .name = "h", .type = 'x', .data = records.buf);
	strbuf_add(&body, map10, 512);
	strbuf_addstr(&body, "headtail");
	TAR_ADD(&a, .name = "etc/GNUSparseFile.1/new", .data = body.buf, .len = body.len);
	strbuf_reset(&records);
	tar_build_record(&records, "GNU.sparse.size", "2000");
	tar_build_record(&records, "GNU.sparse.numblocks", "2");
	tar_build_record(&records, "GNU.sparse.map", "0,4,1000,4");
	tar_build_record(&records, "GNU.sparse.name", "etc/middle");
	TAR_ADD(&a, .name = "h", .type = 'x', .data = records.buf);
	TAR_ADD(&a, .name = "etc/GNUSparseFile.1/middle", .data = "headtail");
	tar_build_header(&(struct tar_item){ .name = "etc/old", .type = 'S', .magic = "gnu" }, 8, old);
	memcpy(old + 386, "00000000000\0" "00000000004\0" "00000001750\0" "00000000004\0", 48);
	memcpy(old + 483, "00000003720", 11);
	tar_build_sum(old);
	strbuf_add(&a, old, 512);
	strbuf_addstr(&a, "headtail");
	tar_build_pad(&a);
	tar_build_end(&a);
	AUTO_JSON cJSON *report = inspect(&a, &whole, &out, &err);
	assert_string_equal(err.msg, "");
	assert_int_equal(json_int(report, "bytes", 0), 6000);
	for (i = 2; i < 5; i++) {
		entry_at(&out, (unsigned)i, &e, &name, &data);
		assert_string_equal(name.buf, i == 2   ? "rootfs/etc/new"
					      : i == 3 ? "rootfs/etc/middle"
						       : "rootfs/etc/old");
		assert_string_equal(data.buf, "headtail");
		assert_int_equal(e.real_size, 2000);
	}
}

/* What was written is read as the same and written as the same. */
static void test_output_is_stable(void **state)
{
	AUTO_STRBUF struct strbuf out = STRBUF_INIT, again = STRBUF_INIT, copy = STRBUF_INIT;
	struct error err = ERROR_INIT;
	struct strbuf a;

	start_tree(&a);
	tar_build_pax(&a, 'x', "SCHILY.xattr.user.a", "b");
	TAR_ADD(&a, .name = "etc/x", .data = "1", .uid = "0000144");
	TAR_ADD(&a, .name = "etc/y", .type = '2', .link = "/abs/olute/../x");
	tar_build_end(&a);
	cJSON_Delete(inspect(&a, &whole, &out, &err));
	strbuf_add(&copy, out.buf, out.len);
	cJSON_Delete(inspect(&copy, &whole, &again, &err));
	assert_string_equal(err.msg, "");
	assert_int_equal(out.len, again.len);
	assert_memory_equal(out.buf, again.buf, out.len);
}

/* Whiteouts of an overlay in the tree stay; other nodes and sockets are left out, with all links to them. */
static void test_devices(void **state)
{
	AUTO_STRBUF struct strbuf out = STRBUF_INIT;
	struct error err = ERROR_INIT;
	struct strbuf a;

	start_tree(&a);
	TAR_ADD(&a, .name = "./etc/disk", .type = '4', .major = "0000010");
	TAR_ADD(&a, .name = "./etc/disk2", .type = '1', .link = "./etc/disk");
	TAR_ADD(&a, .name = "./etc/disk3", .type = '1', .link = "./etc/disk2");
	TAR_ADD(&a, .name = "./etc/none", .type = '4');
	TAR_ADD(&a, .name = "./etc/tty", .type = '3', .major = "0000004", .minor = "0000001");
	TAR_ADD(&a, .name = "./etc/gone", .type = '3');
	TAR_ADD(&a, .name = "./etc/gone2", .type = '1', .link = "./etc/gone");
	TAR_ADD(&a, .name = "./dev/null", .type = '3', .major = "0000001", .minor = "0000003");
	tar_build_end(&a);
	AUTO_JSON cJSON *report = inspect(&a, &whole, &out, &err);
	assert_string_equal(err.msg, "");
	assert_non_null(report);
	assert_int_equal(json_int(report, "dropped", 0), 6);
	expect_entry(&out, 2, "rootfs/etc/gone", "");
	expect_entry(&out, 3, "rootfs/etc/gone2 -> rootfs/etc/gone", "");

	start_tree(&a);
	TAR_ADD(&a, .name = "./etc/disk", .type = '4', .major = "0000010");
	TAR_ADD(&a, .name = "./etc/disk/file");
	tar_build_end(&a);
	assert_null(inspect(&a, &whole, &out, &err));
	assert_non_null(strstr(err.msg, "lies below 'rootfs/etc/disk'"));
}

/* A file twice is an archive that was appended to; a hard link to itself adds nothing. */
static void test_harmless_repetition(void **state)
{
	AUTO_STRBUF struct strbuf out = STRBUF_INIT;
	struct error err = ERROR_INIT;
	struct strbuf a;

	start_tree(&a);
	TAR_ADD(&a, .name = "etc/x", .data = "old");
	TAR_ADD(&a, .name = "etc/x", .data = "new");
	TAR_ADD(&a, .name = "etc/", .type = '5', .mode = 0700);
	TAR_ADD(&a, .name = "etc/x", .type = '1', .link = "etc/x");
	tar_build_end(&a);
	AUTO_JSON cJSON *report = inspect(&a, &whole, &out, &err);
	assert_non_null(report);
	assert_string_equal(err.msg, "");
	expect_entry(&out, 3, "rootfs/etc/x", "new");
	expect_entry(&out, 4, "rootfs/etc", "");
	assert_int_equal(out.len, 512 * 5 + 2 * 512 + 1024);
}

/* As pylxd's tests make images: a file that becomes a link, and names from the root of the archive. */
static void test_images_made_by_hand(void **state)
{
	AUTO_STRBUF struct strbuf out = STRBUF_INIT;
	struct error err = ERROR_INIT;
	struct strbuf a = STRBUF_INIT;

	TAR_ADD(&a, .name = "rootfs/bin/busybox", .data = "x");
	TAR_ADD(&a, .name = "rootfs/bin/busybox", .type = '2', .link = "/bin/busybox");
	TAR_ADD(&a, .name = "metadata.yaml", .data = "architecture: x86_64\n");
	TAR_ADD(&a, .name = "/rootfs/etc/inittab", .data = "y");
	tar_build_end(&a);
	AUTO_JSON cJSON *report = inspect(&a, &whole, &out, &err);
	assert_non_null(report);
	assert_string_equal(err.msg, "");
	expect_entry(&out, 4, "rootfs/etc/inittab", "y");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_root_layout),
		cmocka_unit_test(test_lxd_layout),
		cmocka_unit_test(test_files_before_the_layout_is_known),
		cmocka_unit_test(test_architecture_by_majority),
		cmocka_unit_test(test_split_parts),
		cmocka_unit_test(test_long_names_and_pax),
		cmocka_unit_test(test_extremes),
		cmocka_unit_test(test_owners_times_xattrs),
		cmocka_unit_test(test_acl_from_xattr),
		cmocka_unit_test(test_sparse_formats),
		cmocka_unit_test(test_output_is_stable),
		cmocka_unit_test(test_devices),
		cmocka_unit_test(test_harmless_repetition),
		cmocka_unit_test(test_images_made_by_hand),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
