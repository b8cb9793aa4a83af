/* SPDX-License-Identifier: MIT */
/*
 * Volumes: folders that outlive what they are attached to, extern_path/OWNER/NAME. OWNER is the instance that it was
 * made for, also after that one is gone ("orphaned"); a later instance of that name owns it again. Attached, a volume
 * is a disk device whose source is that folder, so everything that knows devices knows volumes. On disk its files have
 * the containers' own ids (mapped by each mount), where the kernel can do that; else those of its owner's map.
 * OWNER's folder is 0700: what lies in it may be setuid and the host root's. A volume has no size limit of its own.
 */
#ifndef BERTH_INSTANCE_VOLUME_H
#define BERTH_INSTANCE_VOLUME_H

#include <cjson/cJSON.h>
#include <stdbool.h>

#include "base/error.h"
#include "berthd.h"
#include "proc/op.h"

/* 1 to 63 letters, digits, '.', '_' and '-', beginning with a letter or digit. */
int volume_name_check(const char *name, struct error *err);

/*
 * {"name","owner","path" (on the host),"orphaned":bool,"used_by":["/1.0/instances/c1"],"attached":[{"instance","device",
 * "path","readonly":bool}]}, sorted; owner NULL: of all. Nothing there is an empty list.
 */
cJSON *volume_list(struct berthd *b, const char *owner, struct error *err);
cJSON *volume_get(struct berthd *b, const char *owner, const char *name, struct error *err); /* "Volume not found" */
char *volume_path(const struct berthd *b, const char *owner, const char *name); /* caller frees */

/*
 * {"name", "path": "/mnt/NAME", "readonly": false, "source": "OWNER/VOLUME" (else INSTANCE/NAME), "create": true}: makes
 * INSTANCE/NAME if need be, never another's. The device is called NAME, or NAME-2… when another device is. Running: live,
 * and an attachment that the container does not take is undone. ERROR_CONFLICT when it is attached already.
 */
struct op *volume_attach(struct berthd *b, const char *instance, const cJSON *request, struct error *err);
/* {"name"}: of the device, or of the volume, "OWNER/VOLUME" too. The data stays. */
struct op *volume_detach(struct berthd *b, const char *instance, const cJSON *request, struct error *err);
/* An empty one, for an instance that is there. */
struct op *volume_create(struct berthd *b, const char *owner, const char *name, struct error *err);
/* Detaches it from its owner and removes the data; ERROR_CONFLICT naming another instance that uses it. */
struct op *volume_delete(struct berthd *b, const char *owner, const char *name, struct error *err);

/*
 * The folder of an instance's volumes follows when it is renamed. Refused while others use one of them (their mounts
 * would stay, their configuration would not), and when volumes of an earlier instance have the new name.
 */
int volume_rename_check(struct berthd *b, const char *from, const char *to, struct error *err);
bool volume_owns(const struct berthd *b, const char *owner); /* has it a folder of volumes? */
int volume_rename(struct berthd *b, const char *from, const char *to, struct error *err); /* done already: success */
void volume_rename_devices(const struct berthd *b, cJSON *devices, const char *from, const char *to);
/*
 * For a copy, which shares no volume unless somebody says so: takes the volumes out of devices that are there just as
 * in source (clients send all of the source's devices along).
 */
void volume_drop(const struct berthd *b, cJSON *devices, const cJSON *source);

void volume_register(struct op_queue *q);

#endif
