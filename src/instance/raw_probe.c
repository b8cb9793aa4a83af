/* SPDX-License-Identifier: MIT */
#include "instance/raw_probe.h"

#include <errno.h>
#include <string.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"

#define REFUSED "Failed to parse config file "
#define LINE "\" at line \""

/* `… Failed to parse config file "/proc/self/fd/3" at line "lxc.x = y"`, on a line of its own. */
static int refused_line(const char *errs, struct error *err)
{
	const char *found = strstr(errs, REFUSED), *line = found ? strstr(found, LINE) : NULL;
	char text[128];
	size_t len;

	if (!line)
		return 0;
	line += strlen(LINE);
	len = strcspn(line, "\n");
	len -= len > 0 && line[len - 1] == '"';
	proc_clean_text(line, len, text, sizeof(text));
	return error_set(err, ERROR_INVALID, "invalid value for 'raw.lxc': LXC does not take the line '%s'", text);
}

static enum op_result answered(struct op *op, const struct proc_result *result, struct error *err)
{
	if (refused_line(result->errs, err) < 0 || proc_check("lxc-info", result, err) < 0)
		return OP_FAIL;
	return OP_DONE;
}

enum op_result raw_probe(struct op *op, const cJSON *new, const cJSON *old, struct error *err)
{
	/* no container is there, and none is needed: the lines are read before it is looked for */
	static const char *const argv[] = { "lxc-info", "-P", "/nonexistent", "-n", "raw.lxc", "--state",
					    "-o", "/dev/stderr", "-l", "ERROR", "--rcfile", "/proc/self/fd/3", NULL };
	const char *text = json_str_or(new, "raw.lxc", "");
	struct proc_spec spec = { .argv = argv, .use_extra_fd = true };
	AUTO_CLOSE int fd = -1;

	if (!*text || strcmp(text, json_str_or(old, "raw.lxc", "")) == 0)
		return OP_DONE;
	fd = fs_memory_file(text, strlen(text));
	if (fd < 0) {
		error_sys(err, errno, "cannot hand over raw.lxc");
		return OP_FAIL;
	}
	spec.extra_fd = fd;
	return op_child_spec(op, &spec, answered, err);
}
