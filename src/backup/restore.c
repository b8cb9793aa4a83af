/* SPDX-License-Identifier: MIT */
/*
 * Reads a backup through before anything changes, then hands it to an operation that makes the instance
 * (instance_create_archive) or changes the one that is there (restore_tree), and waits for that. This one leaves no
 * trace on the disk, so it is not journalled; the other one is.
 */
#include "backup/restore.h"

#include <stdlib.h>
#include <string.h>

#include "backup/checksum.h"
#include "backup/format.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "hook/hook.h"
#include "instance/archive.h"
#include "instance/instance.h"
#include "instance/volume.h"
#include "model/key.h"
#include "model/key_types.h"
#include "model/settings.h"

#define LONG_TIME_S (6 * 3600)
#define DAY_S 86400
#define MEMBER_MAX (4 << 20)

struct restore {
	struct berthd *b;
	cJSON *args; /* {"file","backup","name","new_name"?,"start"?,"force","timeout"} */
	char *path;
	cJSON *info;    /* sidecar; without one NULL until the archive's own is read */
	cJSON *desired; /* as the archive has it */
	uint64_t stream;
};

static void *restore_load(void *ctx, cJSON *args, struct error *err)
{
	const char *file = json_str_or(args, "file", "");
	struct restore *r;

	if (backup_file_check(file, err) < 0)
		return NULL;
	r = mem_alloc(sizeof(*r));
	r->b = ctx;
	r->args = args;
	r->path = backup_archive_path(r->b, file);
	return r;
}

static void restore_unload(void *data)
{
	struct restore *r = data;

	if (r == NULL)
		return;
	cJSON_Delete(r->info);
	cJSON_Delete(r->desired);
	free(r->path);
	free(r);
}

static const char *target_of(const struct restore *r)
{
	return json_str_or(r->args, "name", "");
}

/* ---- what the host knows of it */

static enum op_result step_check(struct op *op, struct error *err)
{
	struct restore *r = op_data(op);
	const char *file = json_str(r->args, "file");
	AUTO_FREE char *sidecar = backup_sidecar_path(r->b, file);

	r->info = backup_sidecar(r->b, file, err);
	if (r->info != NULL)
		return OP_DONE;
	if (err->code != ERROR_NOT_FOUND || !fs_exists(r->path) || fs_exists(sidecar))
		return OP_FAIL;
	log_warning("backup '%s' has no sidecar: nothing but the archive says that it is whole", file);
	error_clear(err);
	return OP_DONE;
}

/* berth-restore on the archive; its output of at most MEMBER_MAX bytes is captured. */
static enum op_result read_archive(struct op *op, const char *what, const char *member, op_child_cb done, struct error *err)
{
	const struct restore *r = op_data(op);
	struct archive_read how = { .what = what, .member = member, .output_max = MEMBER_MAX };

	if (strcmp(what, "list") == 0 || strcmp(what, "member") == 0)
		how.timeout_ms = (unsigned)r->b->settings->backup_stall_s * 1000; /* short, so nothing moves */
	if (backup_seven(err) == NULL)
		return OP_FAIL;
	return archive_read_start(op, r->b, r->path, &how, done, err);
}

/* What 7zz says is more use than that it failed; exit code 2 is of a damaged archive. */
static int check_reader(const struct proc_result *result, struct error *err)
{
	if (proc_check("7zz", result, err) == 0 && !result->truncated)
		return 0;
	if (result->truncated)
		return error_set(err, ERROR_INVALID, "this is no backup made by berth: a member of it is too large");
	if (result->exit_code == 2)
		err->code = ERROR_INVALID;
	return error_wrap(err, "the backup is damaged");
}

static enum op_result tested(struct op *op, const struct proc_result *result, struct error *err)
{
	return check_reader(result, err) < 0 ? OP_FAIL : OP_DONE;
}

static enum op_result summed(struct op *op, const struct proc_result *result, struct error *err)
{
	const struct restore *r = op_data(op);
	const char *want = json_str_or(r->info, "sha256", "");
	char sum[SHA256_TEXT_SIZE];

	if (check_reader(result, err) < 0 || checksum_take(result, sum, err) < 0)
		return OP_FAIL;
	if (strcmp(sum, want) == 0)
		return OP_DONE;
	error_set(err, ERROR_INVALID, "the backup is damaged: its checksum is %s, and was %s when it was made", sum, want);
	return OP_FAIL;
}

static enum op_result step_checksum(struct op *op, struct error *err)
{
	const struct restore *r = op_data(op);

	op_progress(op, "verify", -1, "Verify the archive");
	return r->info != NULL ? read_archive(op, "digest", NULL, summed, err) : read_archive(op, "test", NULL, tested, err);
}

/* ---- what the archive says */

static enum op_result listed(struct op *op, const struct proc_result *result, struct error *err)
{
	struct restore *r = op_data(op);
	const struct settings *s = r->b->settings;
	uint64_t max = (uint64_t)s->image_max_bytes + (uint64_t)s->image_max_entries * 8192;

	if (check_reader(result, err) < 0 || restore_check_listing(result->out, max, &r->stream, err) < 0)
		return OP_FAIL;
	return OP_DONE;
}

static enum op_result step_list(struct op *op, struct error *err)
{
	return read_archive(op, "list", NULL, listed, err);
}

static bool same(const cJSON *a, const cJSON *b, const char *key)
{
	return cJSON_Compare(cJSON_GetObjectItemCaseSensitive(a, key), cJSON_GetObjectItemCaseSensitive(b, key), true);
}

static int take_info(struct restore *r, cJSON *info, struct error *err)
{
	if (backup_info_check(info, err) < 0)
		return error_wrap(err, "the backup's " BACKUP_INFO);
	if (r->info != NULL && (!same(r->info, info, "instance") || !same(r->info, info, "manifest") ||
				!same(r->info, info, "mode")))
		return error_set(err, ERROR_INVALID, "the sidecar is not of this archive: they name '%s' and '%s'",
				 json_str_or(r->info, "instance", ""), json_str_or(info, "instance", ""));
	return 0;
}

/* The name that was taken from the file's when the request came may not be what the archive says. */
static int check_instance(struct restore *r, const char *instance, struct error *err)
{
	const char *wanted = json_str(r->args, "of");

	if (wanted != NULL && strcmp(wanted, instance) != 0)
		return error_set(err, ERROR_NOT_FOUND, "Backup not found: '%s' is one of '%s', not of '%s'",
				 json_str(r->args, "file"), instance, wanted);
	if (json_str(r->args, "new_name") == NULL && strcmp(target_of(r), instance) != 0)
		return error_set(err, ERROR_INVALID, "the file is named after '%s', but the backup is of '%s'", target_of(r),
				 instance);
	return 0;
}

static enum op_result info_read(struct op *op, const struct proc_result *result, struct error *err)
{
	struct restore *r = op_data(op);
	AUTO_JSON cJSON *info = NULL;

	if (check_reader(result, err) < 0)
		return OP_FAIL;
	info = json_parse(result->out, result->out_len, err);
	if (info == NULL) {
		error_wrap(err, "the backup's " BACKUP_INFO);
		return OP_FAIL;
	}
	if (take_info(r, info, err) < 0 || check_instance(r, json_str_or(info, "instance", ""), err) < 0)
		return OP_FAIL;
	cJSON_Delete(r->info);
	r->info = info;
	info = NULL;
	return OP_DONE;
}

static enum op_result step_info(struct op *op, struct error *err)
{
	return read_archive(op, "member", BACKUP_INFO, info_read, err);
}

static enum op_result desired_read(struct op *op, const struct proc_result *result, struct error *err)
{
	struct restore *r = op_data(op);

	if (check_reader(result, err) < 0)
		return OP_FAIL;
	r->desired = restore_read_desired(result->out, result->out_len, err);
	return r->desired != NULL ? OP_DONE : OP_FAIL;
}

static enum op_result step_desired(struct op *op, struct error *err)
{
	return read_archive(op, "member", BACKUP_DESIRED, desired_read, err);
}

/* ---- handing it on */

static cJSON *archive_new(const struct restore *r)
{
	cJSON *archive = cJSON_CreateObject();

	json_set_str(archive, "path", r->path);
	json_set_bool(archive, "manifest", json_bool(r->info, "manifest", false));
	json_set_str(archive, "manifest_name", BACKUP_MANIFEST);
	json_set_int(archive, "bytes", (int64_t)r->stream);
	return archive;
}

/* What an instance that is made anew under its old name keeps: its MAC addresses, and which addresses were given. */
static cJSON *kept_volatile(const struct restore *r)
{
	cJSON *kept = cJSON_CreateObject();
	const cJSON *item;

	cJSON_ArrayForEach(item, json_obj(r->desired, "config")) {
		if (strncmp(item->string, "volatile.", 9) != 0)
			continue;
		if (type_has_suffix(item->string, ".assigned") ||
		    (type_has_suffix(item->string, ".hwaddr") && !registry_uses_hwaddr(r->b->registry, item->valuestring)))
			json_set(kept, item->string, cJSON_Duplicate(item, true));
	}
	return kept;
}

/* A second instance of one backup must not have the first one's addresses: create gives it others, where there are ranges. */
static void drop_addresses(cJSON *desired)
{
	static const char *const keys[] = { "hwaddr", "host_name", "ipv4.address", "ipv6.address", "ipv4.gateway",
					    "ipv6.gateway" };
	cJSON *device;

	cJSON_ArrayForEach(device, json_obj(desired, "devices")) {
		if (strcmp(json_str_or(device, "type", ""), "nic") != 0)
			continue;
		for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
			json_set(device, keys[i], NULL);
	}
}

static bool ran(const struct restore *r)
{
	return strcmp(json_str_or(json_obj(r->desired, "config"), "volatile.last_state.power", ""), "RUNNING") == 0;
}

static struct op *make_instance(struct restore *r, struct error *err)
{
	AUTO_JSON cJSON *request = cJSON_Duplicate(r->desired, true);
	cJSON *archive = archive_new(r);

	json_set_str(request, "name", target_of(r));
	json_set_bool(request, "start", json_bool(r->args, "start", ran(r)));
	if (json_str(r->args, "new_name") != NULL) {
		drop_addresses(request);
		volume_drop(r->b, json_obj(request, "devices"), json_obj(r->desired, "devices"));
	} else {
		json_set(archive, "volatile", kept_volatile(r));
	}
	return instance_create_archive(r->b, request, archive, err);
}

static enum op_result step_apply(struct op *op, struct error *err)
{
	struct restore *r = op_data(op);
	const struct instance *inst = registry_get(r->b->registry, target_of(r));
	struct op *inner;

	if (inst != NULL && json_str(r->args, "new_name") != NULL) {
		error_set(err, ERROR_CONFLICT, "Name \"%s\" already in use", target_of(r));
		return OP_FAIL;
	}
	inner = inst == NULL ? make_instance(r, err) :
			       restore_tree(r->b, target_of(r), r->desired, archive_new(r), r->args, err);
	return op_follow(op, inner, NULL, err);
}

static const struct op_step restore_steps[] = {
	{ "check", step_check, NULL, 0, 0 },
	{ "checksum", step_checksum, NULL, LONG_TIME_S, 0 },
	{ "list", step_list, NULL, 600, 0 },
	{ "info", step_info, NULL, 600, 0 },
	{ "desired", step_desired, NULL, 600, 0 },
	{ "pre-restore", step_hook, NULL, 3600, 0 },
	{ "apply", step_apply, NULL, 0, OP_COMMIT },
	{ "post-restore", step_hook, NULL, 3600, 0 },
	{ 0 },
};

static const struct op_kind restore_kind = {
	.name = "restore",
	.description = "Restoring backup",
	.steps = restore_steps,
	.load = restore_load,
	.unload = restore_unload,
	.volatile_ = true,
	.may_cancel = true,
	.coordinator = true,
};

void restore_register(struct op_queue *q)
{
	op_queue_register(q, &restore_kind);
	op_queue_register(q, &restore_tree_kind);
}

/* ---- the request */

/* Whose backup it is: the sidecar says it, else the name of the file. Caller frees. */
static char *instance_of(const struct berthd *b, const char *file, struct error *err)
{
	AUTO_FREE char *path = backup_archive_path(b, file);
	AUTO_FREE char *sidecar = backup_sidecar_path(b, file);
	AUTO_JSON cJSON *info = NULL;
	char *instance = NULL;

	if (fs_exists(path) && !fs_exists(sidecar)) {
		if (!backup_file_parse(file, &instance))
			error_set(err, ERROR_INVALID, "'%s' has no sidecar, and its name does not say whose backup it is", file);
		return instance;
	}
	info = backup_sidecar(b, file, err);
	return info != NULL ? mem_strdup(json_str(info, "instance")) : NULL;
}

static int check_timeout(const cJSON *v, struct error *err)
{
	double n = cJSON_IsNumber(v) ? v->valuedouble : 0;

	if (n >= 0 && n <= DAY_S && n == (double)(int)n)
		return 0;
	return error_set(err, ERROR_INVALID, "'timeout' must be a whole number of seconds from 0 to %d, not %g", DAY_S, n);
}

static int check_request(const cJSON *request, struct error *err)
{
	static const char *const known[] = { "new_name", "start", "instance", "force", "timeout" };
	const cJSON *item;
	size_t i;

	cJSON_ArrayForEach(item, request) {
		for (i = 0; i < 5 && strcmp(known[i], item->string) != 0; i++)
			;
		if (i == 5)
			return error_set(err, ERROR_INVALID, "unknown field '%.64s' (there are: new_name, start, instance, force, "
							     "timeout)", item->string);
		if (cJSON_IsNull(item))
			continue;
		if ((i == 0 || i == 2) ? !cJSON_IsString(item) : i == 4 ? !cJSON_IsNumber(item) : !cJSON_IsBool(item))
			return error_set(err, ERROR_INVALID, "'%s' must be %s", known[i],
					 (i == 0 || i == 2) ? "a string" : i == 4 ? "a number" : "true or false");
	}
	return check_timeout(cJSON_GetObjectItemCaseSensitive(request, "timeout"), err);
}

static cJSON *take_args(const char *file, const char *instance, const cJSON *request)
{
	const char *new_name = json_str_or(request, "new_name", "");
	const cJSON *start = cJSON_GetObjectItemCaseSensitive(request, "start");
	cJSON *args = cJSON_CreateObject();

	/* the same name is no new one */
	if (new_name[0] == '\0' || strcmp(new_name, instance) == 0)
		new_name = NULL;
	json_set_str(args, "file", file);
	json_set_str(args, "backup", file);
	json_set_str(args, "of", json_str(request, "instance"));
	json_set_str(args, "name", new_name != NULL ? new_name : instance);
	json_set_str(args, "new_name", new_name);
	if (cJSON_IsBool(start))
		json_set_bool(args, "start", cJSON_IsTrue(start));
	json_set_bool(args, "force", json_bool(request, "force", false));
	json_set_int(args, "timeout", json_int(request, "timeout", 30));
	return args;
}

static struct op *start(struct berthd *b, cJSON *args, struct error *err)
{
	AUTO_FREE char *lock = mem_printf("backup/%s", json_str(args, "file"));
	AUTO_FREE char *url = mem_printf("/1.0/instances/%s", json_str(args, "name"));
	const char *locks[] = { lock, NULL };
	struct op_options options = { .locks = locks, .resources = cJSON_CreateObject() };
	cJSON *list = cJSON_AddArrayToObject(options.resources, "instances");
	AUTO_FREE char *name = mem_strdup(json_str(args, "name"));
	struct op *op;

	cJSON_AddItemToArray(list, cJSON_CreateString(url));
	op = op_start(b->ops, &restore_kind, args, &options, err);
	if (op != NULL)
		op_metadata_set(op, "instance", cJSON_CreateString(name));
	return op;
}

struct op *backup_restore(struct berthd *b, const char *file, const cJSON *request, struct error *err)
{
	AUTO_FREE char *instance = NULL;
	cJSON *args;

	if (check_request(request, err) < 0 || backup_file_check(file, err) < 0)
		return NULL;
	instance = instance_of(b, file, err);
	if (instance == NULL)
		return NULL;
	args = take_args(file, instance, request);
	if (name_validate_instance(json_str(args, "name"), err) == 0) {
		if (json_str(args, "new_name") == NULL || registry_get(b->registry, json_str(args, "new_name")) == NULL)
			return start(b, args, err);
		error_set(err, ERROR_CONFLICT, "Name \"%s\" already in use", json_str(args, "new_name"));
	}
	cJSON_Delete(args);
	return NULL;
}
