/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "helper/fetch_resolve.h"

#define A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define C "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"
#define D "dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd"

#define VERSION(meta_path, sum, root) "{\"items\":{\"m\":{\"ftype\":\"lxd.tar.xz\",\"path\":\"" meta_path "\",\"sha256\":\"" A "\"," \
	"\"combined_squashfs_sha256\":\"" sum "\"},\"r\":{\"ftype\":\"" root "\",\"path\":\"r\",\"sha256\":\"" A "\"}}}"

static const char products[] =
	"{\"products\":{"
	"\"p:arm\":{\"aliases\":\"deb/12\",\"arch\":\"arm64\",\"versions\":{\"3\":" VERSION("m", D, "squashfs") "}},"
	"\"p:amd\":{\"aliases\":\"deb/12,deb/12/default\",\"arch\":\"amd64\",\"os\":\"Deb\",\"release\":\"12\",\"versions\":{"
	"\"1\":" VERSION("m", A, "squashfs") ",\"2\":" VERSION("m", B, "squashfs") ",\"3\":" VERSION("m", C, "disk-kvm.img") ","
	"\"4\":" VERSION("../../etc/x", D, "squashfs") ",\"5\":" VERSION("m", "short", "squashfs") "}}}}";

/* What source means: the first letter of the fingerprint; '-' when there is none. */
static char found(const char *source_text)
{
	struct error err = ERROR_INIT;
	AUTO_JSON cJSON *all = json_parse(products, strlen(products), &err);
	AUTO_JSON cJSON *source = json_parse(source_text, strlen(source_text), &err);
	AUTO_JSON cJSON *v = NULL;

	assert_non_null(all);
	assert_non_null(source);
	json_set(source, "architectures", cJSON_Parse("[\"x86_64\",\"i686\"]"));
	v = fetch_streams_find(all, source, "https://s");
	if (v == NULL)
		return '-';
	assert_int_equal(cJSON_GetArraySize(json_arr(v, "files")), 2);
	assert_string_equal(json_str(cJSON_GetArrayItem(json_arr(v, "files"), 0), "url"), "https://s/m");
	return json_str(v, "fingerprint")[0];
}

static void test_the_latest_that_is_whole(void **state)
{
	assert_int_equal(found("{\"alias\":\"deb/12\"}"), 'b');
	assert_int_equal(found("{\"alias\":\"deb/12/amd64\"}"), 'b');
	assert_int_equal(found("{\"alias\":\"deb/12/default\"}"), 'b');
	assert_int_equal(found("{\"fingerprint\":\"deb/12\"}"), 'b');
	assert_int_equal(found("{\"fingerprint\":\"aaaaaaaaaaaa\"}"), 'a');
}

static void test_others(void **state)
{
	assert_int_equal(found("{\"alias\":\"deb/1\"}"), '-');
	assert_int_equal(found("{\"alias\":\"deb/12/arm64\"}"), '-');
	assert_int_equal(found("{\"alias\":\"deb/123\"}"), '-');
	assert_int_equal(found("{\"alias\":\"\"}"), '-');
	assert_int_equal(found("{\"fingerprint\":\"cccc\"}"), '-');
	assert_int_equal(found("{\"fingerprint\":\"dddd\"}"), '-'); /* its path leaves the server's folder */
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_the_latest_that_is_whole), cmocka_unit_test(test_others) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
