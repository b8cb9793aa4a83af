/* SPDX-License-Identifier: MIT */
/* What the rows of config_keys[] point at: renderers and live changes. */
#ifndef BERTH_MODEL_KEY_ROWS_H
#define BERTH_MODEL_KEY_ROWS_H

#include "model/key.h"

/* "lxc.cgroup.FILE" or "lxc.cgroup2.FILE" for all files of the key's group. */
int key_render_cgroup(struct render *r, const char *key, const char *value, struct error *err);
int key_render_environment(struct render *r, const char *key, const char *value, struct error *err);
int key_render_prlimit(struct render *r, const char *key, const char *value, struct error *err);
int key_render_sysctl(struct render *r, const char *key, const char *value, struct error *err);
int key_render_nesting(struct render *r, const char *key, const char *value, struct error *err);
int key_render_autostart(struct render *r, const char *key, const char *value, struct error *err);
int key_render_start_order(struct render *r, const char *key, const char *value, struct error *err);
int key_render_start_delay(struct render *r, const char *key, const char *value, struct error *err);
int key_render_halt_signal(struct render *r, const char *key, const char *value, struct error *err);
int key_render_reboot_signal(struct render *r, const char *key, const char *value, struct error *err);
int key_render_modules(struct render *r, const char *key, const char *value, struct error *err);
int key_render_apparmor(struct render *r, const char *key, const char *value, struct error *err);
/* The line that names the policy's file (model/seccomp.h), which who renders writes. */
int key_render_seccomp(struct render *r, const char *key, const char *value, struct error *err);
int key_render_raw(struct render *r, const char *key, const char *value, struct error *err);

/* Writes all files of the key's group. */
int key_apply_cgroup(const struct live *l, const char *key, const char *value_or_null, struct error *err);

#endif
