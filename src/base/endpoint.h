/* SPDX-License-Identifier: MIT */
/* Where to listen or to connect: "tcp:127.0.0.1:80", "udp:[::1]:53-55,60", "unix:/run/x.sock", "unix:@abstract". */
#ifndef BERTH_BASE_ENDPOINT_H
#define BERTH_BASE_ENDPOINT_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/error.h"

#define ENDPOINT_PORTS_MAX 1024

enum endpoint_kind { ENDPOINT_TCP, ENDPOINT_UDP, ENDPOINT_UNIX };

struct endpoint {
	enum endpoint_kind kind;
	int family;                   /* AF_INET, AF_INET6, AF_UNIX */
	char host[INET6_ADDRSTRLEN];  /* the address without brackets, "" for unix */
	char path[108];               /* of unix; "@name": abstract */
	uint16_t ports[ENDPOINT_PORTS_MAX]; /* in the order they were given */
	size_t n_ports;               /* 0 for unix */
};

/* ERROR_INVALID says what is wrong. A missing address ("tcp::80") is every address. */
int endpoint_parse(const char *text, struct endpoint *ret, struct error *err);
const char *endpoint_kind_name(enum endpoint_kind kind); /* "tcp", … */
bool endpoint_is_any(const struct endpoint *e); /* 0.0.0.0 or :: */
/* The address of its i-th port (0 for unix). */
socklen_t endpoint_address(const struct endpoint *e, size_t i, struct sockaddr_storage *ret);

#endif
