/* SPDX-License-Identifier: MIT */
/*
 * system_path/NAME/started.json names the monitor process and the init of a run, and the configuration that LXC started
 * it with. Another init below the same monitor process is a reboot, also one that berthd did not live to see. It counts
 * as long as the monitor process lives, so it need not be durable.
 */
#include "instance/reboot.h"

#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/process.h"
#include "instance/applied.h"
#include "instance/update.h"

/* Names the init and the monitor process, its parent; false when it has just ended. */
static bool identify(pid_t init, char **ret_init, char **ret_monitor)
{
	pid_t monitor = 0;

	*ret_init = process_id(init, &monitor);
	*ret_monitor = monitor > 1 ? process_id(monitor, NULL) : NULL;
	return *ret_init != NULL && *ret_monitor != NULL;
}

static char *path_of(const struct berthd *b, const struct instance *inst)
{
	AUTO_FREE char *dir = instance_dir(b, inst->name);

	return fs_join(dir, STARTED_FILE);
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
static int mend(struct berthd *b, struct instance *inst, const cJSON *started, struct error *err)
{
	AUTO_JSON cJSON *wanted = applied_wanted(b, inst);
	AUTO_JSON cJSON *states = cJSON_CreateArray();

	if (applied_same(started, wanted))
		return 0;
	cJSON_AddItemToArray(states, cJSON_Duplicate(started, true));
	cJSON_AddItemToArray(states, cJSON_Duplicate(wanted, true));
	if (applied_write(b, inst, states, err) < 0)
		return -1;
	update_bring_in_line(b, inst);
	return 0;
}

static int look(struct berthd *b, struct instance *inst, const char *monitor, const char *init, struct error *err)
{
	AUTO_FREE char *path = path_of(b, inst);
	struct error unreadable = ERROR_INIT;
	AUTO_JSON cJSON *v = fs_exists(path) ? json_read_file(path, &unreadable) : NULL;
	AUTO_JSON cJSON *now = NULL;
	const cJSON *started = json_obj(v, "state");

	if (v == NULL || strcmp(json_str_or(v, "monitor", ""), monitor) != 0 || json_obj(started, "config") == NULL ||
	    json_obj(started, "devices") == NULL) {
		now = applied_wanted(b, inst);
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

bool reboot_is(const struct berthd *b, const struct instance *inst)
{
	AUTO_FREE char *path = path_of(b, inst);
	struct error unreadable = ERROR_INIT;
	AUTO_JSON cJSON *v = !inst->adopted && fs_exists(path) ? json_read_file(path, &unreadable) : NULL;
	const char *monitor = json_str_or(v, "monitor", ""), *pid = strchr(monitor, ' '); /* "BOOT PID START" */
	AUTO_FREE char *now = pid != NULL ? process_id((pid_t)strtol(pid, NULL, 10), NULL) : NULL;

	return now != NULL && strcmp(now, monitor) == 0;
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
