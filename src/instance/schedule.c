/* SPDX-License-Identifier: MIT */
#include "instance/schedule.h"

#include "base/cron.h"
#include "base/log.h"
#include "instance/instance.h"

bool schedule_is_due(const struct berthd *b, const struct instance *inst, const char *key, const struct tm *now)
{
	const char *schedule = instance_value(b, inst->desired, key);
	struct error err = ERROR_INIT;
	struct cron cron;

	if (schedule == NULL || schedule[0] == '\0')
		return false;
	if (cron_parse(schedule, &cron, &err) < 0) {
		log_warning("instance '%s': %s: %s", inst->name, key, err.msg);
		return false;
	}
	cron_spread(&cron, inst->name);
	return cron_matches(&cron, now);
}
