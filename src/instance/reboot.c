/* SPDX-License-Identifier: MIT */
/*
 * system_path/NAME/started.json names the monitor process and the init of a run, and the configuration that LXC started
 * it with. Another init below the same monitor process is a reboot, also one that berthd did not live to see. It counts
 * as long as the monitor process lives, so it need not be durable.
 */
#include "instance/reboot.h"

#include <stdio.h>
#include <string.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "instance/applied.h"

/* Of /proc/PID/stat: parent (field 4) and start time (22); the name before may hold blanks, within brackets. */
static bool read_stat(pid_t pid, pid_t *ret_parent, unsigned long long *ret_started)
{
	AUTO_FREE char *path = mem_printf("/proc/%d/stat", (int)pid);
	AUTO_STRBUF struct strbuf stat = STRBUF_INIT;
	struct error ignored = ERROR_INIT;
	const char *rest;

	if (fs_read_file(path, 4096, &stat, &ignored) < 0)
		return false;
	rest = strrchr(stat.buf, ')');
	return rest != NULL && sscanf(rest + 1, " %*c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu",
				      ret_parent, ret_started) == 2;
}

static char *identity(pid_t pid, unsigned long long started)
{
	AUTO_STRBUF struct strbuf boot = STRBUF_INIT;
	struct error ignored = ERROR_INIT;

	if (fs_read_file("/proc/sys/kernel/random/boot_id", 256, &boot, &ignored) < 0)
		return NULL;
	boot.buf[strcspn(boot.buf, "\n")] = '\0';
	return mem_printf("%s %d %llu", boot.buf, (int)pid, started);
}

/* Names the init and the monitor process, its parent; false when it has just ended. */
static bool identify(pid_t init, char **ret_init, char **ret_monitor)
{
	unsigned long long init_started, monitor_started;
	pid_t monitor, parent;

	if (!read_stat(init, &monitor, &init_started) || monitor <= 1 || !read_stat(monitor, &parent, &monitor_started))
		return false;
	*ret_init = identity(init, init_started);
	*ret_monitor = identity(monitor, monitor_started);
	return *ret_init != NULL && *ret_monitor != NULL;
}

static char *path_of(const struct berthd *b, const struct instance *inst)
{
	AUTO_FREE char *dir = instance_dir(b, inst->name);

	return fs_join(dir, "started.json");
}

static cJSON *state_wanted(const struct berthd *b, const struct instance *inst)
{
	AUTO_JSON cJSON *config = NULL;
	AUTO_JSON cJSON *devices = NULL;

	instance_expand(b, inst->desired, &config, &devices);
	return applied_state(config, devices);
}

static int note(const struct berthd *b, const struct instance *inst, const char *monitor, const char *init,
		const cJSON *state, struct error *err)
{
	AUTO_FREE char *path = path_of(b, inst);
	AUTO_JSON cJSON *v = cJSON_CreateObject();

	json_set_str(v, "monitor", monitor);
	json_set_str(v, "init", init);
	json_set(v, "state", cJSON_Duplicate(state, true));
	return json_write_file(path, v, JSON_QUICK, err);
}

/* It has what LXC started it with; or already, in part, what is wanted. An update then makes all of it true. */
static int mend(struct berthd *b, const struct instance *inst, const cJSON *started, struct error *err)
{
	AUTO_JSON cJSON *wanted = state_wanted(b, inst);
	AUTO_JSON cJSON *states = cJSON_CreateArray();

	if (applied_same(started, wanted))
		return 0;
	cJSON_AddItemToArray(states, cJSON_Duplicate(started, true));
	cJSON_AddItemToArray(states, cJSON_Duplicate(wanted, true));
	if (applied_write(b, inst, states, err) < 0)
		return -1;
	instance_bring_in_line(b);
	return 0;
}

static int look(struct berthd *b, const struct instance *inst, const char *monitor, const char *init, struct error *err)
{
	AUTO_FREE char *path = path_of(b, inst);
	struct error unreadable = ERROR_INIT;
	AUTO_JSON cJSON *v = fs_exists(path) ? json_read_file(path, &unreadable) : NULL;
	AUTO_JSON cJSON *now = NULL;
	const cJSON *started = json_obj(v, "state");

	if (v == NULL || strcmp(json_str_or(v, "monitor", ""), monitor) != 0 || json_obj(started, "config") == NULL ||
	    json_obj(started, "devices") == NULL) {
		now = state_wanted(b, inst);
		return note(b, inst, monitor, init, now, err);
	}
	if (strcmp(json_str_or(v, "init", ""), init) == 0)
		return 0;
	log_info("instance '%s' has rebooted", inst->name);
	/* in this order: a berthd that is killed between the two mends it at its next start */
	if (mend(b, inst, started, err) < 0)
		return -1;
	return note(b, inst, monitor, init, started, err);
}

void reboot_look(struct berthd *b, struct instance *inst)
{
	AUTO_FREE char *init = NULL;
	AUTO_FREE char *monitor = NULL;
	struct error err = ERROR_INIT;

	if (inst->adopted || inst->note != NULL || !identify(inst->pid, &init, &monitor))
		return;
	if (look(b, inst, monitor, init, &err) < 0)
		log_warning("instance '%s': a reboot of it would lose what is changed live: %s", inst->name, err.msg);
}
