/* SPDX-License-Identifier: MIT */
/*
 * Who asked, as LXD's lifecycle events say it: {"username", "protocol", "address"}. Of the unix socket the user's name (or
 * "uid=N"), "unix" and "@"; over HTTPS the certificate's fingerprint, "tls" and the client's address.
 */
#ifndef BERTH_API_REQUESTOR_H
#define BERTH_API_REQUESTOR_H

#include <cjson/cJSON.h>

struct request;

cJSON *requestor_of(const struct request *r); /* a new object */

#endif
