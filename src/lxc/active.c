/* SPDX-License-Identifier: MIT */
#include "lxc/active.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/mem.h"
#include "base/strbuf.h"

enum {
	NET_UNIX_MAX = 16 * 1024 * 1024,
	SOCK_NAME_SURE = 100, /* LXC 5 hashes from 106 on; stay on the safe side */
};

static const char suffix[] = "/command";

/* The path comes last on its line, an abstract one after '@': "… St Inode @LXCPATH/NAME/command". */
static void add_line(struct strmap *names, const char *line, size_t len, const char *lxcpath)
{
	const char *path = memchr(line, '@', len);
	size_t path_len = path ? (size_t)(line + len - path) : 0;
	size_t head = strlen(lxcpath) + 2, tail = sizeof(suffix) - 1;
	AUTO_FREE char *name = NULL;

	if (path_len <= head + tail || memcmp(path + 1, lxcpath, head - 2) != 0 || path[head - 1] != '/' ||
	    memcmp(line + len - tail, suffix, tail) != 0)
		return;
	name = mem_strndup(path + head, path_len - head - tail);
	if (!strchr(name, '/'))
		strmap_put(names, name, names);
}

struct strmap *lxc_active_names(const char *net_unix, const char *lxcpath)
{
	struct strmap *names = strmap_new(NULL);

	for (const char *line = net_unix; *line;) {
		size_t len = strcspn(line, "\n");

		add_line(names, line, len, lxcpath);
		line += len + (line[len] == '\n');
	}
	return names;
}

struct strmap *lxc_active_now(const char *lxcpath)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT;
	struct error ignored = ERROR_INIT;

	(void)fs_read_file("/proc/net/unix", NET_UNIX_MAX, &text, &ignored);
	return lxc_active_names(text.buf, lxcpath);
}

bool lxc_active_may_be(const struct strmap *names, const char *lxcpath, const char *name)
{
	return strlen(lxcpath) + 1 + strlen(name) + sizeof(suffix) - 1 > SOCK_NAME_SURE ||
	       strmap_get(names, name) != NULL;
}

bool lxc_may_be_active(const char *lxcpath, const char *name)
{
	struct strmap *names = lxc_active_now(lxcpath);
	bool may_be = lxc_active_may_be(names, lxcpath, name);

	strmap_free(names);
	return may_be;
}

static bool has_title(const char *pid, const char *title)
{
	AUTO_FREE char *path = mem_printf("/proc/%s/cmdline", pid);
	AUTO_STRBUF struct strbuf text = STRBUF_INIT;
	struct error ignored = ERROR_INIT;

	return fs_read_file(path, 1 << 20, &text, &ignored) == 0 && strcmp(text.buf, title) == 0;
}

pid_t lxc_monitor_process(const char *lxcpath, const char *name)
{
	AUTO_FREE char *title = mem_printf("[lxc monitor] %s %s", lxcpath, name);
	DIR *dir = opendir("/proc");
	const struct dirent *d;
	pid_t pid = 0;

	while (dir && !pid && (d = readdir(dir))) {
		if (d->d_name[0] >= '1' && d->d_name[0] <= '9' && has_title(d->d_name, title))
			pid = (pid_t)strtol(d->d_name, NULL, 10);
	}
	if (dir)
		closedir(dir);
	return pid;
}
