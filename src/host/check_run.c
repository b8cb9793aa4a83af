/* SPDX-License-Identifier: MIT */
/* The checks as a child of ours: `berthd --check`. */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "host/host_private.h"
#include "proc/proc.h"

enum { CHECK_MS = 60000 };

struct host_check {
	struct host *h;
	struct proc *proc;
	void (*cb)(const cJSON *findings, const struct error *err, void *data);
	void *data;
};

static void exit_cb(const struct proc_result *result, void *data)
{
	struct host_check *c = data;
	struct error err = ERROR_INIT;
	cJSON *findings = NULL;

	if (result->exit_code != 0 && result->exit_code != 1)
		(void)proc_check("berthd --check", result, &err);
	else
		findings = json_parse(result->out, result->out_len, &err);
	if (findings != NULL) {
		cJSON_Delete(c->h->findings);
		c->h->findings = findings;
	} else if (result->errs_len > 0) {
		(void)proc_check("berthd --check", result, &err);
	}
	c->cb(findings, &err, c->data);
	free(c);
}

struct host_check *host_check_run(struct berthd *b, void (*cb)(const cJSON *findings, const struct error *err, void *data),
				  void *data, struct error *err)
{
	struct host_check *c = mem_alloc(sizeof(*c));
	struct proc_spec spec = { .timeout_ms = CHECK_MS, .on_exit = exit_cb, .data = c };

	c->h = b->host;
	c->cb = cb;
	c->data = data;
	spec.argv = (const char *const *)b->host->check_argv.v;
	c->proc = proc_start(b->loop, &spec, err);
	if (c->proc != NULL)
		return c;
	free(c);
	return NULL;
}

void host_check_cancel(struct host_check *c)
{
	proc_abandon(c->proc);
	free(c);
}
