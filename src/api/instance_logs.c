/* SPDX-License-Identifier: MIT */
/* /1.0/instances/NAME/logs: lxc.log, console.log, and what exec recorded. */
#include "api/instance_logs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/events.h"
#include "api/router.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "instance/instance.h"

#define UUID_LEN 36

static int open_dir(struct berthd *b, const struct instance *inst)
{
	AUTO_FREE char *dir = instance_dir(b, inst->name);

	return open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

void instance_log_reply(struct request *r, struct instance *inst, const char *name, bool or_empty)
{
	AUTO_CLOSE int dirfd = open_dir(request_berthd(r), inst);
	struct error err = ERROR_INIT;
	int fd = dirfd < 0 ? -1 : openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0 && errno == ENOENT && or_empty)
		fd = fs_memory_file("", 0);
	if (fd >= 0) {
		reply_file(r, fd, name);
		return;
	}
	error_set(&err, errno == ENOENT ? ERROR_NOT_FOUND : ERROR_SYSTEM, "no %s of '%s': %s", name, inst->name,
		  strerror(errno));
	reply_error(r, &err);
}

int instance_log_empty(struct berthd *b, const struct instance *inst, const char *name, struct error *err)
{
	AUTO_CLOSE int dirfd = open_dir(b, inst);
	AUTO_CLOSE int fd = dirfd < 0 ? -1 : openat(dirfd, name, O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;

	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0 || fstat(fd, &st) < 0)
		return error_sys(err, errno, "cannot open %s of '%s'", name, inst->name);
	if (!S_ISREG(st.st_mode))
		return error_set(err, ERROR_INVALID, "%s of '%s' is not a regular file", name, inst->name);
	return ftruncate(fd, 0) == 0 ? 0 : error_sys(err, errno, "cannot empty %s of '%s'", name, inst->name);
}

void instance_log_event(struct request *r, const struct instance *inst, const char *action, const char *file)
{
	AUTO_FREE char *source = mem_printf("/1.0/instances/%s", inst->name);
	cJSON *context = NULL;

	if (file) {
		context = cJSON_CreateObject();
		json_set_str(context, "file", file);
	}
	events_request(r, action, source, context);
}

/* exec_UUID.stdout or .stderr */
static bool is_record(const char *name)
{
	if (strncmp(name, "exec_", 5) != 0 || strspn(name + 5, "0123456789abcdef-") != UUID_LEN)
		return false;
	name += 5 + UUID_LEN;
	return strcmp(name, ".stdout") == 0 || strcmp(name, ".stderr") == 0;
}

static bool is_log(const char *name)
{
	return strcmp(name, "lxc.log") == 0 || strcmp(name, "console.log") == 0 || is_record(name);
}

static int log_filter(const struct dirent *d)
{
	return is_log(d->d_name);
}

static void get_logs(struct request *r)
{
	struct instance *inst = request_instance(r);
	AUTO_FREE char *dir = NULL;
	struct dirent **names;
	cJSON *list;
	int n;

	if (!inst)
		return;
	dir = instance_dir(request_berthd(r), inst->name);
	list = cJSON_CreateArray();
	n = scandir(dir, &names, log_filter, alphasort);
	for (int i = 0; i < n; i++) {
		AUTO_FREE char *url = mem_printf("%s/%s/logs/%s", request_instances_prefix(r), inst->name, names[i]->d_name);

		cJSON_AddItemToArray(list, cJSON_CreateString(url));
		free(names[i]);
	}
	if (n >= 0)
		free(names);
	reply_sync(r, list);
}

static bool check_name(struct request *r, const char *name)
{
	if (is_log(name))
		return true;
	reply_errorf(r, ERROR_NOT_FOUND, "log file name %s not valid (there are: lxc.log, console.log, exec_*)", name);
	return false;
}

static void get_log(struct request *r)
{
	const char *name = request_param(r, "log");
	struct instance *inst = request_instance(r);

	if (!inst || !check_name(r, name))
		return;
	instance_log_event(r, inst, "instance-log-retrieved", name);
	instance_log_reply(r, inst, name, strcmp(name, "lxc.log") == 0); /* it may not have been started yet */
}

static void delete_log(struct request *r)
{
	const char *name = request_param(r, "log");
	struct instance *inst = request_instance(r);
	struct error err = ERROR_INIT;
	AUTO_CLOSE int dirfd = -1;

	if (!inst || !check_name(r, name))
		return;
	if (!is_record(name)) {
		reply_errorf(r, ERROR_INVALID, "%s may not be deleted: LXC has it open", name);
		return;
	}
	dirfd = open_dir(request_berthd(r), inst);
	if (dirfd >= 0 && unlinkat(dirfd, name, 0) == 0) {
		instance_log_event(r, inst, "instance-log-deleted", name);
		reply_sync(r, NULL);
		return;
	}
	error_set(&err, errno == ENOENT ? ERROR_NOT_FOUND : ERROR_SYSTEM, "no %s of '%s': %s", name, inst->name,
		  strerror(errno));
	reply_error(r, &err);
}

const struct route log_routes[] = {
	{ "GET", "/1.0/instances/{name}/logs", get_logs, NULL },
	{ "GET", "/1.0/instances/{name}/logs/{log}", get_log, NULL },
	{ "DELETE", "/1.0/instances/{name}/logs/{log}", delete_log, NULL },
	{ 0 },
};
