/* SPDX-License-Identifier: MIT */
/*
 * What goes to dnsmasq and what comes from it. The input is a lease file; each of its lines is also taken for an
 * instance, "NAME MAC IPV4 IPV6", and what dnsmasq is told of all of them must hold nothing but that.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "host/dnsmasq_files.h"
#include "host/leases.h"
#include "model/key_types.h"

#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "fuzz_dnsmasq: %s\n", what);
	abort();
}

static void lease_cb(const struct lease *l, void *data)
{
	struct address a;

	must(l->expires >= 0 && address_parse(l->address, &a) == 0, "no lease");
	must(l->hwaddr[0] == '\0' || (a.family == AF_INET && type_is_mac(l->hwaddr)), "no MAC");
	for (const char *p = l->hostname; *p; p++)
		must((unsigned char)*p >= ' ' && *p != 0x7f, "a control character in a name");
	++*(size_t *)data;
}

static void copy(char *out, size_t size, const char *text)
{
	snprintf(out, size, "%.*s", (int)(size - 1), text);
}

static void add_line(struct dnsmasq_files *f, char *line)
{
	char *word[4] = { 0 }, *rest = line;
	struct nic nic = { .kind = NIC_BRIDGED };

	for (size_t i = 0; i < 4; i++)
		word[i] = strsep(&rest, " ");
	if (!word[3])
		return;
	nic.hwaddr = word[1];
	copy(nic.ip4.text, sizeof(nic.ip4.text), word[2]);
	copy(nic.ip6.text, sizeof(nic.ip6.text), word[3]);
	dnsmasq_files_add(f, word[0], &nic);
}

/* A text that was there is not there again. */
static void once(struct strmap *seen, const char *text)
{
	must(!strmap_get(seen, text), "an address or MAC twice");
	strmap_put(seen, text, seen);
}

static void check_hosts(char *text, bool six)
{
	struct strmap *seen = strmap_new(NULL);
	char *line;

	while ((line = strsep(&text, "\n")) && *line) {
		char *address = strsep(&line, " ");
		struct address a;

		must(line && line[strspn(line, LETTERS)] == '\0' && *line && strlen(line) <= 63, "a bad name in hosts");
		must(address_parse(address, &a) == 0, "a bad address in hosts");
		must(strcmp(address, "10.7.0.1") != 0 && (!six || strcmp(address, "fd00::1") != 0), "the bridge's own address");
		once(seen, address);
	}
	strmap_free(seen);
}

/* MAC[,IPV4][,[IPV6]],NAME */
static void check_dhcp(char *text)
{
	struct strmap *seen = strmap_new(NULL);
	char *line, *part, *last;

	while ((line = strsep(&text, "\n")) && *line) {
		part = strsep(&line, ",");
		must(type_is_mac(part), "a bad MAC in dhcp-hosts");
		once(seen, part);
		for (last = NULL; (part = strsep(&line, ",")); last = part) {
			if (!last)
				continue;
			must(type_is_address(AF_INET, last) || *last == '[', "a bad address in dhcp-hosts");
			once(seen, last);
		}
		must(last && *last && last[strspn(last, LETTERS)] == '\0', "a bad name in dhcp-hosts");
	}
	strmap_free(seen);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_FREE char *text = mem_strndup((const char *)data, size);
	struct dnsmasq_files f;
	char *rest = text, *line;
	const bool six = size % 2;
	size_t leases = 0;

	leases_parse((const char *)data, size, lease_cb, &leases);
	must(leases <= size / 6 + 1, "leases out of nothing");
	dnsmasq_files_init(&f, "10.7.0.1", six ? "fd00::1" : "");
	while ((line = strsep(&rest, "\n")))
		add_line(&f, line);
	check_hosts(f.hosts.buf, six);
	check_dhcp(f.dhcp.buf);
	dnsmasq_files_clear(&f);
	return 0;
}
