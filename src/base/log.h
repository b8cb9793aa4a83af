/* SPDX-License-Identifier: MIT */
/*
 * Log lines: "2026-11-22T01:02:03Z level message" on stderr (without the time
 * and with "<N>" priorities when JOURNAL_STREAM names our stderr).  Only main,
 * the HTTP layer and undo paths log; everything else returns errors.
 */
#ifndef BERTH_BASE_LOG_H
#define BERTH_BASE_LOG_H

#include <stdbool.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

bool log_level_parse(const char *name, enum log_level *ret); /* error|warning|info|debug */
void log_set_level(enum log_level level);
enum log_level log_get_level(void);

/* Every line that passes the level also goes here (the events stream), if it is of the thread that set the sink. */
typedef void (*log_sink_cb)(enum log_level level, const char *msg, void *data);
void log_set_sink(log_sink_cb sink, void *data);
void log_sink_debug(bool all); /* those that do not pass go there too */

void log_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_warning(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
