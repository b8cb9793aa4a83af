/* SPDX-License-Identifier: MIT */
/*
 * A template, a NUL byte, a JSON context (or none: a fixed one).  Rendering
 * changes nothing when it fails, and values never add lines: without {{{…}}}
 * and sections there are at most as many lines as in the template.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/strbuf.h"
#include "base/template.h"

static const char fixed[] = "{\"a\":\"text\",\"b\":[{\"a\":1},{\"c\":\"\\n\"}],\"c\":{\"d\":{\"e\":true}},"
			    "\"n\":null,\"f\":false,\"l\":[1,[2,3],\"x\"],\"r\":\"two\\nlines\",\"z\":\"\\u001b\"}";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t lines(const char *text, size_t len)
{
	size_t n = 0;

	while (len--)
		n += text[len] == '\n';
	return n;
}

static bool has(const char *text, size_t len, const char *what)
{
	return memmem(text, len, what, strlen(what)) != NULL;
}

static void render(const struct template *t, const char *text, size_t len, const cJSON *context)
{
	AUTO_STRBUF struct strbuf out = STRBUF_INIT;
	struct error err = ERROR_INIT;

	strbuf_addstr(&out, "kept");
	if (template_render(t, context, &out, &err) < 0) {
		if (strcmp(out.buf, "kept") != 0 || err.code == ERROR_NONE || !err.msg[0])
			abort();
		return;
	}
	if (memcmp(out.buf, "kept", 4) != 0)
		abort();
	if (!has(text, len, "{{{") && !has(text, len, "{{#") && lines(out.buf, out.len) > lines(text, len))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data, *nul = size ? memchr(text, 0, size) : NULL;
	size_t len = nul ? (size_t)(nul - text) : size;
	const char *json = nul ? nul + 1 : fixed;
	size_t json_len = nul ? size - len - 1 : strlen(fixed);
	struct error err = ERROR_INIT;
	AUTO_JSON cJSON *context = json_parse(json, json_len, &err);
	struct template *t = context ? template_parse("fuzz", text, len, &err) : NULL;

	if (t)
		render(t, text, len, context);
	else if (err.code != ERROR_INVALID || !err.msg[0])
		abort();
	template_free(t);
	return 0;
}
