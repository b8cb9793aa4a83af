/* SPDX-License-Identifier: MIT */
/* What the clock does to images: which ones are fetched anew, and which cached ones nobody uses any more. */
#ifndef BERTH_IMAGE_DUE_H
#define BERTH_IMAGE_DUE_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <time.h>

#define IMAGE_CACHE_DAYS 10   /* images.remote_cache_expiry, and the next, unless set */
#define IMAGE_UPDATE_HOURS 6  /* images.auto_update_interval */

/* image.json of one that was cached by a launch and not used for so many days; 0: they stay. */
bool image_cache_expired(const cJSON *image, time_t now, int days);
/* auto_update, and there is somewhere to ask. */
bool image_wants_update(const cJSON *image);
/* At this full hour (of the epoch's), with that interval in hours? 0: never. */
bool image_update_due(time_t now, int hours);

#endif
