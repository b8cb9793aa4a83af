/* SPDX-License-Identifier: MIT */
/* The rooms of the daemon, each opened, started and closed in the one order that works. */
#ifndef BERTH_ROOMS_H
#define BERTH_ROOMS_H

#include "base/error.h"
#include "berthd.h"

struct settings_source;

/* b->loop and b->settings are there. Reads everything from disk; what failed half-way is not closed: the process ends. */
int rooms_open(struct berthd *b, const struct settings_source *source, struct error *err);
/* Clients may come: what was interrupted is finished, and what happens by itself begins. */
void rooms_start(struct berthd *b);
/* berthd ends: nothing begins by itself any more. May be called twice. */
void rooms_stop_clocks(struct berthd *b);
void rooms_close(struct berthd *b);

#endif
