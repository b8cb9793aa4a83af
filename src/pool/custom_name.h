/* SPDX-License-Identifier: MIT */
/*
 * Names of custom volumes and of their snapshots, and the names of files that stand for them: a plain name (letters,
 * digits, '.', '_' and '-', beginning with a letter or digit) for itself; in any other each byte that is not plain is
 * %XX, as are '.', '_' and '-' at the beginning. So no such file is hidden, "." or "..", no two names have the same one,
 * and what stands in configurations of LXC needs no escapes.
 */
#ifndef BERTH_POOL_CUSTOM_NAME_H
#define BERTH_POOL_CUSTOM_NAME_H

#include "base/error.h"

/* UTF-8 without '/' and control characters, not "." or "..", whose file name has at most 200 bytes. ERROR_INVALID */
int custom_name_check(const char *name, struct error *err);
/* The same without blanks, as LXD has it for snapshots. */
int custom_name_check_snapshot(const char *name, struct error *err);

char *custom_name_to_file(const char *name); /* caller frees */
char *custom_name_of_file(const char *file); /* caller frees; NULL: it stands for no name */

#endif
