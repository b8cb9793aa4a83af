/* SPDX-License-Identifier: MIT */
/*
 * Several tar streams, one after the other on one descriptor, become one: the blocks of zeros that end each of them are
 * left out (found by walking the headers: zeros also end files), and written once at the very end.
 */
#ifndef BERTH_HELPER_PACK_JOIN_H
#define BERTH_HELPER_PACK_JOIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct pack_join;

/* write gets what is to be passed on; -1 with err ends the work. */
typedef int (*pack_sink)(void *data, const void *bytes, size_t len, struct error *err);

struct pack_join *pack_join_new(pack_sink write, void *data);
void pack_join_free(struct pack_join *j);
/* The next bytes, cut anywhere. ERROR_INVALID: this is no tar as GNU tar writes it. */
int pack_join_feed(struct pack_join *j, const void *bytes, size_t len, struct error *err);
/* No more: refuses a stream that ends within a file, else writes the end of the archive. */
int pack_join_end(struct pack_join *j, struct error *err);

#endif
