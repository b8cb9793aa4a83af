/* SPDX-License-Identifier: MIT */
/* Everything that reads what the lxc tools print, or a text of the kernel's beside it. */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "lxc/cgroup.h"
#include "lxc/monitor.h"
#include "lxc/subid.h"
#include "lxc/tools.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_status(const struct lxc_status *st)
{
	size_t len = strnlen(st->name, sizeof(st->name));

	if (len == 0 || len == sizeof(st->name) || strchr(st->name, '/') || st->name[0] == '.' || st->pid < 0)
		abort();
}

static void list_cb(const struct lxc_status *st, void *data)
{
	check_status(st);
}

static void fuzz_cause(const char *text)
{
	char buf[200], small[2];

	/* a cause is one line that any terminal can show, however long the log's own */
	if (lxc_log_cause(text, buf, sizeof(buf)))
		for (const char *s = buf; *s; s++)
			if ((unsigned char)*s < ' ' || *s == 0x7f)
				abort();
	lxc_log_cause(text, small, sizeof(small));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_FREE char *text = mem_strndup((const char *)data, size);
	struct error err = ERROR_INIT;
	const uint64_t inode = 1;
	struct cgroup_dir dir;
	struct lxc_status st;
	uint32_t base, count;

	if (lxc_parse_info(text, &st, &err) < 0 && !*err.msg)
		abort();
	lxc_parse_list(text, list_cb, NULL);
	if (lxc_parse_monitor_line(text, &st))
		check_status(&st);
	fuzz_cause(text);
	lxc_monitor_connected(text, "/var/lib/lxc", &inode, 1);
	if (cgroup_find(text, "memory", CGROUP_HYBRID, &dir) && strstr(dir.path, "/../"))
		abort();
	if (subid_range(text, text, &base, &count) &&
	    (base == 0 || count < SUBID_SIZE_MIN || base + count < base))
		abort();
	return 0;
}
