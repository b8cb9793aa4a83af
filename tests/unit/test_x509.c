/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/fs.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "base/x509.h"

static char dir[64];

static struct x509 *made(struct strbuf *pem)
{
	AUTO_FREE char *cert = fs_join(dir, "c.crt"), *key = fs_join(dir, "c.key");
	struct error err = ERROR_INIT;

	assert_int_equal(x509_make("host-1", cert, key, &err), 0);
	assert_int_equal(fs_read_file(cert, X509_MAX, pem, &err), 0);
	return x509_read(pem->buf, pem->len, &err);
}

static void test_made_is_read(void **state)
{
	AUTO_STRBUF struct strbuf pem = STRBUF_INIT;
	struct x509 *x = made(&pem), *again;
	struct error err = ERROR_INIT;
	AUTO_FREE char *bare = mem_alloc(pem.len);
	const char *from = strchr(pem.buf, '\n') + 1;

	assert_non_null(x);
	assert_string_equal(x->common_name, "root@host-1");
	assert_int_equal(strlen(x->fingerprint), 64);
	assert_int_equal(x509_check(x, &err), 0);
	assert_true(x509_is_current(x));
	x->until = x->from - 1; /* over before it began */
	assert_false(x509_is_current(x));
	assert_int_equal(x509_check(x, &err), -1);
	assert_string_equal(err.msg, "The provided certificate is expired");
	/* what clients send: the base64 between the lines */
	memcpy(bare, from, (size_t)(strstr(from, "-----END") - from));
	again = x509_read(bare, strlen(bare), &err);
	assert_non_null(again);
	assert_string_equal(again->fingerprint, x->fingerprint);
	assert_string_equal(again->pem, x->pem);
	x509_free(again);
	x509_free(x);
}

static void test_hostile(void **state)
{
	AUTO_STRBUF struct strbuf pem = STRBUF_INIT;
	struct x509 *x = made(&pem);
	static const char *const bad[] = { "", "0", "M", "bm9uZQ==", "-----BEGIN CERTIFICATE-----\n", "\x30\x82\xff\xff" };
	struct error err = ERROR_INIT;
	AUTO_FREE char *large = mem_alloc(X509_MAX + 2);

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_null(x509_read(bad[i], strlen(bad[i]), &err));
		assert_int_equal(err.code, ERROR_INVALID);
	}
	memset(large, 'A', X509_MAX + 1);
	assert_null(x509_read(large, X509_MAX + 1, &err));
	for (size_t n = 0; n + 30 < pem.len; n += 7) /* cut anywhere */
		assert_null(x509_read(pem.buf, n, &err));
	for (size_t i = 30; i + 30 < pem.len; i += 11) { /* a bit turned: no matter what it says, nothing breaks */
		pem.buf[i] ^= 4;
		x509_free(x509_read(pem.buf, pem.len, &err));
		pem.buf[i] ^= 4;
	}
	x509_free(x);
}

static int setup(void **state)
{
	snprintf(dir, sizeof(dir), "/tmp/berth-test-x509-XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
	struct error err = ERROR_INIT;

	return fs_remove_tree(dir, &err);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_made_is_read),
		cmocka_unit_test(test_hostile),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
