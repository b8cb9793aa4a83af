/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <unistd.h>

#include "api/events.h"
#include "api/server_config.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/log.h"
#include "fake_request.h"
#include "lxc/probe.h"
#include "model/settings.h"

static char dir[64], config_path[96];
static uv_loop_t loop;
static struct settings settings = { .storage_driver = (char *)"auto", .server_name = (char *)"testhost" };
static struct probe probe = { .lxc_version = "5.0.2", .architecture = "x86_64", .kernel_version = "6.1",
			      .idmapped_mounts = true, .overlay_idmapped = true };
static struct berthd berthd = { .settings = &settings, .probe = &probe, .loop = &loop };
static struct fake fake;

static int setup(void **state)
{
	struct error err = ERROR_INIT;

	snprintf(dir, sizeof(dir), "/tmp/berth-test-router-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	snprintf(config_path, sizeof(config_path), "%s/server.json", dir);
	log_set_level(LOG_LEVEL_ERROR);
	uv_loop_init(&loop);
	berthd.ops = op_queue_new(&loop, dir, &berthd, 1);
	berthd.events = events_new(&berthd);
	berthd.server = server_config_open(config_path, &err);
	return berthd.server ? 0 : -1;
}

static int teardown(void **state)
{
	struct error err = ERROR_INIT;

	fake_clear(&fake);
	server_config_free(berthd.server);
	op_queue_free(berthd.ops);
	events_free(berthd.events);
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&loop), 0);
	return fs_remove_tree(dir, &err);
}

static unsigned ask(const char *method, const char *target, const char *headers, const char *body)
{
	fake_clear(&fake);
	fake.headers = headers;
	fake_run(&fake, &berthd, method, target, body ? body : "", body ? strlen(body) : 0, 7);
	assert_int_equal(fake.sent, 1);
	return fake.status;
}

static void assert_error(unsigned status, const char *message)
{
	struct error err = ERROR_INIT;
	AUTO_JSON cJSON *v = json_parse(fake.text, strlen(fake.text), &err);

	assert_non_null(v);
	assert_int_equal(fake.status, status);
	assert_string_equal(json_str_or(v, "type", ""), "error");
	assert_int_equal(json_int(v, "error_code", 0), status);
	assert_string_equal(json_str_or(v, "error", ""), message);
	assert_true(cJSON_IsNull(cJSON_GetObjectItem(v, "metadata")));
}

static void test_envelope(void **state)
{
	assert_int_equal(ask("GET", "/", NULL, NULL), 200);
	assert_string_equal(
		fake.text, "{\"type\":\"sync\",\"status\":\"Success\",\"status_code\":200,\"operation\":\"\","
			   "\"error_code\":0,\"error\":\"\",\"metadata\":[\"/1.0\"]}\n");
	ask("GET", "/nosuch", NULL, NULL);
	assert_string_equal(fake.text,
			    "{\"type\":\"error\",\"status\":\"\",\"status_code\":0,\"operation\":\"\","
			    "\"error_code\":404,\"error\":\"not found\",\"metadata\":null}\n");
}

static void test_unknown_paths(void **state)
{
	static const char *const paths[] = {
		"/2.0",
		"/1.0/",
		"/1.0/nosuch",
		"//1.0",
		"/1.0//operations",
		"1.0",
		"*",
		"",
		"/1.0/operations/",
		"/1.0/operations/a/b/c",
		"/1.0/operationsx",
		"/1.0/containersx",
		"/1.0/operations/%2e%2e",
		"/1.0/operations/..",
		"/1.0/operations/.",
		"/1.0/operations/a%2fb",
		"/1.0/operations/a%0ab",
		"/1.0/operations/a%7fb",
		"/%31.0",
	};
	size_t i;

	for (i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		ask("GET", paths[i], NULL, NULL);
		assert_error(404, "not found");
	}
}

static void test_bad_escapes(void **state)
{
	assert_int_equal(ask("GET", "/1.0/operations/%zz", NULL, NULL), 400);
	assert_int_equal(ask("GET", "/1.0/operations/a%", NULL, NULL), 400);
	assert_int_equal(ask("GET", "/1.0/operations/a%4", NULL, NULL), 400);
	assert_int_equal(ask("GET", "/1.0/operations/a%00b", NULL, NULL), 400);
	assert_int_equal(ask("GET", "/1.0/operations?x=%zz", NULL, NULL), 400);
	assert_int_equal(ask("GET", "/1.0/operations?%=1", NULL, NULL), 400);
	assert_int_equal(ask("GET", "/1.0/operations?a=%41&&b&=c&d=+", NULL, NULL), 200);
}

static void test_wrong_method(void **state)
{
	ask("DELETE", "/1.0", NULL, NULL);
	assert_error(501, "not implemented");
	ask("POST", "/1.0/operations/x/wait", NULL, "{}");
	assert_error(501, "not implemented");
	ask("get", "/1.0", NULL, NULL);
	assert_error(404, "Method \"get\" not found");
	ask("DELETE", "/1.0/images/aliases", NULL, NULL); /* not an image called "aliases" */
	assert_error(501, "not implemented");
}

static void test_names_with_slashes(void **state)
{
	ask("GET", "/1.0/images/a%2fb", NULL, NULL);
	assert_error(404, "Image not found");
	ask("GET", "/1.0/images/aliases/..", NULL, NULL);
	assert_error(404, "Image alias not found");
	ask("GET", "/1.0/images/aliases/debian/12%0a", NULL, NULL); /* the rest of the path is one name */
	assert_error(404, "Image alias not found");
	ask("GET", "/1.0/images/a/b", NULL, NULL);
	assert_error(404, "not found");
}

static void test_head_is_get(void **state)
{
	assert_int_equal(ask("HEAD", "/1.0", NULL, NULL), 200);
	assert_non_null(fake.etag);
}

static void test_params_are_decoded(void **state)
{
	ask("GET", "/1.0/projects/d%65fault", NULL, NULL);
	assert_int_equal(fake.status, 200);
	ask("GET", "/1.0/projects/d+fault", NULL, NULL);
	assert_error(404, "Project not found");
}

static void test_foreign_project(void **state)
{
	ask("GET", "/1.0/operations?project=prod", NULL, NULL);
	assert_error(404, "Project not found");
	assert_int_equal(ask("GET", "/1.0/operations?project=default", NULL, NULL), 200);
	assert_int_equal(ask("GET", "/1.0/operations?project=", NULL, NULL), 200);
}

static void test_too_many_query_parameters(void **state)
{
	char target[200] = "/1.0/operations?";
	int i;

	for (i = 0; i < 33; i++)
		strncat(target, "a&", 3);
	assert_int_equal(ask("GET", target, NULL, NULL), 400);
	target[strlen(target) - 2] = 0;
	assert_int_equal(ask("GET", target, NULL, NULL), 200);
}

static void test_bodies(void **state)
{
	char *big = mem_alloc(FAKE_BODY_MAX + 2);

	assert_int_equal(ask("PUT", "/1.0", NULL, "{\"config\":"), 400);
	assert_int_equal(ask("PUT", "/1.0", NULL, "\"\""), 400);
	assert_int_equal(ask("PUT", "/1.0", NULL, "[]"), 400);
	ask("PUT", "/1.0", NULL, NULL);
	assert_error(400, "EOF: the request has no body");
	ask("PATCH", "/1.0", NULL, NULL);
	assert_error(400, "EOF: the request has no body");
	assert_int_equal(ask("POST", "/1.0/certificates", NULL, "\"x\""), 400);
	assert_int_equal(ask("PUT", "/1.0", NULL, "{} {}"), 400);
	assert_int_equal(ask("PUT", "/1.0", NULL, "null"), 400); /* no body: no config */
	assert_int_equal(ask("GET", "/1.0", NULL, "null"), 200);
	assert_int_equal(ask("GET", "/1.0", NULL, "{junk"), 200); /* not read, as in LXD */
	memset(big, ' ', FAKE_BODY_MAX + 1);
	assert_int_equal(ask("PUT", "/1.0", NULL, big), 413);
	free(big);
}

static void test_server_config(void **state)
{
	struct error err = ERROR_INIT;
	struct server_config *again;

	ask("PUT", "/1.0", NULL, "{\"config\":{\"nosuch.key\":\"1\"}}");
	assert_error(400, "cannot set 'nosuch.key' to '1': unknown key");
	assert_int_equal(ask("PUT", "/1.0", NULL, "{\"config\":{\"user.n\":5}}"), 400);
	ask("PUT", "/1.0", NULL,
	    "{\"config\":{\"user.a\":\"1\",\"user.n\":\"5\",\"core.shutdown_timeout\":\"2\"}}");
	assert_int_equal(fake.status, 200);
	assert_int_equal(ask("PATCH", "/1.0", NULL, "{\"config\":{\"user.b\":\"2\",\"nosuch\":\"\"}}"), 400);
	assert_null(server_config_get(berthd.server, "user.b"));
	assert_int_equal(ask("PATCH", "/1.0", NULL, "{\"config\":{\"user.b\":\"2\",\"core.trust_password\":\"\"}}"), 200);
	assert_string_equal(server_config_get(berthd.server, "user.a"), "1");
	assert_string_equal(server_config_get(berthd.server, "user.n"), "5");
	assert_string_equal(server_config_get(berthd.server, "user.b"), "2");
	assert_int_equal(server_config_shutdown_ms(berthd.server, 7), 120000);
	assert_int_equal(ask("PATCH", "/1.0", NULL, "{\"config\":{\"user.z\":\"1\",\"user.b\":{}}}"), 400);
	assert_null(server_config_get(berthd.server, "user.z")); /* all or nothing */
	assert_int_equal(
		ask("PUT", "/1.0", NULL, "{\"config\":{\"user.b\":\"\",\"user.c\":\"3\",\"user.d\":null}}"),
		200);
	assert_null(server_config_get(berthd.server, "user.a"));
	assert_null(server_config_get(berthd.server, "user.b"));
	assert_int_equal(server_config_shutdown_ms(berthd.server, 7), 7);
	assert_int_equal(ask("PUT", "/1.0", NULL, "{\"config\":{\"core.shutdown_timeout\":\"soon\"}}"), 400);
	assert_int_equal(ask("PUT", "/1.0", NULL, "{\"config\":{\"user.\":\"1\"}}"), 400);
	assert_int_equal(ask("PUT", "/1.0", NULL, "{\"config\":{\"user.a\\nb\":\"1\"}}"), 400);
	assert_int_equal(ask("PUT", "/1.0", NULL, "{\"config\":[]}"), 400);
	again = server_config_open(config_path, &err);
	assert_non_null(again);
	assert_string_equal(server_config_get(again, "user.c"), "3");
	server_config_free(again);
}

static void test_etag(void **state)
{
	char match[200], *etag;

	ask("GET", "/1.0", NULL, NULL);
	etag = mem_strdup(fake.etag);
	assert_int_equal(strlen(etag), 64);
	assert_int_equal(ask("PATCH", "/1.0", "If-Match: bogus\n", "{\"config\":{}}"), 412);
	assert_non_null(strstr(fake.text, "ETag doesn't match: "));
	assert_non_null(strstr(fake.text, " vs bogus\""));
	snprintf(match, sizeof(match), "Host: x\nIf-Match: \"%s\"\n", etag);
	assert_int_equal(ask("PATCH", "/1.0", match, "{\"config\":{}}"), 200);
	snprintf(match, sizeof(match), "If-Match: \"a\", %s\n", etag);
	assert_int_equal(ask("PATCH", "/1.0", match, "{\"config\":{}}"), 200);
	assert_int_equal(ask("PATCH", "/1.0", "If-Match: *\n", "{\"config\":{\"user.new\":\"1\"}}"), 200);
	assert_int_equal(ask("PATCH", "/1.0", match, "{\"config\":{}}"), 412); /* it changed */
	free(etag);
}

static void test_environment(void **state)
{
	struct error err = ERROR_INIT;
	cJSON *v, *env;

	ask("GET", "/1.0", NULL, NULL);
	v = json_parse(fake.text, strlen(fake.text), &err);
	env = json_obj(json_obj(v, "metadata"), "environment");
	assert_string_equal(json_str_or(json_obj(v, "metadata"), "auth", ""), "trusted");
	assert_string_equal(json_str_or(env, "server", ""), "berth");
	assert_string_equal(json_str_or(env, "server_name", ""), "testhost");
	assert_string_equal(json_str_or(env, "storage", ""), "overlay");
	assert_int_equal(json_int(env, "server_pid", 0), getpid());
	assert_true(cJSON_IsArray(json_arr(env, "addresses")));
	assert_non_null(json_str(env, "os_name"));
	cJSON_Delete(v);
}

static void test_resources(void **state)
{
	struct error err = ERROR_INIT;
	cJSON *v, *m;

	assert_int_equal(ask("GET", "/1.0/resources", NULL, NULL), 200);
	v = json_parse(fake.text, strlen(fake.text), &err);
	m = json_obj(v, "metadata");
	assert_true(json_int(json_obj(m, "cpu"), "total", 0) >= 1);
	assert_true(json_int(json_obj(m, "memory"), "total", 0) > json_int(json_obj(m, "memory"), "used", 0));
	assert_true(json_int(json_obj(m, "memory"), "used", 0) > 0);
	cJSON_Delete(v);
}

static void test_no_websocket(void **state)
{
	static const char upgrade[] =
		"Upgrade: websocket\nConnection: keep-alive, Upgrade\nSec-WebSocket-Version: 13\n"
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\n";

	assert_int_equal(ask("GET", "/1.0/events", NULL, NULL), 400);
	assert_int_equal(ask("HEAD", "/1.0/events", upgrade, NULL), 400);
	assert_int_equal(ask("GET", "/1.0/events?type=nosuch", upgrade, NULL), 400);
	assert_int_equal(ask("GET", "/1.0/events",
			     "Upgrade: websocket\nConnection: Upgrade\nSec-WebSocket-Version: 8\n", NULL),
			 400);
	assert_int_equal(ask("GET", "/1.0/events",
			     "Upgrade: websocket\nConnection: Upgrade\nSec-WebSocket-Version: 13\n"
			     "Sec-WebSocket-Key: !!!!IHNhbXBsZSBub25jZQ==\n",
			     NULL),
			 400);
	assert_int_equal(ask("GET", "/1.0/events?type=operation,lifecycle", upgrade, NULL), 101);
}

static void test_operations(void **state)
{
	ask("GET", "/1.0/operations/00000000-0000-0000-0000-000000000000", NULL, NULL);
	assert_error(404, "Operation not found");
	ask("DELETE", "/1.0/operations/x", NULL, NULL);
	assert_error(404, "Operation not found");
	ask("GET", "/1.0/operations/x/wait?timeout=soon", NULL, NULL);
	assert_error(404, "Operation not found");
	ask("GET", "/1.0/operations?recursion=1", NULL, NULL);
	assert_non_null(strstr(fake.text, "\"metadata\":{}}"));
}

/* ---- replies that come when the client is gone */

static struct request *kept;
static int gone;

static void on_gone(struct request *r)
{
	gone++;
}

static void test_gone_with_callback(void **state)
{
	struct request *r = request_new(&berthd, &fake_transport, "GET", "/1.0");

	r->peer = &fake;
	gone = 0;
	request_on_gone(r, on_gone);
	request_gone(r); /* frees it: AddressSanitizer is the judge */
	assert_int_equal(gone, 1);
}

static void test_gone_without_callback(void **state)
{
	fake_clear(&fake);
	kept = request_new(&berthd, &fake_transport, "GET", "/1.0");
	kept->peer = &fake;
	request_gone(kept);
	assert_null(request_header(kept, "Host"));
	assert_string_equal(request_path(kept), "/1.0");
	reply_sync(kept, NULL); /* frees it, says it to nobody */
	assert_int_equal(fake.sent, 0);
}

static void test_recursion(void **state)
{
	static const struct { const char *target; int want; } rows[] = {
		{ "/1.0/operations", 0 },	      { "/1.0/operations?recursion=0", 0 },
		{ "/1.0/operations?recursion=1", 1 }, { "/1.0/operations?recursion=2", 2 },
		{ "/1.0/operations?recursion=3", 0 }, { "/1.0/operations?recursion=-1", 0 },
		{ "/1.0/operations?recursion=", 0 },  { "/1.0/operations?recursion=1x", 0 },
	};
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct request *r = request_new(&berthd, &fake_transport, "GET", rows[i].target);

		r->peer = &fake;
		assert_true(router_route(r));
		assert_int_equal(request_recursion(r), rows[i].want);
		request_free(r);
	}
}

static void test_etag_of_ignores_order(void **state)
{
	AUTO_JSON cJSON *a = cJSON_Parse("{\"a\":1,\"b\":{\"c\":2,\"d\":[1,2]}}");
	AUTO_JSON cJSON *b = cJSON_Parse("{\"b\":{\"d\":[1,2],\"c\":2},\"a\":1}");
	AUTO_JSON cJSON *c = cJSON_Parse("{\"b\":{\"d\":[2,1],\"c\":2},\"a\":1}");
	char etag_a[65], etag_b[65], etag_c[65];

	etag_of(a, etag_a);
	etag_of(b, etag_b);
	etag_of(c, etag_c);
	assert_string_equal(etag_a, etag_b);
	assert_string_not_equal(etag_a, etag_c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_envelope),
		cmocka_unit_test(test_unknown_paths),
		cmocka_unit_test(test_bad_escapes),
		cmocka_unit_test(test_wrong_method),
		cmocka_unit_test(test_names_with_slashes),
		cmocka_unit_test(test_head_is_get),
		cmocka_unit_test(test_params_are_decoded),
		cmocka_unit_test(test_foreign_project),
		cmocka_unit_test(test_too_many_query_parameters),
		cmocka_unit_test(test_bodies),
		cmocka_unit_test(test_server_config),
		cmocka_unit_test(test_etag),
		cmocka_unit_test(test_environment),
		cmocka_unit_test(test_resources),
		cmocka_unit_test(test_no_websocket),
		cmocka_unit_test(test_operations),
		cmocka_unit_test(test_gone_with_callback),
		cmocka_unit_test(test_gone_without_callback),
		cmocka_unit_test(test_recursion),
		cmocka_unit_test(test_etag_of_ignores_order),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
