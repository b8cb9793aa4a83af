/* SPDX-License-Identifier: MIT */
/*
 * VMConfig: how hosting panels describe an instance. Fields (doc/host-module.md has the table):
 *
 *	vm_uuid   its name
 *	os_name   template file of images_path, or image alias
 *	cpu_num   CPUs; cpu_per: percent of one CPU, a hard limit; 0 of each: no limit
 *	ram_num   GB (1024 MiB), or mem_num in MB (MiB), not both; 0: no limit
 *	hdd_num   GB that the root disk may take, 0: no limit; a warning where its storage pool cannot limit that
 *	nic_all   {NIC: {nic_type pub|nat, mac_addr, ip4_addr, ip6_addr, nic_gate, nic_mask, dns_addr[]}}: all of its NICs
 *	hdd_all   {VOLUME: {path, ro, source}}: all of its volumes
 *	nat_all   [{wan_port, lan_port, protocol, wan_addr, nat_tips}]: all of its port forwards
 *	speed_u, speed_d  Mbit/s of each NIC, what the instance sends and receives; 0: no limit
 *	os_pass   password of root
 *
 * A field that is absent or null is left as it is. Every other field is an error that names it.
 */
#ifndef BERTH_PANEL_VMCONFIG_H
#define BERTH_PANEL_VMCONFIG_H

#include <cjson/cJSON.h>
#include <stdbool.h>

#include "base/error.h"
#include "model/settings.h"

struct vmconfig {
	char *name;      /* or NULL */
	char *os_name;   /* or NULL */
	char *size;      /* of the root disk: "20GiB"; "" for no limit; or NULL */
	char *os_pass;   /* or NULL; wiped by vmconfig_clear() */
	cJSON *config;   /* LXD's keys; "": to be unset */
	cJSON *nics;     /* devices by name, or NULL */
	cJSON *volumes;  /* [{"name","path","readonly","source"}], or NULL */
	cJSON *forwards; /* as forward_set() takes them, or NULL */
	cJSON *dns;      /* name servers of all NICs, texts, or NULL */
	cJSON *speeds;   /* {"limits.egress", "limits.ingress"} for every NIC, or NULL */
	cJSON *warnings; /* texts */
};

/* 0; or -1 with the name of the field, its value and the rule. ret may be cleared in both cases. */
int vmconfig_parse(const struct settings *settings, const cJSON *object, struct vmconfig *ret, struct error *err);
void vmconfig_clear(struct vmconfig *c);
#define AUTO_VMCONFIG __attribute__((cleanup(vmconfig_clear)))

/* The members of `now` that differ from `before`: what the panel says has changed. New object. */
cJSON *vmconfig_changes(const cJSON *before, const cJSON *now);

#endif
