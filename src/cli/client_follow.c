/* SPDX-License-Identifier: MIT */
/*
 * While an operation runs: after a fifth of a second its progress is shown, read
 * from the events of a second connection; ^C cancels it.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "cli/client_impl.h"

#define QUIET_MS 200

static volatile sig_atomic_t interrupts;

static void on_interrupt(int sig)
{
	interrupts++;
}

/* Progress texts are members named *_progress of the operation's metadata. */
static const char *progress_text(const cJSON *metadata)
{
	const cJSON *m;

	cJSON_ArrayForEach(m, metadata)
	{
		size_t len = m->string ? strlen(m->string) : 0;

		if (cJSON_IsString(m) && len > 9 && !strcmp(m->string + len - 9, "_progress"))
			return m->valuestring;
	}
	return NULL;
}

static bool on_event(const char *text, size_t len, void *data)
{
	struct error ignored = ERROR_INIT;
	AUTO_JSON cJSON *event = json_parse(text, len, &ignored);
	const cJSON *op = json_obj(event, "metadata");
	const char *progress = progress_text(json_obj(op, "metadata"));
	AUTO_FREE char *line = NULL;

	if (strcmp(json_str_or(op, "id", ""), data) != 0 || !progress)
		return true;
	line = mem_printf("%s: %s", json_str_or(op, "description", "Working"), progress);
	progress_show(line, -1);
	return true;
}

static int cancel(struct client *c, const char *id, struct error *err)
{
	AUTO_FREE char *path = mem_printf("/1.0/operations/%s", id);
	struct client *own = client_clone(c);
	struct error ignored = ERROR_INIT;
	struct response r = { 0 };
	bool cancelled;

	if (interrupts > 1) {
		client_free(own);
		return error_set(err, ERROR_CANCELLED, "interrupted; operation %s goes on", id);
	}
	cancelled = client_request(own, "DELETE", path, NULL, NULL, &r, &ignored) == 0 && r.status < 300;
	response_clear(&r);
	client_free(own);
	if (!cancelled)
		fprintf(stderr, "This operation cannot be cancelled; interrupt again to leave it running\n");
	return 0;
}

/* Polls c's socket, and events when given, for so long; 1: c has an answer, 0: time is over. */
static int follow_step(struct client *c, struct client_ws **events, int events_fd, int timeout)
{
	struct pollfd p[2] = {{.fd = c->fd, .events = POLLIN},
			      {.fd = *events ? events_fd : -1, .events = POLLIN}};
	int n = poll(p, 2, timeout);

	if (n <= 0)
		return 0;
	if (p[0].revents)
		return 1;
	if (*events && !client_ws_step(*events)) {
		client_ws_free(*events);
		*events = NULL;
	}
	return 0;
}

static struct client_ws *follow_events(struct client *own, const char *id)
{
	struct error ignored = ERROR_INIT;
	struct client_ws *events;

	events = client_ws_open(own, "/1.0/events?type=operation", on_event, (void *)(uintptr_t)id, &ignored);
	if (!events || client_ws_step(events))
		return events;
	client_ws_free(events);
	return NULL;
}

static int follow(struct client *c, struct client *own, const char *id, struct error *err)
{
	struct client_ws *events = NULL;
	bool show = !c->quiet && progress_wanted(); /* and not begun yet */
	int seen = 0, rc = 0;

	while (rc == 0 && follow_step(c, &events, own->fd, show ? QUIET_MS : -1) == 0) {
		if (interrupts > seen) {
			seen = interrupts;
			rc = cancel(c, id, err);
		} else if (show) {
			show = false;
			events = follow_events(own, id);
		}
	}
	client_ws_free(events);
	return rc;
}

int client_follow(struct client *c, const char *operation_id, struct error *err)
{
	struct sigaction act = { .sa_handler = on_interrupt }, old;
	struct client *own = client_clone(c);
	int rc;

	interrupts = 0;
	sigaction(SIGINT, NULL, &old);
	if (old.sa_handler != SIG_IGN)
		sigaction(SIGINT, &act, NULL);
	rc = follow(c, own, operation_id, err);
	sigaction(SIGINT, &old, NULL);
	client_free(own);
	if (!c->quiet)
		progress_show(NULL, -1);
	if (rc < 0)
		client_close(c);
	return rc;
}
