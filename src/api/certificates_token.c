/* SPDX-License-Identifier: MIT */
#include "api/certificates.h"

#include <gnutls/gnutls.h>
#include <string.h>

#include "api/remote.h"
#include "base/ident.h"
#include "base/json.h"
#include "base/log.h"
#include "base/x509.h"

#define SECRET_BYTES 32
#define SECRET_LEN (2 * SECRET_BYTES)
#define TEXT_MAX 16384

/* ---- the operation: in memory only, as LXD's; it waits to be used or cancelled */

static enum op_result wait_for_use(struct op *op, struct error *err)
{
	return OP_WAIT;
}

static void cancel(struct op *op)
{
	struct error err = ERROR_INIT;

	error_set(&err, ERROR_CANCELLED, "operation cancelled");
	op_resume(op, OP_FAIL, &err);
}

static const struct op_step steps[] = {
	{ "wait", wait_for_use, NULL, 0, OP_ENDLESS },
	{ 0 },
};

static const struct op_kind kind = {
	.name = "trust-token",
	.description = "Executing operation",
	.steps = steps,
	.volatile_ = true,
	.coordinator = true,
	.may_cancel = true,
	.class_name = "token",
	.cancel = cancel,
};

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

static struct op *start(struct berthd *b, const char *name, struct error *err)
{
	const struct op_options options = { 0 };
	const struct x509 *own = remote_certificate(b->remote, err);
	cJSON *args;
	char secret[SECRET_LEN + 1];
	struct op *op;

	if (!own)
		return NULL;
	ident_random_hex(secret, SECRET_BYTES);
	args = cJSON_CreateObject();
	json_set_str(args, "name", name);
	json_set_str(args, "secret", secret);
	op = op_start(b->ops, &kind, args, &options, err);
	if (!op)
		return NULL;
	op_metadata_set(op, "addresses", remote_addresses(b->remote));
	op_metadata_set(op, "fingerprint", cJSON_CreateString(own->fingerprint));
	op_metadata_set(op, "request", request_json(name));
	op_metadata_set(op, "secret", cJSON_CreateString(secret));
	explicit_bzero(secret, sizeof(secret));
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

struct search {
	const char *secret;
	struct op *found;
};

static bool same(const char *a, const char *b)
{
	unsigned char differ = 0;

	if (strlen(a) != SECRET_LEN || strlen(b) != SECRET_LEN)
		return false;
	for (size_t i = 0; i < SECRET_LEN; i++)
		differ |= (unsigned char)a[i] ^ (unsigned char)b[i];
	return differ == 0;
}

static void look(struct op *op, void *data)
{
	struct search *s = data;

	if (op_is(op, &kind) && !op_final(op) && same(json_str_or(op_args(op), "secret", ""), s->secret))
		s->found = op;
}

bool token_find(struct berthd *b, const char *text, struct op **ret_op)
{
	AUTO_JSON cJSON *token = decode(text);
	struct search s = { token ? json_str(token, "secret") : "", NULL };

	if (token)
		op_foreach(b->ops, look, &s);
	*ret_op = s.found;
	return token != NULL;
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
