/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "api/files_head.h"
#include "fake_request.h"

static void test_rows(void **state)
{
	static const struct {
		const char *headers, *options; /* NULL: refused */
	} rows[] = {
		{ "", "" },
		{ "X-LXD-type: file\nX-LXD-uid: 0\nX-LXD-gid: 4294967294\nX-LXD-mode: 0644\nX-LXD-write: overwrite",
		  "--type=file --uid=0 --gid=4294967294 --mode=644" },
		{ "X-LXD-mode: 0o755", "--mode=755" },
		{ "X-LXD-mode: 600", "--mode=600" },
		{ "X-LXD-uid: -1\nX-LXD-mode: ", "" },
		{ "X-LXD-type: symlink\nX-LXD-write: append", "--type=symlink --append" },
		{ "X-LXD-mode: 0x1ff", NULL },
		{ "X-LXD-mode: 0o", NULL },
		{ "X-LXD-mode: 10000", NULL },
		{ "X-LXD-uid: 4294967295", NULL },
		{ "X-LXD-uid: -2", NULL },
		{ "X-LXD-gid: root", NULL },
		{ "X-LXD-type: fifo", NULL },
		{ "X-LXD-write: prepend", NULL },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct fake fake = { .headers = rows[i].headers };
		struct request r = { .transport = &fake_transport, .peer = &fake };
		AUTO_ARGV struct argv argv = ARGV_INIT;
		struct error err = ERROR_INIT;
		AUTO_FREE char *line = NULL;
		int rc = files_head_push(&r, &argv, &err);

		assert_int_equal(rc, rows[i].options == NULL ? -1 : 0);
		if (rc < 0)
			continue;
		line = argv_quote(&argv);
		assert_string_equal(argv.n > 0 ? line : "", rows[i].options);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_rows) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
