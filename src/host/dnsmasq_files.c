/* SPDX-License-Identifier: MIT */
#include "host/dnsmasq_files.h"

#include <ctype.h>
#include <string.h>

#include "base/mem.h"
#include "model/address_maps.h"
#include "model/key_types.h"

enum { LABEL_MAX = 63, MAC_LEN = 17 };

static bool is_label(const char *name)
{
	size_t n = strlen(name);

	if (n == 0 || n > LABEL_MAX || !isalnum((unsigned char)name[0]) || !isalnum((unsigned char)name[n - 1]))
		return false;
	for (const char *p = name; *p != '\0'; p++)
		if (!isalnum((unsigned char)*p) && *p != '-')
			return false;
	return true;
}

/* "FD00:0::5/64" -> "fd00::5", as everybody else who has it writes it; "" when it is no address. */
static void bare_address(int family, const char *text, char out[INET6_ADDRSTRLEN])
{
	struct address a;

	out[0] = '\0';
	if (address_parse_cidr(text, &a) == 0 && a.family == family)
		address_text(&a, out);
}

static bool bare_mac(const char *text, char out[MAC_LEN + 1])
{
	if (text == NULL || !type_is_mac(text))
		return false;
	for (size_t i = 0; i <= MAC_LEN; i++)
		out[i] = (char)tolower((unsigned char)text[i]);
	return true;
}

/* Empties what is taken already. */
static void take(struct dnsmasq_files *f, char *what)
{
	if (what[0] != '\0' && strmap_get(f->taken, what) == NULL)
		strmap_put(f->taken, what, f);
	else
		what[0] = '\0';
}

void dnsmasq_files_init(struct dnsmasq_files *f, const char *gateway4, const char *gateway6)
{
	char ip4[INET6_ADDRSTRLEN], ip6[INET6_ADDRSTRLEN];

	*f = (struct dnsmasq_files){ .hosts = STRBUF_INIT, .dhcp = STRBUF_INIT, .taken = strmap_new(NULL),
				     .six = gateway6[0] != '\0' };
	bare_address(AF_INET, gateway4, ip4);
	bare_address(AF_INET6, gateway6, ip6);
	take(f, ip4);
	take(f, ip6);
}

void dnsmasq_files_clear(struct dnsmasq_files *f)
{
	strmap_free(f->taken);
	strbuf_clear(&f->hosts);
	strbuf_clear(&f->dhcp);
}

void dnsmasq_files_add(struct dnsmasq_files *f, const char *name, const struct nic *nic)
{
	char ip4[INET6_ADDRSTRLEN], ip6[INET6_ADDRSTRLEN], mac[MAC_LEN + 1] = "";

	if (!is_label(name))
		return;
	bare_address(AF_INET, nic->ip4.text, ip4);
	bare_address(AF_INET6, nic->ip6.text, ip6);
	take(f, ip4);
	take(f, ip6);
	if (ip4[0] != '\0' && !f->unnamed)
		strbuf_addf(&f->hosts, "%s %s\n", ip4, name);
	if (ip6[0] != '\0' && !f->unnamed)
		strbuf_addf(&f->hosts, "%s %s\n", ip6, name);
	if (!bare_mac(nic->hwaddr, mac))
		return;
	take(f, mac);
	if (mac[0] == '\0')
		return;
	strbuf_addf(&f->dhcp, "%s%s%s", mac, ip4[0] != '\0' ? "," : "", ip4);
	if (ip6[0] != '\0' && f->six)
		strbuf_addf(&f->dhcp, ",[%s]", ip6);
	if (!f->unnamed)
		strbuf_addf(&f->dhcp, ",%s", name);
	strbuf_addch(&f->dhcp, '\n');
}
