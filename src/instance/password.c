/* SPDX-License-Identifier: MIT */
#include "instance/password.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "instance/file.h"
#include "instance/work.h"

#define PASSWORD_MAX 511 /* bytes: crypt(3)'s longest */
#define USER_MAX 64

static void wipe(void *secret)
{
	explicit_bzero(secret, strlen(secret));
	free(secret);
}

static enum op_result password_set(struct op *op, const struct proc_result *result, struct error *err)
{
	const struct work *w = op_data(op);
	const char *said;

	if (proc_check("berth-passwd", result, err) == 0)
		return OP_DONE;
	said = strstr(err->msg, ": berth-passwd: ");
	if (said != NULL) {
		AUTO_FREE char *cause = mem_strdup(said + strlen(": berth-passwd: "));

		error_set(err, ERROR_TOOL, "%s", cause);
	}
	error_wrap(err, "cannot set the password of '%s' in '%s'", json_str_or(w->args, "user", ""), w->name);
	return OP_FAIL;
}

static enum op_result step_set(struct op *op, struct error *err)
{
	struct work *w = op_data(op);
	const char *secret = op_attached(op);
	AUTO_ARGV struct argv argv = ARGV_INIT;
	struct proc_spec spec = { .input = secret, .input_len = strlen(secret) };
	enum op_result result;

	if (file_push_helper(w->b, w->name, "berth-passwd", &argv, err) < 0)
		return OP_FAIL;
	argv_pushl(&argv, "--", json_str_or(w->args, "user", ""), NULL);
	spec.argv = (const char *const *)argv.v;
	result = op_child_spec(op, &spec, password_set, err);
	op_attach(op, NULL, NULL); /* the child has it */
	return result;
}

static const struct op_step password_steps[] = { { "set", step_set, NULL, 60, 0 }, { 0 } };

static const struct op_kind password_kind = {
	.name = "password",
	.description = "Setting password",
	.steps = password_steps,
	.load = work_load,
	.unload = work_unload,
	.volatile_ = true,
};

static int check_user(const char *user, struct error *err)
{
	size_t len = strlen(user);

	if (len > 0 && len <= USER_MAX && user[0] != '-' && user[strcspn(user, ":/\n")] == '\0') {
		for (; *user > ' ' && *user != 0x7f; user++)
			;
		if (*user == '\0')
			return 0;
	}
	return error_set(err, ERROR_INVALID, "invalid user: a name has 1 to %d visible characters, none of them ':' or '/', "
					     "and does not begin with '-'", USER_MAX);
}

static int check_password(const char *password, struct error *err)
{
	size_t len = strlen(password);

	if (len > 0 && len <= PASSWORD_MAX && password[strcspn(password, "\n\r")] == '\0')
		return 0;
	return error_set(err, ERROR_INVALID, "a password has 1 to %d bytes and is one line", PASSWORD_MAX);
}

static const char *string_of(const cJSON *request, const char *key, const char *def, struct error *err)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(request, key);

	if (v == NULL || cJSON_IsNull(v))
		return def;
	if (cJSON_IsString(v))
		return v->valuestring;
	error_set(err, ERROR_INVALID, "'%s' must be a string", key);
	return NULL;
}

struct op *instance_password(struct berthd *b, const char *name, const cJSON *request, struct error *err)
{
	const char *user = string_of(request, "user", "root", err);
	const char *password = string_of(request, "password", "", err);
	struct op *op;
	cJSON *args;

	if (user == NULL || password == NULL || registry_find(b->registry, name, err) == NULL ||
	    check_user(user, err) < 0 || check_password(password, err) < 0)
		return NULL;
	args = cJSON_CreateObject();
	json_set_str(args, "name", name);
	json_set_str(args, "user", user);
	op = work_start(b, &password_kind, args, err);
	if (op != NULL) /* nothing of it ran yet */
		op_attach(op, mem_strdup(password), wipe);
	return op;
}
