/* SPDX-License-Identifier: MIT */
#include "lxc/netns.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/net_namespace.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"
#include "proc/proc.h"

enum {
	DUMP_BUFFER = 16 * 1024, /* the kernel fills what we offer, at most 32 KiB */
	DUMP_DATAGRAMS_MAX = 64,
};

/* An attribute list, rtnetlink(7). The length is signed: RTA_NEXT may take it below 0, which ends it. */
struct attrs {
	const struct rtattr *rta;
	int len;
};

static const struct rtattr *attr_find(struct attrs a, unsigned type, size_t min_len)
{
	for (; RTA_OK(a.rta, a.len); a.rta = RTA_NEXT(a.rta, a.len))
		if ((a.rta->rta_type & NLA_TYPE_MASK) == type)
			return RTA_PAYLOAD(a.rta) >= min_len ? a.rta : NULL;
	return NULL;
}

static uint32_t attr_u32(struct attrs a, unsigned type, uint32_t def)
{
	const struct rtattr *rta = attr_find(a, type, sizeof(uint32_t));

	if (rta)
		memcpy(&def, RTA_DATA(rta), sizeof(def));
	return def;
}

static void attr_text(struct attrs a, unsigned type, char *buf, size_t size)
{
	const struct rtattr *rta = attr_find(a, type, 1);

	*buf = '\0';
	if (rta)
		proc_clean_text(RTA_DATA(rta), strnlen(RTA_DATA(rta), RTA_PAYLOAD(rta)), buf, size);
}

static void add_counters(cJSON *link, struct attrs a)
{
	const struct rtattr *rta = attr_find(a, IFLA_STATS64, offsetof(struct rtnl_link_stats64, multicast));
	cJSON *counters = cJSON_AddObjectToObject(link, "counters");
	struct rtnl_link_stats64 s = { 0 };

	if (rta)
		memcpy(&s, RTA_DATA(rta), offsetof(struct rtnl_link_stats64, multicast));
	json_set_int(counters, "bytes_received", (int64_t)s.rx_bytes);
	json_set_int(counters, "bytes_sent", (int64_t)s.tx_bytes);
	json_set_int(counters, "packets_received", (int64_t)s.rx_packets);
	json_set_int(counters, "packets_sent", (int64_t)s.tx_packets);
	json_set_int(counters, "errors_received", (int64_t)s.rx_errors);
	json_set_int(counters, "errors_sent", (int64_t)s.tx_errors);
	json_set_int(counters, "packets_dropped_outbound", (int64_t)s.tx_dropped);
	json_set_int(counters, "packets_dropped_inbound", (int64_t)s.rx_dropped);
}

static void add_hwaddr(cJSON *link, struct attrs a, unsigned flags)
{
	const struct rtattr *rta = attr_find(a, IFLA_ADDRESS, 1);
	char text[3 * 32 + 1] = "";

	if (rta && !(flags & IFF_LOOPBACK) && RTA_PAYLOAD(rta) <= 32) {
		const unsigned char *addr = RTA_DATA(rta);

		for (size_t i = 0; i < RTA_PAYLOAD(rta); i++)
			snprintf(text + 3 * i, 4, "%02x:", addr[i]);
		text[3 * RTA_PAYLOAD(rta) - 1] = '\0';
	}
	json_set_str(link, "hwaddr", text);
}

/* The other end of a veth, or what a macvlan sits on, when that is in our namespace and no third one. */
static void add_host_name(cJSON *link, struct attrs a, int32_t host_id)
{
	int32_t peer_ns = (int32_t)attr_u32(a, IFLA_LINK_NETNSID, (uint32_t)-1);
	uint32_t peer = attr_u32(a, IFLA_LINK, 0);
	char name[IF_NAMESIZE] = "";

	if (peer == 0 || peer_ns < 0 || peer_ns != host_id || !if_indextoname(peer, name))
		*name = '\0';
	json_set_str(link, "host_name", name);
}

static const char *link_type(unsigned flags)
{
	if (flags & IFF_POINTOPOINT)
		return "point-to-point";
	if (flags & IFF_LOOPBACK)
		return "loopback";
	return flags & IFF_BROADCAST ? "broadcast" : "unknown";
}

static void parse_link(struct netns_dump *dump, const struct ifinfomsg *info, struct attrs a)
{
	char name[4 * IF_NAMESIZE];
	cJSON *link;

	attr_text(a, IFLA_IFNAME, name, sizeof(name));
	if (!*name || dump->links == NETNS_LINKS_MAX || cJSON_GetObjectItemCaseSensitive(dump->net, name))
		return;
	link = cJSON_AddObjectToObject(dump->net, name);
	dump->link[dump->links].index = (uint32_t)info->ifi_index;
	dump->link[dump->links++].addresses = cJSON_AddArrayToObject(link, "addresses");
	add_counters(link, a);
	add_hwaddr(link, a, info->ifi_flags);
	add_host_name(link, a, dump->host_id);
	json_set_int(link, "mtu", attr_u32(a, IFLA_MTU, 0));
	json_set_str(link, "state", info->ifi_flags & IFF_UP ? "up" : "down");
	json_set_str(link, "type", link_type(info->ifi_flags));
}

const char *netns_scope(const char *address)
{
	if (strcmp(address, "::1") == 0 || strncmp(address, "127.", 4) == 0)
		return "local";
	if (strncmp(address, "fe80:", 5) == 0 || strncmp(address, "169.254.", 8) == 0)
		return "link";
	return "global";
}

static cJSON *addresses_of(const struct netns_dump *dump, uint32_t index)
{
	for (size_t i = 0; i < dump->links; i++)
		if (dump->link[i].index == index)
			return dump->link[i].addresses;
	return NULL;
}

static void parse_address(struct netns_dump *dump, const struct ifaddrmsg *info, struct attrs a)
{
	size_t size = info->ifa_family == AF_INET6 ? sizeof(struct in6_addr) : sizeof(struct in_addr);
	/* on a tunnel IFA_ADDRESS is the other end */
	const struct rtattr *rta = attr_find(a, IFA_LOCAL, size);
	cJSON *addresses = addresses_of(dump, info->ifa_index);
	char text[INET6_ADDRSTRLEN];
	cJSON *address;

	if (!rta)
		rta = attr_find(a, IFA_ADDRESS, size);
	if (!rta || !addresses || (info->ifa_family != AF_INET && info->ifa_family != AF_INET6) ||
	    dump->addresses == NETNS_ADDRESSES_MAX)
		return;
	dump->addresses++;
	inet_ntop(info->ifa_family, RTA_DATA(rta), text, sizeof(text));
	address = cJSON_CreateObject();
	json_set_str(address, "family", info->ifa_family == AF_INET ? "inet" : "inet6");
	json_set_str(address, "address", text);
	json_set_strf(address, "netmask", "%u", info->ifa_prefixlen);
	json_set_str(address, "scope", netns_scope(text));
	cJSON_AddItemToArray(addresses, address);
}

/* The attributes after a message's fixed part; false when not even that is there. */
static bool message_attrs(const struct nlmsghdr *h, size_t fixed, struct attrs *ret)
{
	size_t skip = NLMSG_ALIGN(fixed);

	if (h->nlmsg_len < NLMSG_LENGTH(fixed))
		return false;
	ret->rta = (const struct rtattr *)((const char *)NLMSG_DATA(h) + skip);
	ret->len = (int)h->nlmsg_len - (int)NLMSG_LENGTH(skip);
	return true;
}

/* NLMSG_OK without its mixed signs. */
static bool message_ok(const struct nlmsghdr *h, int left)
{
	return left >= (int)sizeof(*h) && h->nlmsg_len >= sizeof(*h) && h->nlmsg_len <= (unsigned)left;
}

int netns_parse(struct netns_dump *dump, const void *data, size_t len)
{
	int left = len > INT_MAX ? 0 : (int)len;
	struct attrs a;

	for (const struct nlmsghdr *h = data; message_ok(h, left); h = NLMSG_NEXT(h, left)) {
		if (h->nlmsg_type == NLMSG_DONE)
			return 1;
		if (h->nlmsg_type == RTM_NEWLINK && message_attrs(h, sizeof(struct ifinfomsg), &a))
			parse_link(dump, NLMSG_DATA(h), a);
		else if (h->nlmsg_type == RTM_NEWADDR && message_attrs(h, sizeof(struct ifaddrmsg), &a))
			parse_address(dump, NLMSG_DATA(h), a);
		else
			return -1;
	}
	return left <= 0 ? 0 : -1;
}

/* A netlink socket of the process's namespace; *ret_self is ours. Aborts rather than stay there. */
static int netns_socket(pid_t pid, int *ret_self)
{
	AUTO_FREE char *path = mem_printf("/proc/%d/ns/net", (int)pid);
	AUTO_CLOSE int there = open(path, O_RDONLY | O_CLOEXEC);
	int fd;

	*ret_self = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	if (there < 0 || *ret_self < 0 || setns(there, CLONE_NEWNET) < 0)
		return -1;
	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (setns(*ret_self, CLONE_NEWNET) < 0)
		abort();
	return fd;
}

static int netns_dump(int fd, unsigned short type, struct netns_dump *dump)
{
	struct {
		struct nlmsghdr h;
		struct ifinfomsg info; /* longer than ifaddrmsg: all zero serves both */
	} request = {
		.h = { .nlmsg_len = sizeof(request),
		       .nlmsg_type = type,
		       .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP },
	};
	_Alignas(struct nlmsghdr) char buf[DUMP_BUFFER];
	int rc = 0;

	if (send(fd, &request, sizeof(request), 0) < 0)
		return -1;
	for (int i = 0; rc == 0 && i < DUMP_DATAGRAMS_MAX; i++) {
		ssize_t n = recv(fd, buf, sizeof(buf), MSG_TRUNC);

		rc = n <= 0 || (size_t)n > sizeof(buf) ? -1 : netns_parse(dump, buf, (size_t)n);
	}
	return rc > 0 ? 0 : -1;
}

/* The id by which the socket's namespace knows that of `self`; -1 when it knows none. */
static int32_t netns_id(int fd, int self)
{
	struct {
		struct nlmsghdr h;
		struct rtgenmsg gen;
		_Alignas(NLMSG_ALIGNTO) struct rtattr rta;
		uint32_t self;
	} request = {
		.h = { .nlmsg_len = sizeof(request),
		       .nlmsg_type = RTM_GETNSID,
		       .nlmsg_flags = NLM_F_REQUEST },
		.rta = { .rta_len = RTA_LENGTH(sizeof(uint32_t)), .rta_type = NETNSA_FD },
		.self = (uint32_t)self,
	};
	_Alignas(struct nlmsghdr) char buf[512];
	const struct nlmsghdr *h = (const struct nlmsghdr *)buf;
	struct attrs a;
	ssize_t n;

	if (send(fd, &request, sizeof(request), 0) < 0)
		return -1;
	n = recv(fd, buf, sizeof(buf), 0);
	if (n < 0 || !message_ok(h, (int)n) || h->nlmsg_type != RTM_NEWNSID ||
	    !message_attrs(h, sizeof(struct rtgenmsg), &a))
		return -1;
	return (int32_t)attr_u32(a, NETNSA_NSID, (uint32_t)-1);
}

cJSON *netns_state(pid_t pid)
{
	AUTO_CLOSE int self = -1;
	AUTO_CLOSE int fd = netns_socket(pid, &self);
	struct netns_dump dump = { .host_id = -1 };

	if (fd < 0)
		return NULL;
	dump.net = cJSON_CreateObject();
	dump.host_id = netns_id(fd, self);
	if (netns_dump(fd, RTM_GETLINK, &dump) == 0)
		netns_dump(fd, RTM_GETADDR, &dump);
	json_sort(dump.net);
	return dump.net;
}
