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
	"container_stop_priority",         /* boot.stop.priority */
	"container_last_used_at",
	"etag",
	"patch",
	"usb_devices",
	"https_allowed_credentials",
	"image_compression_algorithm",     /* publishing, and images.compression_algorithm */
	"directory_manipulation",          /* X-LXD-type: directory */
	"container_cpu_time",              /* state.cpu.usage */
	"network",
	"profile_usedby",
	"container_push",                 /* source.mode "push" of type "migration" */
	"container_exec_recording",        /* logs/exec_* */
	"certificate_update",
	"container_exec_signal_handling",
	"gpu_devices",                     /* gputype=physical */
	"container_image_properties",      /* image.* */
	"migration_progress",             /* fs_progress */
	"id_map",                          /* security.idmap.isolated, .size, raw.idmap */
	"network_firewall_filtering",
	"network_routes",
	"storage",                         /* storage-pools */
	"file_delete",
	"file_append",                     /* X-LXD-write: append */
	"network_dhcp_expiry",
	"image_create_aliases",
	"container_stateless_copy",
	"container_only_migration",        /* source.instance_only of a copy */
	"unix_device_rename",              /* path and source of unix devices */
	"storage_btrfs_mount_options",
	"entity_description",
	"image_force_refresh",             /* POST images/FINGERPRINT/refresh */
	"id_map_base",
	"file_symlinks",                   /* X-LXD-type: symlink */
	"container_push_target",          /* "target" of a migration */
	"container_edit_metadata",
	"storage_volatile_initial_source",
	"resources",
	"kernel_limits",                   /* limits.kernel.* */
	"storage_api_volume_rename",
	"console",
	"proxy",
	"network_dhcp_gateway",
	"file_get_symlink",
	"network_leases",
	"unix_device_hotplug",             /* required=false */
	"storage_api_local_volume_handling", /* copies and moves between pools */
	"operation_description",
	"clustering",                      /* there is none, and /1.0/cluster says so */
	"event_lifecycle",
	"storage_api_remote_volume_handling",
	"container_mount_propagation",     /* propagation of disks */
	"container_backup",                /* instances/NAME/backups: LXD's archives, see backup/export.h */
	"container_local_cross_pool_handling",
	"proxy_unix",
	"proxy_udp",
	"proxy_tcp_udp_multi_port_handling",
	"network_state",
	"proxy_unix_dac_properties",
	"container_protection_delete",
	"unix_priv_drop",                  /* security.uid, security.gid of proxies */
	"proxy_haproxy_protocol",
	"network_hwaddr",
	"proxy_nat",
	"network_nat_order",
	"container_full",                  /* GET instances?recursion=2 */
	"backup_compression",
	"storage_api_volume_snapshots",
	"storage_unmapped",                /* security.unmapped */
	"projects",                        /* there is one, and it cannot be changed */
	"container_incremental_copy",     /* source.refresh of a copy, see instance/refresh.h */
	"usb_optional_vendorid",
	"snapshot_scheduling",             /* snapshots.schedule, .schedule.stopped, .pattern */
	"snapshot_schedule_aliases",
	"container_protection_shift",
	"snapshot_expiry",
	"container_backup_override_pool",
	"snapshot_expiry_creation",
	"network_leases_location",
	"kernel_features",
	"event_location",
	"storage_api_remote_volume_snapshots",
	"network_nat_address",
	"container_nic_routes",            /* ipv4.routes and ipv6.routes of bridged, p2p and routed nics */
	"resources_v2",
	"container_exec_user_group_cwd",
	"container_disk_shift",
	"storage_shifted",                 /* every mount is mapped */
	"instances",
	"image_types",
	"images_expiry",
	"backup_compression_algorithm",
	"container_nic_routed",            /* not its vlan, which is refused */
	"image_profiles",                  /* of instances made without profiles */
	"unix_hotplug_devices",
	"api_filtering",
	"instance_nic_network",
	"firewall_driver",
	"limits_hugepages",
	"container_nic_routed_gateway",
	"custom_volume_snapshot_expiry",
	"volume_snapshot_scheduling",
	"container_nic_routed_host_address",
	"api_os",
	"container_nic_routed_host_table",
	"images_push_relay",               /* POST images with source.mode "push", POST images/FINGERPRINT/export */
	"network_dns_search",
	"container_nic_routed_limits",
	"network_type_macvlan",
	"custom_volume_backup",
	"backup_override_name",            /* X-LXD-name, X-LXD-pool */
	"network_type_physical",
	"instance_nic_bridged_port_isolation",
	"instance_bulk_state_change",      /* PUT instances */
	"instance_pool_move",
	"storage_volume_state",
	"project_usage",
	"warnings",
	"server_instance_driver_operational",
	"server_supported_storage_drivers",
	"event_lifecycle_requestor_address",
	"network_forward",                 /* networks/NAME/forwards */
	"custom_volume_refresh",           /* source.refresh */
	"image_source_project",            /* source.project */
	"linux_sysctl",
	"certificate_self_renewal",
	"instance_all_projects",           /* there is one */
	"instance_get_full",               /* GET instances/NAME?recursion=1 */
	"event_project",
	"instance_allow_inconsistent_copy", /* a running source is frozen unless it says so; then files may vanish */
	"storage_volume_api_filtering",
	"instance_snapshot_never",         /* @never */
	"certificate_token",
	"instance_nic_routed_neighbor_probe",
	"cluster_migration_inconsistent_copy",
	"storage_volume_state_total",
	"instance_file_head",
	"storage_volumes_all_projects",    /* there is one */
	"instances_rebuild",
	"instance_create_start",           /* Incus's: "start" in POST instances */
	NULL,
};
