/* SPDX-License-Identifier: MIT */
#include "hook/hook_output.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/strbuf.h"

enum {
	KEPT_MAX = 4096, /* of each stream, in the operation's metadata */
	LINE_MAX_LEN = 300,
	LINES = 3, /* that an error shows */
};

static bool blank(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)text[i] > ' ')
			return false;
	return true;
}

/* Line by line, since proc_clean_text() makes one line of all. */
static void add_clean(struct strbuf *out, const char *text, size_t len)
{
	if (len > KEPT_MAX) {
		text += len - KEPT_MAX;
		len = KEPT_MAX;
	}
	while (len > 0) {
		const char *newline = memchr(text, '\n', len);
		size_t part = newline != NULL ? (size_t)(newline - text) : len;
		AUTO_FREE char *clean = mem_alloc(part + 2);

		proc_clean_text(text, part, clean, part + 2);
		strbuf_addstr(out, clean);
		strbuf_addch(out, '\n');
		part += newline != NULL;
		text += part;
		len -= part;
	}
}

static int exit_of(const struct proc_result *result)
{
	if (result == NULL)
		return -1;
	if (result->timed_out)
		return 124;
	return result->signal != 0 ? 128 + result->signal : result->exit_code;
}

cJSON *hook_result(const char *event, const char *hook, const struct proc_result *result)
{
	AUTO_STRBUF struct strbuf output = STRBUF_INIT;
	cJSON *v = cJSON_CreateObject();

	if (result != NULL) {
		add_clean(&output, result->out, result->out_len);
		add_clean(&output, result->errs, result->errs_len);
	}
	json_set_str(v, "event", event);
	json_set_str(v, "hook", hook);
	json_set_int(v, "exit", exit_of(result));
	json_set_str(v, "output", output.buf);
	return v;
}

/* The last lines that are not blank, in order, on one line. */
static void last_lines(const char *text, size_t len, struct strbuf *out)
{
	char lines[LINES][LINE_MAX_LEN];
	size_t n = 0;

	while (len > 0 && n < LINES) {
		const char *newline = memrchr(text, '\n', len);
		const char *start = newline != NULL ? newline + 1 : text;
		size_t part = (size_t)(text + len - start);

		if (!blank(start, part))
			proc_clean_text(start, part, lines[n++], sizeof(lines[0]));
		len = newline != NULL ? (size_t)(newline - text) : 0;
	}
	while (n > 0) {
		strbuf_addstr(out, lines[--n]);
		strbuf_addstr(out, n > 0 ? "; " : "");
	}
}

int hook_check(const struct proc_result *result, unsigned timeout_s, struct error *err)
{
	AUTO_STRBUF struct strbuf lines = STRBUF_INIT;
	const char *sep;

	if (result->exit_code == 0 && !result->timed_out)
		return 0;
	last_lines(result->errs, result->errs_len, &lines);
	if (lines.len == 0)
		last_lines(result->out, result->out_len, &lines);
	sep = lines.len > 0 ? ": " : "";
	if (result->timed_out)
		return error_set(err, ERROR_TIMEOUT, "it took longer than %u s%s%s", timeout_s, sep, lines.buf);
	if (result->signal != 0)
		return error_set(err, ERROR_TOOL, "it was killed by signal %d%s%s", result->signal, sep, lines.buf);
	if (lines.len > 0)
		return error_set(err, ERROR_TOOL, "%s", lines.buf);
	return error_set(err, ERROR_TOOL, "it exited with %d", result->exit_code);
}
