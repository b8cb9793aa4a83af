/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"
#include "proc/op_private.h"

/* What deletions get on a full disk is there before, used once, and made again. */
static void kept_used_and_made_again(void **state)
{
	char dir[] = "/tmp/test_op_reserve.XXXXXX";
	struct error full = ERROR_INIT, other = ERROR_INIT, err = ERROR_INIT;
	uv_loop_t loop;
	struct op_queue *q;
	struct stat st;
	AUTO_FREE char *path = NULL;

	error_sys(&full, ENOSPC, "cannot write");
	error_sys(&other, EIO, "cannot write");
	error_wrap(&full, "the journal");
	assert_non_null(mkdtemp(dir));
	path = fs_join(dir, "reserve");
	uv_loop_init(&loop);
	q = op_queue_new(&loop, dir, NULL, 1);
	op_reserve_make(q); /* none was asked for */
	assert_false(op_reserve_use(q, &full));
	assert_false(fs_exists(path));

	op_queue_reserve(q, path);
	assert_int_equal(stat(path, &st), 0);
	assert_true(st.st_blocks * 512 >= 65536);
	assert_false(op_reserve_use(q, &other));
	assert_true(fs_exists(path));
	assert_true(op_reserve_use(q, &full));
	assert_false(fs_exists(path));
	assert_false(op_reserve_use(q, &full));
	op_reserve_make(q);
	assert_true(fs_exists(path));

	/* the next daemon finds it there */
	op_queue_reserve(q, path);
	assert_true(op_reserve_use(q, &full));
	op_queue_free(q);
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&loop), 0);
	assert_int_equal(fs_remove_tree(dir, &err), 0);
}

static void nowhere(void **state)
{
	struct error full = ERROR_INIT;
	uv_loop_t loop;
	struct op_queue *q;

	error_sys(&full, ENOSPC, "cannot write");
	uv_loop_init(&loop);
	q = op_queue_new(&loop, "/tmp", NULL, 1);
	op_queue_reserve(q, "/nonexistent/reserve");
	assert_false(op_reserve_use(q, &full));
	op_queue_free(q);
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&loop), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kept_used_and_made_again),
		cmocka_unit_test(nowhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
