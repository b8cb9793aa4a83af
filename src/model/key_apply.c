/* SPDX-License-Identifier: MIT */
#include "lxc/figures.h"
#include "model/cgroup_settings.h"
#include "model/key_rows.h"

int key_apply_cgroup(const struct live *l, const char *key, const char *value_or_null, struct error *err)
{
	struct cgroup_context ctx = { l->name, l->config, l->probe };
	struct cgroup_settings settings;
	int ret = 0;

	if (cgroup_settings_get(&ctx, key, &settings, err) < 0)
		return -1;
	for (size_t i = 0; ret == 0 && i < settings.n; i++)
		ret = cgroup_write(l->pid, settings.v[i].controller, settings.v[i].file, settings.v[i].value,
				   l->probe, err);
	cgroup_settings_clear(&settings);
	return ret;
}
