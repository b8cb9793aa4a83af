/* SPDX-License-Identifier: MIT */
#include "lxc/monitor.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "proc/supervise.h"

enum {
	CHECK_FIRST_MS = 2,
	CHECK_LATER_MS = 250,
	CHECK_PATIENCE_MS = 2000,
	NET_UNIX_MAX = 16 * 1024 * 1024,
	SOCKETS_MAX = 16,
	SOCK_NAME_MAX = 105, /* lxc/monitor.c: what it uses of sun_path */
	HASH_DIGITS = 16,
	STATE_CONNECTED = 3, /* SS_CONNECTED of <linux/net.h> */
};

struct lxc_monitor {
	struct supervise *supervise;
	uv_timer_t timer; /* looks for the connection */
	char *lxcpath;
	uint64_t deadline; /* of the patience; 0: on_gap fired for want of it */
	void (*on_state)(const char *name, enum lxc_state state, void *data);
	void (*on_gap)(void *data);
	void *data;
};

/* Is it "@lxc/HASH/LXCPATH", cut where LXC cuts it? */
static bool is_monitord(const char *name, size_t len, const char *lxcpath)
{
	static const char prefix[] = "@lxc/";
	size_t head = sizeof(prefix) - 1 + HASH_DIGITS + 1;
	size_t path_len = strlen(lxcpath);

	if (head + path_len > SOCK_NAME_MAX)
		path_len = SOCK_NAME_MAX - head;
	return len == head + path_len && memcmp(name, prefix, sizeof(prefix) - 1) == 0 &&
	       name[head - 1] == '/' && memcmp(name + head, lxcpath, path_len) == 0;
}

/* "Num: RefCount Protocol Flags Type St Inode Path", as in proc(5); the path is empty for most. */
struct unix_line {
	unsigned state;
	unsigned long long inode;
	const char *path;
	size_t path_len;
};

static bool unix_line(const char *line, size_t len, struct unix_line *ret)
{
	char buf[128]; /* sscanf would measure the whole text each time */
	size_t head = len < sizeof(buf) ? len : sizeof(buf) - 1;
	int end = 0;

	memcpy(buf, line, head);
	buf[head] = '\0';
	if (sscanf(buf, "%*x: %*x %*x %*x %*x %x %llu%n", &ret->state, &ret->inode, &end) != 2 || end == 0)
		return false;
	end += line[end] == ' ';
	ret->path = line + end;
	ret->path_len = (size_t)end < len ? len - (size_t)end : 0;
	return true;
}

bool lxc_monitor_connected(const char *net_unix, const char *lxcpath, const uint64_t *inodes, size_t count)
{
	bool connected = false;

	for (const char *line = net_unix; *line;) {
		size_t len = strcspn(line, "\n");
		struct unix_line u;

		if (unix_line(line, len, &u)) {
			/* no inode: not accepted yet */
			if (u.inode == 0 && is_monitord(u.path, u.path_len, lxcpath))
				return false;
			for (size_t i = 0; i < count; i++)
				if (inodes[i] == u.inode && u.state == STATE_CONNECTED)
					connected = true;
		}
		line += len + (line[len] == '\n');
	}
	return connected;
}

static size_t sockets_of(pid_t pid, uint64_t inodes[SOCKETS_MAX])
{
	AUTO_FREE char *path = mem_printf("/proc/%d/fd", (int)pid);
	DIR *dir = opendir(path);
	const struct dirent *entry;
	size_t count = 0;

	while (dir && count < SOCKETS_MAX && (entry = readdir(dir))) {
		unsigned long long inode;
		char target[64];
		ssize_t n = readlinkat(dirfd(dir), entry->d_name, target, sizeof(target) - 1);

		target[n > 0 ? n : 0] = '\0';
		if (sscanf(target, "socket:[%llu]", &inode) == 1)
			inodes[count++] = inode;
	}
	if (dir)
		closedir(dir);
	return count;
}

static bool is_connected(const struct lxc_monitor *m)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT;
	struct error ignored = ERROR_INIT;
	uint64_t inodes[SOCKETS_MAX];
	pid_t pid = supervise_pid(m->supervise);
	size_t count = pid > 0 ? sockets_of(pid, inodes) : 0;

	return count > 0 && fs_read_file("/proc/net/unix", NET_UNIX_MAX, &text, &ignored) == 0 &&
	       lxc_monitor_connected(text.buf, m->lxcpath, inodes, count);
}

static void check_cb(uv_timer_t *timer)
{
	struct lxc_monitor *m = timer->data;

	if (is_connected(m)) {
		uv_timer_stop(timer);
		m->on_gap(m->data);
		return;
	}
	if (m->deadline == 0 || uv_now(timer->loop) < m->deadline)
		return;
	m->deadline = 0;
	uv_timer_set_repeat(timer, CHECK_LATER_MS);
	m->on_gap(m->data);
}

static void start_cb(void *data)
{
	struct lxc_monitor *m = data;

	uv_update_time(m->timer.loop);
	m->deadline = uv_now(m->timer.loop) + CHECK_PATIENCE_MS;
	uv_timer_start(&m->timer, check_cb, CHECK_FIRST_MS, CHECK_FIRST_MS);
}

static void line_cb(const char *line, void *data)
{
	struct lxc_monitor *m = data;
	struct lxc_status st;

	if (lxc_parse_monitor_line(line, &st))
		m->on_state(st.name, st.state, m->data);
}

static void closed_cb(uv_handle_t *handle)
{
	struct lxc_monitor *m = handle->data;

	free(m->lxcpath);
	free(m);
}

struct lxc_monitor *lxc_monitor_start(uv_loop_t *loop, const char *lxcpath,
				      void (*on_state)(const char *name, enum lxc_state state, void *data),
				      void (*on_gap)(void *data), void *data, struct error *err)
{
	struct lxc_monitor *m = mem_alloc(sizeof(*m));
	AUTO_ARGV struct argv argv = ARGV_INIT;
	struct proc_spec spec = { .tty_stdout = true, .on_line = line_cb, .data = m };

	m->lxcpath = mem_strdup(lxcpath);
	m->on_state = on_state;
	m->on_gap = on_gap;
	m->data = data;
	uv_timer_init(loop, &m->timer);
	m->timer.data = m;
	lxc_argv_monitor(&argv, lxcpath);
	spec.argv = (const char *const *)argv.v;
	m->supervise = supervise_start(loop, &spec, start_cb, err);
	if (m->supervise)
		return m;
	uv_close((uv_handle_t *)&m->timer, closed_cb);
	return NULL;
}

void lxc_monitor_stop(struct lxc_monitor *m)
{
	if (!m)
		return;
	supervise_stop(m->supervise);
	uv_close((uv_handle_t *)&m->timer, closed_cb);
}
