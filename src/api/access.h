/* SPDX-License-Identifier: MIT */
/* What a client may ask for whose certificate is not in the trust store. */
#ifndef BERTH_API_ACCESS_H
#define BERTH_API_ACCESS_H

#include <stdbool.h>

struct request;

/*
 * May a page of this origin send it? A browser shows the user's certificate for whatever page asks, so over HTTPS it is
 * our own origin or core.https_allowed_origin; what is no browser sends no Origin.
 */
bool access_origin_ok(const struct request *r);
/* r->route is known. False: it may not. The handlers of what it may look for themselves at what is public. */
bool access_allowed(const struct request *r);

#endif
