/* SPDX-License-Identifier: MIT */
/*
 * One child process on the loop.
 *
 * A child is over when it was reaped AND its captured pipes reached EOF (with a
 * drain grace of 2 s for grandchildren that keep a pipe); then on_exit fires
 * exactly once, from the loop, and the proc is freed after it returns.  Each
 * child leads its own process group; the timeout sends SIGTERM to the group,
 * SIGKILL 5 s later.  A child dies with the daemon (spawn.h), what it forked
 * does not.  No shell is ever involved.
 */
#ifndef BERTH_PROC_PROC_H
#define BERTH_PROC_PROC_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <uv.h>

#include "base/argv.h"
#include "base/error.h"

struct proc;

struct proc_result {
	int exit_code;   /* or -1 when a signal ended it */
	int signal;      /* or 0 */
	bool timed_out;
	const char *out; /* captured stdout, NUL-terminated, valid during on_exit */
	size_t out_len;
	const char *errs; /* captured stderr, likewise */
	size_t errs_len;
	bool truncated;  /* output was longer than output_max: the tail is kept */
};

typedef void (*proc_exit_cb)(const struct proc_result *result, void *data);
typedef void (*proc_line_cb)(const char *line, void *data); /* without the newline; at most 64 KiB */

struct proc_spec {
	const char *const *argv;    /* NULL-terminated, borrowed until proc_start returns */
	const char *const *env;     /* NULL: PATH, HOME=/root, LC_ALL=C only */
	const char *cwd;            /* NULL: / */
	const void *input;          /* fed to stdin, copied; NULL: /dev/null */
	size_t input_len;
	bool use_stdin_fd, use_stdout_fd, use_stderr_fd; /* then these are inherited (borrowed) */
	int stdin_fd, stdout_fd, stderr_fd;
	bool controlling_tty;       /* its stdin is a terminal that becomes its session's */
	int extra_fd;               /* inherited as fd 3 when use_extra_fd */
	bool use_extra_fd;
	bool use_ids;               /* then uid/gid are set before exec, groups dropped */
	uid_t uid;
	gid_t gid;
	bool tty_stdout;            /* stdout is a pty: tools that block-buffer pipes (lxc-monitor) */
	size_t output_max;          /* per stream; 0: 256 KiB */
	unsigned timeout_ms;        /* 0: none */
	proc_line_cb on_line;       /* stdout by lines as they come; then it is not captured */
	proc_exit_cb on_exit;       /* required */
	void *data;
};

/*
 * NULL and err ("cannot run 'x': ...") when it could not be started: then
 * on_exit never fires.
 */
struct proc *proc_start(uv_loop_t *loop, const struct proc_spec *spec, struct error *err);

pid_t proc_pid(const struct proc *p);
/* To the whole group; on_exit still comes. */
void proc_kill(struct proc *p, int signum);
/* Asks the group to end by SIGTERM, and ends it by SIGKILL 5 s later; on_exit still comes. */
void proc_terminate(struct proc *p);
/* The owner goes away: kills the group with SIGKILL, on_exit will not fire. */
void proc_abandon(struct proc *p);

/*
 * 0 when the child exited 0; otherwise -1 and "'lxc-start' exited with 1: <last
 * line of stderr, or of stdout>", "… was killed by signal 9", "… timed out".
 */
int proc_check(const char *name, const struct proc_result *result, struct error *err);
/*
 * What a helper program says of its work in the file at path, which is removed: JSON (caller frees), or NULL: its "error" and
 * "code" are err then, or what proc_check() finds, or ERROR_TOOL for want of a report.
 */
cJSON *proc_report(const char *name, const struct proc_result *result, const char *path, struct error *err);

/*
 * Copies what a tool printed so that it fits a message: control characters
 * become spaces, bytes that are not UTF-8 '?'.
 */
void proc_clean_text(const char *text, size_t len, char *buf, size_t size);

#endif
