/* SPDX-License-Identifier: MIT */
/*
 * pongo2, the language of templates in LXD's images (that of Django's), as far as images use it:
 *   {{ EXPRESSION }}, {% if %} {% elif %} {% else %}, {% ifequal A B %}, {% ifnotequal A B %},
 *   {% for NAME[, NAME] in EXPRESSION [reversed] [sorted] %} {% empty %}, {% set NAME = EXPRESSION %},
 *   {% with NAME=EXPRESSION … %}, {% firstof … %}, {% autoescape on|off %}, {% comment %}, {# … #}; "-" at the inner side
 *   of a tag takes the white space beside it.
 * Expressions: "text", 'text', numbers, true, false, NAME.MEMBER, NAME_get(KEY, DEFAULT), FILTERS (pongo_filter.c),
 * and or not && || !, == != < <= > >= in, + - * / % and ( ). Nothing is escaped unless asked for. A name that is not known is
 * empty. Rendering is limited in time and memory, whatever the template.
 */
#ifndef BERTH_BASE_PONGO_H
#define BERTH_BASE_PONGO_H

#include <cjson/cJSON.h>
#include <stddef.h>

#include "base/error.h"
#include "base/strbuf.h"

enum { PONGO_TEXT_MAX = 1 << 20, PONGO_OUTPUT_MAX = 4 << 20 };

/*
 * context: an object; its members are the names, and each that is an object makes a function NAME_get. name is for messages:
 * "NAME:LINE: why" (ERROR_INVALID, also for what is not supported; ERROR_TOO_LARGE). On error out is as it was.
 */
int pongo_render(const char *name, const char *text, size_t len, const cJSON *context, struct strbuf *out, struct error *err);

#endif
