/* SPDX-License-Identifier: MIT */
/* What berth-unpack takes from itself before it touches an archive. */
#ifndef BERTH_HELPER_UNPACK_SANDBOX_H
#define BERTH_HELPER_UNPACK_SANDBOX_H

#include <sys/types.h>

#include "base/error.h"

/* As root: becomes nobody:nogroup without supplementary groups. Dies with `parent`. */
int sandbox_drop_ids(pid_t parent, struct error *err);
/* Memory, core, files and children limited; afterwards the kernel refuses every system call that is not
 * needed to read, compute and write (seccomp; where the kernel has none, the rest must do). */
int sandbox_enter(struct error *err);

/* For a tool that is run to read one hostile file whose owner is root: nobody, who may read any file, writes none, and
 * has bounded memory. Kept over exec. */
int sandbox_reader(pid_t parent, struct error *err);

#endif
