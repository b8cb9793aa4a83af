/* SPDX-License-Identifier: MIT */
/* What volume_migrate.c (the source) and volume_receive.c (the target) share. */
#ifndef BERTH_BACKUP_VOLUME_MIGRATE_PRIVATE_H
#define BERTH_BACKUP_VOLUME_MIGRATE_PRIVATE_H

#include "backup/volume_migrate.h"
#include "instance/migrate_link.h"
#include "lxc/probe.h"
#include "pool/custom_work.h"

#define NO_IDMAPPED_MOUNTS "volumes cannot go between servers here: this kernel has no idmapped mounts"

/* Takes args and link. */
struct op *volume_link_begin(struct berthd *b, const struct op_kind *kind, cJSON *args, struct migrate_link *link,
			     struct error *err);
void volume_link_cancel(struct op *op); /* of a kind */
void volume_receive_register(struct op_queue *q);

#endif
