/* SPDX-License-Identifier: MIT */
/*
 * The two sides of berth-proxy: the host, and the namespaces of a container's init. Who enters the container is in its
 * user namespace, too, and can do nothing to the host.
 */
#ifndef BERTH_HELPER_PROXY_SIDE_H
#define BERTH_HELPER_PROXY_SIDE_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/endpoint.h"

struct proxy_instance {
	pid_t pid;
	int pidfd;              /* readable when it has ended */
	int net, mnt, user;     /* its namespaces; user is -1 when it is the host's own */
};
/* Opens all of it. ERROR_NOT_FOUND when it is gone. */
int proxy_instance_open(pid_t pid, struct proxy_instance *ret, struct error *err);

struct proxy_rights {
	bool has_uid, has_gid;
	uid_t uid;
	gid_t gid;
};

/*
 * In a child: enters the container (NULL: stays on the host), for this endpoint, and gives up all rights but that to
 * pass file permissions, where there is a unix socket to be reached or made.
 */
int proxy_enter(const struct proxy_instance *in_or_null, const struct endpoint *e, const struct proxy_rights *rights,
		struct error *err);

struct proxy_owner {
	bool has_uid, has_gid;
	uid_t uid;
	gid_t gid;
	mode_t mode; /* of the file of a unix socket */
};
/*
 * Makes the listening sockets, in a child that enters the container (NULL: on the host); fds has room for n_ports, or
 * one. A unix socket's file that nobody listens on is replaced.
 */
int proxy_listen(const struct proxy_instance *in_or_null, const struct endpoint *e, const struct proxy_owner *owner,
		 int *fds, size_t *ret_n, struct error *err);
/* Removes the file of a unix socket, in a child if it is in the container. */
void proxy_unlink(const struct proxy_instance *in_or_null, const struct endpoint *e);

#endif
