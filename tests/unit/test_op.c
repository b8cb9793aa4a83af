/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "proc/op.h"

/* What the steps did, in order: "a b !b !a". */
static struct strbuf trace = STRBUF_INIT;
static const char *fail_at = "";
static bool async;
static uv_loop_t loop;
static char dir[64];

static void say(const char *s)
{
	strbuf_addf(&trace, "%s%s", trace.len > 0 ? " " : "", s);
}

static enum op_result later(struct op *op, struct error *err)
{
	struct argv argv = ARGV_INIT;

	argv_push(&argv, "true");
	return op_child(op, &argv, NULL, err);
}

static enum op_result step(struct op *op, const char *name, struct error *err)
{
	say(name);
	if (strcmp(fail_at, name) == 0) {
		error_set(err, ERROR_INVALID, "no %s today", name);
		return OP_FAIL;
	}
	return async ? later(op, err) : OP_DONE;
}

#define STEP(n) \
	static enum op_result run_##n(struct op *op, struct error *err) { return step(op, #n, err); } \
	static enum op_result undo_##n(struct op *op, struct error *err) { return step(op, "!" #n, err); }
STEP(a)
STEP(b)
STEP(c)

static const struct op_step steps[] = { { "a", run_a, undo_a, 0, 0 }, { "b", run_b, undo_b, 0, 0 },
					{ "c", run_c, undo_c, 0, 0 }, { 0 } };
static const struct op_step commit_steps[] = { { "a", run_a, undo_a, 0, 0 }, { "b", run_b, NULL, 0, OP_COMMIT },
					       { "c", run_c, NULL, 0, 0 }, { 0 } };

static const struct op_kind kind = { .name = "test", .description = "Testing", .steps = steps, .may_cancel = true };
static const struct op_kind commit_kind = { .name = "commit", .description = "Testing", .steps = commit_steps };

static void *refuse(void *ctx, cJSON *args, struct error *err)
{
	error_set(err, ERROR_INVALID, "nothing to load");
	return NULL;
}

static const struct op_kind picky_kind = { .name = "picky", .description = "Testing", .steps = steps, .load = refuse };

static int count_entries(void)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	int n = 0;

	while ((e = readdir(d)) != NULL)
		n += strstr(e->d_name, ".json") != NULL;
	closedir(d);
	return n;
}

static int setup(void **state)
{
	snprintf(dir, sizeof(dir), "/tmp/test_op.XXXXXX");
	assert_non_null(mkdtemp(dir));
	uv_loop_init(&loop);
	strbuf_clear(&trace);
	fail_at = "";
	async = false;
	*state = op_queue_new(&loop, dir, NULL, 2);
	op_queue_register(*state, &kind);
	op_queue_register(*state, &picky_kind);
	op_queue_register(*state, &commit_kind);
	return 0;
}

static int teardown(void **state)
{
	struct error err = ERROR_INIT;

	op_queue_free(*state);
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&loop), 0);
	strbuf_clear(&trace);
	return fs_remove_tree(dir, &err);
}

static void until_final(struct op *op)
{
	while (op_status(op) < OP_SUCCESS)
		uv_run(&loop, UV_RUN_ONCE);
}

static struct op *start(struct op_queue *q, const struct op_kind *k, const char *lock)
{
	const char *locks[] = { lock, NULL };
	struct op_options options = { .locks = lock != NULL ? locks : NULL };
	struct error err = ERROR_INIT;
	struct op *op = op_start(q, k, cJSON_CreateObject(), &options, &err);

	assert_non_null(op);
	return op;
}

static void runs_in_order(void **state)
{
	struct op *op = start(*state, &kind, "x");

	assert_int_equal(trace.len, 0); /* nothing ran yet */
	assert_int_equal(op_status(op), OP_PENDING);
	assert_true(op_locked(*state, "x"));
	until_final(op);
	assert_string_equal(trace.buf, "a b c");
	assert_int_equal(op_status(op), OP_SUCCESS);
	assert_false(op_locked(*state, "x"));
	assert_int_equal(count_entries(), 0);
	assert_ptr_equal(op_find(*state, op_id(op)), op);
}

static void fails_at_every_step(void **state)
{
	static const struct {
		const char *at, *want;
	} table[] = { { "a", "a !a" }, { "b", "a b !b !a" }, { "c", "a b c !c !b !a" } };

	for (int waits = 0; waits < 2; waits++) {
		async = waits;
		for (size_t i = 0; i < 3; i++) {
			struct op *op;

			strbuf_reset(&trace);
			fail_at = table[i].at;
			op = start(*state, &kind, "x");
			until_final(op);
			assert_string_equal(trace.buf, table[i].want);
			assert_int_equal(op_status(op), OP_FAILURE);
			assert_string_equal(op_error(op)->msg + 3, i == 0 ? "a today" : i == 1 ? "b today" : "c today");
			assert_int_equal(count_entries(), 0);
		}
	}
}

static void after_commit_only_forward(void **state)
{
	struct op *op;

	fail_at = "b"; /* the commit step itself: undone */
	op = start(*state, &commit_kind, NULL);
	until_final(op);
	assert_string_equal(trace.buf, "a b !a");
	assert_int_equal(count_entries(), 0);
	strbuf_reset(&trace);
	fail_at = "c"; /* past it: the journal entry stays for the next start */
	op = start(*state, &commit_kind, NULL);
	until_final(op);
	assert_string_equal(trace.buf, "a b c");
	assert_int_equal(op_status(op), OP_FAILURE);
	assert_int_equal(count_entries(), 1);
}

static void write_journal(const char *kind_name, const char *step_name)
{
	AUTO_FREE char *path = mem_printf("%s/01234567-89ab-cdef-0123-456789abcdef.json", dir);
	AUTO_FREE char *text = mem_printf("{\"id\":\"01234567-89ab-cdef-0123-456789abcdef\",\"kind\":\"%s\",\"step\":\"%s\","
					  "\"locks\":[\"instance/c1\"],\"args\":{\"n\":1}}", kind_name, step_name);
	struct error err = ERROR_INIT;

	assert_int_equal(fs_write_atomic(path, text, strlen(text), 0600, &err), 0);
}

static void recover(void **state, const char *kind_name, const char *step_name, const char *want)
{
	struct error err = ERROR_INIT;
	struct op *op;

	strbuf_reset(&trace);
	write_journal(kind_name, step_name);
	assert_int_equal(op_queue_recover(*state, &err), 1);
	op = op_find(*state, "01234567-89ab-cdef-0123-456789abcdef");
	assert_non_null(op);
	assert_true(op_locked(*state, "instance/c1"));
	assert_int_equal(json_int(op_args(op), "n", 0), 1);
	until_final(op);
	assert_string_equal(trace.buf, want);
	assert_int_equal(count_entries(), 0);
}

static void recovery_undoes(void **state)
{
	recover(state, "test", "c", "!c !b !a");
}

static void recovery_undoes_the_first_step(void **state)
{
	recover(state, "test", "a", "!a");
}

static void recovery_finishes_forward(void **state)
{
	recover(state, "commit", "b", "b c");
}

static void recovery_sets_garbage_aside(void **state)
{
	AUTO_FREE char *path = mem_printf("%s/01234567-89ab-cdef-0123-456789abcdef.json", dir);
	AUTO_FREE char *bad = mem_printf("%s.bad", path);
	struct error err = ERROR_INIT;

	assert_int_equal(fs_write_atomic(path, "{\"kind\":", 8, 0600, &err), 0);
	assert_int_equal(op_queue_recover(*state, &err), 0);
	assert_true(fs_exists(bad));
	write_journal("nosuch", "a");
	assert_int_equal(op_queue_recover(*state, &err), 0);
	assert_false(fs_exists(path));
	write_journal("test", "nosuch");
	assert_int_equal(op_queue_recover(*state, &err), 0);
	assert_int_equal(op_locked(*state, "instance/c1"), 0);
	write_journal("picky", "a"); /* it is no operation either: nothing is listed that would seem to have succeeded */
	assert_int_equal(op_queue_recover(*state, &err), 0);
	assert_false(fs_exists(path));
	assert_null(op_find(*state, "01234567-89ab-cdef-0123-456789abcdef"));
}

static void one_at_a_time_per_lock(void **state)
{
	struct op *first, *second, *other;

	async = true;
	first = start(*state, &kind, "x");
	second = start(*state, &kind, "x");
	other = start(*state, &kind, "y");
	until_final(other);
	assert_int_not_equal(op_status(second), OP_SUCCESS);
	until_final(first);
	until_final(second);
	assert_int_equal(op_status(second), OP_SUCCESS);
}

static void pending_can_be_cancelled(void **state)
{
	struct error err = ERROR_INIT;
	struct op *first, *second;

	async = true;
	first = start(*state, &kind, "x");
	second = start(*state, &kind, "x");
	assert_int_equal(op_cancel(second, &err), 0);
	assert_int_equal(op_status(second), OP_CANCELLED);
	until_final(first);
	assert_int_equal(op_status(first), OP_SUCCESS);
	assert_int_equal(op_cancel(first, &err), -1);
	assert_string_equal(err.msg, "Only running operations can be cancelled");
	assert_string_equal(trace.buf, "a b c");
}

static void running_is_undone_when_cancelled(void **state)
{
	struct error err = ERROR_INIT;
	struct op *op;

	async = true;
	op = start(*state, &kind, "x");
	while (strstr(trace.buf, "b") == NULL)
		uv_run(&loop, UV_RUN_ONCE);
	assert_int_equal(op_cancel(op, &err), 0);
	assert_int_equal(op_status(op), OP_CANCELLING);
	until_final(op);
	assert_int_equal(op_status(op), OP_CANCELLED);
	assert_non_null(strstr(trace.buf, "!b !a"));
}

static void count_cb(struct op *op, void *data)
{
	(*(int *)data)++;
}

static void waits_fire_once(void **state)
{
	struct op *op = start(*state, &kind, NULL);
	struct op_wait *gone;
	int n = 0;

	op_on_end(op, count_cb, &n);
	gone = op_on_end(op, count_cb, &n);
	op_wait_cancel(gone);
	until_final(op);
	assert_int_equal(n, 1);
	op_on_end(op, count_cb, &n);
	assert_int_equal(n, 2);
}

static void drained_cb(void *data)
{
	*(bool *)data = true;
}

static void drain_refuses_and_ends(void **state)
{
	struct error err = ERROR_INIT;
	bool done = false;
	struct op *running, *waiting;

	async = true;
	running = start(*state, &kind, "x");
	waiting = start(*state, &kind, "x");
	uv_run(&loop, UV_RUN_NOWAIT);
	op_queue_drain(*state, 10000, drained_cb, &done);
	assert_null(op_start(*state, &kind, cJSON_CreateObject(), NULL, &err));
	assert_int_equal(err.code, ERROR_UNAVAILABLE);
	while (!done)
		uv_run(&loop, UV_RUN_ONCE);
	assert_int_equal(op_status(running), OP_SUCCESS);
	assert_int_equal(op_status(waiting), OP_CANCELLED);
}

static enum op_result run_forever(struct op *op, struct error *err)
{
	return OP_WAIT;
}

static void a_step_that_hangs_times_out(void **state)
{
	static const struct op_step hang[] = { { "a", run_a, undo_a, 0, 0 }, { "hang", run_forever, NULL, 1, 0 }, { 0 } };
	static const struct op_kind hang_kind = { .name = "hang", .description = "Hanging", .steps = hang };
	struct op *op = start(*state, &hang_kind, NULL);

	until_final(op);
	assert_int_equal(op_error(op)->code, ERROR_TIMEOUT);
	assert_string_equal(op_error(op)->msg, "step 'hang' took longer than 1 s");
	assert_string_equal(trace.buf, "a !a");
}

static void undo_errors_do_not_stop_the_undo(void **state)
{
	struct error err = ERROR_INIT;
	struct op *op;

	fail_at = "!b"; /* logged; the next one runs all the same */
	write_journal("test", "c");
	assert_int_equal(op_queue_recover(*state, &err), 1);
	op = op_find(*state, "01234567-89ab-cdef-0123-456789abcdef");
	until_final(op);
	assert_string_equal(trace.buf, "!c !b !a");
	assert_non_null(strstr(op_error(op)->msg, "berthd ended during step 'c'"));
}

static void undo_that_failed_is_left_to_the_next_start(void **state)
{
	static const struct op_kind later_kind = { .name = "test-later", .description = "Testing", .steps = steps,
						   .undo_later = true };
	struct error err = ERROR_INIT;
	struct op *op;

	op_queue_register(*state, &later_kind);
	fail_at = "!b";
	write_journal("test-later", "c");
	assert_int_equal(op_queue_recover(*state, &err), 1);
	op = op_find(*state, "01234567-89ab-cdef-0123-456789abcdef");
	until_final(op);
	assert_string_equal(trace.buf, "!c !b !a");
	assert_int_equal(count_entries(), 1);
}

static void shape_of_the_object(void **state)
{
	struct op *op = start(*state, &kind, NULL);
	AUTO_JSON cJSON *v = op_json(op);

	assert_string_equal(json_str(v, "class"), "task");
	assert_string_equal(json_str(v, "status"), "Pending");
	assert_int_equal(json_int(v, "status_code", 0), 105);
	assert_true(cJSON_IsNull(cJSON_GetObjectItem(v, "resources")));
	assert_true(cJSON_IsNull(cJSON_GetObjectItem(v, "metadata")));
	assert_string_equal(json_str(v, "err"), "");
	until_final(op);
}

/* ---- slots and threads */

static enum op_result wait_for_ever(struct op *op, struct error *err)
{
	return OP_WAIT;
}

static const struct op_step patient_steps[] = { { "wait", wait_for_ever, NULL, 0, 0 }, { 0 } };
static const struct op_kind patient_kind = { .name = "patient", .description = "Waiting", .steps = patient_steps,
					     .volatile_ = true, .patient = true };

static void the_patient_block_no_others(void **state)
{
	struct op_queue *q = *state;
	struct op *waiting[5], *op;

	for (size_t i = 0; i < 5; i++)
		waiting[i] = start(q, &patient_kind, NULL);
	op = start(q, &kind, NULL);
	until_final(op);
	assert_int_equal(op_status(op), OP_SUCCESS);
	for (size_t i = 0; i < 5; i++) {
		assert_int_equal(op_status(waiting[i]), OP_RUNNING);
		op_resume(waiting[i], OP_DONE, NULL);
		assert_int_equal(op_status(waiting[i]), OP_SUCCESS);
	}
}

static int hold[2];

static int work_until_told(void *arg, struct error *err)
{
	char c;

	return read(hold[0], &c, 1) == 1 ? 0 : -1;
}

static enum op_result run_thread(struct op *op, struct error *err)
{
	return op_thread(op, work_until_told, NULL, err);
}

static void tell_cb(uv_timer_t *timer)
{
	assert_int_equal(write(hold[1], "x", 1), 1);
	uv_close((uv_handle_t *)timer, NULL);
}

/* The thread has the operation's data: the step's timeout must not end the operation under it. */
static void a_thread_outlives_the_timeout(void **state)
{
	static const struct op_step thread_steps[] = { { "work", run_thread, NULL, 1, 0 }, { 0 } };
	static const struct op_kind thread_kind = { .name = "thread", .description = "Working",
						    .steps = thread_steps, .volatile_ = true };
	uv_timer_t timer;
	struct op *op;

	assert_int_equal(pipe(hold), 0);
	uv_timer_init(&loop, &timer);
	uv_timer_start(&timer, tell_cb, 1300, 0);
	op = start(*state, &thread_kind, NULL);
	until_final(op);
	assert_int_equal(op_status(op), OP_SUCCESS);
	while (uv_is_active((uv_handle_t *)&timer))
		uv_run(&loop, UV_RUN_ONCE);
	uv_run(&loop, UV_RUN_NOWAIT);
	close(hold[0]);
	close(hold[1]);
}

/* An operation that starts another one as its step. */
static struct op_queue *follow_queue;

static enum op_result run_follow(struct op *op, struct error *err)
{
	say("follow");
	return op_follow(op, op_start(follow_queue, &kind, cJSON_CreateObject(), NULL, err), NULL, err);
}

static enum op_result run_last(struct op *op, struct error *err)
{
	say("last");
	return OP_DONE;
}

static const struct op_step follow_steps[] = { { "follow", run_follow, NULL, 0, 0 }, { "last", run_last, NULL, 0, 0 },
					       { 0 } };
static const struct op_kind follow_kind = { .name = "follow", .description = "Following", .steps = follow_steps,
					    .volatile_ = true, .coordinator = true, .may_cancel = true };

static void a_step_ends_as_the_one_it_follows(void **state)
{
	struct op *op;

	follow_queue = *state;
	async = true;
	op = start(*state, &follow_kind, NULL);
	until_final(op);
	assert_string_equal(trace.buf, "follow a b c last");
	assert_int_equal(op_status(op), OP_SUCCESS);
	strbuf_reset(&trace);
	fail_at = "b";
	op = start(*state, &follow_kind, NULL);
	until_final(op);
	assert_string_equal(trace.buf, "follow a b !b !a");
	assert_int_equal(op_status(op), OP_FAILURE);
	assert_string_equal(op_error(op)->msg, "no b today");
}

static enum op_result run_hang(struct op *op, struct error *err)
{
	struct argv argv = ARGV_INIT;

	say("hang");
	argv_pushl(&argv, "sleep", "600", NULL);
	return op_child(op, &argv, NULL, err);
}

static enum op_result undo_hang(struct op *op, struct error *err)
{
	say("!hang");
	return OP_DONE;
}

static const struct op_step hang_steps[] = { { "hang", run_hang, undo_hang, 600, 0 }, { "b", run_b, undo_b, 0, 0 }, { 0 } };
static const struct op_kind hang_kind = { .name = "hang", .description = "Hanging", .steps = hang_steps,
					  .volatile_ = true, .may_cancel = true };

static enum op_result run_follow_hang(struct op *op, struct error *err)
{
	return op_follow(op, op_start(follow_queue, &hang_kind, cJSON_CreateObject(), NULL, err), NULL, err);
}

static const struct op_step follow_hang_steps[] = { { "follow", run_follow_hang, NULL, 0, 0 }, { 0 } };
static const struct op_kind follow_hang_kind = { .name = "follow-hang", .description = "Following",
						 .steps = follow_hang_steps, .volatile_ = true, .coordinator = true,
						 .may_cancel = true };

static void a_cancel_is_passed_on(void **state)
{
	struct error err = ERROR_INIT;
	struct op *op;

	follow_queue = *state;
	op = start(*state, &follow_hang_kind, NULL);
	while (trace.len == 0)
		uv_run(&loop, UV_RUN_ONCE);
	assert_int_equal(op_cancel(op, &err), 0);
	until_final(op);
	assert_int_equal(op_status(op), OP_CANCELLED);
	assert_string_equal(trace.buf, "hang !hang");
}

/* ---- told before its last step */

static const struct op_step told_steps[] = { { "a", run_a, undo_a, 0, OP_LAZY }, { "b", run_b, NULL, 0, OP_COMMIT | OP_LAZY },
					     { "c", run_c, NULL, 0, OP_TOLD | OP_UNRECORDED }, { 0 } };
static const struct op_kind told_kind = { .name = "told", .description = "Testing", .steps = told_steps, .may_cancel = true };

static void count_end(struct op *op, void *data)
{
	++*(int *)data;
}

static void the_end_is_told_before_the_last_step(void **state)
{
	struct error err = ERROR_INIT;
	AUTO_JSON cJSON *v = NULL;
	struct op *op;
	int ends = 0;

	async = true;
	op = start(*state, &told_kind, "x");
	op_on_end(op, count_end, &ends);
	until_final(op);
	assert_string_equal(trace.buf, "a b c"); /* c has begun */
	assert_int_equal(op_status(op), OP_SUCCESS);
	assert_true(op_final(op));
	assert_int_equal(ends, 1);
	op_on_end(op, count_end, &ends);
	assert_int_equal(ends, 2);
	assert_true(op_locked(*state, "x"));
	assert_int_equal(count_entries(), 1);
	assert_int_equal(op_cancel(op, &err), -1);
	v = op_json(op);
	assert_null(json_str(v, "step"));
	while (op_locked(*state, "x"))
		uv_run(&loop, UV_RUN_ONCE);
	assert_int_equal(ends, 2);
	assert_int_equal(count_entries(), 0);
}

static void what_fails_after_it_was_told_is_left_to_the_next_start(void **state)
{
	struct op *op;

	fail_at = "c";
	op = start(*state, &told_kind, "x");
	until_final(op);
	while (op_locked(*state, "x"))
		uv_run(&loop, UV_RUN_ONCE);
	assert_int_equal(op_status(op), OP_SUCCESS);
	assert_int_equal(op_error(op)->code, ERROR_NONE);
	assert_int_equal(count_entries(), 1);
}

static void a_failure_before_is_told_as_ever(void **state)
{
	struct op *op;

	fail_at = "b";
	op = start(*state, &told_kind, "x");
	until_final(op);
	assert_string_equal(trace.buf, "a b !a");
	assert_int_equal(op_status(op), OP_FAILURE);
}

static enum op_result ended_with_an_error(struct op_queue *q, bool drain)
{
	static const struct op_step reports[] = { { "a", run_a, NULL, 0, OP_COMMIT }, { "b", run_b, NULL, 0, 0 },
						  { "c", run_c, NULL, 0, OP_REPORTS }, { 0 } };
	static const struct op_kind reports_kind = { .name = "reports", .description = "Testing", .steps = reports };
	bool done = false;
	struct op *op;

	async = true;
	fail_at = "c";
	op = start(q, &reports_kind, "x");
	uv_run(&loop, UV_RUN_NOWAIT);
	if (drain)
		op_queue_drain(q, 10000, drained_cb, &done);
	until_final(op);
	return op_status(op) == OP_FAILURE ? OP_FAIL : OP_DONE;
}

static void what_only_reports_is_not_tried_again(void **state)
{
	assert_int_equal(ended_with_an_error(*state, false), OP_FAIL);
	assert_int_equal(count_entries(), 0);
}

/* It may have failed because nothing starts any more. */
static void what_reports_while_we_drain_is_tried_again(void **state)
{
	assert_int_equal(ended_with_an_error(*state, true), OP_FAIL);
	assert_int_equal(count_entries(), 1);
}

static void a_record_that_the_power_took_is_none(void **state)
{
	AUTO_FREE char *path = mem_printf("%s/01234567-89ab-cdef-0123-456789abcdef.json", dir);
	struct error err = ERROR_INIT;

	assert_int_equal(fs_write_atomic(path, "", 0, 0600, &err), 0);
	assert_int_equal(op_queue_recover(*state, &err), 0);
	assert_int_equal(count_entries(), 0);
}

/* ---- what lasts as long as its client likes */

static enum op_result run_endless(struct op *op, struct error *err)
{
	return OP_WAIT;
}

static void end_endless(struct op *op)
{
	struct error err = ERROR_INIT;

	error_set(&err, ERROR_TOOL, "ended");
	op_resume(op, OP_FAIL, &err);
}

static void on_drained(void *data)
{
	*(bool *)data = true;
}

static void test_websocket_operations_end_with_the_daemon(void **state)
{
	static const struct op_step endless[] = { { "serve", run_endless, NULL, 0, OP_ENDLESS }, { 0 } };
	static const struct op_kind websocket = { .name = "websocket", .description = "Serving", .steps = endless,
						  .volatile_ = true, .coordinator = true, .class_name = "websocket",
						  .cancel = end_endless };
	struct op_queue *q = *state;
	struct error err = ERROR_INIT;
	bool drained = false;
	struct op *ops[3];
	cJSON *v;

	for (size_t i = 0; i < 3; i++) /* more than there are slots */
		ops[i] = op_start(q, &websocket, NULL, NULL, &err);
	assert_int_equal(op_cancel(ops[0], &err), -1);
	for (size_t i = 0; i < 3; i++)
		while (op_status(ops[i]) == OP_PENDING)
			uv_run(&loop, UV_RUN_NOWAIT);
	v = op_json(ops[0]);
	assert_string_equal(json_str(v, "class"), "websocket");
	assert_false(json_bool(v, "may_cancel", true));
	cJSON_Delete(v);
	op_queue_drain(q, 1000000, on_drained, &drained);
	assert_true(drained);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(op_status(ops[i]), OP_CANCELLED);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_websocket_operations_end_with_the_daemon), T(runs_in_order), T(fails_at_every_step), T(undo_errors_do_not_stop_the_undo),
		T(undo_that_failed_is_left_to_the_next_start),
		T(after_commit_only_forward), T(recovery_undoes), T(recovery_undoes_the_first_step),
		T(recovery_finishes_forward), T(recovery_sets_garbage_aside), T(one_at_a_time_per_lock),
		T(pending_can_be_cancelled), T(running_is_undone_when_cancelled), T(waits_fire_once),
		T(drain_refuses_and_ends), T(a_step_that_hangs_times_out), T(shape_of_the_object),
		T(the_patient_block_no_others), T(a_thread_outlives_the_timeout),
		T(a_step_ends_as_the_one_it_follows), T(a_cancel_is_passed_on),
		T(the_end_is_told_before_the_last_step), T(what_fails_after_it_was_told_is_left_to_the_next_start),
		T(a_failure_before_is_told_as_ever), T(a_record_that_the_power_took_is_none),
		T(what_only_reports_is_not_tried_again), T(what_reports_while_we_drain_is_tried_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
