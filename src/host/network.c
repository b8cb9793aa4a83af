/* SPDX-License-Identifier: MIT */
#include "host/network.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "host/host_private.h"
#include "model/settings.h"

#define STATE_MAX (1 << 20)
#define WORDS 6

char *host_state_path(const struct berthd *b)
{
	return fs_join(b->settings->host_dir, "host-init.state");
}

/* "ADDRESS/BITS" */
static bool split_address(int family, const char *text, char *ret, size_t size, unsigned *ret_bits)
{
	const char *slash = strchr(text, '/');
	unsigned char raw[sizeof(struct in6_addr)];
	char *end;
	unsigned long bits;

	if (slash == NULL || (size_t)(slash - text) >= size || slash[1] < '0' || slash[1] > '9')
		return false;
	memcpy(ret, text, (size_t)(slash - text));
	ret[slash - text] = '\0';
	bits = strtoul(slash + 1, &end, 10);
	*ret_bits = (unsigned)bits;
	return *end == '\0' && bits <= (family == AF_INET ? 32 : 128) && inet_pton(family, ret, raw) == 1;
}

static bool copy_word(char *out, size_t size, const char *word)
{
	size_t n = strlen(word);

	if (n == 0 || n >= size)
		return false;
	memcpy(out, word, n + 1);
	return true;
}

/* "nat BRIDGE ADDRESS/BITS ADDRESS6/BITS6|- TABLE DOMAIN FILES" */
static bool parse_nat(char *line, struct host_network *ret)
{
	char *word[WORDS], *save = NULL;
	size_t n = 0;

	for (char *w = strtok_r(line, " ", &save); w != NULL && n < WORDS; w = strtok_r(NULL, " ", &save))
		word[n++] = w;
	if (n < WORDS || !copy_word(ret->bridge, sizeof(ret->bridge), word[0]) ||
	    !split_address(AF_INET, word[1], ret->gateway4, sizeof(ret->gateway4), &ret->bits4) ||
	    !copy_word(ret->table, sizeof(ret->table), word[3]) ||
	    !copy_word(ret->domain, sizeof(ret->domain), word[4]) ||
	    !copy_word(ret->files, sizeof(ret->files), word[5]))
		return false;
	return strcmp(word[2], "-") == 0 ||
	       split_address(AF_INET6, word[2], ret->gateway6, sizeof(ret->gateway6), &ret->bits6);
}

bool host_network_made(const struct host_network *net, const char *bridge)
{
	for (size_t i = 0; i < sizeof(net->made) / sizeof(net->made[0]); i++)
		if (bridge[0] != '\0' && strcmp(net->made[i], bridge) == 0)
			return true;
	return false;
}

static void note_made(struct host_network *net, const char *bridge)
{
	for (size_t i = 0; i < sizeof(net->made) / sizeof(net->made[0]); i++) {
		if (net->made[i][0] != '\0')
			continue;
		(void)copy_word(net->made[i], sizeof(net->made[i]), bridge);
		return;
	}
}

bool host_network_parse(const char *state, struct host_network *ret)
{
	AUTO_FREE char *copy = mem_strdup(state);
	char *save = NULL;
	struct host_network made = { .made = { "" } };
	bool found = false, dnsmasq = false;

	memset(ret, 0, sizeof(*ret));
	for (char *line = strtok_r(copy, "\n", &save); line != NULL; line = strtok_r(NULL, "\n", &save)) {
		if (strncmp(line, "nat ", 4) == 0) {
			memset(ret, 0, sizeof(*ret));
			found = parse_nat(line + 4, ret);
		} else if (strcmp(line, "dnsmasq") == 0) {
			dnsmasq = true;
		} else if (strncmp(line, "bridge ", 7) == 0) {
			note_made(&made, line + 7);
		}
	}
	ret->dnsmasq = dnsmasq;
	memcpy(ret->made, made.made, sizeof(ret->made));
	return found;
}

bool host_network(const struct berthd *b, struct host_network *ret)
{
	AUTO_FREE char *path = host_state_path(b);
	AUTO_STRBUF struct strbuf text = STRBUF_INIT;
	struct error ignored = ERROR_INIT;

	memset(ret, 0, sizeof(*ret));
	return fs_read_file(path, STATE_MAX, &text, &ignored) == 0 && host_network_parse(text.buf, ret);
}
