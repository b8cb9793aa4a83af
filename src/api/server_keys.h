/* SPDX-License-Identifier: MIT */
/* LXD's server keys: which of them berth has, what values they take, and why it has not the others. */
#ifndef BERTH_API_SERVER_KEYS_H
#define BERTH_API_SERVER_KEYS_H

#include <stdbool.h>

#include "base/error.h"

/* What is to be stored for the value: itself, or a canonical form, or a hash. NULL with err. Caller frees. */
char *server_key_value(const char *key, const char *value, struct error *err);
bool server_key_known(const char *key); /* berth's, refused, or user.* */
bool server_key_hidden(const char *key); /* shown as true */

#endif
