/* SPDX-License-Identifier: MIT */
#include "cli/instance.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"

const char *instance_local(const char *name)
{
	return strncmp(name, "local:", 6) == 0 ? name + 6 : name;
}

char *instance_path(const char *name, const char *suffix)
{
	const char *local = instance_local(name);
	const char *slash = strchr(local, '/');
	AUTO_FREE char *first = slash ? mem_strndup(local, (size_t)(slash - local)) : mem_strdup(local);
	AUTO_FREE char *instance = client_escape(first);
	AUTO_FREE char *snapshot = slash ? client_escape(slash + 1) : NULL;

	if (snapshot)
		return mem_printf("/1.0/instances/%s/snapshots/%s%s", instance, snapshot, suffix);
	return mem_printf("/1.0/instances/%s%s", instance, suffix);
}

int instance_and_part(struct cli *cli, int argc, char **argv, int more, char **ret_instance, const char **ret_part,
		      int *ret_n)
{
	const char *local = argc > optind ? instance_local(argv[optind]) : "";
	const char *slash = strchr(local, '/');

	*ret_n = slash ? 1 : 2;
	if (cli_argc(cli, argc, *ret_n, *ret_n + more) != 0)
		return CLI_USAGE;
	*ret_instance = slash ? mem_strndup(local, (size_t)(slash - local)) : mem_strdup(local);
	*ret_part = slash ? slash + 1 : argv[optind + 1];
	return 0;
}

const char *instance_of_operation(const cJSON *op)
{
	const cJSON *list = json_arr(json_obj(op, "resources"), "instances");
	const cJSON *url = cJSON_GetArrayItem(list, 0);
	const char *slash = cJSON_IsString(url) ? strrchr(url->valuestring, '/') : NULL;

	return slash && slash[1] ? slash + 1 : NULL;
}

int instance_config_option(cJSON *config, const char *arg, struct error *err)
{
	const char *equals = strchr(arg, '=');
	AUTO_FREE char *key = NULL;

	if (!equals || equals == arg)
		return error_set(err, ERROR_INVALID, "'%s' is no setting: it must be key=value", arg);
	key = mem_strndup(arg, (size_t)(equals - arg));
	json_set_str(config, key, equals + 1);
	return 0;
}

int instance_device_option(cJSON *devices, const char *arg, struct error *err)
{
	AUTO_FREE char *copy = mem_strdup(arg);
	char *rest = NULL;
	char *name = strtok_r(copy, ",", &rest);
	cJSON *device;

	if (!name || strchr(name, '=') || !rest || !*rest)
		return error_set(err, ERROR_INVALID,
				 "'%s' is no device: it must be name,key=value[,key=value]", arg);
	device = json_obj(devices, name);
	if (!device) {
		device = cJSON_CreateObject();
		json_set(devices, name, device);
	}
	for (char *pair = strtok_r(NULL, ",", &rest); pair; pair = strtok_r(NULL, ",", &rest))
		if (instance_config_option(device, pair, err) < 0)
			return error_wrap(err, "device '%s'", name);
	return 0;
}

/* berthd makes "lxcpath" beside its socket, a link to its system_path. */
char *instance_lxcpath(struct cli *cli, struct error *err)
{
	const char *slash = strrchr(cli->socket, '/');
	AUTO_FREE char *link = slash ? mem_printf("%.*s/lxcpath", (int)(slash - cli->socket), cli->socket) :
				       mem_strdup("lxcpath");
	AUTO_JSON cJSON *server = NULL;
	char target[PATH_MAX];
	ssize_t n = readlink(link, target, sizeof(target) - 1);
	const char *path;

	if (n > 0 && target[0] == '/') {
		target[n] = 0;
		return mem_strdup(target);
	}
	server = client_get(cli->client, "/1.0", NULL, err);
	if (!server)
		return NULL;
	path = json_str(json_obj(server, "environment"), "lxcpath");
	if (path && path[0] == '/')
		return mem_strdup(path);
	error_set(err, ERROR_TOOL, "cannot find the lxcpath of berthd: '%s' is missing", link);
	return NULL;
}

int instance_status_running(const cJSON *instance, struct error *err)
{
	int64_t status = json_int(instance, "status_code", 0);

	if (status == STATUS_FROZEN)
		return error_set(err, ERROR_CONFLICT, "Instance is frozen");
	if (status != STATUS_RUNNING)
		return error_set(err, ERROR_CONFLICT, "Instance is not running");
	return 0;
}
