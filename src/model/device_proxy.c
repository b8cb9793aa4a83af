/* SPDX-License-Identifier: MIT */
/*
 * What connects a socket of the host with one of the container. Nothing of it stands in LXC's config: a program
 * (src/helper/berth-proxy.c) does it while the instance runs, started by instance/proxy.c.
 */
#include <stdlib.h>
#include <string.h>

#include "base/endpoint.h"
#include "base/json.h"
#include "base/mem.h"
#include "model/device.h"
#include "model/key_types.h"
#include "model/proxy.h"

static int valid_endpoint(const char *device, const char *key, const char *value, struct error *err)
{
	struct endpoint *e = mem_alloc(sizeof(*e));
	struct error why = ERROR_INIT;
	int ret = endpoint_parse(value, e, &why);

	free(e);
	if (ret == 0 && !type_is_line(value))
		ret = error_set(&why, ERROR_INVALID, "control characters");
	return ret == 0 ? 0 : error_set(err, ERROR_INVALID, "Invalid value for device option \"%s\": %s", key, why.msg);
}

static int valid_bind(const char *device, const char *key, const char *value, struct error *err)
{
	static const char *const sides[] = { "host", "instance", "guest", "container", NULL };

	for (size_t i = 0; sides[i]; i++) {
		if (strcmp(sides[i], value) == 0)
			return 0;
	}
	return device_refuse(key, value, "must be host or instance", err);
}

static int valid_id(const char *device, const char *key, const char *value, struct error *err)
{
	return type_is_int(value, 0, 4294967294) ? 0 : device_refuse(key, value, "must be a user or group id", err);
}

static int valid_mode(const char *device, const char *key, const char *value, struct error *err)
{
	return type_is_mode(value) ? 0 : device_refuse(key, value, "must be an octal mode such as 0660", err);
}

const struct device_property proxy_properties[] = {
	{ "listen", "address", true, valid_endpoint, KEY_LIVE_APPLY,
	  "Where to listen: tcp:ADDRESS:PORTS, udp:ADDRESS:PORTS, unix:PATH or unix:@NAME; PORTS as in 80-90,100." },
	{ "connect", "address", true, valid_endpoint, KEY_LIVE_APPLY,
	  "Where to connect to: the same, with one port or as many as listen has." },
	{ "bind", "string", false, valid_bind, KEY_LIVE_APPLY,
	  "Which side listens: host, when not given, or instance (also guest, container)." },
	{ "uid", "integer", false, valid_id, KEY_LIVE_APPLY, "Owner of the unix socket it listens on." },
	{ "gid", "integer", false, valid_id, KEY_LIVE_APPLY, "Group of the unix socket it listens on." },
	{ "mode", "octal", false, valid_mode, KEY_LIVE_APPLY,
	  "Mode of the unix socket it listens on; 0644 when not given." },
	{ "nat", "bool", false, device_valid_bool, KEY_LIVE_APPLY,
	  "Have the kernel translate addresses instead; the instance's nic needs a static address. Nothing listens on "
	  "the host then." },
	{ "proxy_protocol", "bool", false, device_valid_bool, KEY_LIVE_APPLY,
	  "Tell the server who connects, by a line of HAProxy's protocol, version 1." },
	{ "security.uid", "integer", false, valid_id, KEY_LIVE_APPLY,
	  "User that the program connects as: root without rights for unix sockets, else nobody on the host." },
	{ "security.gid", "integer", false, valid_id, KEY_LIVE_APPLY, "Group that the program connects as." },
	{ .name = NULL },
};

bool proxy_listens_inside(const cJSON *props)
{
	const char *bind = device_prop(props, "bind");

	return bind && strcmp(bind, "host") != 0;
}

static int check_nat(const cJSON *props, const struct endpoint *listen, const struct endpoint *connect,
		     struct error *err)
{
	if (proxy_listens_inside(props))
		return error_set(err, ERROR_INVALID, "Only host-bound proxies can use NAT");
	if (listen->kind == ENDPOINT_UNIX || listen->kind != connect->kind)
		return error_set(err, ERROR_INVALID, "Proxying %s <-> %s is not supported when using NAT",
				 endpoint_kind_name(listen->kind), endpoint_kind_name(connect->kind));
	if (endpoint_is_any(listen))
		return error_set(err, ERROR_INVALID, "Cannot listen on wildcard address \"%s\" when in nat mode",
				 listen->host);
	if (listen->family != connect->family)
		return error_set(err, ERROR_INVALID, "Cannot mix IP versions between listen and connect in nat mode");
	return 0;
}

static int check_ports(const struct endpoint *listen, const struct endpoint *connect, struct error *err)
{
	if (listen->kind == ENDPOINT_UNIX || connect->kind == ENDPOINT_UNIX) {
		if (listen->n_ports > 1 || connect->n_ports > 1)
			return error_set(err, ERROR_INVALID, "A unix socket needs one port on the other side");
		return 0;
	}
	if (connect->n_ports > listen->n_ports)
		return error_set(err, ERROR_INVALID, "Cannot map a single port to multiple ports");
	if (connect->n_ports > 1 && connect->n_ports != listen->n_ports)
		return error_set(err, ERROR_INVALID,
				 "Mismatch between listen port(s) and connect port(s) count");
	return 0;
}

static int check_endpoints(const cJSON *props, const struct endpoint *listen, const struct endpoint *connect,
			   struct error *err)
{
	bool nat = type_is_true(device_prop(props, "nat"));
	bool socket_file = listen->kind == ENDPOINT_UNIX && listen->path[0] == '/';

	if ((listen->kind == ENDPOINT_UDP) != (connect->kind == ENDPOINT_UDP))
		return error_set(err, ERROR_INVALID, "Proxying %s <-> %s is not supported",
				 endpoint_kind_name(listen->kind), endpoint_kind_name(connect->kind));
	if (type_is_true(device_prop(props, "proxy_protocol")) && (connect->kind != ENDPOINT_TCP || nat))
		return error_set(err, ERROR_INVALID,
				 "The PROXY header can only be sent to tcp servers in non-nat mode");
	if (!socket_file && (device_prop(props, "uid") || device_prop(props, "gid") || device_prop(props, "mode")))
		return error_set(err, ERROR_INVALID,
				 "Only proxy devices for non-abstract unix sockets can carry uid, gid, or mode "
				 "properties");
	if (check_ports(listen, connect, err) < 0)
		return -1;
	return nat ? check_nat(props, listen, connect, err) : 0;
}

int proxy_validate(const char *device, const cJSON *props, struct error *err)
{
	struct endpoint *ends = mem_alloc(2 * sizeof(*ends));
	int ret = -1;

	if (endpoint_parse(json_str_or(props, "listen", ""), &ends[0], err) == 0 &&
	    endpoint_parse(json_str_or(props, "connect", ""), &ends[1], err) == 0)
		ret = check_endpoints(props, &ends[0], &ends[1], err);
	free(ends);
	return ret;
}

/* Whether the address is free is looked at by instance/proxy.c, which knows what of ours listens there. */
int proxy_check_start(const char *device, const cJSON *props, struct error *err)
{
	return 0;
}

int proxy_render(struct render *r, const char *device, const cJSON *props, struct error *err)
{
	return 0;
}

enum live_result proxy_live(const struct live_change *change, const char *device, const cJSON *old_props,
			    const cJSON *new_props, struct error *err)
{
	return LIVE_APPLIED;
}

static void push_option(struct argv *a, const cJSON *props, const char *key, const char *option)
{
	if (device_prop(props, key))
		argv_pushf(a, "--%s=%s", option, device_prop(props, key));
}

void proxy_arguments(const cJSON *props, const struct proxy_where *where, struct argv *ret)
{
	argv_pushf(ret, "%s/berth-proxy", where->libexec_dir);
	argv_pushf(ret, "--pid=%d", (int)where->pid);
	argv_pushf(ret, "--listen=%s", device_prop(props, "listen"));
	argv_pushf(ret, "--connect=%s", device_prop(props, "connect"));
	if (type_is_true(device_prop(props, "nat"))) {
		argv_pushf(ret, "--nat=%s", where->table);
		return;
	}
	if (proxy_listens_inside(props))
		argv_push(ret, "--inside");
	if (type_is_true(device_prop(props, "proxy_protocol")))
		argv_push(ret, "--proxy-protocol");
	push_option(ret, props, "uid", "uid");
	push_option(ret, props, "gid", "gid");
	push_option(ret, props, "mode", "mode");
	push_option(ret, props, "security.uid", "as-uid");
	push_option(ret, props, "security.gid", "as-gid");
}
