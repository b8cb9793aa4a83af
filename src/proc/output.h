/* SPDX-License-Identifier: MIT */
/* What a tool prints, synchronously: before the loop runs, and in programs that have none (berthd --check). */
#ifndef BERTH_PROC_OUTPUT_H
#define BERTH_PROC_OUTPUT_H

#include <stddef.h>

#include "base/error.h"
#include "base/strbuf.h"

struct output_limits {
	unsigned timeout_ms;
	size_t max; /* bytes */
};

/*
 * Appends stdout (stderr goes to /dev/null); 0 only when the tool exited 0. err->sys is ENOENT when it is not in PATH.
 * It is killed when it takes longer or prints more.
 */
int output_of(const char *const argv[], const struct output_limits *limits, struct strbuf *out, struct error *err);

#endif
