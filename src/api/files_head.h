/* SPDX-License-Identifier: MIT */
#ifndef BERTH_API_FILES_HEAD_H
#define BERTH_API_FILES_HEAD_H

#include "base/argv.h"
#include "base/error.h"

struct request;

/* X-LXD-type, -uid, -gid, -mode and -write of a request as options of `berth-file put`. */
int files_head_push(const struct request *r, struct argv *argv, struct error *err);

#endif
