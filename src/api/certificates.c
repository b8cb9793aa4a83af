/* SPDX-License-Identifier: MIT */
/* /1.0/certificates: which clients are trusted over HTTPS. Who is not yet comes here with a password or a token. */
#include <stdlib.h>
#include <string.h>

#include "api/certificates.h"
#include "api/events.h"
#include "api/peer.h"
#include "api/request.h"
#include "api/trust_password.h"
#include "api/server_config.h"
#include "api/trust.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "base/x509.h"

#define NAME_MAX_LEN 255

static char *url_of(const char *fingerprint)
{
	return mem_printf("/1.0/certificates/%s", fingerprint);
}

static void event(struct request *r, const char *action, const char *fingerprint)
{
	AUTO_FREE char *url = url_of(fingerprint);

	events_request(r, action, url, NULL);
}

/* ---- what a body may say */

static int check_kind(const cJSON *body, struct error *err)
{
	const char *type = json_str_or(body, "type", "");
	const cJSON *projects = json_arr(body, "projects");

	const cJSON *restricted = cJSON_GetObjectItemCaseSensitive(body, "restricted");

	if (restricted && !cJSON_IsNull(restricted) && !cJSON_IsBool(restricted))
		return error_set(err, ERROR_INVALID, "'restricted' must be true or false");
	if (*type && strcmp(type, "client") != 0)
		return error_set(err, ERROR_INVALID, "certificates of the type '%.64s' are not supported: the type is client",
				 type);
	if (json_bool(body, "restricted", false) || (projects && projects->child))
		return error_set(err, ERROR_INVALID,
				 "restricted certificates are not supported: berth has one project, and what it trusts it trusts with all of it");
	return 0;
}

static int check_name(const char *name, struct error *err)
{
	if (strlen(name) > NAME_MAX_LEN)
		return error_set(err, ERROR_INVALID, "the name of a certificate has at most %d bytes", NAME_MAX_LEN);
	return text_is_line(name) ? 0 : error_set(err, ERROR_INVALID, "the name of a certificate is one line");
}

/* ---- POST */

static uint64_t now_ms(const struct request *r)
{
	return uv_now(r->berthd->loop);
}

/* The password of a stranger: 403 when it is wrong, whatever else is. */
static int check_password(struct request *r, const char *password, struct error *err)
{
	const char *hash = server_config_get(request_berthd(r)->server, "core.trust_password");
	const char *host = request_peer(r)->host;

	if (!trust_password_may_try(host, now_ms(r)))
		return error_set(err, ERROR_FORBIDDEN, "too many wrong passwords, try again in a minute");
	if (hash && *password && trust_password_matches(hash, password)) {
		trust_password_was_right(host);
		return 0;
	}
	trust_password_was_wrong(host, now_ms(r));
	log_warning("a wrong trust password from %s", request_peer(r)->address);
	return error_set(err, ERROR_FORBIDDEN, "not authorized");
}

/* The one in the body, or else the one of the connection. Caller frees. */
static struct x509 *take_certificate(struct request *r, struct error *err)
{
	const char *text = json_str_or(request_body(r), "certificate", "");
	const struct peer *peer = request_peer(r);

	if (!*text && (!peer || !peer->cert)) {
		error_set(err, ERROR_INVALID, "No client certificate provided");
		return NULL;
	}
	if (!*text)
		text = peer->cert->pem;
	return x509_read(text, strlen(text), err);
}

/* False: an error was replied. */
static bool add(struct request *r, const char *name)
{
	struct berthd *b = request_berthd(r);
	struct error err = ERROR_INIT;
	struct x509 *x = take_certificate(r, &err);
	AUTO_FREE char *url = x ? url_of(x->fingerprint) : NULL;
	bool added = x && x509_check(x, &err) == 0 && trust_add(b->trust, x, name, &err) == 0;

	if (!added) {
		reply_error(r, &err);
	} else {
		log_info("the certificate %.12s is trusted now", x->fingerprint);
		event(r, "certificate-created", x->fingerprint);
		reply_created(r, url);
	}
	x509_free(x);
	return added;
}

static void drop_expired(struct request *r, struct op *token)
{
	reply_errorf(r, ERROR_FORBIDDEN, "Failed during search for certificate add token operation: Token has expired");
	token_spend(token);
}

/* What the token was made for counts, not what is asked for with it. */
static void add_by_token(struct request *r, struct op *token)
{
	if (!token)
		reply_errorf(r, ERROR_FORBIDDEN, "No matching certificate add operation found");
	else if (token_expired(token))
		drop_expired(r, token);
	else if (add(r, token_name(token)))
		token_spend(token);
}

/* LXD's clients send a token where a password would be, Incus's in a member of its own. */
static void add_stranger(struct request *r, const char *name)
{
	const char *password = json_str_or(request_body(r), "password", json_str_or(request_body(r), "trust_token", ""));
	struct error err = ERROR_INIT;
	struct op *token;

	if (token_find(request_berthd(r), password, &token))
		add_by_token(r, token);
	else if (check_password(r, password, &err) < 0 || check_kind(request_body(r), &err) < 0 || check_name(name, &err) < 0)
		reply_error(r, &err);
	else
		add(r, name);
}

static void wipe_password(struct request *r)
{
	static const char *const members[] = { "password", "trust_token" };

	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
		cJSON *secret = cJSON_GetObjectItemCaseSensitive(r->json, members[i]);

		if (cJSON_IsString(secret))
			explicit_bzero(secret->valuestring, strlen(secret->valuestring));
	}
}

static void post(struct request *r)
{
	const cJSON *body = request_body(r);
	const char *name = json_str_or(body, "name", "");
	struct error err = ERROR_INIT;
	bool trusted = request_trusted(r), wants_token = json_bool(body, "token", false),
	     has_certificate = *json_str_or(body, "certificate", "");

	if (!body)
		reply_errorf(r, ERROR_INVALID, "EOF");
	else if (trusted && !has_certificate && !wants_token)
		reply_errorf(r, ERROR_INVALID, "Client is already trusted");
	else if (trusted && has_certificate && wants_token)
		reply_errorf(r, ERROR_INVALID, "Can't use certificate if token is requested");
	else if (!trusted)
		add_stranger(r, name);
	else if (check_kind(body, &err) < 0 || check_name(name, &err) < 0)
		reply_error(r, &err);
	else if (wants_token)
		token_create(r, name);
	else
		add(r, name);
	wipe_password(r);
}

/* ---- the list and one of it */

static void list_get(struct request *r)
{
	cJSON *list = cJSON_CreateArray();
	const cJSON *entry;

	cJSON_ArrayForEach(entry, trust_list(request_berthd(r)->trust)) {
		AUTO_FREE char *url = url_of(json_str_or(entry, "fingerprint", ""));

		cJSON_AddItemToArray(list, request_recursion(r) ? cJSON_Duplicate(entry, true) : cJSON_CreateString(url));
	}
	reply_sync(r, list);
}

static const cJSON *find(struct request *r)
{
	struct error err = ERROR_INIT;
	const cJSON *entry = trust_find_prefix(request_berthd(r)->trust, request_param(r, "fingerprint"), &err);

	if (!entry)
		reply_error(r, &err);
	return entry;
}

static void one_get(struct request *r)
{
	const cJSON *entry = find(r);
	char etag[65];

	if (!entry)
		return;
	etag_of(entry, etag);
	reply_sync_etag(r, cJSON_Duplicate(entry, true), etag);
}

static int change(struct request *r, const cJSON *entry, const char *name, struct error *err)
{
	const char *text = json_str_or(request_body(r), "certificate", "");
	struct x509 *x;
	int ret = -1;

	if (check_kind(request_body(r), err) < 0 || check_name(name, err) < 0)
		return -1;
	if (!*text)
		text = json_str_or(entry, "certificate", "");
	x = x509_read(text, strlen(text), err);
	if (x && x509_check(x, err) == 0)
		ret = trust_change(request_berthd(r)->trust, json_str_or(entry, "fingerprint", ""), x, name, err);
	x509_free(x);
	return ret;
}

static void change_one(struct request *r, bool replace)
{
	const cJSON *entry = find(r);
	const char *type = json_str_or(request_body(r), "type", replace ? "" : "client");
	AUTO_FREE char *fingerprint = NULL, *name = NULL;
	struct error err = ERROR_INIT;
	char etag[65];

	if (!entry)
		return;
	etag_of(entry, etag);
	if (!request_etag_ok(r, etag))
		return;
	if (strcmp(type, json_str_or(entry, "type", "")) != 0) {
		reply_errorf(r, ERROR_INVALID, "The certificate type cannot be changed");
		return;
	}
	fingerprint = mem_strdup(json_str_or(entry, "fingerprint", ""));
	name = mem_strdup(json_str_or(request_body(r), "name", replace ? "" : json_str_or(entry, "name", "")));
	if (change(r, entry, name, &err) < 0) {
		reply_error(r, &err);
		return;
	}
	event(r, "certificate-updated", fingerprint);
	reply_sync(r, NULL);
}

static void one_put(struct request *r)
{
	change_one(r, true);
}

static void one_patch(struct request *r)
{
	change_one(r, false);
}

static void one_delete(struct request *r)
{
	const cJSON *entry = find(r);
	AUTO_FREE char *fingerprint = NULL;
	struct error err = ERROR_INIT;

	if (!entry)
		return;
	fingerprint = mem_strdup(json_str_or(entry, "fingerprint", ""));
	if (trust_remove(request_berthd(r)->trust, fingerprint, &err) < 0) {
		reply_error(r, &err);
		return;
	}
	event(r, "certificate-deleted", fingerprint);
	reply_sync(r, NULL);
}

const struct route certificate_routes[] = {
	{ "GET", "/1.0/certificates", list_get, NULL },
	{ "POST", "/1.0/certificates", post, NULL },
	{ "GET", "/1.0/certificates/{fingerprint}", one_get, NULL },
	{ "PUT", "/1.0/certificates/{fingerprint}", one_put, NULL },
	{ "PATCH", "/1.0/certificates/{fingerprint}", one_patch, NULL },
	{ "DELETE", "/1.0/certificates/{fingerprint}", one_delete, NULL },
	{ NULL, NULL, NULL, NULL },
};
