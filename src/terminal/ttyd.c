/* SPDX-License-Identifier: MIT */
#include "terminal/ttyd.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "model/settings.h"
#include "model/ttyd_version.h"
#include "proc/proc.h"

#define PROBE_MS 5000
struct waiter {
	STAILQ_ENTRY(waiter) link;
	void (*cb)(void *data);
	void *data;
};

STAILQ_HEAD(waiter_list, waiter);

struct ttyd {
	uv_loop_t *loop;
	const struct settings *settings;
	char *path;         /* of the file that was asked, or NULL */
	struct stat file;
	struct proc *probe; /* while it is asked */
	struct error wrong; /* code ERROR_NONE: it can be used */
	bool writable;
	struct waiter_list waiters;
};

struct ttyd *ttyd_new(uv_loop_t *loop, const struct settings *settings)
{
	struct ttyd *t = mem_alloc(sizeof(*t));

	t->loop = loop;
	t->settings = settings;
	STAILQ_INIT(&t->waiters);
	return t;
}

void ttyd_free(struct ttyd *t)
{
	if (!t)
		return;
	if (t->probe)
		proc_abandon(t->probe);
	while (!STAILQ_EMPTY(&t->waiters)) {
		struct waiter *w = STAILQ_FIRST(&t->waiters);

		STAILQ_REMOVE_HEAD(&t->waiters, link);
		free(w);
	}
	free(t->path);
	free(t);
}

/* The file that is there now; NULL when there is none. */
static char *find(const struct settings *s, struct stat *ret)
{
	char *file = *s->ttyd_path ? mem_strdup(s->ttyd_path) : fs_find_program("ttyd");

	if (file && stat(file, ret) == 0 && access(file, X_OK) == 0)
		return file;
	free(file);
	return NULL;
}

static bool same_file(const struct ttyd *t, const char *path, const struct stat *st)
{
	return t->path && strcmp(t->path, path) == 0 && t->file.st_dev == st->st_dev && t->file.st_ino == st->st_ino &&
	       t->file.st_size == st->st_size && t->file.st_mtim.tv_sec == st->st_mtim.tv_sec &&
	       t->file.st_mtim.tv_nsec == st->st_mtim.tv_nsec;
}

static void tell(struct ttyd *t)
{
	while (!STAILQ_EMPTY(&t->waiters)) {
		struct waiter *w = STAILQ_FIRST(&t->waiters);

		STAILQ_REMOVE_HEAD(&t->waiters, link);
		w->cb(w->data);
		free(w);
	}
}

static void probed_cb(const struct proc_result *result, void *data)
{
	struct ttyd *t = data;
	struct error cause = ERROR_INIT;
	unsigned version[3];
	char said[200];

	t->probe = NULL;
	error_clear(&t->wrong);
	if (proc_check(t->path, result, &cause) < 0) {
		error_set(&t->wrong, ERROR_UNSUPPORTED, "ttyd does not say its version: %s", cause.msg);
	} else if (!ttyd_parse_version(result->out, version)) {
		proc_clean_text(result->out, result->out_len < 100 ? result->out_len : 100, said, sizeof(said));
		error_set(&t->wrong, ERROR_UNSUPPORTED, "'%s' does not say a version as ttyd does: '%s'", t->path, said);
	} else {
		(void)ttyd_judge(version, &t->writable, &t->wrong);
	}
	tell(t);
}

static void ask(struct ttyd *t)
{
	const char *const argv[] = { t->path, "--version", NULL };
	const struct proc_spec spec = {
		.argv = argv, .timeout_ms = PROBE_MS, .output_max = 4096, .on_exit = probed_cb, .data = t
	};
	struct error err = ERROR_INIT;

	t->probe = proc_start(t->loop, &spec, &err);
	if (!t->probe)
		error_set(&t->wrong, ERROR_UNSUPPORTED, "%s", err.msg);
}

/* Begins to ask when there is another file than the one that was asked. */
static void look(struct ttyd *t)
{
	struct stat st;
	AUTO_FREE char *path = find(t->settings, &st);

	if (t->probe || (path && same_file(t, path, &st)))
		return;
	free(t->path);
	t->path = path;
	path = NULL;
	if (t->path) {
		t->file = st;
		ask(t);
	} else if (*t->settings->ttyd_path) {
		error_set(&t->wrong, ERROR_UNSUPPORTED, "ttyd_path: there is no program '%s'", t->settings->ttyd_path);
	} else {
		error_set(&t->wrong, ERROR_UNSUPPORTED, "ttyd is not installed, the web terminal needs it: " TTYD_WHERE);
	}
}

void ttyd_ready(struct ttyd *t, void (*cb)(void *data), void *data)
{
	struct waiter *w;

	look(t);
	if (!t->probe) {
		cb(data);
		return;
	}
	w = mem_alloc(sizeof(*w));
	w->cb = cb;
	w->data = data;
	STAILQ_INSERT_TAIL(&t->waiters, w, link);
}

int ttyd_check(struct ttyd *t, struct error *err)
{
	look(t);
	if (t->probe)
		return error_set(err, ERROR_UNAVAILABLE, "ttyd is being asked for its version: try again");
	if (t->wrong.code != ERROR_NONE)
		*err = t->wrong;
	return t->wrong.code == ERROR_NONE ? 0 : -1;
}

void ttyd_argv(const struct ttyd *t, const struct ttyd_session *s, struct argv *a)
{
	AUTO_JSON cJSON *title = cJSON_CreateString(s->title); /* its options' values are JSON */
	AUTO_FREE char *text = json_text(title);

	/* a warning is worth knowing, not every request */
	argv_pushl(a, t->path, "-d", "3", "-i", s->socket, "-b", s->base, "-o", "-m", "1", "-O", "-T", "xterm-256color",
		   NULL);
	if (t->writable)
		argv_push(a, "-W");
	argv_pushl(a, "-t", "disableReconnect=true", "-t", "disableLeaveAlert=true", "-t", NULL);
	argv_pushf(a, "titleFixed=%s", text);
}
