/* SPDX-License-Identifier: MIT */
#include "instance/watch.h"

#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/strmap.h"

/* LXC writes `config` a moment after it makes the folder: look when the dust has settled. */
#define SETTLE_MS 150

static void pid_poll_cb(uv_poll_t *handle, int status, int events)
{
	struct pid_watch *w = handle->data;

	uv_poll_stop(handle);
	w->cb(w->data);
}

static void pid_closed_cb(uv_handle_t *handle)
{
	struct pid_watch *w = handle->data;

	close(w->fd);
	free(w);
}

struct pid_watch *pid_watch_start(uv_loop_t *loop, pid_t pid, void (*cb)(void *data), void *data, void *owner)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);
	struct pid_watch *w;

	if (fd < 0)
		return NULL;
	w = mem_alloc(sizeof(*w));
	w->fd = fd;
	w->cb = cb;
	w->data = data;
	w->owner = owner;
	w->poll.data = w;
	if (uv_poll_init(loop, &w->poll, fd) < 0) {
		close(fd);
		free(w);
		return NULL;
	}
	uv_poll_start(&w->poll, UV_READABLE, pid_poll_cb);
	uv_unref((uv_handle_t *)&w->poll);
	return w;
}

void pid_watch_stop(struct pid_watch *w)
{
	if (w != NULL && !uv_is_closing((uv_handle_t *)&w->poll))
		uv_close((uv_handle_t *)&w->poll, pid_closed_cb);
}

struct folder_watch {
	uv_fs_event_t event;
	uv_timer_t timer;
	struct strmap *names; /* changed, not yet told */
	void (*cb)(const char *name, void *data);
	void *data;
};

static void settle_cb(uv_timer_t *timer)
{
	struct folder_watch *w = timer->data;
	struct strmap *names = w->names;
	const char **keys = strmap_keys(names);

	w->names = strmap_new(NULL);
	for (const char **k = keys; *k != NULL; k++)
		w->cb(*k, w->data);
	free(keys);
	strmap_free(names);
}

static void event_cb(uv_fs_event_t *handle, const char *name, int events, int status)
{
	struct folder_watch *w = handle->data;

	if (status >= 0 && name != NULL && name[0] != '.')
		folder_watch_again(w, name);
}

void folder_watch_again(struct folder_watch *w, const char *name)
{
	strmap_put(w->names, name, w);
	if (!uv_is_active((uv_handle_t *)&w->timer))
		uv_timer_start(&w->timer, settle_cb, SETTLE_MS, 0);
}

static void folder_closed_cb(uv_handle_t *handle)
{
	struct folder_watch *w = handle->data;

	strmap_free(w->names);
	free(w);
}

static void event_closed_cb(uv_handle_t *handle)
{
	struct folder_watch *w = handle->data;

	uv_close((uv_handle_t *)&w->timer, folder_closed_cb);
}

struct folder_watch *folder_watch_start(uv_loop_t *loop, const char *path,
					void (*cb)(const char *name, void *data), void *data, struct error *err)
{
	struct folder_watch *w = mem_alloc(sizeof(*w));
	int rc;

	w->names = strmap_new(NULL);
	w->cb = cb;
	w->data = data;
	w->event.data = w;
	w->timer.data = w;
	uv_timer_init(loop, &w->timer);
	uv_fs_event_init(loop, &w->event);
	rc = uv_fs_event_start(&w->event, event_cb, path, 0);
	if (rc < 0) {
		folder_watch_stop(w);
		error_sys(err, -rc, "cannot watch '%s'", path);
		return NULL;
	}
	return w;
}

void folder_watch_stop(struct folder_watch *w)
{
	if (w == NULL)
		return;
	uv_timer_stop(&w->timer);
	uv_close((uv_handle_t *)&w->event, event_closed_cb);
}
