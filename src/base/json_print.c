/* SPDX-License-Identifier: MIT */
/*
 * cJSON prints whole numbers past 10^15 as 1.5e+15, which clients in typed
 * languages do not take for an integer, and strings that are not UTF-8 as they
 * are.  This printer does neither.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/json_scan.h"

/* The first character that may need a closer look. */
static const char *skip_plain(const char *s)
{
	while ((unsigned char)*s >= 0x20 && (unsigned char)*s < 0x80 && *s != '"' && *s != '\\')
		s++;
	return s;
}

static void print_string(struct strbuf *out, const char *s)
{
	static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";
	const char *plain = s, *end = s + strlen(s), *p;
	size_t n;

	strbuf_addch(out, '"');
	while ((s = skip_plain(s)) < end) {
		n = json_utf8_len(s, (size_t)(end - s));
		p = strchr(from, *s);
		if (n && !p && (unsigned char)*s >= 0x20) {
			s += n;
			continue;
		}
		strbuf_add(out, plain, (size_t)(s - plain));
		if (!n)
			strbuf_addstr(out, "\xef\xbf\xbd"); /* U+FFFD */
		else if (p)
			strbuf_add(out, (char[]){ '\\', to[p - from] }, 2);
		else
			strbuf_addf(out, "\\u%04x", (unsigned char)*s);
		plain = ++s;
	}
	strbuf_add(out, plain, (size_t)(s - plain));
	strbuf_addch(out, '"');
}

static void print_number(struct strbuf *out, double d)
{
	char text[64], *comma;
	int digits = 15;

	if (!isfinite(d)) {
		strbuf_addstr(out, "null");
		return;
	}
	if (fabs(d) < 0x1p63 && (double)(int64_t)d == d) {
		strbuf_addf(out, "%lld", (long long)d);
		return;
	}
	do
		snprintf(text, sizeof(text), "%.*g", digits, d);
	while (strtod(text, NULL) != d && ++digits <= 17);
	comma = strchr(text, ','); /* some locales */
	if (comma)
		*comma = '.';
	strbuf_addstr(out, text);
}

/* indent < 0: compact */
static void new_line(struct strbuf *out, int indent)
{
	if (indent < 0)
		return;
	strbuf_addch(out, '\n');
	while (indent--)
		strbuf_addch(out, '\t');
}

static void print(struct strbuf *out, const cJSON *v, int indent);

static void print_members(struct strbuf *out, const cJSON *v, int indent)
{
	int inner = indent < 0 ? -1 : indent + 1;
	const cJSON *m;

	for (m = v->child; m; m = m->next) {
		new_line(out, inner);
		if (cJSON_IsObject(v)) {
			print_string(out, m->string ? m->string : "");
			strbuf_addstr(out, indent < 0 ? ":" : ": ");
		}
		print(out, m, inner);
		if (m->next)
			strbuf_addch(out, ',');
	}
	if (v->child)
		new_line(out, indent);
}

static void print(struct strbuf *out, const cJSON *v, int indent)
{
	switch (v->type & 0xff) {
	case cJSON_False:
		strbuf_addstr(out, "false");
		break;
	case cJSON_True:
		strbuf_addstr(out, "true");
		break;
	case cJSON_Number:
		print_number(out, v->valuedouble);
		break;
	case cJSON_String:
		print_string(out, v->valuestring ? v->valuestring : "");
		break;
	case cJSON_Raw:
		strbuf_addstr(out, v->valuestring ? v->valuestring : "null");
		break;
	case cJSON_Array:
		strbuf_addch(out, '[');
		print_members(out, v, indent);
		strbuf_addch(out, ']');
		break;
	case cJSON_Object:
		strbuf_addch(out, '{');
		print_members(out, v, indent);
		strbuf_addch(out, '}');
		break;
	default:
		strbuf_addstr(out, "null");
	}
}

char *json_text(const cJSON *v)
{
	struct strbuf out = STRBUF_INIT;

	if (v)
		print(&out, v, -1);
	else
		strbuf_addstr(&out, "null");
	return strbuf_detach(&out);
}

int json_write_file(const char *path, const cJSON *v, enum json_write how, struct error *err)
{
	AUTO_STRBUF struct strbuf out = STRBUF_INIT;

	print(&out, v, 0);
	strbuf_addch(&out, '\n');
	return (how == JSON_DURABLE ? fs_write_atomic : fs_write_quick)(path, out.buf, out.len, 0600, err);
}
