/* SPDX-License-Identifier: MIT */
#include "helper/rootfs_nics.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/argv.h"
#include "base/fs.h"
#include "base/mem.h"
#include "helper/rootfs_sys.h"

#define CONFIG_MAX (1 << 20)
#define DOWN_MS 5000
#define NIC "lxc.net."
#define PROGRAM "/berth-nic-up"
#define PLAIN "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._:,/=- "

extern char **environ;

/* The value of "lxc.net.INDEX.KEY = VALUE". */
static const char *nic_value(const char *line, unsigned long *ret_index, const char *key)
{
	size_t len = strlen(key);
	char *end;

	if (strncmp(line, NIC, strlen(NIC)) != 0)
		return NULL;
	*ret_index = strtoul(line + strlen(NIC), &end, 10);
	if (*end++ != '.' || strncmp(end, key, len) != 0 || strncmp(end + len, " = ", 3) != 0)
		return NULL;
	return end + len + 3;
}

static const char *veth_of(char **lines, unsigned long wanted)
{
	for (; *lines; lines++) {
		unsigned long index;
		const char *veth = nic_value(*lines, &index, "veth.pair");

		if (veth && index == wanted)
			return veth;
	}
	return NULL;
}

static bool is_ours(const char *command)
{
	size_t program = strcspn(command, " "), name = strlen(PROGRAM);

	return *command == '/' && program > name && strncmp(command + program - name, PROGRAM, name) == 0 &&
	       command[program] == ' ' && !command[strspn(command, PLAIN)];
}

static void add_command(char **lines, const char *line, struct strbuf *out)
{
	unsigned long index;
	const char *command = nic_value(line, &index, "script.down"), *veth;

	if (!command || !is_ours(command))
		return;
	veth = veth_of(lines, index);
	if (veth && !veth[strspn(veth, PLAIN)] && !strchr(veth, ' '))
		strbuf_addf(out, "%s --device=%s\n", command, veth);
}

void rootfs_nics_commands(const char *config, struct strbuf *out)
{
	AUTO_FREE char *copy = mem_strdup(config);
	AUTO_ARGV struct argv lines = ARGV_INIT;
	char *save = NULL;

	for (char *line = strtok_r(copy, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		argv_push(&lines, line);
	for (size_t i = 0; i < lines.n; i++)
		add_command(lines.v, lines.v[i], out);
}

/* One that hangs holds up whoever stops the instance: it is ended, with what it runs. */
static void wait_a_little(pid_t pid)
{
	AUTO_CLOSE int pidfd = sys_pidfd_open(pid);
	struct pollfd end = { .fd = pidfd, .events = POLLIN };
	int rc;

	do
		rc = pidfd < 0 ? 1 : poll(&end, 1, DOWN_MS);
	while (rc < 0 && errno == EINTR);
	if (rc == 0)
		(void)kill(-pid, SIGKILL);
}

/* In a process group of its own. */
static int spawn(pid_t *pid, char **argv)
{
	posix_spawnattr_t attr;
	int failed = posix_spawnattr_init(&attr);

	if (failed)
		return failed;
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP);
	posix_spawnattr_setpgroup(&attr, 0);
	failed = posix_spawn(pid, argv[0], NULL, &attr, argv, environ);
	posix_spawnattr_destroy(&attr);
	return failed;
}

static int run(char *command, struct error *err)
{
	AUTO_ARGV struct argv argv = ARGV_INIT;
	char *save = NULL;
	int failed, status;
	pid_t pid;

	for (char *word = strtok_r(command, " ", &save); word; word = strtok_r(NULL, " ", &save))
		argv_push(&argv, word);
	if (argv.n == 0)
		return 0;
	failed = spawn(&pid, argv.v);
	if (failed)
		return error_sys(err, failed, "cannot run '%s'", argv.v[0]);
	wait_a_little(pid);
	if (waitpid(pid, &status, 0) < 0)
		return error_sys(err, errno, "cannot wait for '%s'", argv.v[0]);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return error_set(err, ERROR_TOOL, "'%s' failed for a nic", argv.v[0]);
	return 0;
}

/* One that fails is no reason to leave the others. */
int rootfs_nics_down(const char *instance_dir, struct error *err)
{
	AUTO_STRBUF struct strbuf config = STRBUF_INIT;
	AUTO_STRBUF struct strbuf commands = STRBUF_INIT;
	AUTO_FREE char *path = fs_join(instance_dir, "config");
	char *save = NULL;
	int rc = 0;

	if (fs_read_file(path, CONFIG_MAX, &config, err) < 0)
		return err->code == ERROR_NOT_FOUND ? 0 : -1;
	if (config.len)
		rootfs_nics_commands(config.buf, &commands);
	if (commands.len == 0)
		return 0;
	for (char *line = strtok_r(commands.buf, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		if (run(line, err) < 0)
			rc = -1;
	return rc;
}
