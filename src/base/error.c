/* SPDX-License-Identifier: MIT */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* A message that was cut must not end in half a UTF-8 sequence: it goes into JSON. */
static void trim_cut(char *msg, size_t size)
{
	size_t i = size - 1;

	if (strlen(msg) < size - 1)
		return;
	while (i > 0 && ((unsigned char)msg[i - 1] & 0xc0) == 0x80)
		i--;
	if (i > 0 && (unsigned char)msg[i - 1] >= 0xc0)
		msg[i - 1] = 0;
}

/* The arguments may point into err->msg, hence the buffer between. */
static void store(struct error *err, const char *text)
{
	snprintf(err->msg, sizeof(err->msg), "%s", text);
	trim_cut(err->msg, sizeof(err->msg));
}

int error_set(struct error *err, enum error_code code, const char *fmt, ...)
{
	char text[sizeof(err->msg)];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	err->code = code;
	err->sys = 0;
	store(err, text);
	return -1;
}

int error_sys(struct error *err, int sys, const char *fmt, ...)
{
	char text[sizeof(err->msg)], reason[128];
	size_t n;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	n = strlen(text);
	snprintf(text + n, sizeof(text) - n, ": %s", strerror_r(sys, reason, sizeof(reason)));
	err->code = ERROR_SYSTEM;
	err->sys = sys;
	store(err, text);
	return -1;
}

int error_wrap(struct error *err, const char *fmt, ...)
{
	char text[2 * sizeof(err->msg) + 2];
	size_t n;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(err->msg), fmt, ap);
	va_end(ap);
	n = strlen(text);
	snprintf(text + n, sizeof(text) - n, ": %s", err->msg);
	store(err, text);
	return -1;
}

void error_clear(struct error *err)
{
	err->code = ERROR_NONE;
	err->sys = 0;
	err->msg[0] = 0;
}

int error_http_status(enum error_code code)
{
	static const short status[] = {
		[ERROR_NONE] = 200,
		[ERROR_INVALID] = 400,
		[ERROR_FORBIDDEN] = 403,
		[ERROR_NOT_FOUND] = 404,
		[ERROR_CONFLICT] = 409,
		[ERROR_PRECONDITION] = 412,
		[ERROR_TOO_LARGE] = 413,
		[ERROR_UNSUPPORTED] = 501,
		[ERROR_UNAVAILABLE] = 503,
		[ERROR_CANCELLED] = 500, /* 401 is the operation's status, not HTTP's */
		[ERROR_TIMEOUT] = 500,
		[ERROR_TOOL] = 500,
		[ERROR_SYSTEM] = 500,
	};

	if ((unsigned)code >= sizeof(status) / sizeof(status[0]))
		return 500;
	return status[code];
}
