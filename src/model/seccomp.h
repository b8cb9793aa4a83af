/* SPDX-License-Identifier: MIT */
/* The seccomp policy that raw.seccomp and security.syscalls.* ask for, in the form of LXC's (seccomp v2). */
#ifndef BERTH_MODEL_SECCOMP_H
#define BERTH_MODEL_SECCOMP_H

#include <cjson/cJSON.h>
#include <stdbool.h>

#include "base/error.h"
#include "base/strbuf.h"

#define SECCOMP_FILE "seccomp" /* in the instance's folder */

bool seccomp_is_key(const char *key);
/* Keys that exclude each other, in LXD's words. */
int seccomp_check(const cJSON *config, struct error *err);
/* All of it is allowed, as LXD has it: security.syscalls.deny_default=false, and nothing else. config: expanded. */
bool seccomp_is_off(const cJSON *config);
/* Appends the policy; false when it is off, or the one of LXC's common.conf is to be used. config: expanded. */
bool seccomp_policy(const cJSON *config, struct strbuf *out);
/* "mount errno 1\nkexec_load": a system call and what to do in each line. */
int seccomp_list_check(const char *text, struct error *err);
/* A whole policy: the first line is the version, 1 or 2. */
int seccomp_raw_check(const char *text, struct error *err);

#endif
