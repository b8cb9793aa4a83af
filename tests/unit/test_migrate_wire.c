/* SPDX-License-Identifier: MIT */
/* What servers say to each other in a migration; and the ids of a tree that comes shifted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "helper/migrate_dial.h"
#include "helper/migrate_session.h"
#include "helper/migrate_unshift.h"
#include "helper/migrate_wire.h"

static cJSON *parse(const char *text)
{
	struct error err = ERROR_INIT;
	cJSON *v = json_parse(text, strlen(text), &err);

	assert_non_null(v);
	return v;
}

static void same_after_wire(const char *text)
{
	AUTO_JSON cJSON *v = parse(text);
	AUTO_STRBUF struct strbuf out = STRBUF_INIT;
	struct error err = ERROR_INIT;
	AUTO_JSON cJSON *back = NULL;

	migrate_header_write(v, &out);
	back = migrate_header_read(out.buf, out.len, &err);
	assert_non_null(back);
	assert_true(cJSON_Compare(v, back, true));
}

static void test_headers(void **state)
{
	same_after_wire("{\"fs\":0,\"idmap\":[],\"names\":[],\"snapshots\":[],\"predump\":false,\"refresh\":false,\"index_version\":1}");
	same_after_wire("{\"fs\":0,\"criu\":2,\"idmap\":[{\"Isuid\":true,\"Isgid\":false,\"Hostid\":3000000000,\"Nsid\":0,\"Maprange\":65536}],"
			"\"names\":[\"s0\",\"\xc3\xa4\"],\"snapshots\":[{\"name\":\"s0\",\"config\":{\"a\":\"1\",\"b\":\"\"},"
			"\"profiles\":[\"default\"],\"ephemeral\":true,\"devices\":{\"root\":{\"type\":\"disk\",\"path\":\"/\"}},"
			"\"architecture\":2,\"stateful\":false,\"created\":1700000000,\"used\":0,\"expires\":-62135596800}],"
			"\"predump\":false,\"rsync\":{\"xattrs\":true,\"delete\":true,\"compress\":false,\"bidirectional\":true},"
			"\"refresh\":true,\"index_version\":1}");
}

/* As LXD 5.0.2 sent it: btrfs preferred, rsync possible. */
static void test_header_of_lxd(void **state)
{
	static const char bytes[] = "\x08\x01\x38\x00\x42\x08\x08\x01\x10\x01\x18\x01\x20\x01\x62\x06\x08\x01\x10\x01\x18\x01\x68\x01";
	struct error err = ERROR_INIT;
	AUTO_JSON cJSON *v = migrate_header_read(bytes, sizeof(bytes) - 1, &err);

	assert_int_equal(json_int(v, "fs", -1), 1);
	assert_true(json_bool(json_obj(v, "rsync"), "bidirectional", false));
	assert_int_equal(json_int(v, "index_version", 0), 1);
}

static void refused(const char *bytes, size_t len)
{
	struct error err = ERROR_INIT;

	assert_null(migrate_header_read(bytes, len, &err));
	assert_int_equal(err.code, ERROR_INVALID);
}

static void test_bad_headers(void **state)
{
	static const char *const bad[] = { "", "\x38\x00", "\x08", "\x08\x00\x42\x7f", "\x08\x00\x42\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
					   "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", "\x08\x00\x0b", "\x08\x00\x22\x01\xff",
					   "\x08\x00\x22\x02\xc0\x80", "\x08\x00\x2a\x02\x20\x01" };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		refused(bad[i], strlen(bad[i]));
	refused("\x08\x00\x42\x08\x08\x01\x10", 7);
	refused("\x08\x00\x22\x01\x00", 5); /* a NUL in a name */
}

static void test_control(void **state)
{
	AUTO_STRBUF struct strbuf out = STRBUF_INIT;
	struct error err = ERROR_INIT;
	AUTO_JSON cJSON *v = NULL;

	migrate_control_write(false, "no room", &out);
	v = migrate_control_read(out.buf, out.len, &err);
	assert_false(json_bool(v, "success", true));
	assert_string_equal(json_str(v, "message"), "no room");
	assert_null(migrate_control_read("\x12\x01x", 3, &err));
}

/* Before anything is sent that would be for nothing. */
static void bad_name(const char *name, const char *why)
{
	AUTO_JSON cJSON *offer = parse("{\"fs\":0,\"names\":[\"twice\",\"x\"],\"snapshots\":[{\"name\":\"twice\"},{}]}");
	AUTO_JSON cJSON *spec = parse("{}");
	struct error err = ERROR_INIT;

	json_set_str(cJSON_GetArrayItem(json_arr(offer, "snapshots"), 1), "name", name);
	assert_null(migrate_answer(offer, spec, &err));
	assert_int_equal(err.code, ERROR_INVALID);
	assert_non_null(strstr(err.msg, why));
}

static void test_answer(void **state)
{
	AUTO_JSON cJSON *offer = parse("{\"fs\":1,\"criu\":2,\"names\":[\"a\",\"b\",\"c\"],\"index_version\":7,\"snapshots\":["
				       "{\"name\":\"a\",\"created\":5},{\"name\":\"b\",\"created\":6},{\"name\":\"c\",\"created\":7}]}");
	AUTO_JSON cJSON *spec = parse("{\"refresh\":true,\"have\":[{\"name\":\"a\",\"created\":5},{\"name\":\"b\",\"created\":5}]}");
	struct error err = ERROR_INIT;
	AUTO_JSON cJSON *v = migrate_answer(offer, spec, &err);
	const cJSON *answer = json_obj(v, "answer");

	assert_int_equal(json_int(answer, "fs", -1), MIGRATE_FS_RSYNC);
	assert_int_equal(json_int(answer, "criu", -1), MIGRATE_CRIU_NONE);
	assert_int_equal(json_int(answer, "index_version", -1), 1);
	assert_int_equal(cJSON_GetArraySize(json_arr(answer, "names")), 2);
	assert_string_equal(cJSON_GetArrayItem(json_arr(answer, "names"), 0)->valuestring, "b");
	assert_true(json_bool(json_obj(answer, "rsync"), "delete", false)); /* before LXD 3.8 nothing was said of it */
	assert_false(json_bool(json_obj(answer, "rsync"), "bidirectional", true));

	bad_name("../../x", "no name of a snapshot");
	bad_name("", "no name of a snapshot");
	bad_name("a\nprogress", "no name of a snapshot");
	bad_name("\033[2J", "no name of a snapshot");
	bad_name("twice", "twice");

	json_set_int(offer, "criu", 0);
	assert_null(migrate_answer(offer, spec, &err));
	assert_non_null(strstr(err.msg, "CRIU"));
}

static void test_handshake(void **state)
{
	static const char key[] = "dGhlIHNhbXBsZSBub25jZQ=="; /* RFC 6455, 1.3 */
	struct error err = ERROR_INIT;

	assert_int_equal(migrate_dial_check("HTTP/1.1 101 x\r\nUpgrade: websocket\r\nsec-websocket-accept: "
					    "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n", key, &err), 0);
	assert_int_equal(migrate_dial_check("HTTP/1.1 101 x\r\nSec-WebSocket-Accept: t3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n", key, &err), -1);
	assert_int_equal(migrate_dial_check("HTTP/1.1 101 x\r\n\r\nSec-WebSocket-Accept: x", key, &err), -1);
	assert_int_equal(migrate_dial_check("SSH-2.0\r\n\r\n", key, &err), -1);
	assert_int_equal(migrate_dial_check("HTTP/1.1 404 x\r\n\r\n{\"error\":\"not found\"}", key, &err), -1);
	assert_int_equal(err.code, ERROR_NOT_FOUND);
	assert_non_null(strstr(err.msg, "not found"));
}

/* The map of an LXD whose containers have containers: the ids inside are among those of the host. */
static void test_unshift_links(void **state)
{
	AUTO_JSON cJSON *map = parse("[{\"Isuid\":true,\"Isgid\":true,\"Hostid\":1000000,\"Nsid\":0,\"Maprange\":1000000000}]");
	char top[] = "/tmp/test-unshift.XXXXXX";
	struct error err = ERROR_INIT;
	AUTO_FREE char *file = NULL;
	AUTO_FREE char *other = NULL;
	struct stat st;

	if (geteuid() != 0)
		return;
	assert_non_null(mkdtemp(top));
	file = fs_join(top, "suid");
	other = fs_join(top, "again");
	assert_int_equal(fs_write_quick(file, "x", 1, 0600, &err), 0);
	assert_int_equal(chown(top, 1000000, 1000000) | chown(file, 2000000, 1000007) | chmod(file, 06755) | link(file, other), 0);
	assert_int_equal(migrate_unshift(top, map, &err), 0);
	assert_int_equal(stat(other, &st), 0);
	assert_int_equal(st.st_uid, 1000000);
	assert_int_equal(st.st_gid, 7);
	assert_int_equal(fs_remove_tree(top, &err), 0);
}

static void test_devices(void **state)
{
	char top[] = "/tmp/test-devices.XXXXXX";
	AUTO_FREE char *gone = NULL;
	AUTO_FREE char *disk = NULL;
	struct error err = ERROR_INIT;

	if (geteuid() != 0)
		return;
	assert_non_null(mkdtemp(top));
	gone = fs_join(top, "gone");
	disk = fs_join(top, "disk");
	assert_int_equal(mknod(gone, S_IFCHR, 0), 0);
	assert_int_equal(migrate_drop_devices(top, &err), 0);
	assert_int_equal(access(gone, F_OK), 0);
	assert_int_equal(mknod(disk, S_IFBLK, 0), 0);
	assert_int_equal(migrate_drop_devices(top, &err), -1);
	assert_int_equal(fs_remove_tree(top, &(struct error)ERROR_INIT), 0);
}

static void test_unshift(void **state)
{
	AUTO_JSON cJSON *map = parse("[{\"Isuid\":true,\"Isgid\":false,\"Hostid\":1000000,\"Nsid\":0,\"Maprange\":65536},"
				     "{\"Isuid\":false,\"Isgid\":true,\"Hostid\":2000000,\"Nsid\":10,\"Maprange\":5}]");
	AUTO_JSON cJSON *none = parse("[]");
	char top[] = "/tmp/test-unshift.XXXXXX";
	struct error err = ERROR_INIT;
	AUTO_FREE char *file = NULL;
	struct stat st;

	assert_int_equal(migrate_unshift_id(map, false, 1000000), 0);
	assert_int_equal(migrate_unshift_id(map, false, 1065535), 65535);
	assert_int_equal(migrate_unshift_id(map, false, 1065536), -1);
	assert_int_equal(migrate_unshift_id(map, false, 999999), -1);
	assert_int_equal(migrate_unshift_id(map, true, 2000004), 14);
	assert_int_equal(migrate_unshift_id(map, true, 1000000), -1);
	assert_int_equal(migrate_unshift("/nonexistent", none, &err), 0);
	if (geteuid() != 0)
		return;
	assert_non_null(mkdtemp(top));
	file = fs_join(top, "suid");
	assert_int_equal(fs_write_quick(file, "x", 1, 0600, &err), 0);
	assert_int_equal(chown(top, 1000000, 2000000) | chown(file, 1000007, 2000001) | chmod(file, 06755), 0);
	assert_int_equal(migrate_unshift(top, map, &err), 0);
	assert_int_equal(stat(file, &st), 0);
	assert_int_equal(st.st_uid, 7);
	assert_int_equal(st.st_gid, 11);
	assert_int_equal(st.st_mode & 07777, 06755);
	assert_int_equal(migrate_unshift(top, map, &err), -1); /* none of the map's ids any more */
	assert_int_equal(fs_remove_tree(top, &err), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_headers),	  cmocka_unit_test(test_header_of_lxd), cmocka_unit_test(test_bad_headers),
		cmocka_unit_test(test_control),	  cmocka_unit_test(test_answer),	cmocka_unit_test(test_handshake),
		cmocka_unit_test(test_unshift),	  cmocka_unit_test(test_unshift_links),
		cmocka_unit_test(test_devices),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
