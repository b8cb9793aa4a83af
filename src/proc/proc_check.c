/* SPDX-License-Identifier: MIT */
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "proc/proc.h"

static size_t utf8_length(unsigned char first)
{
	if (first < 0x80)
		return 1;
	if (first < 0xc2 || first > 0xf4)
		return 0;
	return first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

/* Length of the well-formed UTF-8 sequence at s (RFC 3629), 0 when there is none. */
static size_t utf8_sequence(const char *s, size_t len)
{
	const unsigned char *u = (const unsigned char *)s;
	size_t need = utf8_length(u[0]);

	if (need > len)
		return 0;
	for (size_t i = 1; i < need; i++)
		if ((u[i] & 0xc0) != 0x80)
			return 0;
	if ((u[0] == 0xe0 && u[1] < 0xa0) || (u[0] == 0xed && u[1] > 0x9f) || (u[0] == 0xf0 && u[1] < 0x90) ||
	    (u[0] == 0xf4 && u[1] > 0x8f))
		return 0;
	return need;
}

void proc_clean_text(const char *text, size_t len, char *buf, size_t size)
{
	size_t n = 0, step;

	for (const char *end = text + len; text < end; text += step ? step : 1) {
		step = utf8_sequence(text, (size_t)(end - text));
		if (n + (step ? step : 1) >= size)
			break;
		if (step > 1)
			memcpy(buf + n, text, step);
		else
			buf[n] = !step ? '?' : (unsigned char)*text < ' ' || *text == 0x7f ? ' ' : *text;
		n += step ? step : 1;
	}
	buf[n] = '\0';
}

/* The last line that is not blank. */
static void last_line(const char *text, size_t len, char *buf, size_t size)
{
	const char *start;

	while (len > 0 && (unsigned char)text[len - 1] <= ' ')
		len--;
	start = memrchr(text, '\n', len);
	start = start ? start + 1 : text;
	proc_clean_text(start, (size_t)(text + len - start), buf, size);
}

int proc_check(const char *name, const struct proc_result *result, struct error *err)
{
	char line[600] = "";
	const char *sep = ": ";

	if (result->exit_code == 0 && !result->signal && !result->timed_out)
		return 0;
	last_line(result->errs, result->errs_len, line, sizeof(line));
	if (!*line)
		last_line(result->out, result->out_len, line, sizeof(line));
	if (!*line)
		sep = "";
	if (result->timed_out)
		return error_set(err, ERROR_TIMEOUT, "'%s' timed out%s%s", name, sep, line);
	if (result->signal)
		return error_set(err, ERROR_TOOL, "'%s' was killed by signal %d%s%s", name, result->signal,
				 sep, line);
	return error_set(err, ERROR_TOOL, "'%s' exited with %d%s%s", name, result->exit_code, sep, line);
}

cJSON *proc_report(const char *name, const struct proc_result *result, const char *path, struct error *err)
{
	struct error unread = ERROR_INIT;
	cJSON *report = result->timed_out || result->signal ? NULL : json_read_file(path, &unread);
	const char *text = json_str(report, "error");
	int64_t code = json_int(report, "code", ERROR_TOOL);

	(void)unlink(path);
	if (text != NULL)
		error_set(err, code > ERROR_NONE && code <= ERROR_SYSTEM ? (enum error_code)code : ERROR_TOOL, "%s", text);
	else if (proc_check(name, result, err) == 0 && report != NULL)
		return report;
	else if (err->code == ERROR_NONE)
		error_set(err, ERROR_TOOL, "'%s' left no report", name);
	cJSON_Delete(report);
	return NULL;
}
