/* SPDX-License-Identifier: MIT */
#include "pool/pool_lost.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <uv.h>

#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/strmap.h"
#include "image/store.h"
#include "instance/registry.h"
#include "model/warnings.h"
#include "pool/image_volume.h"
#include "pool/pool_private.h"
#include "proc/op.h"

enum { LOOK_MS = 5000, PATIENT_LOOKS = 12, NEW_S = 15 };

#define WARNING "Storage pool unavailable"

struct pool_watch {
	struct berthd *b;
	uv_timer_t timer;
	struct strmap *lost; /* name -> itself */
	unsigned looks;
};

/* What is there and could not be mounted is tried again seldom: each time the kernel writes into its log. */
static bool worth_a_try(const struct pool_watch *w, const cJSON *pool)
{
	struct stat st;

	if (stat(json_str_or(json_obj(pool, "config"), "source", ""), &st) < 0)
		return false;
	return w->looks % PATIENT_LOOKS == 0 || time(NULL) - st.st_ctime < NEW_S;
}

static void try_mount(const struct pool_watch *w, const char *name)
{
	const cJSON *pool = pool_get(w->b, name);
	struct error err = ERROR_INIT;

	if (pool_needs_mount(pool) && worth_a_try(w, pool) && pool_mount_again(w->b, pool, &err) < 0)
		log_debug("storage pool '%s': %s", name, err.msg);
}

static bool is_changed(const struct pool_watch *w, const char *name)
{
	AUTO_FREE char *lock = mem_printf("pool/%s", name);

	return op_locked(w->b->ops, lock); /* made or deleted: not all of it is there */
}

static void begin(struct pool_watch *w, const char *name, const struct error *err)
{
	AUTO_FREE char *url = mem_printf("/1.0/storage-pools/%s", name);

	log_error("%s", err->msg);
	warning_raise(w->b->warnings, WARNING, url, WARNING_HIGH, err->msg);
	strmap_put(w->lost, name, w);
}

/* name may be the map's own key */
static void over(struct pool_watch *w, const char *name)
{
	AUTO_FREE char *url = mem_printf("/1.0/storage-pools/%s", name);

	warning_resolve(w->b->warnings, WARNING, url);
	strmap_remove(w->lost, name);
}

/* Is it there again? */
static bool look_at(struct pool_watch *w, const char *name)
{
	bool lost = strmap_get(w->lost, name) != NULL;
	struct error err = ERROR_INIT;

	if (is_changed(w, name))
		return false;
	if (lost)
		try_mount(w, name);
	if (pool_usable(w->b, name, &err) < 0) {
		if (!lost)
			begin(w, name, &err);
		return false;
	}
	if (lost) {
		over(w, name);
		log_info("storage pool '%s' is there again", name);
	}
	return lost;
}

static void look(struct pool_watch *w)
{
	AUTO_FREE const char **names = pool_names(w->b);
	AUTO_FREE const char **lost = NULL;
	struct registry_scan ignored;
	struct error err = ERROR_INIT;
	bool back = false;

	for (const char **n = names; *n != NULL; n++)
		back |= look_at(w, *n);
	lost = strmap_keys(w->lost);
	for (const char **n = lost; *n != NULL; n++)
		if (pool_get(w->b, *n) == NULL) /* deleted meanwhile */
			over(w, *n);
	if (!back)
		return;
	if (registry_scan(w->b->registry, NULL, &ignored, &err) < 0)
		log_error("%s", err.msg);
	registry_sync(w->b->registry, NULL, NULL);
	image_sweep(w->b->images); /* of what was deleted meanwhile */
	image_volume_sweep(w->b);
}

static void look_cb(uv_timer_t *timer)
{
	struct pool_watch *w = timer->data;

	w->looks++;
	look(w);
}

struct pool_watch *pool_watch_start(struct berthd *b)
{
	struct pool_watch *w = mem_alloc(sizeof(*w));
	AUTO_FREE const char **names = pool_names(b);

	w->b = b;
	w->lost = strmap_new(NULL);
	uv_timer_init(b->loop, &w->timer);
	w->timer.data = w;
	for (const char **n = names; *n != NULL; n++) {
		AUTO_FREE char *url = mem_printf("/1.0/storage-pools/%s", *n);

		warning_resolve(b->warnings, WARNING, url); /* of a start before */
	}
	look(w);
	image_volume_sweep(b);
	uv_timer_start(&w->timer, look_cb, LOOK_MS, LOOK_MS);
	uv_unref((uv_handle_t *)&w->timer);
	return w;
}

static void closed_cb(uv_handle_t *handle)
{
	struct pool_watch *w = handle->data;

	strmap_free(w->lost);
	free(w);
}

void pool_watch_stop(struct pool_watch *w)
{
	if (w != NULL)
		uv_close((uv_handle_t *)&w->timer, closed_cb);
}
