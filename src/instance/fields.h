/* SPDX-License-Identifier: MIT */
/*
 * fields=name,status,state.network: berthd's own parameter of GET /1.0/instances.
 * Only the named members are answered and only the figures they need are read
 * from the kernel; `berth list` lives by it.
 */
#ifndef BERTH_INSTANCE_FIELDS_H
#define BERTH_INSTANCE_FIELDS_H

#include "base/error.h"
#include "base/strbuf.h"
#include "berthd.h"
#include "instance/registry.h"

/* A set of members; ERROR_INVALID names an unknown one. */
int fields_parse(const char *text, unsigned *ret_fields, struct error *err);
/* Appends the object. */
void fields_text(struct berthd *b, struct instance *inst, unsigned fields, struct strbuf *out);

#endif
