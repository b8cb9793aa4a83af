/* SPDX-License-Identifier: MIT */
/*
 * One terminal: ttyd on a socket of its own in a private folder, started by berth-terminal, which ends everything
 * that belongs to it when it is told to, when ttyd ends, or when berthd dies.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "instance/instance.h"
#include "model/settings.h"
#include "terminal/terminal_private.h"

#define TERM_NAME "xterm-256color"
#define PATH_DEFAULT "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static const char shell[] = "cd; test -x /bin/bash && exec /bin/bash -l; exec /bin/sh -l"; /* as berth shell's */

static void set_variable(struct argv *a, const cJSON *config, const char *key, const char *value)
{
	AUTO_FREE char *own = mem_printf("environment.%s", key);

	if (!json_str(config, own))
		argv_pushf(a, "--set-var=%s=%s", key, value);
}

/* environment.* of the instance, under it what berth shell sets. */
static void push_environment(struct argv *a, struct berthd *b, const char *name)
{
	const struct instance *inst = registry_get(b->registry, name);
	AUTO_JSON cJSON *config = NULL;
	AUTO_JSON cJSON *devices = NULL;
	const cJSON *item;

	instance_expand_shown(b, inst->desired, &config, &devices);
	cJSON_ArrayForEach(item, config)
		if (strncmp(item->string, "environment.", 12) == 0 && cJSON_IsString(item))
			argv_pushf(a, "--set-var=%s=%s", item->string + 12, item->valuestring);
	set_variable(a, config, "TERM", TERM_NAME);
	set_variable(a, config, "PATH", PATH_DEFAULT);
	set_variable(a, config, "LANG", "C.UTF-8");
	set_variable(a, config, "HOME", "/root");
	set_variable(a, config, "USER", "root");
}

static void push_command(struct argv *a, struct berthd *b, const char *name)
{
	argv_pushl(a, "lxc-attach", "-P", b->settings->system_path, "-n", name, "--clear-env", NULL);
	push_environment(a, b, name);
	argv_pushl(a, "--", "/bin/sh", "-c", shell, NULL);
}

/* ---- its end */

static void session_free(struct session *s)
{
	free(s->name);
	free(s->uuid);
	free(s->host);
	free(s->socket);
	free(s);
}

static void drop_connections(struct session *s, const char *why)
{
	struct connection *c, *next;

	for (c = LIST_FIRST(&s->connections); c; c = next) {
		next = connection_next_of_session(c);
		connection_session_over(c, why);
	}
}

static void over_cb(const struct proc_result *result, void *data)
{
	struct session *s = data;
	struct terminals *ts = s->ts;
	struct error err = ERROR_INIT;
	const char *why = s->ending ? s->ending : s->connected ? "the browser or the shell left" : "ttyd ended";

	s->proc = NULL;
	if (!s->ending && proc_check("ttyd", result, &err) < 0) {
		log_warning("terminal: '%s', session %s: %s", s->name, s->id, err.msg);
		why = "ttyd failed";
	}
	log_info("terminal: '%s', session %s of %s ended: %s; %llu bytes in, %llu out", s->name, s->id, s->address, why,
		 (unsigned long long)s->bytes_in, (unsigned long long)s->bytes_out);
	drop_connections(s, why);
	(void)unlink(s->socket);
	TAILQ_REMOVE(&ts->sessions, s, link);
	ts->n_sessions--;
	session_free(s);
	terminals_session_over(ts);
}

/* Its cookie is of no use from now on. */
void session_end(struct session *s, const char *why)
{
	if (s->ending)
		return;
	s->ending = why;
	drop_connections(s, why);
	(void)unlink(s->socket);
	proc_terminate(s->proc);
}

void session_sweep(struct session *s, uint64_t now)
{
	const struct settings *settings = s->ts->b->settings; /* as they are now: they may be reread */
	const uint64_t idle = (uint64_t)settings->terminal_idle_s * 1000;
	const uint64_t total = (uint64_t)settings->terminal_total_s * 1000;

	if (s->ending)
		return;
	if (!terminals_instance_runs(s->ts, s->name, s->uuid))
		session_end(s, "the instance does not run any more");
	else if (now - s->started >= total)
		session_end(s, "its time is over (terminal_total_s)");
	else if (now - s->active >= idle)
		session_end(s, "nothing was typed or shown for too long (terminal_idle_s)");
	else if (!s->connected && now - s->started >= UNUSED_MS)
		session_end(s, "no browser came");
}

/* ---- its start */

static int make_socket_path(struct session *s, const struct settings *settings, struct error *err)
{
	AUTO_FREE char *dir = fs_join(settings->run_path, "terminal");

	s->socket = mem_printf("%s/%s.sock", dir, s->id);
	if (strlen(s->socket) >= 108)
		return error_set(err, ERROR_INVALID, "run_path '%s' is too long for a socket below it",
				 settings->run_path);
	return fs_mkdirs(dir, 0700, err);
}

static int start_proc(struct session *s, struct error *err)
{
	struct berthd *b = s->ts->b;
	AUTO_FREE char *base = mem_printf("/t/%s", s->id);
	AUTO_FREE char *helper = fs_join(b->settings->libexec_dir, "berth-terminal");
	const char *path = getenv("PATH");
	AUTO_FREE char *path_var = mem_printf("PATH=%s", path && *path ? path : PATH_DEFAULT);
	const char *const env[] = { path_var, "TERM=" TERM_NAME, NULL };
	const struct ttyd_session session = { .socket = s->socket, .base = base, .title = s->name };
	AUTO_ARGV struct argv a = ARGV_INIT;
	struct proc_spec spec = { .env = env, .output_max = 4096, .on_exit = over_cb, .data = s };

	argv_push(&a, helper);
	ttyd_argv(s->ts->ttyd, &session, &a);
	push_command(&a, b, s->name);
	spec.argv = (const char *const *)a.v;
	s->proc = proc_start(b->loop, &spec, err);
	return s->proc ? 0 : -1;
}

static void tell(const struct session *s)
{
	cJSON *context = cJSON_CreateObject();

	log_info("terminal: '%s' opened by %s, session %s", s->name, s->address, s->id);
	json_set_str(context, "type", "web-terminal");
	json_set_str(context, "session", s->id);
	json_set_str(context, "address", s->address);
	if (s->ts->event)
		s->ts->event(s->ts->b, "instance-console", s->name, context);
	else
		cJSON_Delete(context);
}

struct session *session_start(struct terminals *ts, const struct token_claim *claim, const char *address,
			      char ret_cookie[TOKEN_TEXT_SIZE], struct error *err)
{
	struct session *s = mem_alloc(sizeof(*s));

	s->ts = ts;
	s->name = mem_strdup(claim->name);
	s->uuid = mem_strdup(claim->uuid);
	s->host = mem_strdup(claim->host);
	snprintf(s->address, sizeof(s->address), "%s", address);
	ident_random_hex(s->id, (SESSION_ID_SIZE - 1) / 2);
	ident_random_hex(ret_cookie, (TOKEN_TEXT_SIZE - 1) / 2);
	secret_hash(ret_cookie, s->secret);
	time_now(s->created);
	s->started = s->active = uv_now(ts->b->loop);
	s->created_at = time(NULL);
	LIST_INIT(&s->connections);
	if (make_socket_path(s, ts->b->settings, err) < 0 || start_proc(s, err) < 0) {
		session_free(s);
		return NULL;
	}
	TAILQ_INSERT_TAIL(&ts->sessions, s, link);
	ts->n_sessions++;
	terminals_sweep_on(ts);
	tell(s);
	return s;
}

/* ---- looking */

struct session *session_find(struct terminals *ts, const char *id)
{
	struct session *s;

	TAILQ_FOREACH(s, &ts->sessions, link)
		if (!s->ending && strcmp(s->id, id) == 0)
			return s;
	return NULL;
}

cJSON *session_json(const struct session *s)
{
	cJSON *v = cJSON_CreateObject();
	char text[TIME_TEXT_SIZE];

	time_rfc3339((struct timespec){ .tv_sec = s->created_at + (time_t)s->ts->b->settings->terminal_total_s }, text);
	json_set_str(v, "id", s->id);
	json_set_str(v, "instance", s->name);
	json_set_str(v, "address", s->address);
	json_set_str(v, "created_at", s->created);
	json_set_str(v, "expires_at", text);
	json_set_bool(v, "connected", s->connected);
	json_set_int(v, "idle_s", (int64_t)((uv_now(s->ts->b->loop) - s->active) / 1000));
	json_set_int(v, "bytes_in", (int64_t)s->bytes_in);
	json_set_int(v, "bytes_out", (int64_t)s->bytes_out);
	return v;
}
