/* SPDX-License-Identifier: MIT */
/*
 * Backups on disk (doc/backup-format.md). In backup_path, which is root's alone, lie
 *
 *	NAME-YYYYmmddHHMMSS.7z     the archive (host's local time)
 *	NAME-YYYYmmddHHMMSS.json   its sidecar
 *	.NAME-YYYYmmddHHMMSS.7z.tmp/   a backup that is being made: a folder, renamed out of and removed at the end
 *
 * NAME may hold '-': the instance is what the sidecar says, without one what stands before the last '-'.
 *
 * Members of the archive: BACKUP_INFO, BACKUP_DESIRED and BACKUP_CONFIG in this order, small, one solid block; then
 * BACKUP_TREE, a posix tar stream of the root file system, numeric owners as the container sees them, members named
 * "./…", with xattrs (file capabilities as version 2), ACLs, hard links, holes (GNU sparse 1.0), fifos and device
 * nodes. trusted.overlay.* and security.selinux are left out, sockets too.
 *
 * Mode "freeze": the stream holds a first pass, then what had changed until the instance was frozen (a later entry
 * replaces an earlier one of the same name, of whatever type), and as its very last member BACKUP_MANIFEST, the only
 * one whose name does not start with "./". It lists what was there when frozen: records "T PATH\0", T one of
 * d f l p c b s (find -printf %y), PATH as in the stream ("./etc/passwd", "." for the root). What the stream holds and
 * the manifest does not is to be removed. It may list more than the stream holds (sockets, what was excluded).
 *
 * BACKUP_INFO and the sidecar are the same object; only the sidecar has file, sha256, size and stream_bytes:
 *
 *	version       1; higher: made by a later berth, not to be restored by this one
 *	instance      "c1"
 *	created_at    RFC 3339, UTC
 *	mode          "live", "freeze" or "stop": as asked for
 *	hint          what its maker said about it; may be ""
 *	driver        "overlay" or "dir", of the instance
 *	base_image    fingerprint, or ""
 *	level         of the compression, 0-9
 *	exclude       [patterns]
 *	manifest      true: the stream ends with BACKUP_MANIFEST
 *	rootfs_bytes  what the tree takes on a disk (blocks, each file once, without what was excluded)
 *	entries       files of the tree, of all types
 *	berth         version of berth that made it
 *	server        settings->server_name
 *	warnings      [what tar said], at most 20: "./log: file changed as we read it"
 *	file          "c1-20261122090000.7z"
 *	size, sha256  of the archive
 *	stream_bytes  length of BACKUP_TREE
 */
#ifndef BERTH_BACKUP_FORMAT_H
#define BERTH_BACKUP_FORMAT_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <time.h>

#include "base/error.h"
#include "berthd.h"

#define BACKUP_VERSION 1
#define BACKUP_INFO "backup.json"
#define BACKUP_DESIRED "berth.json"
#define BACKUP_CONFIG "config"
#define BACKUP_TREE "rootfs.tar"
#define BACKUP_MANIFEST ".berth-manifest"
#define BACKUP_ENDING ".7z"
#define BACKUP_SIDECAR_ENDING ".json"
#define BACKUP_TMP ".tmp"

/* "NAME-YYYYmmddHHMMSS.7z"; caller frees. */
char *backup_file_name(const char *instance, time_t when);
/* Is it such a name? What stands before the last '-' goes to *ret_instance (caller frees), which may be NULL. */
bool backup_file_parse(const char *file, char **ret_instance);
/* A file name that may stand in a request: ends with .7z, [A-Za-z0-9._-] only, no leading dot, so never a path. */
int backup_file_check(const char *file, struct error *err);

char *backup_archive_path(const struct berthd *b, const char *file); /* caller frees */
char *backup_sidecar_path(const struct berthd *b, const char *file);
char *backup_tmp_path(const struct berthd *b, const char *file);

/*
 * The sidecar of this archive, checked: an object of a version we know, that names this file. ERROR_NOT_FOUND without
 * an archive or without a sidecar, ERROR_INVALID when it is not to be trusted, or says another size than the archive has.
 */
cJSON *backup_sidecar(const struct berthd *b, const char *file, struct error *err);
/* The same checks for BACKUP_INFO of an archive without a sidecar. */
int backup_info_check(const cJSON *info, struct error *err);

/* "7zz" or "7z", whichever is in PATH; ERROR_UNSUPPORTED names the packages. Looked up anew each time. */
const char *backup_seven(struct error *err);

#endif
