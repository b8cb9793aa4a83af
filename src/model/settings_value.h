/* SPDX-License-Identifier: MIT */
/* One value of berth.conf: from text to its field, by the row of the table. Private to settings.c. */
#ifndef BERTH_MODEL_SETTINGS_VALUE_H
#define BERTH_MODEL_SETTINGS_VALUE_H

#include "model/settings.h"

#define SETTINGS_NAME_CHARS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-"

/* The field is an int64_t; else a char *. */
bool settings_is_number(const struct settings_key *k);

/* Checks and stores; with a root, a path must lie below it. On error the field is as it was. */
int settings_set_value(struct settings *s, const char *root, const struct settings_key *k, const char *value,
		       struct error *err);

/* May be given several times: the values are joined by commas (inih's lines are short). */
bool settings_is_list(const struct settings_key *k);
int settings_add_value(struct settings *s, const char *root, const struct settings_key *k, const char *value,
		       struct error *err);

/* "/a//b/./c/" -> "/a/b/c"; key is for messages. Caller frees. */
char *settings_normalise_path(const char *key, const char *path, struct error *err);

#endif
