/* SPDX-License-Identifier: MIT */
/*
 * One tree over one connection: rsync here (in its jail) and there, whose bytes are streams on the websocket, one each way.
 * The sender is a client of a server that LXD starts with fixed options: what changes the protocol is the same on both
 * sides, so it is not for us to choose.
 */
#ifndef BERTH_HELPER_MIGRATE_RSYNC_H
#define BERTH_HELPER_MIGRATE_RSYNC_H

#include <cjson/cJSON.h>
#include <stdbool.h>

#include "base/error.h"
#include "helper/migrate_channel.h"
#include "helper/migrate_jail.h"

struct transfer {
	struct channel *channel;
	const struct jail *jail;
	const cJSON *features; /* what both can: {"xattrs", "delete", "compress"} */
	const char *name;      /* for messages and progress: "c1", "c1/snap0" */
	bool may_vanish;       /* files may, while they are read */
};

/* Both print "progress NAME: 1.23MB (4.56MB/s)" on stdout now and then. */
int migrate_rsync_send(const struct transfer *t, struct error *err);
int migrate_rsync_receive(const struct transfer *t, struct error *err);

/* What both sides have of "xattrs", "delete", "compress", "bidirectional"; theirs NULL, or of before LXD 3.8: the first three. */
cJSON *migrate_rsync_features(const cJSON *theirs);

/* What the sender runs in place of ssh: bytes between 0 and 1, and 3. Returns the exit status. */
int migrate_rsync_relay(void);

#endif
