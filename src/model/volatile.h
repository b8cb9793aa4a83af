/* SPDX-License-Identifier: MIT */
/* LXD's volatile.* keys: what a server notes of an instance. */
#ifndef BERTH_MODEL_VOLATILE_H
#define BERTH_MODEL_VOLATILE_H

#include <stdbool.h>

/* Is there such a key, with LXD or here? */
bool volatile_is_known(const char *key);
/* May who makes or changes an instance say it? Addresses and names of nics, and which templates come next. */
bool volatile_may_be_chosen(const char *key);

#endif
