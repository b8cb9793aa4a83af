/* SPDX-License-Identifier: MIT */
/*
 * What dnsmasq is told of instances, as the text of two files: reservations (dhcp-hosts: "MAC,ADDRESS,NAME" for every
 * NIC on the NAT bridge) and names of static addresses (hosts). Names and addresses may be anybody's: what is no host
 * name label, MAC or address is left out, and of two that want the same address or MAC, however they write it, the
 * first has it. Nobody gets the bridge's own addresses.
 */
#ifndef BERTH_HOST_DNSMASQ_FILES_H
#define BERTH_HOST_DNSMASQ_FILES_H

#include "base/strbuf.h"
#include "base/strmap.h"
#include "model/nic.h"

struct dnsmasq_files {
	struct strbuf hosts, dhcp;
	struct strmap *taken; /* addresses and MACs */
	bool six;             /* IPv6 is leased too */
	bool unnamed;         /* reservations only, without names; false after init */
};

/* The bridge's addresses; gateway6 is "" when it has none. */
void dnsmasq_files_init(struct dnsmasq_files *f, const char *gateway4, const char *gateway6);
void dnsmasq_files_clear(struct dnsmasq_files *f);
void dnsmasq_files_add(struct dnsmasq_files *f, const char *name, const struct nic *nic);

#endif
