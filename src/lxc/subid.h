/* SPDX-License-Identifier: MIT */
/*
 * subuid(5) and subgid(5): the ids that root may give to containers. Pure
 * functions of the files' text; a line that makes no sense is passed over, as
 * newuidmap does.
 */
#ifndef BERTH_LXC_SUBID_H
#define BERTH_LXC_SUBID_H

#include <stdbool.h>
#include <stdint.h>

#define SUBID_SIZE_MIN 65536u

/*
 * The first range of root (by name or as "0") of at least SUBID_SIZE_MIN ids
 * that both texts grant; where two ranges only overlap, the overlap counts.
 * Range 0 itself never does: that would be the host's own root.
 */
bool subid_range(const char *subuid, const char *subgid, uint32_t *ret_base, uint32_t *ret_size);

/* Does the text give root the ids [first, first + len)? Several lines together may. */
bool subid_allows(const char *text, uint32_t first, uint32_t len);

#endif
