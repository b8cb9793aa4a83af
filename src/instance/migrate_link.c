/* SPDX-License-Identifier: MIT */
#include "instance/migrate_link.h"

#include <errno.h>
#include <fcntl.h>
#include <nettle/memops.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>

#include "base/ident.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/x509.h"
#include "berthd.h"
#include "model/settings.h"

enum { SECRET_BYTES = 32, CONNECT_MS = 10000, EXIT_ERRORS = 10 };

struct end {
	char secret[2 * SECRET_BYTES + 1];
	bool used;
	int fd; /* -1: not open */
	void (*end)(void *data);
	void *data;
};

struct migrate_link {
	LIST_ENTRY(migrate_link) entry;
	const struct op *owner;
	struct end end[LINK_N];
	char *dial; /* JSON for berth-migrate, with secrets; NULL: the other side connects */
	struct op *op; /* waits */
	op_fn then, done;
	uv_timer_t timer;
};

static const char *const names[] = { "control", "fs" };
static LIST_HEAD(migrate_links, migrate_link) links = LIST_HEAD_INITIALIZER(links);

struct migrate_link *migrate_link_new(uv_loop_t *loop)
{
	struct migrate_link *l = mem_alloc(sizeof(*l));

	for (int i = 0; i < LINK_N; i++) {
		ident_random_hex(l->end[i].secret, SECRET_BYTES);
		l->end[i].fd = -1;
	}
	uv_timer_init(loop, &l->timer);
	l->timer.data = l;
	LIST_INSERT_HEAD(&links, l, entry);
	return l;
}

static int check_certificate(const char *pem, struct error *err)
{
	struct error bad = ERROR_INIT;
	struct x509 *x;

	if (pem[0] == '\0')
		return 0;
	x = x509_read(pem, strlen(pem), &bad);
	x509_free(x);
	return x != NULL ? 0 : error_set(err, ERROR_SYSTEM, "Invalid certificate");
}

struct migrate_link *migrate_link_dial(uv_loop_t *loop, const cJSON *target, struct error *err)
{
	const cJSON *given = json_obj(target, "websockets"), *secrets = given != NULL ? given : json_obj(target, "secrets"), *item;
	const char *url = json_str_or(target, "operation", ""), *pem = json_str_or(target, "certificate", "");
	AUTO_JSON cJSON *v = cJSON_CreateObject();
	struct migrate_link *l;

	for (int i = 0; i < LINK_N; i++) {
		if (json_str(secrets, names[i]) == NULL) {
			error_set(err, ERROR_SYSTEM, "Missing %s secret", names[i]);
			return NULL;
		}
		json_set_str(v, names[i], json_str(secrets, names[i]));
	}
	cJSON_ArrayForEach(item, secrets)
		if (strcmp(item->string, names[0]) != 0 && strcmp(item->string, names[1]) != 0) {
			error_set(err, ERROR_SYSTEM, "Unknown secret provided: %.64s", item->string);
			return NULL;
		}
	if (check_certificate(pem, err) < 0)
		return NULL;
	if (strncmp(url, "https://", 8) != 0) {
		error_set(err, ERROR_INVALID, "the operation '%.200s' is no https:// address", url);
		return NULL;
	}
	json_set_str(v, "operation", url);
	json_set_str(v, "certificate", pem);
	l = migrate_link_new(loop);
	l->dial = json_text(v);
	return l;
}

static void closed_cb(uv_handle_t *handle)
{
	free(handle->data);
}

/* The connections end with the operation, which can be read for a while still. */
static void shut(struct migrate_link *l)
{
	for (int i = 0; i < LINK_N; i++) {
		struct end *e = &l->end[i];
		void (*end)(void *data) = e->end;

		if (e->fd >= 0)
			close(e->fd);
		e->fd = -1;
		e->used = true;
		e->end = NULL;
		if (end != NULL)
			end(e->data);
	}
}

void migrate_link_free(struct migrate_link *l)
{
	if (l == NULL)
		return;
	shut(l);
	LIST_REMOVE(l, entry);
	free(l->dial);
	uv_close((uv_handle_t *)&l->timer, closed_cb);
}

static void ended_cb(struct op *op, void *data)
{
	shut(data);
}

cJSON *migrate_link_secrets(const struct migrate_link *l)
{
	cJSON *v = cJSON_CreateObject();

	for (int i = 0; i < LINK_N; i++)
		json_set_str(v, names[i], l->end[i].secret);
	return v;
}

bool migrate_link_dials(const struct migrate_link *l)
{
	return l->dial != NULL;
}

void migrate_link_attach(struct migrate_link *l, struct op *op, struct migrate_link **ret_slot)
{
	AUTO_JSON cJSON *secrets = l->dial == NULL ? migrate_link_secrets(l) : NULL;
	const cJSON *item;

	*ret_slot = l;
	l->owner = op;
	(void)op_on_end(op, ended_cb, l);
	cJSON_ArrayForEach(item, secrets)
		op_metadata_set(op, item->string, cJSON_CreateString(item->valuestring));
}

static struct migrate_link *find(const struct op *op)
{
	struct migrate_link *l;

	LIST_FOREACH(l, &links, entry)
		if (l->owner == op)
			return l;
	return NULL;
}

struct migrate_link *migrate_link_of(const struct op *op)
{
	struct migrate_link *l = find(op);

	return l != NULL && l->dial == NULL ? l : NULL;
}

/* ---- opening */

int migrate_link_take(struct migrate_link *l, const char *secret)
{
	int found = -1;

	if (l->dial != NULL || strlen(secret) != 2 * SECRET_BYTES)
		return -1;
	for (int i = 0; i < LINK_N; i++)
		if (memeql_sec(l->end[i].secret, secret, 2 * SECRET_BYTES))
			found = i;
	if (found < 0 || l->end[found].used)
		return -1;
	l->end[found].used = true;
	return found;
}

static bool complete(const struct migrate_link *l)
{
	return l->dial != NULL || (l->end[LINK_CONTROL].fd >= 0 && l->end[LINK_FS].fd >= 0);
}

static void end_wait(struct migrate_link *l, enum op_result result, const struct error *err)
{
	struct op *op = l->op;

	l->op = NULL;
	uv_timer_stop(&l->timer);
	op_resume(op, result, err);
}

/* The step goes on: what it does next may wait again. */
static void go_on(struct migrate_link *l)
{
	struct error err = ERROR_INIT;
	struct op *op = l->op;
	enum op_result result;

	l->op = NULL;
	uv_timer_stop(&l->timer);
	result = l->then(op, &err);
	if (result != OP_WAIT)
		op_resume(op, result, &err);
}

void migrate_link_expect(struct migrate_link *l, int which, void (*end)(void *data), void *data)
{
	l->end[which].end = end;
	l->end[which].data = data;
}

void migrate_link_opened(struct migrate_link *l, int which, int fd)
{
	l->end[which].fd = fd;
	if (l->op != NULL && complete(l))
		go_on(l);
}

void migrate_link_gone(struct migrate_link *l, int which)
{
	l->end[which].end = NULL;
}

/* ---- waiting */

static void late_cb(uv_timer_t *timer)
{
	struct migrate_link *l = timer->data;
	struct error err = ERROR_INIT;

	error_set(&err, ERROR_TIMEOUT, "Timed out waiting for migration connections");
	end_wait(l, OP_FAIL, &err);
}

enum op_result migrate_link_wait(struct migrate_link *l, struct op *op, op_fn then, struct error *err)
{
	if (l == NULL) {
		error_set(err, ERROR_CANCELLED, "berthd was restarted meanwhile");
		return OP_FAIL;
	}
	if (complete(l))
		return then(op, err);
	l->op = op;
	l->then = then;
	uv_timer_start(&l->timer, late_cb, CONNECT_MS, 0);
	return OP_WAIT;
}

void migrate_link_cancel(struct migrate_link *l)
{
	struct error err = ERROR_INIT;

	if (l == NULL || l->op == NULL)
		return;
	error_set(&err, ERROR_CANCELLED, "operation cancelled");
	end_wait(l, OP_FAIL, &err);
}

/* ---- the program */

static void line_cb(const char *line, void *data)
{
	if (strncmp(line, "progress ", 9) == 0)
		op_progress(data, "fs", 0, line + 9);
}

static int judge(const struct proc_result *result, struct error *err)
{
	int code = result->exit_code - EXIT_ERRORS;
	char text[960], *newline;

	if (code <= ERROR_NONE || code > ERROR_SYSTEM || result->errs_len == 0)
		return proc_check("berth-migrate", result, err);
	proc_clean_text(result->errs, result->errs_len, text, sizeof(text));
	newline = text + strlen(text);
	while (newline > text && newline[-1] == ' ')
		*--newline = '\0';
	return error_set(err, (enum error_code)code, "%s", text);
}

static enum op_result ended(struct op *op, const struct proc_result *result, struct error *err)
{
	const struct migrate_link *l = find(op);

	if (judge(result, err) < 0)
		return OP_FAIL;
	return l != NULL && l->done != NULL ? l->done(op, err) : OP_DONE;
}

static enum op_result run(struct migrate_link *l, struct op *op, const char *const *args, bool both, struct error *err)
{
	const struct berthd *b = op_ctx(op);
	AUTO_ARGV struct argv argv = ARGV_INIT;
	struct proc_spec spec = { .on_line = line_cb };

	argv_pushf(&argv, "%s/berth-migrate", b->settings->libexec_dir);
	for (; *args != NULL; args++)
		argv_push(&argv, *args);
	spec.argv = (const char *const *)argv.v;
	if (l->dial != NULL) {
		spec.input = l->dial;
		spec.input_len = strlen(l->dial);
	} else {
		spec.use_stdin_fd = true;
		spec.stdin_fd = l->end[LINK_CONTROL].fd;
		spec.use_extra_fd = both;
		spec.extra_fd = l->end[LINK_FS].fd;
	}
	return op_child_spec(op, &spec, ended, err);
}

enum op_result migrate_link_run(struct migrate_link *l, struct op *op, const char *command, const char *path, op_fn done,
				struct error *err)
{
	const char *const dialled[] = { command, "--dial", path, NULL }, *const accepted[] = { command, path, NULL };

	l->done = done;
	return run(l, op, l->dial != NULL ? dialled : accepted, true, err);
}

enum op_result migrate_link_say_done(struct migrate_link *l, struct op *op, op_fn done, struct error *err)
{
	const char *const args[] = { "done", NULL };

	l->done = done;
	return run(l, op, args, false, err);
}
