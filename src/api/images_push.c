/* SPDX-License-Identifier: MIT */
/*
 * `lxc image copy --mode=push`. The client has us make a token, which says what the image is to be here; the server that
 * has the image sends it with the token's secret as a plain upload (images_upload.c), and waits for what becomes of it with
 * the secret in the answer to that. And the other way about.
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "api/images.h"
#include "api/lifecycle.h"
#include "api/token.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "image/push.h"
#include "image/store.h"

enum { LIFE_S = 3600 };

static const struct op_step steps[] = { TOKEN_STEP(LIFE_S, 0), { 0 } };

static const struct op_kind push_token = { TOKEN_KIND, .name = "image-push-token", .description = "Image download token", .steps = steps };

/* ---- we get one */

static cJSON *given_of(const cJSON *body, struct error *err)
{
	static const char *const taken[] = { "properties", "public", "expires_at" };
	AUTO_JSON cJSON *all = cJSON_CreateObject();

	for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++) {
		const cJSON *v = cJSON_GetObjectItemCaseSensitive(body, taken[i]);

		if (v && !cJSON_IsNull(v))
			json_set(all, taken[i], cJSON_Duplicate(v, true));
	}
	return image_changes(all, err);
}

/* {"name","description"} each */
static int take_aliases(cJSON *given, const cJSON *body, struct error *err)
{
	const cJSON *aliases = cJSON_GetObjectItemCaseSensitive(body, "aliases"), *a;

	if (!aliases || cJSON_IsNull(aliases))
		return 0;
	if (!cJSON_IsArray(aliases))
		return error_set(err, ERROR_INVALID, "'aliases' must be a list");
	cJSON_ArrayForEach(a, aliases)
		if (!cJSON_IsObject(a) || !*json_str_or(a, "name", ""))
			return error_set(err, ERROR_INVALID, "an image alias needs a name");
	json_set(given, "aliases", cJSON_Duplicate(aliases, true));
	return 0;
}

void image_push_token_post(struct request *r)
{
	const char *fingerprint = json_str_or(json_obj(request_body(r), "source"), "fingerprint", "");
	struct error err = ERROR_INIT;
	AUTO_JSON cJSON *given = NULL;
	cJSON *args, *resources, *v;
	struct op *op;

	/* of a public image the client names the alias that it was asked for */
	if (!*fingerprint || strlen(fingerprint) > NAME_MAX || !text_is_line(fingerprint)) {
		reply_errorf(r, ERROR_INVALID, "the source needs the fingerprint of the image that is to come");
		return;
	}
	given = given_of(request_body(r), &err);
	if (!given || take_aliases(given, request_body(r), &err) < 0) {
		reply_error(r, &err);
		return;
	}
	args = cJSON_CreateObject();
	json_set_str(args, "fingerprint", fingerprint);
	json_set(args, "given", cJSON_Duplicate(given, true));
	resources = cJSON_CreateObject();
	op_resource(resources, "images", "/1.0/images/%s", fingerprint);
	op = token_start(request_berthd(r)->ops, &push_token, args, resources, &err);
	if (op)
		cJSON_ArrayForEach(v, given)
			op_metadata_set(op, v->string, cJSON_Duplicate(v, true));
	reply_op(r, op, &err);
}

cJSON *image_push_token_take(struct request *r)
{
	const char *secret = request_header(r, "X-LXD-secret"), *fingerprint = request_header(r, "X-LXD-fingerprint");
	struct error ignored = ERROR_INIT;
	struct op *op = secret ? token_of_secret(request_berthd(r)->ops, &push_token, secret) : NULL;
	const char *asked = op ? json_str_or(op_args(op), "fingerprint", "") : "";
	cJSON *options;

	if (!op || !fingerprint || !fingerprint_valid(fingerprint) ||
	    (fingerprint_valid(asked) && strcmp(asked, fingerprint) != 0))
		return NULL;
	options = cJSON_Duplicate(json_obj(op_args(op), "given"), true);
	json_set_bool(options, "given_only", json_obj(options, "properties") != NULL);
	(void)op_cancel(op, &ignored); /* good for once */
	return options;
}

/* ---- we send one */

void image_push_post(struct request *r)
{
	struct error err = ERROR_INIT;
	struct berthd *b = request_berthd(r);
	const char *fingerprint = image_resolve(b->images, request_param(r, "fingerprint"), &err);
	AUTO_FREE char *source = NULL;
	AUTO_JSON cJSON *target = NULL;
	struct op *op;

	if (!fingerprint) {
		reply_error(r, &err);
		return;
	}
	target = request_body(r) ? cJSON_Duplicate(request_body(r), true) : cJSON_CreateObject();
	image_add_proxies(b, target);
	op = image_push(b, fingerprint, target, &err);
	source = mem_printf("/1.0/images/%s", fingerprint);
	lifecycle_after_with(b, op, "image-retrieved", source, "target", json_str_or(target, "target", ""));
	reply_op(r, op, &err);
}
