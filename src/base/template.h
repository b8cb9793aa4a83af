/* SPDX-License-Identifier: MIT */
/*
 * Mustache (the subset of mustache(5): {{key}}, {{#section}}, {{^inverted}},
 * {{/section}}, {{! comment}}, {{.}}; standalone tags take their line with
 * them) over a cJSON context.  Differences, on purpose: nothing is HTML-
 * escaped; an unknown key is an error naming file and line; a value with a
 * control character (newline!) is an error, except through {{{key}}}, which
 * may hold newlines (raw.lxc) but no other control character than \t.
 */
#ifndef BERTH_BASE_TEMPLATE_H
#define BERTH_BASE_TEMPLATE_H

#include <cjson/cJSON.h>
#include <stddef.h>

#include "base/error.h"
#include "base/strbuf.h"

struct template;

/* name is for messages only. */
struct template *template_parse(const char *name, const char *text, size_t len, struct error *err);
struct template *template_load(const char *path, struct error *err);
void template_free(struct template *t);
/* Appends to out; on error out is as it was. */
int template_render(const struct template *t, const cJSON *context, struct strbuf *out, struct error *err);

#endif
