/* SPDX-License-Identifier: MIT */
#include "instance/nic_probe.h"

#include <string.h>

#include "base/argv.h"
#include "base/json.h"
#include "model/device.h"
#include "model/key_types.h"
#include "model/nic.h"
#include "model/settings.h"

#define EXIT_IN_USE 3

static bool wants_probe(const cJSON *device, const char *key)
{
	return !type_is_false(device_prop(device, key));
}

static void push_addresses(struct argv *argv, const cJSON *device, const char *list)
{
	char address[INET6_ADDRSTRLEN];

	while (list && (list = type_next_address(list, address)))
		argv_pushl(argv, device->string, nic_parent(device), address, NULL);
}

static bool is_asked_for(const cJSON *device, const cJSON *old)
{
	const cJSON *was = json_obj(old, device->string);

	return strcmp(json_str_or(device, "type", ""), "nic") == 0 && nic_kind(device) == NIC_ROUTED && nic_parent(device) &&
	       !(was && cJSON_Compare(was, device, true));
}

enum op_result nic_probe(struct op *op, const struct berthd *b, const cJSON *devices, const cJSON *old, op_child_cb done,
			 struct error *err)
{
	AUTO_ARGV struct argv argv = ARGV_INIT;
	const cJSON *device;

	argv_pushf(&argv, "%s/berth-nic-probe", b->settings->libexec_dir);
	cJSON_ArrayForEach(device, devices) {
		if (!is_asked_for(device, old))
			continue;
		if (wants_probe(device, "ipv4.neighbor_probe"))
			push_addresses(&argv, device, device_prop(device, "ipv4.address"));
		if (wants_probe(device, "ipv6.neighbor_probe"))
			push_addresses(&argv, device, device_prop(device, "ipv6.address"));
	}
	return argv.n == 1 ? OP_DONE : op_child(op, &argv, done, err);
}

int nic_probed(const struct proc_result *result, struct error *err)
{
	if (result->exit_code == EXIT_IN_USE && !result->timed_out)
		return error_set(err, ERROR_CONFLICT, "%.*s", (int)strcspn(result->errs, "\n"), result->errs);
	return proc_check("berth-nic-probe", result, err);
}
