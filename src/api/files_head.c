/* SPDX-License-Identifier: MIT */
#include "api/files_head.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "api/router.h"

/* Digits of the base, no more than max; "" is as good as absent, as is "-1" (LXD's clients say that for "not given"). */
static int number(const char *text, const char *digits, int base, unsigned long max, unsigned long *ret)
{
	errno = 0;
	if (strspn(text, digits) != strlen(text))
		return -1;
	*ret = strtoul(text, NULL, base);
	return errno == 0 && *ret <= max ? 0 : -1;
}

static bool is_given(const char *text)
{
	return text != NULL && *text != '\0' && strcmp(text, "-1") != 0;
}

static int push_id(const struct request *r, const char *header, const char *option, struct argv *argv, struct error *err)
{
	const char *text = request_header(r, header);
	unsigned long id;

	if (!is_given(text))
		return 0;
	if (number(text, "0123456789", 10, 4294967294UL, &id) < 0)
		return error_set(err, ERROR_INVALID, "invalid %s '%.40s': must be 0 to 4294967294", header, text);
	argv_pushf(argv, "--%s=%lu", option, id);
	return 0;
}

/* Octal however it is written: "0644", "644", "0o644". */
static int push_mode(const struct request *r, struct argv *argv, struct error *err)
{
	const char *text = request_header(r, "X-LXD-mode"), *digits = text;
	unsigned long mode;

	if (!is_given(text))
		return 0;
	if (strncmp(text, "0o", 2) == 0)
		digits += 2;
	if (*digits == '\0' || number(digits, "01234567", 8, 07777, &mode) < 0)
		return error_set(err, ERROR_INVALID, "invalid X-LXD-mode '%.40s': must be octal, 0 to 7777", text);
	argv_pushf(argv, "--mode=%lo", mode);
	return 0;
}

static int push_type(const struct request *r, struct argv *argv, struct error *err)
{
	const char *type = request_header(r, "X-LXD-type");

	if (type == NULL || *type == '\0')
		return 0;
	if (strcmp(type, "file") != 0 && strcmp(type, "symlink") != 0 && strcmp(type, "directory") != 0)
		return error_set(err, ERROR_INVALID, "Bad file type: %.40s", type);
	argv_pushf(argv, "--type=%s", type);
	return 0;
}

int files_head_push(const struct request *r, struct argv *argv, struct error *err)
{
	const char *write = request_header(r, "X-LXD-write");

	if (push_type(r, argv, err) < 0 || push_id(r, "X-LXD-uid", "uid", argv, err) < 0 ||
	    push_id(r, "X-LXD-gid", "gid", argv, err) < 0 || push_mode(r, argv, err) < 0)
		return -1;
	if (write == NULL || *write == '\0' || strcmp(write, "overwrite") == 0)
		return 0;
	if (strcmp(write, "append") != 0)
		return error_set(err, ERROR_INVALID, "Bad file write mode: %.40s", write);
	argv_push(argv, "--append");
	return 0;
}
