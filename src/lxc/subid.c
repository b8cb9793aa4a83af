/* SPDX-License-Identifier: MIT */
#include "lxc/subid.h"

#include <string.h>

struct range {
	uint64_t start, end; /* end: the first id after it */
};

static bool number(const char **s, uint64_t *ret)
{
	uint64_t n = 0;
	const char *p = *s;

	while (*p >= '0' && *p <= '9' && n <= UINT32_MAX)
		n = n * 10 + (uint64_t)(*p++ - '0');
	if (p == *s || n > UINT32_MAX)
		return false;
	*s = p;
	*ret = n;
	return true;
}

static bool root_line(const char *line, struct range *ret)
{
	uint64_t start, count;

	if (strncmp(line, "root:", 5) == 0)
		line += 5;
	else if (strncmp(line, "0:", 2) == 0)
		line += 2;
	else
		return false;
	if (!number(&line, &start) || *line++ != ':' || !number(&line, &count) || (*line && *line != '\n'))
		return false;
	/* 4294967295 is "no id" to the kernel */
	if (start == 0 || start + count > UINT32_MAX)
		return false;
	*ret = (struct range){ start, start + count };
	return true;
}

static const char *next_line(const char *s)
{
	s += strcspn(s, "\n");
	return *s ? s + 1 : s;
}

bool subid_range(const char *subuid, const char *subgid, uint32_t *ret_base, uint32_t *ret_size)
{
	struct range u, g;

	for (; *subuid; subuid = next_line(subuid)) {
		if (!root_line(subuid, &u))
			continue;
		for (const char *line = subgid; *line; line = next_line(line)) {
			if (!root_line(line, &g))
				continue;
			g.start = g.start > u.start ? g.start : u.start;
			g.end = g.end < u.end ? g.end : u.end;
			if (g.end < g.start + SUBID_SIZE_MIN)
				continue;
			*ret_base = (uint32_t)g.start;
			*ret_size = (uint32_t)(g.end - g.start);
			return true;
		}
	}
	*ret_base = *ret_size = 0;
	return false;
}

/* The end of the line that has this id; 0: none has. */
static uint64_t end_of(const char *text, uint64_t id)
{
	struct range r;

	for (; *text; text = next_line(text)) {
		if (root_line(text, &r) && id >= r.start && id < r.end)
			return r.end;
	}
	return 0;
}

bool subid_allows(const char *text, uint32_t first, uint32_t len)
{
	uint64_t id = first, end = id + len;

	while (id < end) {
		id = end_of(text, id);
		if (id == 0)
			return false;
	}
	return true;
}
