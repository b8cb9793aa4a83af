/* SPDX-License-Identifier: MIT */
/* What the rooms share at run time. Built by main, passed as the context of operations and routes. */
#ifndef BERTH_BERTHD_H
#define BERTH_BERTHD_H

#include <uv.h>

struct settings;
struct probe;
struct op_queue;
struct registry;
struct image_store;
struct profile_store;
struct events;
struct http;
struct file_session;
struct server_config;
struct autostart;
struct host;
struct nft_watch;
struct terminals;
struct snapshot_due;
struct backup_due;
struct ticker;
struct trust;
struct remote;
struct warnings;
struct forwards;
struct networks;
struct pools;
struct pool_watch;
struct custom_due;
struct proxies;
struct late;
struct hotplug;
struct reboots;

struct berthd {
	uv_loop_t *loop;
	struct settings *settings;
	struct probe *probe;
	struct op_queue *ops;
	struct profile_store *profiles;
	struct pools *pools;
	struct pool_watch *pool_watch;
	struct custom_due *volumes; /* snapshots of custom volumes by the clock */
	struct image_store *images;
	struct registry *registry;
	struct events *events;
	struct http *http;
	struct file_session *long_sessions; /* instance/file.c: those that make way */
	struct server_config *server; /* PUT/PATCH /1.0 */
	struct trust *trust;          /* certificates of clients: api/trust.h */
	struct remote *remote;        /* the HTTPS listener: api/remote.h */
	struct warnings *warnings;    /* model/warnings.h */
	struct terminals *terminals;
	struct forwards *forwards;    /* host/forward.h */
	struct networks *networks;    /* network/network.h */
	struct late *late;            /* instance/late.h; likewise */
	struct hotplug *hotplug;      /* instance/hotplug.h; likewise */
	struct reboots *reboots;      /* instance/reboots.h; likewise */
	struct proxies *proxies;      /* instance/proxy.h; NULL until clients may come */
	struct autostart *autostart;  /* while it waits between two, else NULL */
	struct host *host;
	struct nft_watch *nft; /* since the first nft_watch_add() */
	struct snapshot_due *snapshots; /* what is made and removed by the clock */
	struct backup_due *backups;     /* likewise */
	struct ticker *images_clock;    /* api/images_due.c */
};

#endif
