/* SPDX-License-Identifier: MIT */
#include "api/certificates.h"

#include <gnutls/gnutls.h>
#include <string.h>
#include <time.h>

#include "api/remote.h"
#include "api/server_config.h"
#include "api/token.h"
#include "base/expiry.h"
#include "base/ident.h"
#include "base/json.h"
#include "base/log.h"
#include "base/x509.h"

#define TEXT_MAX 16384

/* ---- the operation: in memory only, as LXD's; it waits to be used or cancelled */

static const struct op_step steps[] = { TOKEN_STEP(0, OP_ENDLESS), { 0 } };

static const struct op_kind kind = { TOKEN_KIND, .name = "trust-token", .description = "Executing operation", .steps = steps };

static cJSON *request_json(const char *name)
{
	cJSON *v = cJSON_CreateObject();

	json_set_str(v, "name", name);
	json_set_str(v, "type", "client");
	json_set_bool(v, "restricted", false);
	json_set(v, "projects", cJSON_CreateArray());
	json_set_str(v, "certificate", "");
	json_set_str(v, "password", "");
	json_set_bool(v, "token", true);
	return v;
}

/* When a token that is made now ends, as text; "" is never. */
static int end_of_token(struct berthd *b, char text[TIME_TEXT_SIZE], struct error *err)
{
	const char *expiry = server_config_get(b->server, "core.remote_token_expiry");
	struct timespec now, end = { 0 };

	text[0] = '\0';
	if (!expiry)
		return 0;
	clock_gettime(CLOCK_REALTIME, &now);
	if (expiry_after(expiry, now.tv_sec, &end.tv_sec, err) < 0)
		return error_wrap(err, "core.remote_token_expiry");
	time_rfc3339(end, text);
	return 0;
}

static struct op *start(struct berthd *b, const char *name, struct error *err)
{
	const struct x509 *own = remote_certificate(b->remote, err);
	char ends[TIME_TEXT_SIZE];
	cJSON *args;
	struct op *op;

	if (!own || end_of_token(b, ends, err) < 0)
		return NULL;
	args = cJSON_CreateObject();
	json_set_str(args, "name", name);
	json_set_str(args, "expires_at", *ends ? ends : NULL);
	op = token_start(b->ops, &kind, args, NULL, err);
	if (!op)
		return NULL;
	op_metadata_set(op, "addresses", remote_addresses(b->remote));
	op_metadata_set(op, "fingerprint", cJSON_CreateString(own->fingerprint));
	op_metadata_set(op, "request", request_json(name));
	if (*ends)
		op_metadata_set(op, "expiresAt", cJSON_CreateString(ends));
	return op;
}

void token_create(struct request *r, const char *name)
{
	struct berthd *b = request_berthd(r);
	struct error err = ERROR_INIT;

	if (!remote_listens(b->remote))
		reply_errorf(r, ERROR_INVALID, "Can't issue token when server isn't listening on network");
	else
		reply_op(r, start(b, name, &err), &err);
}

/* ---- using it */

/* The JSON in the text; NULL: it is a password. */
static cJSON *decode(const char *text)
{
	gnutls_datum_t in = { (unsigned char *)text, (unsigned)strlen(text) }, out = { NULL, 0 };
	struct error err = ERROR_INIT;
	cJSON *v = NULL;

	if (*text && strlen(text) <= TEXT_MAX && gnutls_base64_decode2(&in, &out) >= 0)
		v = json_parse((const char *)out.data, out.size, &err);
	gnutls_free(out.data);
	if (v && !json_str(v, "secret")) {
		cJSON_Delete(v);
		v = NULL;
	}
	return v;
}

bool token_find(struct berthd *b, const char *text, struct op **ret_op)
{
	AUTO_JSON cJSON *token = decode(text);

	*ret_op = token ? token_of_secret(b->ops, &kind, json_str_or(token, "secret", "")) : NULL;
	return token != NULL;
}

bool token_expired(struct op *op)
{
	time_t end;

	return time_parse(json_str_or(op_args(op), "expires_at", ""), &end) == 0 && time(NULL) >= end;
}

const char *token_name(struct op *op)
{
	return json_str_or(op_args(op), "name", "");
}

void token_spend(struct op *op)
{
	struct error err = ERROR_INIT;

	if (op_cancel(op, &err) < 0)
		log_error("a token is not spent: %s", err.msg);
}
