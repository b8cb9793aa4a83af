/* SPDX-License-Identifier: MIT */
#include "api/token.h"

#include <string.h>

#include "base/ident.h"
#include "base/json.h"
#include "base/text.h"

enum { SECRET_BYTES = 32 };

enum op_result step_token_wait(struct op *op, struct error *err)
{
	return OP_WAIT;
}

void token_cancelled(struct op *op)
{
	struct error err = ERROR_INIT;

	error_set(&err, ERROR_CANCELLED, "operation cancelled");
	op_resume(op, OP_FAIL, &err);
}

struct count {
	const struct op_kind *kind;
	unsigned n;
};

static void count_waiting(struct op *op, void *data)
{
	struct count *c = data;

	if (op_is(op, c->kind) && !op_final(op))
		c->n++;
}

static int check_number(struct op_queue *q, const struct op_kind *kind, struct error *err)
{
	struct count c = { .kind = kind };

	op_foreach(q, count_waiting, &c);
	if (c.n < TOKENS_MAX)
		return 0;
	return error_set(err, ERROR_UNAVAILABLE, "%u tokens of this kind wait to be used: cancel their operations first", c.n);
}

struct op *token_start(struct op_queue *q, const struct op_kind *kind, cJSON *args, cJSON *resources, struct error *err)
{
	const struct op_options options = { .resources = resources };
	char secret[2 * SECRET_BYTES + 1];
	struct op *op;

	if (check_number(q, kind, err) < 0) {
		cJSON_Delete(args);
		cJSON_Delete(resources);
		return NULL;
	}
	ident_random_hex(secret, SECRET_BYTES);
	json_set_str(args, "secret", secret);
	op = op_start(q, kind, args, &options, err);
	if (op != NULL)
		op_metadata_set(op, "secret", cJSON_CreateString(secret));
	explicit_bzero(secret, sizeof(secret));
	return op;
}

struct search {
	const struct op_kind *kind;
	const char *secret;
	struct op *found;
};

static void compare(struct op *op, void *data)
{
	struct search *s = data;

	if (op_is(op, s->kind) && !op_final(op) && text_same_secret(json_str_or(op_args(op), "secret", ""), s->secret))
		s->found = op;
}

struct op *token_of_secret(struct op_queue *q, const struct op_kind *kind, const char *secret)
{
	struct search s = { .kind = kind, .secret = secret };

	if (*secret)
		op_foreach(q, compare, &s);
	return s.found;
}
