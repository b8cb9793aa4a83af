/* SPDX-License-Identifier: MIT */
/* What values of networks' keys must be: 0, or -1 with LXD's words for why not. Pure; v is never "". */
#ifndef BERTH_NETWORK_VALUES_H
#define BERTH_NETWORK_VALUES_H

#include "base/error.h"

int network_is_bool(const char *v, struct error *err);
int network_is_dns_mode(const char *v, struct error *err);
int network_is_domain(const char *v, struct error *err);
int network_is_driver(const char *v, struct error *err);
int network_is_expiry(const char *v, struct error *err);
int network_is_gateway4(const char *v, struct error *err);
int network_is_interface(const char *v, struct error *err);
int network_is_interfaces(const char *v, struct error *err);
int network_is_ip4(const char *v, struct error *err);
int network_is_ip6(const char *v, struct error *err);
int network_is_lines(const char *v, struct error *err);
int network_is_mac(const char *v, struct error *err);
int network_is_mode(const char *v, struct error *err);
int network_is_mtu(const char *v, struct error *err);
int network_is_order(const char *v, struct error *err);
int network_is_own4(const char *v, struct error *err);
int network_is_own6(const char *v, struct error *err);
int network_is_ranges4(const char *v, struct error *err);
int network_is_ranges6(const char *v, struct error *err);
int network_is_routes4(const char *v, struct error *err);
int network_is_routes6(const char *v, struct error *err);
int network_is_search(const char *v, struct error *err);
int network_is_vlan(const char *v, struct error *err);

#endif
