/* SPDX-License-Identifier: MIT */
/*
 * Who may see an image: those who are trusted, everybody if it is public, and who has its secret: an operation of the class
 * "token", which lasts an hour, or until it is cancelled.
 */
#include <string.h>

#include "api/images.h"
#include "api/token.h"
#include "base/json.h"
#include "image/store.h"

enum { LIFE_S = 3600 };

static const struct op_step steps[] = { TOKEN_STEP(LIFE_S, 0), { 0 } };

static const struct op_kind secret_kind = { TOKEN_KIND, .name = "image-secret", .description = "Image download token", .steps = steps };

void image_secret_post(struct request *r)
{
	const char *fingerprint = image_of_request(r);
	struct error err = ERROR_INIT;
	cJSON *args, *resources;
	struct op *op;

	if (!fingerprint)
		return;
	args = cJSON_CreateObject();
	json_set_str(args, "fingerprint", fingerprint);
	resources = cJSON_CreateObject();
	op_resource(resources, "images", "/1.0/images/%s", fingerprint);
	op = token_start(request_berthd(r)->ops, &secret_kind, args, resources, &err);
	reply_op(r, op, &err);
}

bool image_visible(const struct request *r, const char *fingerprint)
{
	const char *secret = request_query(r, "secret");
	struct op *op;

	if (request_trusted(r) || json_bool(image_get(request_berthd(r)->images, fingerprint), "public", false))
		return true;
	op = secret ? token_of_secret(request_berthd(r)->ops, &secret_kind, secret) : NULL;
	return op && strcmp(json_str_or(op_args(op), "fingerprint", ""), fingerprint) == 0;
}
