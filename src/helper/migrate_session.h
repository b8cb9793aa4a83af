/* SPDX-License-Identifier: MIT */
/*
 * The two sides of a migration between servers, as LXD 5.0 has it: headers are exchanged on the control connection, then on
 * the other one a description of the instance, its snapshots, oldest first, and itself, by rsync; at the end the target
 * says on the control connection how it went.
 *
 * The file SPEC of the sender:
 *   {"offer": header (migrate_wire.h) without "fs", "rsync", "index_version", "refresh"; "index": MigrationInfo;
 *    "trees": [{"name": of the snapshot, the last one's of the instance, "title": for messages,
 *               "data": folder with a folder rootfs, "dir": holds rootfs/ or upper/, "lower": image's tree, if it is an
 *               overlay, "base", "size": its ids; or "plain": "data" is the tree}],
 *    "inconsistent": files may vanish meanwhile}
 * and of the receiver:
 *   {"title", "data": folder with an empty folder rootfs, "rootfs": the tree, "snapshots": folder for trees named "0", "1", …,
 *    "header": file to be made: what the source offered, its "snapshots" being those that are sent, "refresh": bool,
 *    "have": [{"name", "created"}] of what is there already, "by_name": whenever it was made, "silent": that it went well is said by somebody else,
 *    "devices": may hold device nodes, "idmap": LXD's text of how the files lie, if not as the header says}; without "rootfs"
 *    "data" is the tree
 */
#ifndef BERTH_HELPER_MIGRATE_SESSION_H
#define BERTH_HELPER_MIGRATE_SESSION_H

#include <cjson/cJSON.h>

#include "base/error.h"
#include "helper/migrate_channel.h"

struct session {
	struct channel *control, *fs;
	const cJSON *spec;
};

/* An error that is ours was told to the other side; one of the other side's is in its words. */
int migrate_send(const struct session *s, struct error *err);
int migrate_receive(const struct session *s, struct error *err);
/* "It went well", which the target says last. */
int migrate_say_done(struct channel *control, struct error *err);

/* What a target answers to this offer: {"answer": header, "wanted": the snapshots}. */
cJSON *migrate_answer(const cJSON *offer, const cJSON *spec, struct error *err);

#endif
