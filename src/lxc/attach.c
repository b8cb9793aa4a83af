/* SPDX-License-Identifier: MIT */
#include "lxc/attach.h"

#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

#define PATH_DEFAULT "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* What the dynamic linker, the C library, the sanitizers or LXC heed, by how it begins. */
static bool steers_attach(const char *name)
{
	static const char *const begins[] = { "LD_",	 "GLIBC_",    "GCONV_",  "GETCONF_", "MALLOC_", "LOCPATH",
					      "NLSPATH", "OUTPUT_CHARSET", "LXC_", "TMPDIR",	 "RES_",    "RESOLV_",
					      "HOSTALIASES", "LOCALDOMAIN", "TZDIR", "SELINUX", "PCRE", "ASAN_",
					      "LSAN_",	 "UBSAN_",    "TSAN_",	 "MSAN_",    "GCOV_",	"LLVM_" };

	for (size_t i = 0; i < sizeof(begins) / sizeof(begins[0]); i++)
		if (strncmp(name, begins[i], strlen(begins[i])) == 0)
			return true;
	return false;
}

/* LXC sets what the container's configuration has after the environment that it was started with. */
static bool is_covered(const cJSON *config, const char *name)
{
	AUTO_FREE char *key = mem_printf("environment.%s", name);

	return cJSON_HasObjectItem(config, key);
}

/* By our PATH: the one in env is the container's. */
static char *find_attach(void)
{
	const char *path = getenv("PATH");

	for (path = path && *path ? path : PATH_DEFAULT; *path;) {
		size_t len = strcspn(path, ":");
		char *file = mem_printf("%.*s/lxc-attach", (int)len, path);

		if (len > 0 && access(file, X_OK) == 0)
			return file;
		free(file);
		path += len + (path[len] == ':');
	}
	return mem_strdup("/usr/bin/lxc-attach");
}

/* lxc-attach changes to the folder inside that is named as the one it was started in. */
static bool is_here(const char *folder)
{
	AUTO_FREE char *real = realpath(folder, NULL);

	return real && strcmp(real, folder) == 0 && access(real, X_OK) == 0;
}

const char *lxc_attach_command(const struct lxc_attach *at, struct argv *argv, struct argv *env)
{
	bool here = is_here(at->cwd);
	const cJSON *item;

	argv_push_take(argv, find_attach());
	argv_pushl(argv, "-q", "-P", at->lxcpath, "-n", at->name, "--keep-env", NULL);
	if (at->uid)
		argv_pushf(argv, "--uid=%u", (unsigned)at->uid);
	if (at->gid)
		argv_pushf(argv, "--gid=%u", (unsigned)at->gid);
	cJSON_ArrayForEach(item, at->environment)
	{
		if (steers_attach(item->string) || is_covered(at->config, item->string))
			argv_pushf(argv, "--set-var=%s=%s", item->string, item->valuestring);
		else
			argv_pushf(env, "%s=%s", item->string, item->valuestring);
	}
	argv_push(argv, "--");
	if (!here)
		argv_pushl(argv, "sh", "-c", "cd -- \"$0\" 2>/dev/null; exec \"$@\"", at->cwd, NULL);
	cJSON_ArrayForEach(item, at->command)
		argv_push(argv, item->valuestring);
	if (env->n == 0)
		argv_push(env, "container=lxc"); /* the vector must not be NULL */
	return here ? at->cwd : "/";
}

/* lxc-attach dies of a signal and leaves the command running, so it goes to the command: its only child. */
void lxc_attach_signal(pid_t attach, int signum)
{
	AUTO_FREE char *path = mem_printf("/proc/%d/task/%d/children", (int)attach, (int)attach);
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	char text[32];
	ssize_t n = fd >= 0 ? read(fd, text, sizeof(text) - 1) : -1;
	long pid = 0;

	if (n > 0) {
		text[n] = 0;
		pid = strtol(text, NULL, 10);
	}
	kill(pid > 1 ? (pid_t)pid : attach, signum);
}
