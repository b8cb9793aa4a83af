/* SPDX-License-Identifier: MIT */
/*
 * The answer to a change of a profile comes, as LXD's, when the instances that use it have taken it: 200, or 500 with
 * the names and reasons of those that have not. The change itself is saved by then, whatever comes of them, also when
 * the client leaves. An instance that is busy (or hangs) holds the answer up for so long as others still end within
 * PROFILE_PATIENCE_MS of each other, then it is named; it gets the change when it can.
 */
#ifndef BERTH_API_PROFILE_WAIT_H
#define BERTH_API_PROFILE_WAIT_H

#include "api/router.h"

enum { PROFILE_PATIENCE_MS = 30 * 1000 };

/* Has the stored change brought to the profile's instances; replies, at once if there are none. */
void profile_reply_when_taken(struct request *r, const char *profile);

#endif
