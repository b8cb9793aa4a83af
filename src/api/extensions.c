/* SPDX-License-Identifier: MIT */
/*
 * Names and order are LXD's (doc/api-extensions.md of LXD). A row means that
 * berth does what it stands for: a client that misses one says so itself or
 * takes an older way.
 */
#include "api/extensions.h"

#include <stddef.h>

const char *const api_extensions[] = {
	"container_host_shutdown_timeout", /* boot.host_shutdown_timeout */
	"container_last_used_at",
	"etag",
	"patch",
	"https_allowed_credentials",
	"image_compression_algorithm",     /* publishing, and images.compression_algorithm */
	"directory_manipulation",          /* X-LXD-type: directory */
	"container_cpu_time",              /* state.cpu.usage */
	"profile_usedby",
	"certificate_update",
	"container_exec_signal_handling",
	"container_image_properties",      /* image.* */
	"id_map",                          /* security.idmap.isolated, .size */
	"file_delete",
	"file_append",                     /* X-LXD-write: append */
	"image_create_aliases",
	"container_stateless_copy",
	"container_only_migration",        /* source.instance_only of a copy */
	"entity_description",
	"image_force_refresh",             /* POST images/FINGERPRINT/refresh */
	"id_map_base",
	"file_symlinks",                   /* X-LXD-type: symlink */
	"resources",
	"file_get_symlink",
	"network_leases",
	"operation_description",
	"event_lifecycle",
	"container_backup",                /* instances/NAME/backups: LXD's archives, see backup/export.h */
	"network_state",
	"container_full",                  /* GET instances?recursion=2 */
	"backup_compression",
	"snapshot_scheduling",             /* snapshots.schedule, .schedule.stopped, .pattern */
	"snapshot_schedule_aliases",
	"snapshot_expiry",
	"snapshot_expiry_creation",
	"kernel_features",
	"event_location",
	"resources_v2",
	"container_exec_user_group_cwd",
	"instances",
	"image_types",
	"backup_compression_algorithm",
	"images_expiry",
	"image_profiles",                  /* of instances made without profiles */
	"api_filtering",
	"api_os",
	"instance_bulk_state_change",      /* PUT instances */
	"warnings",
	"server_supported_storage_drivers",
	"network_forward",                 /* networks/NAME/forwards */
	"image_source_project",            /* source.project */
	"certificate_self_renewal",
	"instance_all_projects",           /* there is one */
	"instance_get_full",               /* GET instances/NAME?recursion=1 */
	"event_project",
	"instance_file_head",
	"instances_rebuild",
	"instance_snapshot_never",         /* @never */
	NULL,
};
