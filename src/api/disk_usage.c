/* SPDX-License-Identifier: MIT */
#include "api/disk_usage.h"

#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "instance/instance.h"

#define COUNT_MS 2000

struct count {
	uv_work_t work;
	struct request *request; /* NULL when the client left */
	struct berthd *b;
	char *name;
	char *path;
	void (*reply)(struct request *r, struct instance *inst, cJSON *disk);
	unsigned long long bytes;
	bool ok;
	struct error err;
};

static void count_cb(uv_work_t *work)
{
	struct count *c = work->data;

	c->ok = fs_tree_usage(c->path, COUNT_MS, &c->bytes, &c->err) == 0;
}

static void counted_cb(uv_work_t *work, int status)
{
	struct count *c = work->data;
	cJSON *disk;

	if (c->request != NULL) {
		disk = cJSON_CreateObject();
		if (status == 0 && c->ok)
			json_set_int(cJSON_AddObjectToObject(disk, "root"), "usage", (int64_t)c->bytes);
		else
			log_debug("disk usage of '%s': %s", c->name, c->err.msg);
		c->reply(c->request, registry_get(c->b->registry, c->name), disk);
	}
	free(c->name);
	free(c->path);
	free(c);
}

static void gone(struct request *r)
{
	((struct count *)request_data(r))->request = NULL;
}

void disk_usage(struct request *r, const struct instance *inst,
		void (*reply)(struct request *r, struct instance *inst, cJSON *disk))
{
	struct count *c = mem_alloc(sizeof(*c));
	AUTO_FREE char *dir = instance_dir(request_berthd(r), inst->name);
	bool overlay = strcmp(json_str_or(inst->desired, "driver", ""), "overlay") == 0;

	c->work.data = c;
	c->request = r;
	c->b = request_berthd(r);
	c->name = mem_strdup(inst->name);
	c->path = fs_join(dir, overlay ? "upper" : "rootfs");
	c->reply = reply;
	request_set_data(r, c);
	request_on_gone(r, gone);
	uv_queue_work(c->b->loop, &c->work, count_cb, counted_cb);
}
