/* SPDX-License-Identifier: MIT */
#include "api/peer.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/x509.h"

struct peer *peer_new(const char *host, unsigned port)
{
	struct peer *p = mem_alloc(sizeof(*p));
	bool six = strchr(host, ':') != NULL;

	p->users = 1;
	snprintf(p->host, sizeof(p->host), "%s", host);
	snprintf(p->address, sizeof(p->address), "%s%s%s:%u", six ? "[" : "", p->host, six ? "]" : "", port);
	return p;
}

struct peer *peer_ref(struct peer *p)
{
	if (p)
		p->users++;
	return p;
}

void peer_unref(struct peer *p)
{
	if (!p || --p->users > 0)
		return;
	x509_free(p->cert);
	free(p);
}
