/* SPDX-License-Identifier: MIT */
/* The checks as a child of ours: `berthd --check`. */
#include <stdlib.h>
#include <string.h>

#include "base/argv.h"
#include "base/json.h"
#include "base/mem.h"
#include "host/host_private.h"
#include "model/warnings.h"
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
		warnings_of_checks(c->h->b->warnings, findings);
	} else if (result->errs_len > 0) {
		(void)proc_check("berthd --check", result, &err);
	}
	c->cb(findings, &err, c->data);
	free(c);
}

/* As this daemon was started, so that both see the same. */
static void env_of(struct argv *env, const struct settings *s)
{
	const char *path = getenv("PATH");

	argv_pushf(env, "PATH=%s", path != NULL ? path : "/usr/sbin:/usr/bin:/sbin:/bin");
	argv_pushl(env, "HOME=/root", "LC_ALL=C", NULL);
	argv_pushf(env, "BERTH_LIBEXEC_DIR=%s", s->libexec_dir);
	argv_pushf(env, "BERTH_TEMPLATE_DIR=%s", s->template_dir);
}

struct host_check *host_check_run(struct berthd *b, void (*cb)(const cJSON *findings, const struct error *err, void *data),
				  void *data, struct error *err)
{
	struct host_check *c = mem_alloc(sizeof(*c));
	AUTO_ARGV struct argv env = ARGV_INIT;
	struct proc_spec spec = { .timeout_ms = CHECK_MS, .on_exit = exit_cb, .data = c };

	c->h = b->host;
	c->cb = cb;
	c->data = data;
	env_of(&env, b->settings);
	spec.env = (const char *const *)env.v;
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
