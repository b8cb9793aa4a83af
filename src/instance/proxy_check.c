/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"
#include "instance/proxy_private.h"
#include "model/device.h"
#include "model/key_types.h"
#include "model/proxy.h"

bool proxy_is(const cJSON *device)
{
	return strcmp(json_str_or(device, "type", ""), "proxy") == 0;
}

bool proxy_is_nat(const cJSON *device)
{
	return type_is_true(device_prop(device, "nat"));
}

/* Has a nic's property, ADDRESS[/PREFIX] or a list of addresses, the wanted one? Any of them does for a wildcard. */
static bool has_address(const char *property, const struct endpoint *wanted, char out[INET6_ADDRSTRLEN])
{
	while ((property = type_next_address(property, out))) {
		out[strcspn(out, "/")] = '\0';
		if (endpoint_is_any(wanted) || strcmp(out, wanted->host) == 0)
			return true;
	}
	return false;
}

const char *proxy_static_address(const cJSON *devices, const struct endpoint *wanted, char out[INET6_ADDRSTRLEN])
{
	const char *key = wanted->family == AF_INET ? "ipv4.address" : "ipv6.address";
	const cJSON *device;

	cJSON_ArrayForEach(device, devices) {
		const char *address = device_prop(device, key);

		if (address && strcmp(json_str_or(device, "type", ""), "nic") == 0 && has_address(address, wanted, out))
			return out;
	}
	return NULL;
}

static int check_nat(const cJSON *devices, const cJSON *device, struct error *err)
{
	struct endpoint *to = mem_alloc(sizeof(*to));
	char address[INET6_ADDRSTRLEN];
	int ret = endpoint_parse(json_str_or(device, "connect", ""), to, err);

	if (ret == 0 && !proxy_static_address(devices, to, address))
		ret = error_set(err, ERROR_INVALID,
				"Connect IP \"%s\" must be one of the instance's static IPv4 or IPv6 addresses",
				to->host);
	free(to);
	return ret;
}

int proxy_check_nat(const cJSON *devices, struct error *err)
{
	const cJSON *device;

	cJSON_ArrayForEach(device, devices) {
		if (proxy_is(device) && proxy_is_nat(device) && check_nat(devices, device, err) < 0)
			return error_wrap(err, "Failed add validation for device \"%s\"", device->string);
	}
	return 0;
}

/* Does the kernel let one listen there? An address that the host does not have (yet) is no reason to refuse more than
 * the kernel would. */
static int try_bind(const struct endpoint *e, size_t i, struct error *err)
{
	struct sockaddr_storage address;
	socklen_t len = endpoint_address(e, i, &address);
	int fd = socket(e->family, (e->kind == ENDPOINT_UDP ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC, 0);
	int on = 1, failed;

	if (fd < 0)
		return error_sys(err, errno, "cannot make a socket");
	if (e->kind == ENDPOINT_TCP)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	failed = bind(fd, (struct sockaddr *)&address, len) < 0 ||
		 (e->kind == ENDPOINT_TCP && listen(fd, 1) < 0) ? errno : 0;
	close(fd);
	return failed ? error_sys(err, failed, "Failed to listen on %s:%u", e->host, (unsigned)e->ports[i]) : 0;
}

static int check_free(const cJSON *device, struct error *err)
{
	struct endpoint *e = mem_alloc(sizeof(*e));
	int ret = endpoint_parse(json_str_or(device, "listen", ""), e, err);

	for (size_t i = 0; ret == 0 && i < e->n_ports; i++)
		ret = try_bind(e, i, err);
	free(e);
	return ret;
}

int proxy_check(struct berthd *b, const char *name, const cJSON *devices, struct error *err)
{
	const cJSON *device;

	cJSON_ArrayForEach(device, devices) {
		int ret = 0;

		if (!proxy_is(device))
			continue;
		if (proxy_is_nat(device))
			ret = check_nat(devices, device, err);
		else if (!proxy_listens_inside(device) && !(b->proxies && proxy_is_leaving(b->proxies, name)))
			ret = check_free(device, err);
		if (ret < 0)
			return error_wrap(err, "Failed to start device \"%s\": Error occurred when starting proxy device",
					  device->string);
	}
	return 0;
}
