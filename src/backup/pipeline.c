/* SPDX-License-Identifier: MIT */
#include "backup/pipeline.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"
#include "model/settings.h"
#include "proc/proc.h"

enum { WATCH_MS = 500, PIPE_SIZE = 1024 * 1024, WARNINGS_MAX = 20 };

enum { SOURCE, PACK, SEVEN, PARTS }; /* SEVEN: whoever compresses */

struct part {
	struct pipeline *s;
	struct proc *proc; /* NULL: it does not run */
	char *name;        /* for messages; outlives the command line it is from */
};

struct pipeline {
	struct op *op; /* the step that waits belongs to it */
	struct berthd *b;
	struct part parts[PARTS];
	int input;     /* our end of the pipe into berth-pack, -1: closed */
	uv_timer_t timer;
	bool waiting;  /* a step waits for us */
	bool finishing, killing;
	bool early;    /* 7-Zip ended well while berth-pack ran: true only when that cannot pass on the rest */
	uint64_t passed, expected, started_ms, moved_ms;
	const char *what, *where, *stage, *text; /* for messages, and the progress */
	op_fn next;    /* what feeds the step's next source, or NULL */
	cJSON *warnings;
	struct error err;   /* the first */
	struct error later; /* of a part whose reader left: the error unless that one has a better one */
};

/* ---- what goes wrong */

static bool any_runs(const struct pipeline *s)
{
	for (int i = 0; i < PARTS; i++)
		if (s->parts[i].proc != NULL)
			return true;
	return false;
}

static void close_input(struct pipeline *s)
{
	if (s->input >= 0)
		close(s->input);
	s->input = -1;
}

static void kill_all(struct pipeline *s)
{
	close_input(s);
	for (int i = 0; i < PARTS; i++)
		if (s->parts[i].proc != NULL)
			proc_kill(s->parts[i].proc, SIGKILL);
}

static void fail(struct pipeline *s, const struct error *why)
{
	if (s->err.code == ERROR_NONE)
		s->err = *why;
	kill_all(s);
}

/* Another source for the same step? */
static bool goes_on(struct pipeline *s)
{
	enum op_result result;

	if (s->next == NULL || s->finishing || s->killing)
		return false;
	result = s->next(s->op, &s->err);
	if (result == OP_FAIL)
		kill_all(s);
	return result == OP_WAIT || (result == OP_FAIL && any_runs(s));
}

/* The step ends when it has what it wants; after a failure, when all parts have. */
static void wake(struct pipeline *s)
{
	bool failed = s->err.code != ERROR_NONE || s->later.code != ERROR_NONE;

	if (s->err.code == ERROR_NONE && !any_runs(s))
		s->err = s->later;
	if (!s->waiting || (failed || s->killing || s->finishing ? any_runs(s) : s->parts[SOURCE].proc != NULL))
		return;
	if (!failed && goes_on(s))
		return;
	failed = s->err.code != ERROR_NONE || s->later.code != ERROR_NONE;
	s->waiting = false;
	uv_timer_stop(&s->timer);
	op_resume(s->op, failed && !s->killing ? OP_FAIL : OP_DONE, &s->err);
}

/* ---- the parts */

static bool is_full(const char *text)
{
	return strstr(text, "No space left on device") != NULL || strstr(text, "Disk quota exceeded") != NULL ||
	       strstr(text, "There is not enough space") != NULL || strstr(text, "E_FAIL") != NULL;
}

/* Whoever writes to a part that fails, fails with it, and may be noticed first: that one is to speak. */
static bool reader_left(const struct pipeline *s, int part, const struct proc_result *r)
{
	if (part == SOURCE)
		return r->signal == SIGPIPE && (s->parts[PACK].proc != NULL || s->parts[SEVEN].proc != NULL);
	return part == PACK && strstr(r->errs, "Broken pipe") != NULL && s->parts[SEVEN].proc != NULL;
}

static void judge(struct pipeline *s, int part, const struct proc_result *r)
{
	struct error why = ERROR_INIT;

	if (part == SEVEN && r->exit_code != 0 && (is_full(r->errs) || is_full(r->out))) {
		error_set(&why, ERROR_SYSTEM, "cannot write the %s: no space left on device in '%s'", s->what, s->where);
	} else if (proc_check(s->parts[part].name, r, &why) == 0) {
		s->early |= part == SEVEN && s->parts[PACK].proc != NULL;
		return;
	}
	if (part == PACK && s->early && strstr(r->errs, "Broken pipe") != NULL)
		error_set(&why, ERROR_TOOL, "'%s' ended too early", s->parts[SEVEN].name);
	if (s->later.code != ERROR_NONE && part == SOURCE)
		return; /* we ended it */
	if (s->err.code == ERROR_NONE && reader_left(s, part, r)) {
		s->later = why;
		close_input(s);
		if (part == PACK && s->parts[SOURCE].proc != NULL)
			proc_kill(s->parts[SOURCE].proc, SIGKILL);
		return;
	}
	fail(s, &why);
}

static void note_warnings(struct pipeline *s, const char *text)
{
	while (s->warnings != NULL && *text != '\0' && cJSON_GetArraySize(s->warnings) < WARNINGS_MAX) {
		size_t len = strcspn(text, "\n"), skip = strncmp(text, "tar: ", 5) == 0 ? 5 : 0;
		char line[300];

		proc_clean_text(text + skip, len - (skip < len ? skip : len), line, sizeof(line));
		if (line[0] != '\0')
			cJSON_AddItemToArray(s->warnings, cJSON_CreateString(line));
		text += len + (text[len] == '\n');
	}
}

static void part_exit_cb(const struct proc_result *r, void *data)
{
	struct part *p = data;
	struct pipeline *s = p->s;
	int part = (int)(p - s->parts);

	p->proc = NULL;
	if (part == SOURCE && r->exit_code == 1 && s->warnings != NULL)
		note_warnings(s, r->errs);
	else if (!s->killing)
		judge(s, part, r);
	if (part == PACK && s->err.code == ERROR_NONE && s->later.code == ERROR_NONE && s->input >= 0 && !s->killing) {
		error_set(&s->err, ERROR_TOOL, "'berth-pack' ended too early");
		kill_all(s);
	}
	wake(s);
}

static void progress(struct pipeline *s)
{
	uint64_t ms = uv_now(s->b->loop) - s->started_ms;
	uint64_t speed = ms > 0 ? s->passed * 1000 / ms : 0;
	int percent = s->expected > 0 ? (int)(s->passed * 100 / s->expected) : 0;
	AUTO_FREE char *text = NULL;

	percent = percent > 99 ? 99 : percent;
	if (s->expected == 0)
		text = mem_printf("%s%llu.%02lluMB (%llu.%02lluMB/s)", s->text, (unsigned long long)s->passed / 1000000,
				  (unsigned long long)s->passed / 10000 % 100, (unsigned long long)speed / 1000000,
				  (unsigned long long)speed / 10000 % 100);
	else
		text = mem_printf("%s%d%% (%llu.%02lluMB/s)", s->text, percent, (unsigned long long)speed / 1000000,
				  (unsigned long long)speed / 10000 % 100);
	op_progress(s->op, s->stage, percent, text);
}

static void pack_line_cb(const char *line, void *data)
{
	struct pipeline *s = ((struct part *)data)->s;
	const char *n = strchr(line, ' ');
	uint64_t passed = n != NULL ? strtoull(n + 1, NULL, 10) : 0;

	if (passed <= s->passed)
		return;
	s->passed = passed;
	s->moved_ms = uv_now(s->b->loop);
	if (s->waiting && !s->killing)
		progress(s);
}

static void watch_cb(uv_timer_t *timer)
{
	struct pipeline *s = timer->data;
	struct error why = ERROR_INIT;

	if (s->killing || s->err.code != ERROR_NONE)
		return;
	if (op_status(s->op) == OP_CANCELLING)
		error_set(&why, ERROR_CANCELLED, "operation cancelled");
	else if (uv_now(s->b->loop) - s->moved_ms > (uint64_t)s->b->settings->backup_stall_s * 1000)
		error_set(&why, ERROR_TIMEOUT, "the %s has not moved for %lld s: %s%s%s hangs", s->what,
			  (long long)s->b->settings->backup_stall_s, s->parts[SOURCE].proc ? s->parts[SOURCE].name : "",
			  s->parts[SOURCE].proc ? " or " : "", s->parts[s->parts[SEVEN].name ? SEVEN : PACK].name);
	else
		return;
	fail(s, &why);
	wake(s);
}

static enum op_result wait_here(struct pipeline *s)
{
	s->waiting = true;
	s->moved_ms = uv_now(s->b->loop);
	uv_timer_start(&s->timer, watch_cb, WATCH_MS, WATCH_MS);
	return OP_WAIT;
}

/* ---- start */

static void name_part(struct pipeline *s, int part, const char *name)
{
	free(s->parts[part].name);
	s->parts[part].name = mem_strdup(name);
}

static int start_part(struct pipeline *s, int part, struct proc_spec *spec, struct error *err)
{
	struct part *p = &s->parts[part];

	spec->on_exit = part_exit_cb;
	spec->data = p;
	p->s = s;
	p->proc = proc_start(s->b->loop, spec, err);
	return p->proc != NULL ? 0 : -1;
}

static int make_pipe(int fds[2], struct error *err)
{
	if (pipe2(fds, O_CLOEXEC) < 0)
		return error_sys(err, errno, "cannot make a pipe");
	(void)fcntl(fds[1], F_SETPIPE_SZ, PIPE_SIZE);
	return 0;
}

static int start_seven(struct pipeline *s, const struct pipeline_options *o, int in, struct error *err)
{
	AUTO_ARGV struct argv argv = ARGV_INIT;
	struct proc_spec spec = { .cwd = o->dir, .use_stdin_fd = true, .stdin_fd = in };

	argv_pushl(&argv, o->seven, "a", "-t7z", "-bd", "-bso0", "-bsp0", "-y", NULL);
	argv_pushf(&argv, "-mx=%d", o->level);
	argv_pushl(&argv, "-si" BACKUP_TREE, "--", PIPELINE_ARCHIVE, NULL);
	spec.argv = (const char *const *)argv.v;
	name_part(s, SEVEN, o->seven);
	return start_part(s, SEVEN, &spec, err);
}

static int start_packer(struct pipeline *s, const struct pipeline_options *o, int in, struct error *err)
{
	const char *const *argv = (const char *const *)o->file->packer->v;
	struct proc_spec spec = { .argv = argv, .use_stdin_fd = true, .stdin_fd = in, .use_stdout_fd = true,
				  .stdout_fd = o->file->fd };

	name_part(s, SEVEN, argv[0]);
	return start_part(s, SEVEN, &spec, err);
}

static int start_pack(struct pipeline *s, const struct pipeline_options *o, int in, int out, struct error *err)
{
	AUTO_ARGV struct argv argv = ARGV_INIT;
	struct proc_spec spec = { .use_stdin_fd = true, .stdin_fd = in, .use_extra_fd = true, .extra_fd = out,
				  .on_line = pack_line_cb };

	argv_pushf(&argv, "%s/berth-pack", o->b->settings->libexec_dir);
	argv_push(&argv, "join");
	if (o->bandwidth > 0)
		argv_pushf(&argv, "--bandwidth=%llu", (unsigned long long)o->bandwidth);
	spec.argv = (const char *const *)argv.v;
	name_part(s, PACK, "berth-pack");
	return start_part(s, PACK, &spec, err);
}

/* Whoever compresses, and berth-pack before him. */
static int start_two(struct pipeline *s, const struct pipeline_options *o, int in, struct error *err)
{
	int mid[2], rc;

	if (make_pipe(mid, err) < 0)
		return -1;
	rc = o->file != NULL ? start_packer(s, o, mid[0], err) : start_seven(s, o, mid[0], err);
	if (rc == 0)
		rc = start_pack(s, o, in, mid[1], err);
	close(mid[0]);
	close(mid[1]);
	return rc;
}

static int start_parts(struct pipeline *s, const struct pipeline_options *o, struct error *err)
{
	int in[2], rc;

	if (make_pipe(in, err) < 0)
		return -1;
	s->input = in[1];
	if (o->file != NULL && o->file->packer->n == 0)
		rc = start_pack(s, o, in[0], o->file->fd, err);
	else
		rc = start_two(s, o, in[0], err);
	close(in[0]);
	return rc;
}

struct pipeline *pipeline_open(struct op *op, const struct pipeline_options *o, struct error *err)
{
	struct pipeline *s = mem_alloc(sizeof(*s));

	s->op = op;
	s->b = o->b;
	s->input = -1;
	s->expected = o->expected;
	s->what = o->file != NULL ? o->file->what : "backup";
	s->stage = o->file != NULL ? o->file->stage : "create_backup";
	s->text = o->file != NULL ? o->file->text : "";
	s->where = o->file != NULL ? o->b->settings->images_path : o->b->settings->backup_path;
	uv_timer_init(o->b->loop, &s->timer);
	s->timer.data = s;
	s->started_ms = s->moved_ms = uv_now(o->b->loop);
	if (start_parts(s, o, err) == 0)
		return s;
	pipeline_free(s);
	return NULL;
}

enum op_result pipeline_feed(struct pipeline *s, const struct argv *argv, cJSON *warnings, struct error *err)
{
	struct proc_spec spec = { .argv = (const char *const *)argv->v, .use_stdout_fd = true, .stdout_fd = s->input };
	const char *slash = strrchr(argv->v[0], '/');

	if (s->err.code != ERROR_NONE || s->later.code != ERROR_NONE) {
		if (any_runs(s))
			return wait_here(s);
		*err = s->err;
		return OP_FAIL;
	}
	s->warnings = warnings;
	name_part(s, SOURCE, slash != NULL && strcmp(slash, "/berth-rootfs") == 0 ? "tar" : argv->v[0]);
	return start_part(s, SOURCE, &spec, err) < 0 ? OP_FAIL : wait_here(s);
}

enum op_result pipeline_finish(struct pipeline *s, struct error *err)
{
	s->finishing = true;
	close_input(s);
	if (any_runs(s))
		return wait_here(s);
	*err = s->err;
	return s->err.code != ERROR_NONE ? OP_FAIL : OP_DONE;
}

void pipeline_next(struct pipeline *s, op_fn fn)
{
	s->next = fn;
}

uint64_t pipeline_total(const struct pipeline *s)
{
	return s->passed;
}

enum op_result pipeline_kill(struct pipeline *s, struct error *err)
{
	if (s == NULL || !any_runs(s))
		return OP_DONE;
	s->killing = true;
	kill_all(s);
	s->waiting = true;
	return OP_WAIT;
}

static void closed_cb(uv_handle_t *handle)
{
	struct pipeline *s = handle->data;

	for (int i = 0; i < PARTS; i++)
		free(s->parts[i].name);
	free(s);
}

void pipeline_free(struct pipeline *s)
{
	if (s == NULL)
		return;
	close_input(s);
	for (int i = 0; i < PARTS; i++)
		if (s->parts[i].proc != NULL)
			proc_abandon(s->parts[i].proc);
	uv_close((uv_handle_t *)&s->timer, closed_cb);
}
