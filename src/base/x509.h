/* SPDX-License-Identifier: MIT */
/* Certificates: making one of our own, and reading those of others (hostile bytes). */
#ifndef BERTH_BASE_X509_H
#define BERTH_BASE_X509_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include "base/error.h"
#include "base/ident.h"

#define X509_MAX 16384 /* bytes of a certificate that is taken */

struct x509 {
	char fingerprint[SHA256_TEXT_SIZE]; /* SHA-256 of the DER form */
	char *pem;
	char *common_name; /* of its subject; "" when it has none */
	time_t from, until; /* when it is valid */
};

/*
 * From DER, or text: PEM, or the base64 of DER. ERROR_INVALID: it is none. Caller frees with x509_free().
 */
struct x509 *x509_read(const void *data, size_t len, struct error *err);
void x509_free(struct x509 *x); /* NULL is fine */
/* May one be trusted by it: neither expired nor not valid yet, no key that is too weak? In LXD's words. */
int x509_check(const struct x509 *x, struct error *err);
bool x509_is_current(const struct x509 *x); /* it has begun and not expired */
/* A key (ECDSA on P-384) and a self-signed certificate for this host name, good for ten years, both PEM, to these files. */
int x509_make(const char *host, const char *cert_file, const char *key_file, struct error *err);

#endif
