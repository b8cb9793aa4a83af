/* SPDX-License-Identifier: MIT */
/*
 * A start that was cancelled, or took too long: whatever it has come to, nothing of it stays. LXC's monitor process
 * cleans up when it can be told to end the container; when a hook keeps it from listening, it is killed, and what it
 * would have removed is removed here: the veths on the host, the mounts, the cgroups.
 */
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "instance/work.h"
#include "model/nic.h"
#include "model/settings.h"

/* A monitor process that listens ends its container within milliseconds. */
#define UNSTART_MS 3000

static bool link_exists(const char *name)
{
	AUTO_FREE char *path = fs_join("/sys/class/net", name);

	return fs_exists(path);
}

/* The names of the veths that the start will make. One that is there already is somebody else's. */
void unstart_prepare(struct work *w, const struct instance *inst)
{
	AUTO_JSON cJSON *config = NULL;
	AUTO_JSON cJSON *devices = NULL;
	cJSON *links = cJSON_CreateArray();
	const cJSON *device;

	json_set(w->args, "links", links);
	if (inst->adopted)
		return;
	instance_expand(w->b, inst->desired, &config, &devices);
	cJSON_ArrayForEach(device, devices) {
		struct nic_source source = { config, devices, w->dir };
		struct nic nic;

		if (strcmp(json_str_or(device, "type", ""), "nic") != 0)
			continue;
		nic_resolve(&source, device->string, device, &nic);
		if (nic_is_veth(nic.kind) && !link_exists(nic.host))
			cJSON_AddItemToArray(links, cJSON_CreateString(nic.host));
	}
}

static enum op_result unmounted(struct op *op, const struct proc_result *result, struct error *err)
{
	if (proc_check("berth-rootfs", result, err) < 0)
		return OP_FAIL;
	return sweep_cgroups(op, err);
}

static enum op_result unmount(struct op *op, struct work *w, struct error *err)
{
	return storage_mounted(w) ? storage_unmount(op, w, unmounted, err) : sweep_cgroups(op, err);
}

/* A link that went with the container's network namespace meanwhile is no error: what counts is what is there. */
static enum op_result links_removed(struct op *op, const struct proc_result *result, struct error *err)
{
	struct work *w = op_data(op);
	const cJSON *link;

	cJSON_ArrayForEach(link, json_arr(w->args, "links"))
		if (link_exists(link->valuestring))
			log_warning("instance '%s': '%s' is left of its start: %s", w->name, link->valuestring,
				    result->errs_len > 0 ? result->errs : "ip did not remove it");
	return unmount(op, w, err);
}

static enum op_result remove_links(struct op *op, struct work *w, struct error *err)
{
	static const char *const argv[] = { "ip", "-force", "-batch", "-", NULL };
	struct proc_spec spec = { .argv = argv };
	AUTO_STRBUF struct strbuf batch = STRBUF_INIT;
	struct error failed = ERROR_INIT;
	const cJSON *link;

	cJSON_ArrayForEach(link, json_arr(w->args, "links"))
		if (link_exists(link->valuestring))
			strbuf_addf(&batch, "link del dev %s\n", link->valuestring);
	if (batch.len == 0)
		return unmount(op, w, err);
	spec.input = batch.buf;
	spec.input_len = batch.len;
	if (op_child_spec(op, &spec, links_removed, &failed) == OP_WAIT)
		return OP_WAIT;
	log_warning("instance '%s': %s", w->name, failed.msg);
	return unmount(op, w, err);
}

static enum op_result monitor_ended(struct op *op, struct error *err)
{
	struct work *w = op_data(op);
	AUTO_FREE char *pid = power_pid_file(w);

	json_set_bool(w->args, "restart", false); /* of a restart too: it is stopped, and stays so */
	power_stopped(w);
	(void)unlink(pid);
	return remove_links(op, w, err);
}

/* lxc-stop fails when it does not run: that is what is wanted. While a hook hangs before the start, it hangs too. */
static enum op_result killed(struct op *op, const struct proc_result *result, struct error *err)
{
	return monitor_end(op, op_data(op), result->timed_out, monitor_ended, err);
}

enum op_result step_unstart(struct op *op, struct error *err)
{
	struct work *w = op_data(op);
	AUTO_ARGV struct argv argv = ARGV_INIT;
	struct proc_spec spec = { .timeout_ms = UNSTART_MS };

	lxc_argv_kill(&argv, w->b->settings->system_path, w->name);
	spec.argv = (const char *const *)argv.v;
	if (op_child_spec(op, &spec, killed, err) == OP_WAIT)
		return OP_WAIT;
	log_warning("instance '%s': %s", w->name, err->msg);
	return monitor_end(op, w, true, monitor_ended, err);
}
