/* SPDX-License-Identifier: MIT */
/*
 * The certificates of clients that may come over HTTPS: one JSON file each, <state_path>/trust/FINGERPRINT.json
 * {"name","type":"client","restricted":false,"projects":[],"certificate": PEM, "fingerprint"}. A file whose
 * certificate is not the one of its name is left out, with a warning. What is trusted is as powerful as root.
 */
#ifndef BERTH_API_TRUST_H
#define BERTH_API_TRUST_H

#include <cjson/cJSON.h>

#include "base/error.h"

struct trust;
struct x509;

struct trust *trust_open(const char *dir, struct error *err); /* makes the folder */
void trust_free(struct trust *t);
/* A whole fingerprint; NULL: not trusted, also when t is NULL. Borrowed until the next change. */
const cJSON *trust_find(const struct trust *t, const char *fingerprint);
/* The beginning of one will do, where it is unique: ERROR_NOT_FOUND "Certificate not found", ERROR_INVALID. */
const cJSON *trust_find_prefix(const struct trust *t, const char *prefix, struct error *err);
/* Every one, by fingerprint; an array that is borrowed. */
const cJSON *trust_list(const struct trust *t);
/* Durable when it returns 0. ERROR_CONFLICT: it is there already. */
int trust_add(struct trust *t, const struct x509 *x, const char *name, struct error *err);
/* Another name or certificate for the one of this fingerprint. */
int trust_change(struct trust *t, const char *fingerprint, const struct x509 *x, const char *name, struct error *err);
int trust_remove(struct trust *t, const char *fingerprint, struct error *err);

#endif
