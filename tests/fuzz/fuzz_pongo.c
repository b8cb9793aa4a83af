/* SPDX-License-Identifier: MIT */
/* A template of an image, with a context as berthd gives it. Rendering ends, and changes nothing when it fails. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/pongo.h"

static const char fixed[] = "{\"container\":{\"name\":\"c1\"},\"config\":{\"user.x\":\"2\\n\",\"a\":\"<b>\"},\"properties\":{\"a\":\"b\"},"
			    "\"devices\":{\"root\":{\"type\":\"disk\"}},\"path\":\"/x\",\"l\":[1,2.5,\"x\",[1],{}]}";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static cJSON *context;
	AUTO_STRBUF struct strbuf out = STRBUF_INIT;
	struct error err = ERROR_INIT;

	if (context == NULL)
		context = json_parse(fixed, strlen(fixed), &err);
	strbuf_addstr(&out, "kept");
	if (pongo_render("fuzz", (const char *)data, size, context, &out, &err) < 0) {
		if (strcmp(out.buf, "kept") != 0 || (err.code != ERROR_INVALID && err.code != ERROR_TOO_LARGE) ||
		    strncmp(err.msg, "fuzz:", 5) != 0)
			abort();
		return 0;
	}
	if (memcmp(out.buf, "kept", 4) != 0 || out.len > PONGO_OUTPUT_MAX + 2 * PONGO_TEXT_MAX)
		abort();
	return 0;
}
