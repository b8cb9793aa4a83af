/* SPDX-License-Identifier: MIT */
#include "base/x509.h"

#include <ctype.h>
#include <gnutls/crypto.h>
#include <gnutls/x509.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/fs.h"
#include "base/mem.h"

#define YEARS 10
#define RSA_BITS_MIN 2048
#define NAME_MAX_BYTES 256

/* ---- reading */

static int import_text(gnutls_x509_crt_t crt, const char *text, size_t len)
{
	gnutls_datum_t in = { (unsigned char *)text, (unsigned)len }, der = { NULL, 0 };
	AUTO_FREE char *plain = NULL;
	size_t n = 0;
	int rc;

	if (memmem(text, len, "-----BEGIN", 10))
		return gnutls_x509_crt_import(crt, &in, GNUTLS_X509_FMT_PEM);
	plain = mem_alloc(len + 1);
	for (size_t i = 0; i < len; i++)
		if (!isspace((unsigned char)text[i]))
			plain[n++] = text[i];
	in = (gnutls_datum_t){ (unsigned char *)plain, (unsigned)n };
	rc = gnutls_base64_decode2(&in, &der);
	if (rc >= 0)
		rc = gnutls_x509_crt_import(crt, &der, GNUTLS_X509_FMT_DER);
	gnutls_free(der.data);
	return rc;
}

static int import_any(gnutls_x509_crt_t crt, const void *data, size_t len)
{
	const gnutls_datum_t in = { (unsigned char *)data, (unsigned)len };

	if (len > 0 && *(const unsigned char *)data == 0x30 && /* a SEQUENCE; and no base64 of one begins with '0' */
	    gnutls_x509_crt_import(crt, &in, GNUTLS_X509_FMT_DER) >= 0)
		return 0;
	return import_text(crt, data, len);
}

static char *text_of(const gnutls_datum_t *d)
{
	return mem_strndup((const char *)d->data, d->size);
}

static char *common_name(gnutls_x509_crt_t crt)
{
	char name[NAME_MAX_BYTES] = "";
	size_t n = sizeof(name);

	if (gnutls_x509_crt_get_dn_by_oid(crt, GNUTLS_OID_X520_COMMON_NAME, 0, 0, name, &n) < 0)
		return mem_strdup("");
	return mem_strndup(name, n);
}

static int fill(struct x509 *x, gnutls_x509_crt_t crt)
{
	gnutls_datum_t der = { NULL, 0 }, pem = { NULL, 0 };
	int rc = gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_DER, &der);

	if (rc >= 0)
		rc = gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_PEM, &pem);
	if (rc >= 0) {
		struct digest *d = digest_new();

		digest_update(d, der.data, der.size);
		digest_finish(d, x->fingerprint);
		x->pem = text_of(&pem);
		x->common_name = common_name(crt);
		x->from = gnutls_x509_crt_get_activation_time(crt);
		x->until = gnutls_x509_crt_get_expiration_time(crt);
	}
	gnutls_free(der.data);
	gnutls_free(pem.data);
	return rc;
}

struct x509 *x509_read(const void *data, size_t len, struct error *err)
{
	struct x509 *x = mem_alloc(sizeof(*x));
	gnutls_x509_crt_t crt = NULL;
	int rc = len <= X509_MAX ? gnutls_x509_crt_init(&crt) : GNUTLS_E_LARGE_PACKET;

	if (rc >= 0)
		rc = import_any(crt, data, len);
	if (rc >= 0)
		rc = fill(x, crt);
	if (crt)
		gnutls_x509_crt_deinit(crt);
	if (rc >= 0)
		return x;
	x509_free(x);
	error_set(err, ERROR_INVALID, "Invalid certificate material: %s", gnutls_strerror(rc));
	return NULL;
}

void x509_free(struct x509 *x)
{
	if (!x)
		return;
	free(x->pem);
	free(x->common_name);
	free(x);
}

bool x509_is_current(const struct x509 *x)
{
	time_t now = time(NULL);

	return now >= x->from && now <= x->until;
}

static int check(gnutls_x509_crt_t crt, struct error *err)
{
	unsigned bits = 0;

	if (gnutls_x509_crt_get_pk_algorithm(crt, &bits) == GNUTLS_PK_RSA && bits < RSA_BITS_MIN)
		return error_set(err, ERROR_INVALID, "RSA key too weak (minimum of %dbit)", RSA_BITS_MIN);
	return 0;
}

int x509_check(const struct x509 *x, struct error *err)
{
	gnutls_x509_crt_t crt = NULL;
	int rc, ret;

	if (!x509_is_current(x))
		return error_set(err, ERROR_INVALID, "The provided certificate %s",
				 time(NULL) < x->from ? "isn't valid yet" : "is expired");
	rc = gnutls_x509_crt_init(&crt);
	if (rc >= 0)
		rc = import_any(crt, x->pem, strlen(x->pem));
	ret = rc >= 0 ? check(crt, err) : error_set(err, ERROR_SYSTEM, "%s", gnutls_strerror(rc));
	if (crt)
		gnutls_x509_crt_deinit(crt);
	return ret;
}

/* ---- making */

static int describe(gnutls_x509_crt_t crt, const char *host)
{
	static const unsigned char v4[4] = { 127, 0, 0, 1 }, v6[16] = { [15] = 1 };
	AUTO_FREE char *name = mem_printf("root@%.50s", host);
	unsigned char serial[16];
	time_t now = time(NULL);
	int rc = gnutls_rnd(GNUTLS_RND_NONCE, serial, sizeof(serial));

	serial[0] &= 0x7f; /* positive */
	serial[0] |= 0x40;
	if (rc < 0 || (rc = gnutls_x509_crt_set_version(crt, 3)) < 0 ||
	    (rc = gnutls_x509_crt_set_serial(crt, serial, sizeof(serial))) < 0 ||
	    (rc = gnutls_x509_crt_set_activation_time(crt, now)) < 0 ||
	    (rc = gnutls_x509_crt_set_expiration_time(crt, now + (time_t)YEARS * 365 * 86400)) < 0 ||
	    (rc = gnutls_x509_crt_set_dn_by_oid(crt, GNUTLS_OID_X520_ORGANIZATION_NAME, 0, "berth", 5)) < 0 ||
	    (rc = gnutls_x509_crt_set_dn_by_oid(crt, GNUTLS_OID_X520_COMMON_NAME, 0, name, (unsigned)strlen(name))) < 0 ||
	    (rc = gnutls_x509_crt_set_key_usage(crt, GNUTLS_KEY_DIGITAL_SIGNATURE | GNUTLS_KEY_KEY_ENCIPHERMENT)) < 0 ||
	    (rc = gnutls_x509_crt_set_key_purpose_oid(crt, GNUTLS_KP_TLS_WWW_SERVER, 0)) < 0 ||
	    (rc = gnutls_x509_crt_set_basic_constraints(crt, 0, -1)) < 0 ||
	    /* LXD's clients ask for the first of these names, whatever the address they came to */
	    (rc = gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_DNSNAME, host, (unsigned)strlen(host),
						       GNUTLS_FSAN_SET)) < 0 ||
	    (rc = gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_IPADDRESS, v4, sizeof(v4), GNUTLS_FSAN_APPEND)) < 0)
		return rc;
	return gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_IPADDRESS, v6, sizeof(v6), GNUTLS_FSAN_APPEND);
}

static int make(const char *host, gnutls_x509_crt_t crt, gnutls_x509_privkey_t key)
{
	int rc = gnutls_x509_privkey_generate(key, GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP384R1), 0);

	if (rc >= 0)
		rc = describe(crt, host);
	if (rc >= 0)
		rc = gnutls_x509_crt_set_key(crt, key);
	if (rc >= 0)
		rc = gnutls_x509_crt_sign2(crt, crt, key, GNUTLS_DIG_SHA384, 0);
	return rc;
}

/* The key first: a certificate that is there has one. */
static int write_both(gnutls_x509_crt_t crt, gnutls_x509_privkey_t key, const char *cert_file, const char *key_file,
		      struct error *err)
{
	gnutls_datum_t cert_pem = { NULL, 0 }, key_pem = { NULL, 0 };
	int rc = gnutls_x509_privkey_export2(key, GNUTLS_X509_FMT_PEM, &key_pem), ret;

	if (rc >= 0)
		rc = gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_PEM, &cert_pem);
	if (rc < 0)
		ret = error_set(err, ERROR_SYSTEM, "cannot write a certificate: %s", gnutls_strerror(rc));
	else if (fs_write_atomic(key_file, key_pem.data, key_pem.size, 0600, err) < 0)
		ret = -1;
	else
		ret = fs_write_atomic(cert_file, cert_pem.data, cert_pem.size, 0600, err);
	if (key_pem.data)
		explicit_bzero(key_pem.data, key_pem.size);
	gnutls_free(key_pem.data);
	gnutls_free(cert_pem.data);
	return ret;
}

int x509_make(const char *host, const char *cert_file, const char *key_file, struct error *err)
{
	gnutls_x509_privkey_t key = NULL;
	gnutls_x509_crt_t crt = NULL;
	int rc = gnutls_x509_privkey_init(&key), ret = -1;

	if (rc >= 0)
		rc = gnutls_x509_crt_init(&crt);
	if (rc >= 0)
		rc = make(host, crt, key);
	if (rc < 0)
		error_set(err, ERROR_SYSTEM, "cannot make a certificate: %s", gnutls_strerror(rc));
	else
		ret = write_both(crt, key, cert_file, key_file, err);
	if (crt)
		gnutls_x509_crt_deinit(crt);
	if (key)
		gnutls_x509_privkey_deinit(key);
	return ret;
}
