/* SPDX-License-Identifier: MIT */
#include "image/fetch_child.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"

enum { EXIT_ERRORS = 10, ANSWER_MAX = 1024 * 1024 };

int fetch_child_check(const struct proc_result *result, struct error *err)
{
	const char *text = result->errs, *newline;
	char clean[900];
	int code = result->exit_code - EXIT_ERRORS;

	if (result->timed_out || code <= ERROR_NONE || code > ERROR_SYSTEM || result->errs_len < 2)
		return proc_check("berth-fetch", result, err);
	newline = memrchr(text, '\n', result->errs_len - 1);
	text = newline ? newline + 1 : text;
	proc_clean_text(text, strcspn(text, "\n"), clean, sizeof(clean));
	return error_set(err, (enum error_code)code, "%s", clean);
}

enum op_result fetch_child(struct op *op, struct argv *argv, cJSON *spec_taken, proc_line_cb on_line, op_child_cb done,
			   struct error *err)
{
	AUTO_FREE char *text = json_text(spec_taken);
	struct proc_spec spec = { .argv = (const char *const *)argv->v, .input = text, .input_len = strlen(text),
				  .output_max = ANSWER_MAX, .on_line = on_line };
	enum op_result result = op_child_spec(op, &spec, done, err);

	cJSON_Delete(spec_taken);
	return result;
}

int fetch_child_progress(const char *line, unsigned long long *ret_done, unsigned long long *ret_total, int *ret_percent)
{
	if (sscanf(line, "progress %llu %llu", ret_done, ret_total) != 2)
		return -1;
	*ret_percent = *ret_total ? (int)(*ret_done / (*ret_total / 100 + 1)) : 0;
	*ret_percent = *ret_percent > 99 ? 99 : *ret_percent;
	return 0;
}
