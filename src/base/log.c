/* SPDX-License-Identifier: MIT */
#include "base/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/strbuf.h"

static enum log_level threshold = LOG_LEVEL_INFO;
static log_sink_cb sink_cb;
static void *sink_data;
static bool sink_all;
static pthread_t sink_thread; /* the sink is not made for others */

static const struct {
	const char *name;
	int priority; /* sd-daemon(3) */
} levels[] = {
	[LOG_LEVEL_ERROR] = { "error", 3 },
	[LOG_LEVEL_WARNING] = { "warning", 4 },
	[LOG_LEVEL_INFO] = { "info", 6 },
	[LOG_LEVEL_DEBUG] = { "debug", 7 },
};

bool log_level_parse(const char *name, enum log_level *ret)
{
	size_t i;

	for (i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
		if (strcmp(levels[i].name, name) == 0) {
			*ret = (enum log_level)i;
			return true;
		}
	}
	return false;
}

void log_set_level(enum log_level level)
{
	threshold = level;
}

enum log_level log_get_level(void)
{
	return threshold;
}

void log_set_sink(log_sink_cb sink, void *data)
{
	sink_cb = sink;
	sink_data = data;
	sink_thread = pthread_self();
}

void log_sink_debug(bool all)
{
	sink_all = all;
}

/* systemd.exec(5): JOURNAL_STREAM is "device:inode" of the stream we were given. */
static bool to_journal(void)
{
	const char *text = getenv("JOURNAL_STREAM");
	char mine[64];
	struct stat st;

	if (!text || fstat(STDERR_FILENO, &st) < 0)
		return false;
	snprintf(mine, sizeof(mine), "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
	return strcmp(mine, text) == 0;
}

static void add_prefix(struct strbuf *line, enum log_level level)
{
	char stamp[32];
	time_t now = time(NULL);
	struct tm tm;

	if (to_journal()) {
		strbuf_addf(line, "<%d>", levels[level].priority);
		return;
	}
	if (!gmtime_r(&now, &tm) || !strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%SZ", &tm))
		stamp[0] = 0;
	strbuf_addf(line, "%s %s ", stamp, levels[level].name);
}

/* What others wrote is in messages: one message stays one line and moves no cursor. */
static void add_visible(struct strbuf *line, const char *msg)
{
	for (; *msg; msg++) {
		if ((unsigned char)*msg < 0x20 || *msg == 0x7f)
			strbuf_addf(line, *msg == '\n' ? "\\n" : "\\x%02x", (unsigned char)*msg);
		else
			strbuf_addch(line, *msg);
	}
}

static void emit(enum log_level level, const char *msg)
{
	AUTO_STRBUF struct strbuf line = STRBUF_INIT;
	size_t done = 0;
	ssize_t n;

	add_prefix(&line, level);
	add_visible(&line, msg);
	strbuf_addch(&line, '\n');
	while (done < line.len) {
		n = write(STDERR_FILENO, line.buf + done, line.len - done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		done += (size_t)n;
	}
}

static void __attribute__((format(printf, 2, 0)))
log_message(enum log_level level, const char *fmt, va_list ap)
{
	AUTO_STRBUF struct strbuf msg = STRBUF_INIT;
	static __thread bool inside; /* a sink that logs is not called for that */
	bool sinks = sink_cb && !inside && (sink_all || level <= threshold) && pthread_equal(pthread_self(), sink_thread);
	int saved = errno;

	if (level > threshold && !sinks)
		return;
	strbuf_vaddf(&msg, fmt, ap);
	if (level <= threshold)
		emit(level, msg.buf);
	if (sinks) {
		inside = true;
		sink_cb(level, msg.buf, sink_data);
		inside = false;
	}
	errno = saved;
}

#define DEFINE_LOG(name, level)                     \
	void log_##name(const char *fmt, ...)       \
	{                                           \
		va_list ap;                         \
							\
		va_start(ap, fmt);                  \
		log_message(level, fmt, ap);        \
		va_end(ap);                         \
	}

DEFINE_LOG(error, LOG_LEVEL_ERROR)
DEFINE_LOG(warning, LOG_LEVEL_WARNING)
DEFINE_LOG(info, LOG_LEVEL_INFO)
DEFINE_LOG(debug, LOG_LEVEL_DEBUG)
