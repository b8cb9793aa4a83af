/* SPDX-License-Identifier: MIT */
#include "backup/checksum.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "model/settings.h"
#include "proc/proc.h"

enum op_result archive_read_start(struct op *op, const struct berthd *b, const char *path, const struct archive_read *how,
				  op_child_cb done, struct error *err)
{
	AUTO_CLOSE int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	AUTO_ARGV struct argv argv = ARGV_INIT;
	struct proc_spec spec = { .use_stdin_fd = true, .stdin_fd = fd, .timeout_ms = how->timeout_ms,
				  .output_max = how->output_max };

	if (fd < 0) {
		error_sys(err, errno, "cannot open '%s'", path);
		return OP_FAIL;
	}
	argv_pushf(&argv, "%s/berth-restore", b->settings->libexec_dir);
	argv_push(&argv, how->what);
	if (how->member != NULL)
		argv_push(&argv, how->member);
	spec.argv = (const char *const *)argv.v;
	return op_child_spec(op, &spec, done, err);
}

enum op_result checksum_start(struct op *op, const struct berthd *b, const char *path, op_child_cb done, struct error *err)
{
	return archive_read_start(op, b, path, &(struct archive_read){ .what = "digest" }, done, err);
}

int checksum_take(const struct proc_result *result, char out[SHA256_TEXT_SIZE], struct error *err)
{
	if (proc_check("berth-restore", result, err) < 0)
		return -1;
	if (strspn(result->out, "0123456789abcdef") != SHA256_TEXT_SIZE - 1)
		return error_set(err, ERROR_TOOL, "'berth-restore digest' printed no checksum");
	snprintf(out, SHA256_TEXT_SIZE, "%.64s", result->out);
	return 0;
}
