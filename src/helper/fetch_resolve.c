/* SPDX-License-Identifier: MIT */
#include "helper/fetch_resolve.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/ident.h"
#include "base/json.h"
#include "base/mem.h"

int fetch_is_fingerprint(const char *text)
{
	return strlen(text) == SHA256_TEXT_SIZE - 1 && strspn(text, "0123456789abcdef") == SHA256_TEXT_SIZE - 1;
}

char *fetch_base(const cJSON *source)
{
	const char *server = json_str_or(source, "server", "");
	size_t len = strlen(server);

	while (len > 0 && server[len - 1] == '/')
		len--;
	return mem_strndup(server, len);
}

cJSON *fetch_answer(const char *fingerprint)
{
	cJSON *v = cJSON_CreateObject();

	json_set_str(v, "fingerprint", fingerprint);
	cJSON_AddArrayToObject(v, "files");
	return v;
}

void fetch_add_file(cJSON *answer, const char *url, const char *sha256_or_null)
{
	cJSON *file = cJSON_CreateObject();

	json_set_str(file, "url", url);
	if (sha256_or_null)
		json_set_str(file, "sha256", sha256_or_null);
	cJSON_AddItemToArray(json_arr(answer, "files"), file);
}

/* ---- direct: LXD-Image-Hash and LXD-Image-URL of a HEAD */

static void add_architectures(const cJSON *source, char *line, size_t size)
{
	const cJSON *a;
	size_t n = (size_t)snprintf(line, size, "LXD-Server-Architectures: ");

	cJSON_ArrayForEach(a, json_arr(source, "architectures")) {
		if (cJSON_IsString(a) && n + strlen(a->valuestring) + 3 < size)
			n += (size_t)snprintf(line + n, size - n, "%s%s", line[n - 2] == ':' ? "" : ", ", a->valuestring);
	}
}

static cJSON *resolve_direct(struct http *h, const cJSON *source, struct error *err)
{
	struct http_header wanted[] = { { "LXD-Image-Hash", NULL }, { "LXD-Image-URL", NULL } };
	const char *url = json_str_or(source, "url", "");
	char line[512];
	const char *sent[] = { line, "LXD-Server-Version: 5.0.2", NULL };
	cJSON *v = NULL;
	int rc;

	add_architectures(source, line, sizeof(line));
	rc = http_head(h, url, sent, wanted, 2, err);
	if (rc == 0 && wanted[0].value == NULL)
		error_set(err, ERROR_INVALID, "Missing LXD-Image-Hash header");
	else if (rc == 0 && wanted[1].value == NULL)
		error_set(err, ERROR_INVALID, "Missing LXD-Image-URL header");
	else if (rc == 0 && !fetch_is_fingerprint(wanted[0].value))
		error_set(err, ERROR_INVALID, "LXD-Image-Hash is no fingerprint: '%.80s'", wanted[0].value);
	else if (rc == 0 && http_check_url(wanted[1].value, err) == 0) {
		v = fetch_answer(wanted[0].value);
		fetch_add_file(v, wanted[1].value, NULL);
	}
	free(wanted[0].value);
	free(wanted[1].value);
	return v;
}

cJSON *fetch_resolve(struct http *h, const cJSON *source, struct error *err)
{
	static const struct {
		const char *protocol;
		cJSON *(*resolve)(struct http *h, const cJSON *source, struct error *err);
	} kinds[] = { { "lxd", fetch_lxd }, { "simplestreams", fetch_streams }, { "direct", resolve_direct } };
	const char *protocol = json_str_or(source, "protocol", "lxd");

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(protocol, kinds[i].protocol) == 0)
			return kinds[i].resolve(h, source, err);
	error_set(err, ERROR_INVALID, "Unsupported protocol: %.64s", protocol);
	return NULL;
}
