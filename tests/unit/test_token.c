/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "api/token.h"
#include "base/json.h"

static const struct op_step steps[] = { TOKEN_STEP(3600, 0), { 0 } };
static const struct op_kind kind = { TOKEN_KIND, .name = "test", .description = "Testing", .steps = steps };
static const struct op_kind other = { TOKEN_KIND, .name = "other", .description = "Testing", .steps = steps };

static uv_loop_t loop;

static int setup(void **state)
{
	uv_loop_init(&loop);
	*state = op_queue_new(&loop, "/nonexistent", NULL, 1);
	return 0;
}

static void set(void *data)
{
	*(bool *)data = true;
}

static int teardown(void **state)
{
	bool drained = false;

	op_queue_drain(*state, 0, set, &drained);
	while (!drained)
		uv_run(&loop, UV_RUN_ONCE);
	op_queue_free(*state);
	uv_run(&loop, UV_RUN_DEFAULT);
	return uv_loop_close(&loop);
}

static struct op *make(struct op_queue *q, const struct op_kind *k, struct error *err)
{
	return token_start(q, k, cJSON_CreateObject(), cJSON_CreateObject(), err);
}

static void until_waits(struct op *op)
{
	while (op_status(op) == OP_PENDING)
		uv_run(&loop, UV_RUN_NOWAIT);
}

static void is_found_until_cancelled(void **state)
{
	struct error err = ERROR_INIT;
	struct op *op = make(*state, &kind, &err);
	const char *secret = json_str(op_args(op), "secret");

	assert_ptr_equal(token_of_secret(*state, &kind, secret), op);
	assert_null(token_of_secret(*state, &other, secret));
	assert_null(token_of_secret(*state, &kind, ""));
	until_waits(op);
	assert_int_equal(op_cancel(op, &err), 0);
	assert_null(token_of_secret(*state, &kind, secret));
}

static void are_so_many(void **state)
{
	struct error err = ERROR_INIT;
	struct op *op = NULL;

	for (int i = 0; i < TOKENS_MAX; i++)
		assert_non_null(op = make(*state, &kind, &err));
	assert_null(make(*state, &kind, &err));
	assert_int_equal(err.code, ERROR_UNAVAILABLE);
	error_clear(&err);
	assert_non_null(make(*state, &other, &err));
	until_waits(op);
	assert_int_equal(op_cancel(op, &err), 0);
	assert_non_null(make(*state, &kind, &err));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(is_found_until_cancelled, setup, teardown),
		cmocka_unit_test_setup_teardown(are_so_many, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
