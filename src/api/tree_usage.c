/* SPDX-License-Identifier: MIT */
#include "api/tree_usage.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "instance/registry.h"

struct count {
	uv_work_t work;
	struct request *request; /* NULL when the client left */
	char *path;
	unsigned ms;
	tree_usage_done *done;
	void *data;
	unsigned long long bytes;
	bool ok;
	struct error err;
};

static void count_cb(uv_work_t *work)
{
	struct count *c = work->data;

	c->ok = fs_tree_usage(c->path, c->ms, &c->bytes, &c->err) == 0;
}

static void counted_cb(uv_work_t *work, int status)
{
	struct count *c = work->data;

	if (status != 0)
		error_set(&c->err, ERROR_CANCELLED, "counting was given up");
	if (status != 0 || !c->ok)
		log_debug("disk usage of '%s': %s", c->path, c->err.msg);
	c->done(c->request, c->data, status == 0 && c->ok ? &c->bytes : NULL, &c->err);
	free(c->path);
	free(c);
}

static void gone(struct request *r)
{
	((struct count *)request_data(r))->request = NULL;
}

void tree_usage(struct request *r, const char *path, unsigned ms, tree_usage_done *done, void *data)
{
	struct count *c = mem_alloc(sizeof(*c));

	c->work.data = c;
	c->request = r;
	c->path = mem_strdup(path);
	c->ms = ms;
	c->done = done;
	c->data = data;
	request_set_data(r, c);
	request_on_gone(r, gone);
	uv_queue_work(request_berthd(r)->loop, &c->work, count_cb, counted_cb);
}
