/* SPDX-License-Identifier: MIT */
/*
 * What is told to many: each text is kept once, until the last of those who read it has had it. A reader is a place in
 * the log; who comes late sees only what is told from then on.
 */
#ifndef BERTH_API_EVENT_LOG_H
#define BERTH_API_EVENT_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct event_log;
struct event_place; /* counted */

struct event_text {
	int type; /* the caller's */
	const char *text;
	size_t len;
};

struct event_log *event_log_new(void);
void event_log_free(struct event_log *log); /* before or after its places are given back; NULL is fine */
void event_log_add(struct event_log *log, int type, char *text_taken, size_t len);
size_t event_log_bytes(const struct event_log *log); /* kept now */

struct event_place *event_log_end(struct event_log *log); /* what comes next; to be given back */
/* The text there; false: none has come yet. Valid until the place is moved. */
bool event_place_read(const struct event_place *at, struct event_text *ret);
struct event_place *event_place_next(struct event_place *at_taken); /* after a read that gave one */
void event_place_release(struct event_place *at_taken); /* NULL is fine */
/* How many bytes have come since: 0 at the end. */
uint64_t event_place_behind(const struct event_log *log, const struct event_place *at);

#endif
