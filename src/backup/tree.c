/* SPDX-License-Identifier: MIT */
#include "backup/tree.h"

#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "image/store.h"
#include "instance/instance.h"
#include "instance/work.h"
#include "lxc/probe.h"
#include "model/settings.h"

/* Instances on "dir" have their ids shifted on disk only where there are no idmapped mounts. */
void tree_push_enter(const struct tree *t, struct argv *argv)
{
	const struct berthd *b = t->b;
	const cJSON *desired = t->desired;
	bool overlay = strcmp(json_str_or(desired, "driver", "dir"), "overlay") == 0;
	AUTO_FREE char *lower = image_rootfs(b->images, json_str_or(json_obj(desired, "config"), "volatile.base_image", ""));
	AUTO_JSON cJSON *config = NULL;
	AUTO_JSON cJSON *devices = NULL;
	uint32_t base, size;

	instance_expand(b, desired, &config, &devices);
	idmap_of(b, config, &base, &size);
	if (size > 0)
		base = (uint32_t)json_int(desired, "idmap_base", base);
	argv_pushf(argv, "%s/berth-rootfs", b->settings->libexec_dir);
	argv_push(argv, "enter");
	argv_pushf(argv, "--source=%s", t->dir);
	if (overlay)
		argv_pushf(argv, "--lower=%s", lower);
	if (size > 0 && (overlay || !b->probe->idmapped_mounts))
		argv_pushf(argv, "--idmap=%u:%u", base, size);
	else
		argv_push(argv, "--idmap=none");
	argv_push(argv, "--");
}

void tree_push_tar(const struct tree *t, struct argv *argv)
{
	tree_push_enter(t, argv);
	argv_pushl(argv, "tar", "--create", "--file=-", "--blocking-factor=512", "--format=posix",
		   "--pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime", "--numeric-owner", "--xattrs",
		   "--xattrs-include=*", "--xattrs-exclude=trusted.overlay.*", "--xattrs-exclude=security.selinux", "--acls",
		   "--sparse", "--warning=no-file-ignored", NULL);
}
