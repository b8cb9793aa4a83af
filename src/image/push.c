/* SPDX-License-Identifier: MIT */
#include "image/push.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "image/fetch_child.h"
#include "image/store_private.h"
#include "model/settings.h"

enum { LONG_TIME_S = 6 * 3600, SECRET_MAX = 1024 };

static void *push_load(void *ctx, cJSON *args, struct error *err)
{
	return ctx;
}

static void progress_line(const char *line, void *data)
{
	unsigned long long done, total;
	char text[32];
	int percent;

	if (fetch_child_progress(line, &done, &total, &percent) < 0)
		return;
	snprintf(text, sizeof(text), "Upload: %d%%", percent);
	op_progress(data, "upload", percent, text);
}

static enum op_result pushed(struct op *op, const struct proc_result *result, struct error *err)
{
	return fetch_child_check(result, err) ? OP_FAIL : OP_DONE;
}

/* What the child is told. */
static cJSON *spec_of(const struct berthd *b, const cJSON *target, const char *fingerprint)
{
	static const char *const kept[] = { "certificate", "secret", "project", "proxy_https", "proxy_ignore" };
	const char *filename = json_str_or(image_get(b->images, fingerprint), "filename", "");
	cJSON *spec = cJSON_CreateObject();

	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
		json_set_str(spec, kept[i], json_str(target, kept[i]));
	json_set_str(spec, "server", json_str_or(target, "target", ""));
	json_set_str(spec, "fingerprint", fingerprint);
	json_set_str(spec, "filename", *filename && text_is_line(filename) ? filename : fingerprint);
	if (json_arr(target, "profiles"))
		json_set(spec, "profiles", cJSON_Duplicate(json_arr(target, "profiles"), true));
	return spec;
}

static enum op_result step_push(struct op *op, struct error *err)
{
	const struct berthd *b = op_data(op);
	const char *fingerprint = json_str_or(op_args(op), "fingerprint", "");
	AUTO_FREE char *first = image_file(b->images, fingerprint, 0), *second = image_file(b->images, fingerprint, 1);
	AUTO_ARGV struct argv argv = ARGV_INIT;

	if (!first) {
		error_set(err, ERROR_NOT_FOUND, "Image not found"); /* no longer */
		return OP_FAIL;
	}
	argv_pushf(&argv, "%s/berth-fetch", b->settings->libexec_dir);
	argv_push(&argv, "push");
	argv_pushf(&argv, "--file=%s", first);
	if (second)
		argv_pushf(&argv, "--file=%s", second);
	return fetch_child(op, &argv, spec_of(b, json_obj(op_args(op), "target"), fingerprint), progress_line, pushed, err);
}

static const struct op_step steps[] = {
	{ "push", step_push, NULL, LONG_TIME_S, 0 },
	{ 0 },
};

static const struct op_kind push_kind = {
	.name = "image-push",
	.description = "Downloading image",
	.steps = steps,
	.load = push_load,
	.volatile_ = true, /* nothing changes here */
	.may_cancel = true,
};

/* ---- the request */

static int check(const cJSON *target, struct error *err)
{
	const char *address = json_str_or(target, "target", ""), *secret = json_str_or(target, "secret", "");
	const cJSON *p;

	if (strncmp(address, "https://", 8))
		return error_set(err, ERROR_INVALID, "'%.200s' is no https:// address of a server to send the image to", address);
	if (!text_is_word(secret) || strlen(secret) > SECRET_MAX)
		return error_set(err, ERROR_INVALID, "the secret holds blanks or control characters, or more than %d characters",
				 SECRET_MAX);
	cJSON_ArrayForEach(p, json_arr(target, "profiles"))
		if (!cJSON_IsString(p) || !text_is_line(p->valuestring))
			return error_set(err, ERROR_INVALID, "'profiles' must be a list of names");
	return 0;
}

struct op *image_push(struct berthd *b, const char *fingerprint, const cJSON *target, struct error *err)
{
	cJSON *args;

	if (check(target, err))
		return NULL;
	args = cJSON_CreateObject();
	json_set_str(args, "fingerprint", fingerprint);
	json_set(args, "target", cJSON_Duplicate(target, true));
	return op_start(b->ops, &push_kind, args, NULL, err);
}
