/* SPDX-License-Identifier: MIT */
/*
 * What an archive in LXD's format (backup/export.h) says of itself. Both read stdin, a tar archive of any packing, as
 * nobody and without system calls but read and write, and print one JSON object, {"error","code"} when it is no good.
 * They end the program: status 0, 1 (no good) or 3 (nobody reads).
 */
#ifndef BERTH_HELPER_RESTORE_INDEX_H
#define BERTH_HELPER_RESTORE_INDEX_H

/*
 * {"index": backup/index.yaml, all scalars strings}; of an archive whose index has no config, that of its backup.yaml is put in;
 * of one of send streams, what they are of as "header".
 */
_Noreturn void restore_index(void);
/* {"metadata": ImageMetadata or absent, "templates": {file name: text}} of backup/container. */
_Noreturn void restore_facts(void);

#endif
