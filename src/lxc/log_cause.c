/* SPDX-License-Identifier: MIT */
/*
 * Finds in an LXC log why the last start failed. LXC logs from the inside out:
 * the first ERROR of an attempt is the cause, those after it are what became
 * of it in each caller. Line formats (lxc/log.c):
 *   file    lxc-start c1 20261122025059.777 ERROR    conf - ../src/lxc/conf.c:run_buffer:322 - Message
 *   stderr  lxc-start: c1: ../src/lxc/conf.c: run_buffer: 322 Message
 * with "strerror - " before the message where there was an errno.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/strbuf.h"
#include "lxc/tools.h"
#include "proc/proc.h"

struct text {
	const char *s;
	size_t len;
};

struct line {
	bool is_log; /* else the rest of a message of several lines */
	bool is_error;
	struct text message; /* without the reason */
	const char *reason; /* strerror, or "" */
};

/* What is known of the attempt so far. */
struct attempt {
	struct line cause; /* the first error that is no consequence */
	struct text config_line; /* of the configuration, when that is what failed */
	struct text script, output, hook; /* the last script run, the last line it printed, "pre-start" */
	struct text end; /* how the first process ended */
	bool reading_output, over;
};

#define TEXT(literal) ((struct text){ literal, sizeof(literal) - 1 })

static bool starts(struct text t, const char *prefix)
{
	return strlen(prefix) <= t.len && memcmp(t.s, prefix, strlen(prefix)) == 0;
}

/* What follows the first `needle`; s == NULL when it is not there. */
static struct text after(struct text t, const char *needle)
{
	const char *at = memmem(t.s, t.len, needle, strlen(needle));

	if (!at)
		return (struct text){ NULL, 0 };
	at += strlen(needle);
	return (struct text){ at, (size_t)(t.s + t.len - at) };
}

static bool has(struct text t, const char *needle)
{
	return after(t, needle).s != NULL;
}

static struct text trimmed(struct text t)
{
	while (t.len > 0 && isspace((unsigned char)t.s[t.len - 1]))
		t.len--;
	return t;
}

/* The text between the nth pair of double quotes, from 1. */
static struct text quoted(struct text t, int n)
{
	while (t.len > 0) {
		struct text inner = after(t, "\""), rest;

		rest = inner.s ? after(inner, "\"") : inner;
		if (!rest.s)
			break;
		if (--n == 0)
			return (struct text){ inner.s, inner.len - rest.len - 1 };
		t = rest;
	}
	return (struct text){ "", 0 };
}

static void split_reason(struct line *line)
{
	for (int e = 0; e < 134; e++) {
		const char *reason = strerror(e);
		size_t len = strlen(reason);

		if (!starts(line->message, reason) || line->message.len < len + 3 ||
		    memcmp(line->message.s + len, " - ", 3))
			continue;
		line->message.s += len + 3;
		line->message.len -= len + 3;
		line->reason = e == 0 ? "" : reason;
		return;
	}
}

/* "YYYYmmddHHMMSS.mmm " */
static bool is_stamp(const char *s, size_t len)
{
	if (len < 19 || s[14] != '.' || s[18] != ' ')
		return false;
	for (int i = 0; i < 18; i++)
		if (i != 14 && !isdigit((unsigned char)s[i]))
			return false;
	return true;
}

static bool parse_file_line(struct text t, struct line *ret)
{
	for (; t.len > 0; t.s++, t.len--) {
		if (*t.s != ' ' || !is_stamp(t.s + 1, t.len - 1))
			continue;
		t.s += 20;
		t.len -= 20;
		ret->is_error = starts(t, "ERROR ") || starts(t, "FATAL ") || starts(t, "CRIT ") ||
				starts(t, "ALERT ");
		t = after(t, " - "); /* the category */
		t = t.s ? after(t, " - ") : t; /* file:function:line */
		ret->message = t;
		return t.s != NULL;
	}
	return false;
}

static bool parse_stderr_line(struct text t, struct line *ret)
{
	struct text rest = after(t, ".c: ");

	rest = rest.s ? after(rest, ": ") : rest; /* the function */
	if (!rest.s || rest.len == 0 || !isdigit((unsigned char)*rest.s))
		return false;
	while (rest.len > 0 && isdigit((unsigned char)*rest.s)) {
		rest.s++;
		rest.len--;
	}
	if (!starts(rest, " "))
		return false;
	ret->message = (struct text){ rest.s + 1, rest.len - 1 };
	ret->is_error = true;
	return true;
}

static struct line parse_line(struct text t)
{
	struct line line = { .reason = "" };

	if (!starts(t, "lxc-"))
		return line;
	line.is_log = parse_file_line(t, &line) || parse_stderr_line(t, &line);
	if (line.is_log)
		split_reason(&line);
	return line;
}

/* Said by a caller of what failed, or by lxc-start about the daemon that failed. */
static bool is_consequence(struct text message)
{
	static const char *const known[] = {
		"Failed to spawn container",
		"Received container state",
		"The container failed to start",
		"To get more details",
		"Failed to receive the container state",
		"Failed to initialize container",
		"An error occurred in another process",
		"Failed to setup container",
		"Failed to create the network",
		"Failed to create network device",
		"Failed to setup cgroup limits",
		"Failed to set up id mapping",
		"Failed to setup rootfs",
		"Failed to run ",
		"Expected to receive ",
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (starts(message, known[i]))
			return true;
	return false;
}

static bool is_last(struct text message)
{
	return starts(message, "Additional information can be obtained") ||
	       starts(message, "Failed to create lxc_container");
}

static void begin(struct attempt *a)
{
	*a = (struct attempt){ .over = false };
}

static void take_error(struct attempt *a, const struct line *line)
{
	struct text hook = after(line->message, "Failed to run lxc.hook.");

	if (is_last(line->message)) {
		a->over = true;
		return;
	}
	if (starts(line->message, "Failed to parse config file")) {
		a->config_line = quoted(line->message, 2);
		return;
	}
	if (hook.s && !a->hook.s) {
		struct text rest = after(hook, " ");

		a->hook = (struct text){ hook.s, rest.s ? hook.len - rest.len - 1 : hook.len };
	}
	if (is_consequence(line->message))
		return;
	if (a->over)
		begin(a);
	if (!a->cause.is_log)
		a->cause = *line;
}

static void take_line(struct attempt *a, struct text t)
{
	struct line line = parse_line(t);
	struct text output;

	if (!line.is_log) {
		if (a->reading_output && trimmed(t).len > 0)
			a->output = trimmed(t);
		return;
	}
	a->reading_output = false;
	if (line.is_error) {
		take_error(a, &line);
	} else if (starts(line.message, "Set process title to [lxc monitor]")) {
		begin(a);
	} else if (starts(line.message, "Executing script")) {
		if (a->cause.is_log)
			return;
		a->script = quoted(line.message, 1);
		a->output = (struct text){ NULL, 0 };
	} else if ((output = after(line.message, " produced output: ")).s && !a->cause.is_log) {
		a->reading_output = true;
		a->output = trimmed(output).len > 0 ? trimmed(output) : a->output;
	} else if (starts(line.message, "Child <")) {
		a->end = after(line.message, "ended on ");
	}
}

/*
 * LXC's words by their beginning; ours with $1, $2 for what those quote, $g2 for
 * the same below the rootfs and $r for the reason.
 */
static const struct {
	const char *words, *ours;
} rewordings[] = {
	{ "Failed to retrieve ifindex for", "network interface '$1' does not exist" },
	{ "Failed to create macvlan interface",
	  "cannot make a macvlan on '$2': it is missing or of the wrong kind" },
	{ "Failed to create ipvlan interface",
	  "cannot make an ipvlan on '$2': it is missing or of the wrong kind" },
	{ "Failed to setup limits for the", "this host has no usable cgroup controller '$1'" },
	{ "Failed to set \"", "the kernel refuses '$2' as '$1'$r" },
	{ "Failed to exec \"", "cannot run '$1' in the container$r" },
	{ "Failed to mount \"", "cannot mount '$1' on '$g2' of the container$r" },
	{ "Failed to open \"", "cannot open '$1'$r" },
	{ "Failed to open file", "cannot open '$1'$r" },
	{ "Mac address", "'$1' is not a hardware address" },
	{ "Unsupported config key", "this LXC does not know the key '$1'" },
};

/* "/usr/lib/x86_64-linux-gnu/lxc/rootfs/mnt" is /mnt of the container. */
static struct text below_rootfs(struct text path)
{
	struct text rest = after(path, "/lxc/rootfs/");

	return rest.s ? (struct text){ rest.s - 1, rest.len + 1 } : path;
}

static void add_text(struct strbuf *out, struct text t)
{
	strbuf_add(out, t.s, t.len);
}

static void add_reason(struct strbuf *out, const struct line *cause)
{
	if (*cause->reason)
		strbuf_addf(out, ": %s", cause->reason);
}

static void expand(struct strbuf *out, const char *ours, const struct line *cause)
{
	for (; *ours; ours++) {
		if (*ours != '$') {
			strbuf_addch(out, *ours);
			continue;
		}
		ours++;
		if (*ours == 'r')
			add_reason(out, cause);
		else if (*ours == 'g')
			add_text(out, below_rootfs(quoted(cause->message, *++ours - '0')));
		else
			add_text(out, quoted(cause->message, *ours - '0'));
	}
}

/* Its sentence as it is, in this house's style. */
static void add_plain(struct strbuf *out, const struct line *cause)
{
	struct text m = trimmed(cause->message);

	for (size_t i = 0; i < m.len; i++) {
		unsigned char c = (unsigned char)m.s[i];

		if (i == 0 && m.len > 1 && !isupper((unsigned char)m.s[1]))
			c = (unsigned char)tolower(c);
		strbuf_addch(out, c == '"' ? '\'' : (char)c);
	}
	add_reason(out, cause);
}

static void add_hook(struct strbuf *out, const struct attempt *a)
{
	struct text status = after(a->cause.message, "Script exited with status ");
	struct text signum = after(a->cause.message, "Script terminated by signal ");

	strbuf_addstr(out, "hook ");
	if (a->script.s) {
		strbuf_addch(out, '\'');
		add_text(out, a->script);
		strbuf_addstr(out, "' ");
	}
	if (a->hook.s) {
		strbuf_addch(out, '(');
		add_text(out, a->hook);
		strbuf_addstr(out, ") ");
	}
	if (signum.s) {
		strbuf_addstr(out, "was killed by signal ");
		add_text(out, trimmed(signum));
	} else {
		strbuf_addstr(out, "exited with ");
		add_text(out, status.s ? trimmed(status) : TEXT("an error"));
	}
	if (a->output.s) {
		strbuf_addstr(out, ": ");
		add_text(out, a->output);
	}
}

/* newuidmap: uid range [0-65536) -> [1000000-1065536) not allowed */
static bool add_idmap(struct strbuf *out, struct text message)
{
	bool gid = starts(message, "newgidmap failed");
	struct text range = after(message, "-> [");
	struct text rest = range.s ? after(range, ")") : range;

	if (!rest.s || !(gid || starts(message, "newuidmap failed")))
		return false;
	strbuf_addf(out, "root may not give the host %s [", gid ? "groups" : "users");
	add_text(out, (struct text){ range.s, range.len - rest.len });
	strbuf_addf(out, " to containers: /etc/%s has no such range", gid ? "subgid" : "subuid");
	return true;
}

#define KILLED "its first process was killed while it was set up: is the memory limit too small?"

static void add_cause(struct strbuf *out, const struct attempt *a)
{
	struct text m = a->cause.message;

	if (starts(m, "Script ")) {
		add_hook(out, a);
		return;
	}
	if (has(m, "bridge interface doesn't exist")) {
		expand(out, "bridge '$2' does not exist", &a->cause);
		return;
	}
	if (starts(m, "Sync wake failure") ||
	    (starts(m, "Failed to create veth pair") && strcmp(a->cause.reason, strerror(ESRCH)) == 0)) {
		strbuf_addstr(out, KILLED);
		return;
	}
	if (add_idmap(out, m))
		return;
	for (size_t i = 0; i < sizeof(rewordings) / sizeof(rewordings[0]); i++)
		if (starts(m, rewordings[i].words)) {
			expand(out, rewordings[i].ours, &a->cause);
			return;
		}
	add_plain(out, &a->cause);
}

static void add_end(struct strbuf *out, struct text end)
{
	if (has(end, "(9)")) {
		strbuf_addstr(out, "its first process was killed: is the memory limit too small?");
		return;
	}
	strbuf_addstr(out, "its first process ended on ");
	add_text(out, trimmed(end));
}

bool lxc_log_cause(const char *log, char *buf, size_t size)
{
	AUTO_STRBUF struct strbuf out = STRBUF_INIT;
	struct attempt a = { .over = false };

	for (const char *s = log; *s;) {
		size_t len = strcspn(s, "\n");

		take_line(&a, (struct text){ s, len });
		s += len + (s[len] == '\n');
	}
	if (a.config_line.s) {
		strbuf_addstr(&out, "configuration line '");
		add_text(&out, a.config_line);
		strbuf_addstr(&out, a.cause.is_log ? "': " : "' is not accepted");
	}
	if (a.cause.is_log)
		add_cause(&out, &a);
	else if (a.end.s && !a.config_line.s)
		add_end(&out, a.end);
	proc_clean_text(out.buf, out.len, buf, size);
	return out.len > 0;
}
