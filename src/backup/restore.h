/* SPDX-License-Identifier: MIT */
/*
 * An instance out of a backup. Everything is verified before anything changes: the sidecar, the checksum, the members of
 * the archive, what they say; then the tree is unpacked beside (berth-restore), and only then the instance is stopped
 * and its old tree, which is kept until the new one has been started, changes places with it.
 *
 * request (NULL: {}):
 *	new_name   an instance of this name is made; it must not exist. Addresses, MAC and ids are new, and it has none
 *	           of the volumes: two instances share one only when somebody says so
 *	start      true or false; default: as the instance runs now; for one that does not exist: as when it was backed up
 *	instance   the backup must be of this one, else "Backup not found"
 *	force      a running instance is not asked to shut down, but ended
 *	timeout    seconds that it may take to shut down, at most a day; default 30
 *
 * Without new_name the backup goes to the instance that it is of, or makes that anew. Its configuration becomes that of
 * the backup (volatile keys of an instance that exists stay), its snapshots and volumes are left alone. Restored trees
 * lie on the storage driver "dir".
 *
 * ERROR_NOT_FOUND without such a backup or a profile it needs, ERROR_INVALID for a damaged or foreign one, and for one
 * that would break a rule; ERROR_CONFLICT when the name, or an address, is another's. The operation's metadata holds
 * "instance".
 */
#ifndef BERTH_BACKUP_RESTORE_H
#define BERTH_BACKUP_RESTORE_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "berthd.h"
#include "proc/op.h"

struct op *backup_restore(struct berthd *b, const char *file, const cJSON *request, struct error *err);
void restore_register(struct op_queue *q);

/* restore_read.c: what the archive says; the listing of `berth-restore list` must name exactly the members of a backup,
 * of sizes that make sense. *ret_stream: bytes of the tree's tar stream. */
int restore_check_listing(const char *text, uint64_t max_stream, uint64_t *ret_stream, struct error *err);
/* config, devices and profiles are there, and hold strings. */
bool restore_is_desired(const cJSON *v);
/* A berth.json of an archive as a desired state with the members we know, of the right types; NULL and err. */
cJSON *restore_read_desired(const char *text, size_t len, struct error *err);

/* restore_tree.c: on an instance that exists. archive (taken): archive.h; options: start, force, timeout. */
struct op *restore_tree(struct berthd *b, const char *name, const cJSON *desired, cJSON *archive_taken,
			const cJSON *options, struct error *err);
extern const struct op_kind restore_tree_kind;

#endif
