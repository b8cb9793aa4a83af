/* SPDX-License-Identifier: MIT */
#include "base/process.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/mem.h"
#include "base/strbuf.h"

enum { FIELD_STATE = 3, FIELD_PARENT = 4, FIELD_START = 22, CMDLINE_MAX = 65536 };

/* Field 2 is the command's name in brackets, which may hold blanks and brackets itself. */
static bool read_stat(pid_t pid, pid_t *ret_parent, unsigned long long *ret_start)
{
	AUTO_FREE char *path = mem_printf("/proc/%d/stat", (int)pid);
	AUTO_STRBUF struct strbuf stat = STRBUF_INIT;
	struct error ignored = ERROR_INIT;
	char *save = NULL, *field;

	if (pid <= 0 || fs_read_file(path, 4096, &stat, &ignored) < 0)
		return false;
	field = strrchr(stat.buf, ')');
	field = field != NULL ? strtok_r(field, " ", &save) : NULL;
	for (int i = FIELD_STATE; field != NULL && i <= FIELD_START; i++) {
		field = strtok_r(NULL, " ", &save);
		if (i == FIELD_STATE && field != NULL && (*field == 'Z' || *field == 'X'))
			return false; /* it waits for its parent only */
		if (i == FIELD_PARENT && field != NULL)
			*ret_parent = (pid_t)strtol(field, NULL, 10);
	}
	if (field != NULL)
		*ret_start = strtoull(field, NULL, 10);
	return field != NULL;
}

char *process_id(pid_t pid, pid_t *ret_parent)
{
	AUTO_STRBUF struct strbuf boot = STRBUF_INIT;
	struct error ignored = ERROR_INIT;
	unsigned long long start;
	pid_t parent = 0;

	if (!read_stat(pid, &parent, &start) ||
	    fs_read_file("/proc/sys/kernel/random/boot_id", 256, &boot, &ignored) < 0)
		return NULL;
	if (ret_parent != NULL)
		*ret_parent = parent;
	return mem_printf("%.*s %d %llu", (int)strcspn(boot.buf, "\n"), boot.buf, (int)pid, start);
}

pid_t process_of_pid_file(const char *path, const char *word)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT;
	AUTO_STRBUF struct strbuf args = STRBUF_INIT;
	AUTO_FREE char *cmdline = NULL;
	struct error ignored = ERROR_INIT;
	long pid;

	if (fs_read_file(path, 64, &text, &ignored) < 0 || (pid = strtol(text.buf, NULL, 10)) <= 1)
		return 0;
	cmdline = mem_printf("/proc/%ld/cmdline", pid);
	if (fs_read_file(cmdline, CMDLINE_MAX, &args, &ignored) < 0)
		return 0;
	for (const char *p = args.buf; p < args.buf + args.len; p += strlen(p) + 1)
		if (strcmp(p, word) == 0)
			return (pid_t)pid;
	return 0;
}
