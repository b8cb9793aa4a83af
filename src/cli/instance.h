/* SPDX-License-Identifier: MIT */
/* What the commands on instances share. */
#ifndef BERTH_CLI_INSTANCE_H
#define BERTH_CLI_INSTANCE_H

#include <cjson/cJSON.h>

#include "base/argv.h"
#include "base/error.h"
#include "cli/cli.h"

/* LXD's status codes. */
enum { STATUS_STOPPED = 102, STATUS_RUNNING = 103, STATUS_FROZEN = 110 };

/* "c1" or "local:c1", "c1/s1" for a snapshot, each part escaped, then suffix; caller frees. */
char *instance_path(const char *name, const char *suffix);
const char *instance_local(const char *name); /* without "local:" */

/*
 * The first arguments of a command on a volume or snapshot of an instance: "c1 data", or "c1/data". 0 with *ret_n = how
 * many they were, or CLI_USAGE; at most `more` may follow. Caller frees *ret_instance.
 */
int instance_and_part(struct cli *cli, int argc, char **argv, int more, char **ret_instance, const char **ret_part,
		      int *ret_n);

/* The name that an operation made: the last part of resources.instances[0], or NULL. */
const char *instance_of_operation(const cJSON *op);

/* "-c key=value" and "-d name,key=value,…" into maps. */
int instance_config_option(cJSON *config, const char *arg, struct error *err);
int instance_device_option(cJSON *devices, const char *arg, struct error *err);

/* lxc-console for a running instance, where root has a terminal; else -1. */
int instance_console_command(struct cli *cli, const char *name, struct argv *ret, struct error *err);
/* Replaces this process by it, or returns -1. */
int instance_console(struct cli *cli, const char *name, struct error *err);
/* The lxcpath of the daemon at the other end; caller frees. */
char *instance_lxcpath(struct cli *cli, struct error *err);
/* 0 when the instance object runs, else "Instance is not running" or "Instance is frozen". */
int instance_status_running(const cJSON *instance, struct error *err);

#endif
