/* SPDX-License-Identifier: MIT */
/* What the device types share. */
#ifndef BERTH_MODEL_DEVICE_H
#define BERTH_MODEL_DEVICE_H

#include <stdint.h>

#include "base/raw_idmap.h"
#include "base/strbuf.h"
#include "model/key.h"

extern const struct device_property nic_properties[], disk_properties[], unix_properties[], proxy_properties[],
	usb_properties[], gpu_properties[];

int nic_validate(const char *device, const cJSON *props, struct error *err);
int nic_check_start(const char *device, const cJSON *props, struct error *err);
int nic_render(struct render *r, const char *device, const cJSON *props, struct error *err);
enum live_result nic_live(const struct live_change *change, const char *device, const cJSON *old_props,
			  const cJSON *new_props, struct error *err);

int disk_missing(const char *property, struct error *err); /* LXD's words for a disk without it; -1 */
int disk_validate(const char *device, const cJSON *props, struct error *err);
int disk_check_start(const char *device, const cJSON *props, struct error *err);
int disk_render(struct render *r, const char *device, const cJSON *props, struct error *err);
enum live_result disk_live(const struct live_change *change, const char *device, const cJSON *old_props,
			   const cJSON *new_props, struct error *err);

int unix_validate(const char *device, const cJSON *props, struct error *err);
int unix_check_start(const char *device, const cJSON *props, struct error *err);
int unix_render(struct render *r, const char *device, const cJSON *props, struct error *err);
enum live_result unix_live(const struct live_change *change, const char *device, const cJSON *old_props,
			   const cJSON *new_props, struct error *err);

/* usb, unix-hotplug, gpu: props hold the nodes that devices_match() found. */
int usb_validate(const char *device, const cJSON *props, struct error *err);
int hotplug_validate(const char *device, const cJSON *props, struct error *err);
int gpu_validate(const char *device, const cJSON *props, struct error *err);
int follow_check_start(const char *device, const cJSON *props, struct error *err);
int follow_render(struct render *r, const char *device, const cJSON *props, struct error *err);
enum live_result follow_live(const struct live_change *change, const char *device, const cJSON *old_props,
			     const cJSON *new_props, struct error *err);

int proxy_validate(const char *device, const cJSON *props, struct error *err);
int proxy_check_start(const char *device, const cJSON *props, struct error *err);
int proxy_render(struct render *r, const char *device, const cJSON *props, struct error *err);
enum live_result proxy_live(const struct live_change *change, const char *device, const cJSON *old_props,
			    const cJSON *new_props, struct error *err);

/* A property, NULL when unset or "". */
const char *device_prop(const cJSON *props, const char *key);
/* Has this property the same value in both? */
bool device_same(const cJSON *a, const cJSON *b, const char *key);
/* Value checks of the property tables, by kind. */
int device_valid_bool(const char *device, const char *key, const char *value, struct error *err);
int device_valid_line(const char *device, const char *key, const char *value, struct error *err);
int device_refuse(const char *key, const char *value, const char *rule, struct error *err);

/* The id map of an instance: volatile.idmap.*, or the host's whole range. False: privileged, no map ("0"). */
bool instance_idmap(const cJSON *config, const struct probe *probe, uint32_t *ret_base, uint32_t *ret_size);
/* Has it certain ids of the host's beside its range (volatile.idmap.raw)? */
bool instance_has_raw_idmap(const cJSON *config);
/* The whole maps, of users and of groups. False: privileged, no map. A damaged volatile.idmap.raw counts as none. */
bool instance_id_extents(const cJSON *config, const struct probe *probe, struct id_extents *ret_users,
			 struct id_extents *ret_groups);
/* "BASE:SIZE[,RAW]" for berth-rootfs, or "none" (helper/rootfs_idmap.h). Caller frees. */
char *instance_idmap_text(const cJSON *config, const struct probe *probe);

/* In the order to set them up: by name, but disks last and by path, so that /mnt comes before /mnt/data.
 * NULL-terminated; free the array. */
const cJSON **devices_in_order(const cJSON *devices);

/* A path as a field of an fstab line (octal escapes for blanks and more), without the leading '/' if relative. */
void mount_field(struct strbuf *out, const char *path, bool relative);

/* Appends {"device","argv"} to change->commands; the list of const char * ends with NULL. */
void live_command(const struct live_change *change, const char *device, ...) __attribute__((sentinel));
void live_command_argv(const struct live_change *change, const char *device, const struct argv *argv);

#endif
