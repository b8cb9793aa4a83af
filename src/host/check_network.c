/* SPDX-License-Identifier: MIT */
/* Bridges, dnsmasq, our nftables table, forwarding, and what Docker does to it. */
#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "host/check.h"
#include "host/host_private.h"
#include "host/leases.h"
#include "host/network.h"
#include "proc/output.h"

#define INIT "berth host init"
enum { DNS_MS = 1000, DNS_PORT = 53 };

/* The command that makes or mends networks of this root. */
static char *init_command(const struct check *c, const char *option)
{
	if (strcmp(c->s->host_dir, "/var/lib/berth") == 0)
		return mem_printf(INIT "%s", option);
	return mem_printf(INIT " --root %s%s", c->s->host_dir, option);
}

static bool has_address(const char *name, const char *address)
{
	struct ifaddrs *list;
	struct address want, own;
	bool found = false;

	if (address_parse(address, &want) < 0 || getifaddrs(&list) < 0)
		return false;
	for (const struct ifaddrs *a = list; a != NULL; a = a->ifa_next)
		found = found || (strcmp(a->ifa_name, name) == 0 && address_of_interface(a, &own) &&
				  address_equal(&own, &want));
	freeifaddrs(list);
	return found;
}

/* address: what it must have, or "". */
static void check_bridge(struct check *c, const char *finding, const char *name, const char *address, bool again)
{
	AUTO_FREE char *bridge = mem_printf("/sys/class/net/%s/bridge", name);
	AUTO_FREE char *init = init_command(c, again ? " --again" : "");
	AUTO_FREE char *up = mem_printf("ip link set %s up", name);

	if (if_nametoindex(name) == 0)
		check_add(c, finding, CHECK_ERROR, init, "the bridge '%s' does not exist", name);
	else if (!fs_exists(bridge))
		check_add(c, finding, CHECK_WARNING, "name a bridge in berth.conf",
			  "'%s' is no bridge: only NICs of the type macvlan can use it", name);
	else if (!interface_is_up(name))
		check_add(c, finding, CHECK_ERROR, up, "the bridge '%s' is down", name);
	else if (address[0] != '\0' && !has_address(name, address))
		check_add(c, finding, CHECK_ERROR, init, "the bridge '%s' has not the address %s", name, address);
	else
		check_add(c, finding, CHECK_OK, NULL, "%s%s%s", name, address[0] != '\0' ? ", " : "", address);
}

/* ---- dnsmasq */

/* Asks for a name of our domain: any answer will do. */
static bool dns_answers(const struct host_network *net)
{
	AUTO_CLOSE int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(DNS_PORT) };
	unsigned char query[] = "\x42\x45\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x05" "berth\x04" "test\x00\x00\x01\x00\x01";
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char answer[512];

	return fd >= 0 && inet_pton(AF_INET, net->gateway4, &to.sin_addr) == 1 &&
	       connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0 &&
	       send(fd, query, sizeof(query) - 1, MSG_NOSIGNAL) > 0 && poll(&p, 1, DNS_MS) == 1 &&
	       recv(fd, answer, sizeof(answer), 0) > 2 && memcmp(answer, query, 2) == 0;
}

static void check_dnsmasq(struct check *c, const struct host_network *net, int pid)
{
	AUTO_FREE char *again = init_command(c, " --again");

	if (!net->dnsmasq)
		check_add(c, "dnsmasq-nat", CHECK_OK, NULL, "not asked for on '%s'", net->bridge);
	else if (pid == 0)
		check_add(c, "dnsmasq-nat", CHECK_ERROR, again, "dnsmasq does not run on '%s': no DHCP, no DNS", net->bridge);
	else if (!dns_answers(net))
		check_add(c, "dnsmasq-nat", CHECK_WARNING, "see whether another server has port 53",
			  "dnsmasq, pid %d, does not answer DNS on %s", pid, net->gateway4);
	else
		check_add(c, "dnsmasq-nat", CHECK_OK, NULL, "pid %d on '%s', names in .%s", pid, net->bridge, net->domain);
}

/* ---- nftables */

static int nft_list(const char *kind, const char *family, const char *table, const char *chain, struct strbuf *out)
{
	const char *argv[] = { "nft", "-j", "list", kind, family, table, chain, NULL };
	static const struct output_limits limits = { 10000, 4 << 20 };
	struct error ignored = ERROR_INIT;

	return output_of(argv, &limits, out, &ignored);
}

static void check_table(struct check *c, const struct host_network *net)
{
	AUTO_STRBUF struct strbuf out = STRBUF_INIT;
	AUTO_FREE char *again = init_command(c, " --again");

	if (nft_list("table", "inet", net->table, NULL, &out) < 0)
		check_add(c, "nftables", CHECK_ERROR, again, "our table inet %s is gone: no NAT on '%s'", net->table,
			  net->bridge);
	else if (strstr(out.buf, "\"masquerade\"") == NULL)
		check_add(c, "nftables", CHECK_ERROR, again, "our table inet %s masquerades nothing", net->table);
	else
		check_add(c, "nftables", CHECK_OK, NULL, "table inet %s", net->table);
}

/* Bridges and netdevs drop other things. */
static bool drops_forwarded(const cJSON *chain)
{
	const char *family = json_str_or(chain, "family", "");

	return strcmp(json_str_or(chain, "policy", ""), "drop") == 0 &&
	       strcmp(json_str_or(chain, "hook", ""), "forward") == 0 &&
	       (strcmp(family, "ip") == 0 || strcmp(family, "ip6") == 0 || strcmp(family, "inet") == 0);
}

/* What lets our bridge through in spite of the policy of this chain. */
static char *let_through(const char *family, const char *table, const char *chain, const char *bridge, bool iptables)
{
	const char *program = strcmp(family, "ip6") == 0 ? "ip6tables" : "iptables";

	if (iptables)
		return mem_printf("%s -I %s -i %s -j ACCEPT; %s -I %s -o %s -j ACCEPT", program, chain, bridge, program, chain,
				  bridge);
	return mem_printf("nft insert rule %s %s %s iifname %s accept; nft insert rule %s %s %s oifname %s accept", family,
			  table, chain, bridge, family, table, chain, bridge);
}

/* Does this chain let through what its policy drops? An accept of another table does not bind it. */
static bool check_policy(struct check *c, const cJSON *chain, const char *bridge)
{
	const char *family = json_str_or(chain, "family", ""), *table = json_str_or(chain, "table", "");
	const char *name = json_str_or(chain, "name", ""), *first = name;
	bool iptables = strcmp(table, "filter") == 0 && strcmp(name, "FORWARD") == 0;
	AUTO_STRBUF struct strbuf rules = STRBUF_INIT;
	AUTO_STRBUF struct strbuf user = STRBUF_INIT;
	AUTO_FREE char *quoted = mem_printf("\"%s\"", bridge);
	AUTO_FREE char *fix = NULL;

	(void)nft_list("chain", family, table, name, &rules);
	if (iptables && nft_list("chain", family, table, "DOCKER-USER", &user) == 0)
		first = "DOCKER-USER"; /* Docker puts nothing before it */
	if (strstr(user.buf, quoted) != NULL || strstr(rules.buf, quoted) != NULL)
		return false;
	fix = let_through(family, table, first, bridge, iptables);
	check_add(c, "forward-policy", CHECK_ERROR, fix, "the policy of the chain %s %s %s is drop%s: nothing gets out of '%s'%s",
		  family, table, name, iptables ? " (Docker sets it)" : "", bridge,
		  strstr(rules.buf, "\"dnat\"") != NULL ? "" : ", and port forwards into it are dropped");
	return true;
}

static void check_policies(struct check *c, const char *bridge, bool six)
{
	AUTO_STRBUF struct strbuf chains = STRBUF_INIT;
	struct error ignored = ERROR_INIT;
	AUTO_JSON cJSON *v = NULL;
	const cJSON *item;
	bool bad = false;

	if (nft_list("chains", NULL, NULL, NULL, &chains) < 0)
		return; /* nft is a finding of its own */
	v = json_parse(chains.buf, chains.len, &ignored);
	cJSON_ArrayForEach(item, json_arr(v, "nftables")) {
		const cJSON *chain = json_obj(item, "chain");

		if (drops_forwarded(chain) && (six || strcmp(json_str_or(chain, "family", ""), "ip6") != 0))
			bad = check_policy(c, chain, bridge) || bad;
	}
	if (!bad)
		check_add(c, "forward-policy", CHECK_OK, NULL, "nobody drops what is forwarded for '%s'", bridge);
}

static void check_forwarding(struct check *c)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT;
	struct error ignored = ERROR_INIT;

	if (fs_read_file("/proc/sys/net/ipv4/ip_forward", 16, &text, &ignored) == 0 && text.buf[0] == '0')
		check_add(c, "ip_forward", CHECK_ERROR, "sysctl -w net.ipv4.ip_forward=1",
			  "net.ipv4.ip_forward is 0: instances behind NAT do not get out");
	else
		check_add(c, "ip_forward", CHECK_OK, NULL, "net.ipv4.ip_forward is on");
}

void check_network(struct check *c)
{
	struct settings *s = (struct settings *)(uintptr_t)c->s;
	const struct berthd b = { .settings = s };
	struct host_network net;
	bool managed = host_network(&b, &net);

	check_bridge(c, "network_pub", s->network_pub, "", false);
	if (!managed) {
		if (strcmp(s->network_nat, s->network_pub) != 0)
			check_bridge(c, "network_nat", s->network_nat, "", false);
	} else {
		check_bridge(c, "network_nat", net.bridge, net.gateway4, true);
		check_dnsmasq(c, &net, dnsmasq_pid(&b));
		check_table(c, &net);
		check_forwarding(c);
	}
	check_policies(c, managed ? net.bridge : s->network_nat, managed && net.gateway6[0] != '\0');
}
