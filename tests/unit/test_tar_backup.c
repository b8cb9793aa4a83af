/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/json.h"
#include "image/tar_backup.h"
#include "image/tar_reader.h"
#include "tar_build.h"

#define LIST ".berth-manifest"

static struct strbuf out[2], removed;
static struct strbuf *to;

static int sink(void *data, const void *buf, size_t len, struct error *err)
{
	strbuf_add(to, buf, len);
	return 0;
}

static int next_stream(void *data, struct error *err)
{
	to = &out[1];
	return 0;
}

static int remove_path(void *data, const char *path, struct error *err)
{
	strbuf_addf(&removed, "%s ", path);
	return 0;
}

/* Takes the archive. */
static cJSON *run(struct strbuf *archive, struct tar_backup in, struct error *err)
{
	struct tar_source *source = tar_source_memory(archive->buf, archive->len);
	cJSON *report;

	in.max_bytes = in.max_bytes ? in.max_bytes : 1000;
	in.max_entries = in.max_entries ? in.max_entries : 100;
	in.max_id = 65535;
	in.list = LIST;
	in.sink = sink;
	in.next_stream = next_stream;
	in.remove = remove_path;
	to = &out[0];
	for (int i = 0; i < 2; i++)
		strbuf_reset(&out[i]);
	strbuf_reset(&removed);
	report = tar_backup(source, &in, err);
	tar_source_free(source);
	strbuf_clear(archive);
	return report;
}

#define RUN(archive, ...) run(archive, (struct tar_backup){ __VA_ARGS__ }, &err)

/* "name name" of a stream that went out. */
static void expect_names(const struct strbuf *stream, const char *names)
{
	struct tar_source *source = tar_source_memory(stream->buf, stream->len);
	struct tar_reader *reader = tar_reader_new(source);
	struct strbuf all = STRBUF_INIT;
	struct error err = ERROR_INIT;
	struct tar_entry e;

	while (tar_reader_next(reader, &e, &err) > 0)
		strbuf_addf(&all, "%s ", e.name);
	assert_string_equal(err.msg, "");
	assert_string_equal(all.buf, names);
	strbuf_clear(&all);
	tar_reader_free(reader);
	tar_source_free(source);
}

static void expect_refused(struct strbuf *archive, struct tar_backup in, const char *part)
{
	struct error err = ERROR_INIT;
	cJSON *report;

	tar_build_end(archive);
	report = run(archive, in, &err);
	if (report)
		fail_msg("accepted, but should say '%s'", part);
	if (!strstr(err.msg, part))
		fail_msg("'%s' lacks '%s'", err.msg, part);
}

static void test_any_byte_and_any_type(void **state)
{
	struct error err = ERROR_INIT;
	struct strbuf a;
	cJSON *report;

	start_tree(&a);
	TAR_ADD(&a, .name = "./new\nline", .data = "12");
	TAR_ADD(&a, .name = "./fifo", .type = '6');
	TAR_ADD(&a, .name = "./socket", .type = 's');
	TAR_ADD(&a, .name = "./dev/null", .type = '3');
	TAR_ADD(&a, .name = "./link", .type = '2', .link = "../../etc/passwd");
	tar_build_end(&a);
	report = RUN(&a);
	assert_non_null(report);
	assert_int_equal(json_int(report, "dropped", 0), 2);
	assert_int_equal(json_int(report, "bytes", 0), 2);
	expect_names(&out[0], ". etc new\nline fifo link ");
	cJSON_Delete(report);
}

static void test_devices(void **state)
{
	struct error err = ERROR_INIT;
	struct strbuf a;
	cJSON *report;

	start_tree(&a);
	TAR_ADD(&a, .name = "./disk", .type = '4');
	expect_refused(&a, (struct tar_backup){ 0 }, "only for privileged");
	start_tree(&a);
	TAR_ADD(&a, .name = "./disk", .type = '4');
	tar_build_end(&a);
	report = RUN(&a, .devices = true);
	assert_non_null(report);
	expect_names(&out[0], ". etc disk ");
	cJSON_Delete(report);
	start_tree(&a);
	TAR_ADD(&a, .name = "./whiteout", .type = '3');
	tar_build_end(&a);
	report = RUN(&a);
	assert_non_null(report);
	expect_names(&out[0], ". etc whiteout ");
	cJSON_Delete(report);
}

static void test_limits(void **state)
{
	struct strbuf a;

	start_tree(&a);
	TAR_ADD(&a, .name = "./a", .data = "123456");
	TAR_ADD(&a, .name = "./b", .data = "123456");
	expect_refused(&a, (struct tar_backup){ .max_bytes = 11 }, "image_max_bytes");
	start_tree(&a);
	TAR_ADD(&a, .name = "./a", .data = "1");
	expect_refused(&a, (struct tar_backup){ .max_entries = 2 }, "image_max_entries");
	start_tree(&a);
	TAR_ADD(&a, .name = "./a", .data = "1", .uid = "0200000");
	expect_refused(&a, (struct tar_backup){ 0 }, "beyond the last id");
}

static void add_list(struct strbuf *a, const char *list, size_t len)
{
	TAR_ADD(a, .name = LIST, .data = list, .len = len);
}

#define ADD_LIST(a, list) add_list(a, list, sizeof(list) - 1)

static void test_two_passes(void **state)
{
	struct error err = ERROR_INIT;
	struct strbuf a;
	cJSON *report;

	start_tree(&a);
	TAR_ADD(&a, .name = "./etc/a", .data = "old");
	TAR_ADD(&a, .name = "./etc/gone", .data = "x");
	TAR_ADD(&a, .name = "./was-file", .data = "x");
	TAR_ADD(&a, .name = "./etc/a", .data = "newer");
	TAR_ADD(&a, .name = "./was-file/", .type = '5');
	ADD_LIST(&a, "d .\0d ./etc\0f ./etc/a\0d ./was-file\0s ./socket\0");
	tar_build_end(&a);
	report = RUN(&a, .second_pass = true);
	if (!report)
		fail_msg("%s", err.msg);
	assert_int_equal(json_int(report, "bytes", 0), 6); /* what is replaced does not count */
	expect_names(&out[0], ". etc etc/a etc/gone was-file ");
	assert_string_equal(removed.buf, "was-file etc/gone ");
	assert_non_null(strstr(out[1].buf, "etc/a"));
	cJSON_Delete(report);
}

static void test_bad_lists(void **state)
{
	const struct tar_backup twice = { .second_pass = true };
	struct strbuf a;

	start_tree(&a);
	expect_refused(&a, twice, "list of its paths is missing");
	start_tree(&a);
	ADD_LIST(&a, "d .\0d ./etc\0");
	expect_refused(&a, (struct tar_backup){ 0 }, "no place here");
	start_tree(&a);
	ADD_LIST(&a, "d .\0d ./etc");
	expect_refused(&a, twice, "cut off");
	start_tree(&a);
	ADD_LIST(&a, "d .\0nonsense\0");
	expect_refused(&a, twice, "malformed");
	start_tree(&a);
	ADD_LIST(&a, "d ./../etc\0");
	expect_refused(&a, twice, "'..'");
	start_tree(&a);
	ADD_LIST(&a, "d .\0");
	ADD_LIST(&a, "d .\0");
	expect_refused(&a, twice, "no place here");
}

static void test_only(void **state)
{
	static const char *const only[] = { "etc/b" };
	struct error err = ERROR_INIT;
	struct strbuf a;
	cJSON *report;

	start_tree(&a);
	TAR_ADD(&a, .name = "./etc/a", .data = "1");
	TAR_ADD(&a, .name = "./etc/b", .type = '1', .link = "./etc/a");
	TAR_ADD(&a, .name = "./etc/bc", .data = "1");
	tar_build_end(&a);
	report = RUN(&a, .only = only, .n_only = 1);
	assert_non_null(report);
	expect_names(&out[0], "");
	assert_string_equal(cJSON_GetArrayItem(json_arr(report, "needs"), 0)->valuestring, "etc/a");
	assert_int_equal(cJSON_GetArraySize(json_arr(report, "needs")), 1);
	cJSON_Delete(report);
	start_tree(&a); /* what is not wanted is judged all the same */
	TAR_ADD(&a, .name = "./../x", .data = "1");
	expect_refused(&a, (struct tar_backup){ .only = only, .n_only = 1 }, "'..'");
}

static int end(void **state)
{
	strbuf_clear(&out[0]);
	strbuf_clear(&out[1]);
	strbuf_clear(&removed);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_any_byte_and_any_type), cmocka_unit_test(test_devices), cmocka_unit_test(test_limits),
		cmocka_unit_test(test_two_passes),	      cmocka_unit_test(test_bad_lists), cmocka_unit_test(test_only),
	};

	strbuf_init(&out[0]);
	strbuf_init(&out[1]);
	strbuf_init(&removed);
	return cmocka_run_group_tests(tests, NULL, end);
}
