/* SPDX-License-Identifier: MIT */
/*
 * Which ttyd is there, and how it is started. Its options differ: 1.7.4 brought -W (without it the terminal is
 * read-only from then on), 1.6.1 -b. It is asked once, and again when its file is another one.
 */
#ifndef BERTH_TERMINAL_TTYD_H
#define BERTH_TERMINAL_TTYD_H

#include <uv.h>

#include "base/argv.h"
#include "base/error.h"

struct settings;
struct ttyd;

struct ttyd *ttyd_new(uv_loop_t *loop, const struct settings *settings);
void ttyd_free(struct ttyd *t); /* waiting callbacks do not fire; NULL is fine */
/* cb fires once when it is known, at once or from the loop. */
void ttyd_ready(struct ttyd *t, void (*cb)(void *data), void *data);
/* 0 when it can be used; ERROR_UNSUPPORTED with what is wrong; ERROR_UNAVAILABLE when it is not known yet. */
int ttyd_check(struct ttyd *t, struct error *err);

struct ttyd_session {
	const char *socket; /* ends in .sock: that is how ttyd knows it from an interface */
	const char *base;   /* "/t/ID" */
	const char *title;
};
/* ttyd and its options; the command follows. Only after ttyd_check() succeeded. */
void ttyd_argv(const struct ttyd *t, const struct ttyd_session *s, struct argv *a);

#endif
