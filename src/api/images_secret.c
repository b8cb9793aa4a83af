/* SPDX-License-Identifier: MIT */
/*
 * Who may see an image: those who are trusted, everybody if it is public, and who has its secret: an operation of the class
 * "token", which lasts an hour, or until it is cancelled.
 */
#include <stdlib.h>
#include <string.h>

#include "api/images.h"
#include "base/ident.h"
#include "base/json.h"
#include "base/mem.h"
#include "image/store.h"

enum { SECRET_BYTES = 32, LIFE_S = 3600 };

static enum op_result step_wait(struct op *op, struct error *err)
{
	return OP_WAIT;
}

static void cancelled(struct op *op)
{
	struct error err = ERROR_INIT;

	error_set(&err, ERROR_CANCELLED, "operation cancelled");
	op_resume(op, OP_FAIL, &err);
}

static const struct op_step steps[] = { { "wait", step_wait, NULL, LIFE_S, 0 }, { 0 } };

static const struct op_kind secret_kind = {
	.name = "image-secret",
	.description = "Image download token",
	.class_name = "token",
	.steps = steps,
	.cancel = cancelled,
	.volatile_ = true,
	.may_cancel = true,
	.coordinator = true,
};

void image_secret_post(struct request *r)
{
	const char *fingerprint = image_of_request(r);
	struct op_options options = { 0 };
	struct error err = ERROR_INIT;
	char secret[2 * SECRET_BYTES + 1];
	AUTO_FREE char *url = NULL;
	const char *urls[1];
	cJSON *args;
	struct op *op;

	if (!fingerprint)
		return;
	ident_random_hex(secret, SECRET_BYTES);
	args = cJSON_CreateObject();
	json_set_str(args, "fingerprint", fingerprint);
	json_set_str(args, "secret", secret);
	urls[0] = url = mem_printf("/1.0/images/%s", fingerprint);
	options.resources = cJSON_CreateObject();
	json_set(options.resources, "images", cJSON_CreateStringArray(urls, 1));
	op = op_start(request_berthd(r)->ops, &secret_kind, args, &options, &err);
	if (op)
		op_metadata_set(op, "secret", cJSON_CreateString(secret));
	reply_op(r, op, &err);
}

struct search {
	const char *fingerprint, *secret;
	bool found;
};

/* Takes as long for a wrong one as for the right one. */
static bool same(const char *a, const char *b)
{
	size_t i, n = strlen(a);
	unsigned char differ = 0;

	if (strlen(b) != n)
		return false;
	for (i = 0; i < n; i++)
		differ |= (unsigned char)(a[i] ^ b[i]);
	return differ == 0;
}

static void compare(struct op *op, void *data)
{
	struct search *s = data;

	if (op_is(op, &secret_kind) && !op_final(op) &&
	    strcmp(json_str_or(op_args(op), "fingerprint", ""), s->fingerprint) == 0 &&
	    same(json_str_or(op_args(op), "secret", ""), s->secret))
		s->found = true;
}

bool image_visible(const struct request *r, const char *fingerprint)
{
	const char *secret = request_query(r, "secret");
	struct search s = { .fingerprint = fingerprint, .secret = secret };

	if (request_trusted(r) || json_bool(image_get(request_berthd(r)->images, fingerprint), "public", false))
		return true;
	if (secret && *secret)
		op_foreach(request_berthd(r)->ops, compare, &s);
	return s.found;
}
