/* SPDX-License-Identifier: MIT */
/*
 * Errors as values.  A function that can fail takes a `struct error *` last
 * and returns 0/-1 or object/NULL; `return error_set(err, ...)` is the failing
 * line.  `err` is never NULL.  The message is one sentence for a person: lower
 * case, no full stop, the subject quoted; it names the value and the rule.
 */
#ifndef BERTH_BASE_ERROR_H
#define BERTH_BASE_ERROR_H

enum error_code {
	ERROR_NONE,
	ERROR_INVALID,      /* the request is wrong: HTTP 400 */
	ERROR_FORBIDDEN,    /* 403 */
	ERROR_NOT_FOUND,    /* 404 */
	ERROR_CONFLICT,     /* exists already, in use, busy: 409 */
	ERROR_PRECONDITION, /* If-Match: 412 */
	ERROR_TOO_LARGE,    /* 413 */
	ERROR_UNSUPPORTED,  /* known, but not on this host or not implemented: 501 */
	ERROR_UNAVAILABLE,  /* shutting down, too many requests: 503 */
	ERROR_CANCELLED,    /* by the user; operation status 401 */
	ERROR_TIMEOUT,      /* a tool or a hook took too long: 500 */
	ERROR_TOOL,         /* a tool failed: 500 */
	ERROR_SYSTEM,       /* a system call failed, see sys: 500 */
};

struct error {
	enum error_code code;
	int sys; /* errno, or 0 */
	char msg[1024];
};

#define ERROR_INIT { .code = ERROR_NONE }

/* Sets code and message; returns -1. */
int error_set(struct error *err, enum error_code code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* ERROR_SYSTEM, message followed by ": strerror(sys)"; ENOENT, EEXIST, … keep
 * ERROR_SYSTEM: only the caller knows what they mean to a client.  Returns -1. */
int error_sys(struct error *err, int sys, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Puts "context: " before the message, keeps the code; returns -1. */
int error_wrap(struct error *err, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

void error_clear(struct error *err);

/* The one table: code -> HTTP status; 200 for ERROR_NONE. */
int error_http_status(enum error_code code);

#endif
