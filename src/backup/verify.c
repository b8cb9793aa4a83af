/* SPDX-License-Identifier: MIT */
/* Reads a whole backup: its checksum against the sidecar's, then 7-Zip's own test. */
#include <string.h>

#include "backup/checking.h"
#include "backup/checksum.h"
#include "backup/export.h"
#include "backup/format.h"
#include "backup/making.h"
#include "base/json.h"
#include "base/mem.h"

static const char *file_of(struct op *op)
{
	return json_str_or(op_args(op), "file", "");
}

static enum op_result summed(struct op *op, const struct proc_result *result, struct error *err)
{
	AUTO_JSON cJSON *sidecar = NULL;
	char sum[SHA256_TEXT_SIZE];
	const char *want;

	if (checksum_take(result, sum, err) < 0)
		return OP_FAIL;
	sidecar = backup_sidecar(op_ctx(op), file_of(op), err);
	if (sidecar == NULL)
		return OP_FAIL;
	want = json_str_or(sidecar, "sha256", "");
	if (strcmp(sum, want) == 0)
		return OP_DONE;
	error_set(err, ERROR_INVALID, "the backup '%s' is damaged: its sha256 is %s, but was %s when it was made",
		  file_of(op), sum, want);
	return OP_FAIL;
}

static enum op_result step_digest(struct op *op, struct error *err)
{
	AUTO_FREE char *path = backup_archive_path(op_ctx(op), file_of(op));
	AUTO_JSON cJSON *sidecar = backup_sidecar(op_ctx(op), file_of(op), err);

	return sidecar != NULL ? checksum_start(op, op_ctx(op), path, summed, err) : OP_FAIL;
}

static enum op_result tested(struct op *op, const struct proc_result *result, struct error *err)
{
	if (proc_check("7-Zip", result, err) == 0)
		return OP_DONE;
	error_wrap(err, "the backup '%s' is damaged", file_of(op));
	return OP_FAIL;
}

static enum op_result step_test(struct op *op, struct error *err)
{
	AUTO_FREE char *path = backup_archive_path(op_ctx(op), file_of(op));

	if (backup_seven(err) == NULL)
		return OP_FAIL;
	return archive_read_start(op, op_ctx(op), path, &(struct archive_read){ .what = "test" }, tested, err);
}

static const struct op_step steps[] = { { "digest", step_digest, NULL, MAKING_DAY_S, 0 },
					{ "test", step_test, NULL, MAKING_DAY_S, 0 },
					{ 0 } };
static const struct op_kind verify_kind = {
	.name = "backup-verify",
	.description = "Verifying backup",
	.steps = steps,
	.load = backup_checked_load,
	.volatile_ = true,
	.may_cancel = true,
	.patient = true,
};

struct op *backup_verify(struct berthd *b, const char *file, struct error *err)
{
	AUTO_JSON cJSON *sidecar = NULL;

	if (backup_file_check(file, err) < 0 || (sidecar = backup_sidecar(b, file, err)) == NULL)
		return NULL;
	return backup_start_on(b, &verify_kind, sidecar, err);
}

void backup_verify_register(struct op_queue *q)
{
	op_queue_register(q, &verify_kind);
}

void backup_register(struct op_queue *q)
{
	backup_create_register(q);
	backup_return_register(q);
	backup_delete_register(q);
	backup_verify_register(q);
	export_register(q);
}
