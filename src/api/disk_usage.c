/* SPDX-License-Identifier: MIT */
#include "api/disk_usage.h"

#include <stdlib.h>
#include <string.h>

#include "api/tree_usage.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "instance/instance.h"


struct asked {
	struct berthd *b;
	char *name;
	void (*reply)(struct request *r, struct instance *inst, cJSON *disk);
};

static void counted(struct request *r, void *data, const unsigned long long *bytes, const struct error *err)
{
	struct asked *a = data;

	if (r != NULL) {
		cJSON *disk = cJSON_CreateObject();

		if (bytes != NULL)
			json_set_int(cJSON_AddObjectToObject(disk, "root"), "usage", (int64_t)*bytes);
		a->reply(r, registry_get(a->b->registry, a->name), disk);
	}
	free(a->name);
	free(a);
}

void disk_usage(struct request *r, const struct instance *inst,
		void (*reply)(struct request *r, struct instance *inst, cJSON *disk))
{
	struct asked *a = mem_alloc(sizeof(*a));
	AUTO_FREE char *dir = instance_dir(request_berthd(r), inst->name);
	bool overlay = strcmp(json_str_or(inst->desired, "driver", ""), "overlay") == 0;
	AUTO_FREE char *path = fs_join(dir, overlay ? "upper" : "rootfs");

	a->b = request_berthd(r);
	a->name = mem_strdup(inst->name);
	a->reply = reply;
	tree_usage(r, path, TREE_USAGE_MS, counted, a);
}
