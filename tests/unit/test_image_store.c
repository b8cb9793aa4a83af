/* SPDX-License-Identifier: MIT */
/* The store with a berth-unpack that is a script: what is kept, refused, undone and swept. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "berthd.h"
#include "image/store.h"
#include "lxc/probe.h"
#include "model/settings.h"

/* Takes anything but "bad…"; "slow" never ends. */
static const char script[] =
	"#!/bin/sh\n"
	"for a; do case $a in --into=*) d=${a#*=};; --report=*) r=${a#*=};; esac; done\n"
	"read -r line\n"
	"case $line in\n"
	"bad*) echo '{\"error\":\"entry x: refused\",\"code\":1}' >$r; exit 1;;\n"
	"dead*) kill -9 $$;;\n"
	"slow*) exec sleep 1000;;\n"
	"esac\n"
	"mkdir -p $d/rootfs/etc\n"
	"echo '{\"layout\":\"root\",\"entries\":2,\"bytes\":3,\"architecture\":\"aarch64\","
	"\"os_release\":{\"id\":\"mini\",\"version_id\":\"1\",\"pretty_name\":\"Mini 1\"}}' >$r\n";

struct room {
	uv_loop_t loop;
	struct berthd b;
	struct settings settings;
	struct probe probe;
	char dir[64], journal[80], images[80], libexec[80];
	bool in_use;
};

static bool in_use(const char *fingerprint, void *data)
{
	return ((struct room *)data)->in_use;
}

static void open_store(struct room *m)
{
	struct error err = ERROR_INIT;

	m->b.ops = op_queue_new(&m->loop, m->journal, &m->b, 4);
	image_register(m->b.ops);
	m->b.images = image_store_open(&m->b, in_use, m, &err);
	assert_string_equal(err.msg, "");
	assert_non_null(m->b.images);
}

static void close_store(struct room *m)
{
	image_store_free(m->b.images);
	op_queue_free(m->b.ops);
	while (uv_run(&m->loop, UV_RUN_DEFAULT))
		;
}

static int setup(void **state)
{
	struct room *m = mem_alloc(sizeof(*m));
	struct error err = ERROR_INIT;
	AUTO_FREE char *path = NULL;

	memcpy(m->dir, "/tmp/berth-store-XXXXXX", 24);
	assert_non_null(mkdtemp(m->dir));
	snprintf(m->images, sizeof(m->images), "%s/images", m->dir);
	snprintf(m->journal, sizeof(m->journal), "%s/operations", m->dir);
	snprintf(m->libexec, sizeof(m->libexec), "%s/libexec", m->dir);
	mkdir(m->journal, 0700);
	mkdir(m->libexec, 0700);
	path = fs_join(m->libexec, "berth-unpack");
	assert_int_equal(fs_write_atomic(path, script, sizeof(script) - 1, 0755, &err), 0);
	m->settings.images_path = m->images;
	m->settings.state_path = m->dir;
	m->settings.libexec_dir = m->libexec;
	m->settings.image_max_bytes = 1000;
	m->settings.image_max_entries = 100;
	snprintf(m->probe.architecture, sizeof(m->probe.architecture), "x86_64");
	uv_loop_init(&m->loop);
	m->b.loop = &m->loop;
	m->b.settings = &m->settings;
	m->b.probe = &m->probe;
	open_store(m);
	*state = m;
	return 0;
}

static int teardown(void **state)
{
	struct room *m = *state;
	struct error err = ERROR_INIT;

	close_store(m);
	assert_int_equal(uv_loop_close(&m->loop), 0);
	assert_int_equal(fs_remove_tree(m->dir, &err), 0);
	free(m);
	return 0;
}

static void ended(struct op *op, void *data)
{
	*(bool *)data = true;
}

/* Runs to the end; the operation stays readable for a while. */
static struct op *finish(struct room *m, struct op *op)
{
	bool end = false;

	op_on_end(op, ended, &end);
	while (!end)
		uv_run(&m->loop, UV_RUN_ONCE);
	return op;
}

static struct image_upload *upload(struct room *m, const char *content)
{
	struct error err = ERROR_INIT;
	struct image_upload *u = image_upload_new(m->b.images, &err);

	assert_non_null(u);
	assert_int_equal(image_upload_part(u, "unified"), 0);
	assert_int_equal(image_upload_write(u, content, strlen(content), &err), 0);
	return u;
}

/* NULL: it went well. */
static const char *import(struct room *m, const char *content, const char *options)
{
	struct error err = ERROR_INIT;
	AUTO_JSON cJSON *o = options ? json_parse(options, strlen(options), &err) : NULL;
	struct op *op = image_import(upload(m, content), o, &err);

	assert_string_equal(err.msg, "");
	finish(m, op);
	return op_status(op) == OP_SUCCESS ? NULL : op_error(op)->msg;
}

static unsigned entries_of(const char *path)
{
	unsigned n = 0;
	uv_fs_t req;
	uv_dirent_t d;

	assert_true(uv_fs_scandir(NULL, &req, path, 0, NULL) >= 0);
	while (uv_fs_scandir_next(&req, &d) == 0)
		n++;
	uv_fs_req_cleanup(&req);
	return n;
}

/* Folders of images, staging folders, journal entries. */
static void assert_left(struct room *m, unsigned images, unsigned staging)
{
	AUTO_FREE char *staging_path = fs_join(m->images, ".staging");
	AUTO_FREE char *aliases = fs_join(m->images, "aliases.json");

	while (uv_loop_alive(&m->loop) && entries_of(staging_path) > staging)
		uv_run(&m->loop, UV_RUN_ONCE);
	assert_int_equal(entries_of(m->images) - 1 - fs_exists(aliases), images);
	assert_int_equal(entries_of(staging_path), staging);
	assert_int_equal(entries_of(m->journal), 0);
}

/* sha256 of "one\n" */
#define ONE "2c8b08da5ce60398e1f19af0e5dccc744df274b826abe585eaba68c525434806"

static void test_import(void **state)
{
	struct room *m = *state;
	AUTO_JSON cJSON *v = NULL;
	AUTO_FREE char *rootfs = image_rootfs(m->b.images, ONE), *file = NULL;
	AUTO_FREE char *elsewhere = image_rootfs(m->b.images, "../../../etc");
	struct stat st;

	assert_null(
	    import(m, "one\n",
		   "{\"filename\":\"one.tar\",\"public\":true,\"properties\":{\"release\":\"x\",\"os\":\"\"},"
		   "\"aliases\":[{\"name\":\"first\",\"description\":\"d\"}]}"));
	v = image_json(m->b.images, ONE);
	assert_non_null(v);
	assert_string_equal(json_str(v, "fingerprint"), ONE);
	assert_string_equal(json_str(v, "filename"), "one.tar");
	assert_string_equal(json_str(v, "architecture"), "aarch64");
	assert_string_equal(json_str(v, "expires_at"), "1970-01-01T00:00:00Z");
	assert_int_equal(json_int(v, "size", 0), 4);
	assert_true(json_bool(v, "public", false));
	assert_string_equal(json_str(json_obj(v, "properties"), "release"), "x");
	assert_null(json_str(json_obj(v, "properties"), "os"));
	assert_string_equal(json_str(json_obj(v, "properties"), "description"), "Mini 1");
	assert_string_equal(json_str(cJSON_GetArrayItem(json_arr(v, "aliases"), 0), "name"), "first");
	assert_null(cJSON_GetObjectItemCaseSensitive(v, "berth"));
	assert_true(fs_exists(rootfs));
	assert_null(strstr(elsewhere, "..")); /* an instance of elsewhere says what its image is */
	file = image_file(m->b.images, ONE, 0);
	assert_true(fs_exists(file));
	assert_null(image_file(m->b.images, ONE, 1));
	assert_int_equal(stat(m->images, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	assert_left(m, 1, 0);
}

static void test_refused_imports_leave_nothing(void **state)
{
	struct room *m = *state;

	assert_string_equal(import(m, "bad archive\n", NULL), "entry x: refused");
	assert_non_null(strstr(import(m, "dead\n", NULL), "killed by signal 9"));
	assert_non_null(
	    strstr(import(m, "one\n", "{\"fingerprint\":\"0123\"}"), "fingerprint doesn't match"));
	assert_left(m, 0, 0);
	assert_null(import(m, "one\n", NULL));
	assert_string_equal(import(m, "one\n", NULL), "Image with same fingerprint already exists");
	assert_left(m, 1, 0);
}

static void test_two_at_once(void **state)
{
	struct room *m = *state;
	struct error err = ERROR_INIT;
	struct op *a = image_import(upload(m, "one\n"), NULL, &err),
		  *b = image_import(upload(m, "one\n"), NULL, &err);

	finish(m, a);
	finish(m, b);
	assert_int_equal(op_status(a), OP_SUCCESS);
	assert_string_equal(op_error(b)->msg, "Image with same fingerprint already exists");
	assert_left(m, 1, 0);
}

static void test_cancel(void **state)
{
	struct room *m = *state;
	struct error err = ERROR_INIT;
	struct op *op = image_import(upload(m, "slow\n"), NULL, &err);
	int i;

	for (i = 0; i < 20; i++)
		uv_run(&m->loop, UV_RUN_NOWAIT);
	assert_int_equal(op_cancel(op, &err), 0);
	finish(m, op);
	assert_int_equal(op_status(op), OP_CANCELLED);
	assert_left(m, 0, 0);
}

static void test_upload_limits_and_parts(void **state)
{
	struct room *m = *state;
	struct error err = ERROR_INIT;
	struct image_upload *u = image_upload_new(m->b.images, &err);
	AUTO_FREE char *big = mem_alloc(2000);

	assert_int_equal(image_upload_write(u, "x", 1, &err), -1);
	assert_int_equal(image_upload_part(u, "rootfs"), -1);
	assert_int_equal(image_upload_part(u, "nonsense"), -1);
	assert_int_equal(image_upload_part(u, "metadata"), 0);
	assert_int_equal(image_upload_part(u, "metadata"), -1);
	assert_int_equal(image_upload_part(u, "rootfs"), 0);
	assert_int_equal(image_upload_write(u, big, 2000, &err), -1);
	assert_int_equal(err.code, ERROR_TOO_LARGE);
	image_upload_abort(u);
	u = image_upload_new(m->b.images, &err);
	image_upload_part(u, "metadata");
	image_upload_write(u, "x", 1, &err);
	assert_null(image_import(u, NULL, &err));
	assert_non_null(strstr(err.msg, "needs the parts"));
	u = image_upload_new(m->b.images, &err);
	image_upload_part(u, "unified");
	assert_null(image_import(u, NULL, &err));
	assert_non_null(strstr(err.msg, "empty"));
	assert_left(m, 0, 0);
}

/* sha256 of "metadata" + "root": that is how LXD counts a split image. */
static void test_split_fingerprint(void **state)
{
	struct room *m = *state;
	struct error err = ERROR_INIT;
	struct image_upload *u = image_upload_new(m->b.images, &err);
	struct op *op;

	image_upload_part(u, "metadata");
	image_upload_write(u, "on", 2, &err);
	image_upload_part(u, "rootfs");
	image_upload_write(u, "e\n", 2, &err);
	op = finish(m, image_import(u, NULL, &err));
	assert_int_equal(op_status(op), OP_SUCCESS);
	assert_non_null(image_get(m->b.images, ONE));
	AUTO_FREE char *rootfs = image_file(m->b.images, ONE, 1);
	assert_true(fs_exists(rootfs));
}

static void test_aliases_and_resolving(void **state)
{
	struct room *m = *state;
	struct image_store *s = m->b.images;
	struct error err = ERROR_INIT;

	import(m, "one\n", NULL);
	assert_int_equal(image_alias_create(s, "a", "2c8b", "text", &err), 0);
	assert_string_equal(image_resolve(s, "a", &err), ONE);
	assert_string_equal(image_resolve(s, "2c8b08", &err), ONE);
	assert_string_equal(image_resolve(s, "2", &err), ONE);
	assert_string_equal(image_resolve(s, "2C8", &err), ONE);
	assert_null(image_resolve(s, "2c9", &err));
	assert_null(image_resolve(s, "nosuch", &err));
	assert_string_equal(err.msg, "Image not found");
	assert_null(image_find(s, "a", &err));
	assert_int_equal(image_alias_create(s, "a", "2c8b", "", &err), -1);
	assert_string_equal(err.msg, "Alias \"a\" already exists");
	assert_int_equal(err.code, ERROR_CONFLICT);
	assert_int_equal(image_alias_create(s, "", "2c8b", "", &err), -1);
	assert_int_equal(image_alias_create(s, "a\nb", "2c8b", "", &err), -1);
	assert_int_equal(image_alias_create(s, "b", "ffff", "", &err), -1);
	assert_int_equal(err.code, ERROR_NOT_FOUND);
	assert_int_equal(image_alias_create(s, "debian/12", ONE, "", &err), 0);
	assert_int_equal(image_alias_rename(s, "a", "debian/12", &err), -1);
	assert_int_equal(image_alias_rename(s, "a", "z", &err), 0);
	assert_int_equal(image_alias_put(s, "z", NULL, "new", &err), 0);
	assert_int_equal(image_alias_delete(s, "a", &err), -1);
	assert_string_equal(err.msg, "Image alias not found");
	close_store(m);
	open_store(m);
	s = m->b.images;
	assert_string_equal(json_str(json_obj(image_aliases(s), "z"), "description"), "new");
	assert_string_equal(image_resolve(s, "debian/12", &err), ONE);
	finish(m, image_delete(s, ONE, &err));
	assert_int_equal(cJSON_GetArraySize(image_aliases(s)), 0);
	assert_left(m, 0, 0);
}

static int put(struct room *m, const char *text, struct error *err)
{
	AUTO_JSON cJSON *v = json_parse(text, strlen(text), err);

	return image_put(m->b.images, ONE, v, err);
}

static void test_put(void **state)
{
	static const char *const refused[] = {"{\"public\":1}",
					      "{\"properties\":{\"a\":1}}",
					      "{\"properties\":[]}",
					      "{\"properties\":{\"a=b\":\"\"}}",
					      "{\"properties\":{\"a\":\"b\\nc\"}}",
					      "{\"expires_at\":\"soon\"}",
					      "{\"profiles\":\"x\"}",
					      "{\"profiles\":[1]}"};
	struct room *m = *state;
	struct error err = ERROR_INIT;
	size_t i;

	import(m, "one\n", NULL);
	for (i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		assert_int_equal(put(m, refused[i], &err), -1);
		assert_int_equal(err.code, ERROR_INVALID);
	}
	assert_int_equal(put(m,
			     "{\"public\":true,\"properties\":{\"a\":\"b\",\"gone\":\"\"},\"profiles\":[],"
			     "\"expires_at\":\"2030-01-02T03:04:05.6Z\",\"fingerprint\":\"ignored\"}",
			     &err),
			 0);
	close_store(m);
	open_store(m);
	AUTO_JSON cJSON *v = image_json(m->b.images, ONE);
	assert_true(json_bool(v, "public", false));
	assert_string_equal(json_str(json_obj(v, "properties"), "a"), "b");
	assert_int_equal(cJSON_GetArraySize(json_obj(v, "properties")), 1);
	assert_string_equal(json_str(v, "expires_at"), "2030-01-02T03:04:05.6Z");
	assert_string_equal(json_str(v, "last_used_at"), "0001-01-01T00:00:00Z");
	image_touch(m->b.images, ONE);
	assert_string_not_equal(json_str(image_get(m->b.images, ONE), "last_used_at"),
				"0001-01-01T00:00:00Z");
}

static void test_a_tree_in_use_outlives_its_image(void **state)
{
	struct room *m = *state;
	struct error err = ERROR_INIT;
	AUTO_FREE char *rootfs = image_rootfs(m->b.images, ONE), *mark = fs_join(rootfs, "mark");

	import(m, "one\n", NULL);
	assert_int_equal(fs_write_atomic(mark, "x", 1, 0600, &err), 0);
	m->in_use = true;
	finish(m, image_delete(m->b.images, ONE, &err));
	assert_null(image_get(m->b.images, ONE));
	assert_true(fs_exists(mark));
	image_release(m->b.images, ONE);
	assert_true(fs_exists(mark));
	close_store(m); /* a restart finds it and keeps it */
	open_store(m);
	assert_null(image_get(m->b.images, ONE));
	assert_null(import(m, "one\n", NULL)); /* the same image comes back around its old tree */
	assert_non_null(image_get(m->b.images, ONE));
	assert_true(fs_exists(mark));
	assert_left(m, 1, 0);
	finish(m, image_delete(m->b.images, ONE, &err));
	m->in_use = false;
	image_release(m->b.images, ONE);
	assert_left(m, 0, 0);
}

static void test_leftovers_are_swept_at_start(void **state)
{
	struct room *m = *state;
	struct error err = ERROR_INIT;
	AUTO_FREE char *left =
	    mem_printf("%s/.staging/0d0c4a2e-4b6a-4c53-9d8a-3f5f2a9c1b11/rootfs/a/b", m->images);
	AUTO_FREE char *damaged = mem_printf("%s/" ONE, m->images), *json = fs_join(damaged, "image.json");

	assert_int_equal(fs_mkdirs(left, 0755, &err), 0);
	assert_int_equal(fs_mkdirs(damaged, 0700, &err), 0);
	assert_int_equal(fs_write_atomic(json, "{\"fingerprint\":\"other\"}", 23, 0600, &err), 0);
	close_store(m);
	open_store(m);
	assert_null(image_get(m->b.images, ONE)); /* left out, but not removed: a person may want to look */
	assert_left(m, 1, 0);
	assert_true(fs_exists(json));
}

static void test_damaged_journal_entries(void **state)
{
	static const char *const bad[] = {
	    "{}", "{\"staging\":\"../../../../../../../../../../../../\",\"fingerprint\":\"" ONE "\"}",
	    "{\"staging\":\"0d0c4a2e-4b6a-4c53-9d8a-3f5f2a9c1b11\",\"fingerprint\":\"..\"}"};
	struct room *m = *state;
	AUTO_FREE char *path = fs_join(m->journal, "0d0c4a2e-4b6a-4c53-9d8a-3f5f2a9c1b12.json");
	struct error err = ERROR_INIT;
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		AUTO_FREE char *text =
		    mem_printf("{\"id\":\"0d0c4a2e-4b6a-4c53-9d8a-3f5f2a9c1b12\",\"kind\":\"image-import\","
			       "\"step\":\"verify\",\"args\":%s}",
			       bad[i]);
		AUTO_FREE char *aside = mem_printf("%s.bad", path);

		assert_int_equal(fs_write_atomic(path, text, strlen(text), 0600, &err), 0);
		assert_int_equal(op_queue_recover(m->b.ops, &err), 0);
		unlink(aside);
	}
}

#define STORE_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORE_TEST(test_import),
		STORE_TEST(test_refused_imports_leave_nothing),
		STORE_TEST(test_two_at_once),
		STORE_TEST(test_cancel),
		STORE_TEST(test_upload_limits_and_parts),
		STORE_TEST(test_split_fingerprint),
		STORE_TEST(test_aliases_and_resolving),
		STORE_TEST(test_put),
		STORE_TEST(test_a_tree_in_use_outlives_its_image),
		STORE_TEST(test_leftovers_are_swept_at_start),
		STORE_TEST(test_damaged_journal_entries),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
