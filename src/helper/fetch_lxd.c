/* SPDX-License-Identifier: MIT */
/* Images of another LXD (or berth): GET images/aliases/NAME, images/FP, images/FP/export. */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "helper/fetch_resolve.h"

/* BASE/1.0/images/WHAT…?secret=&project= */
static char *url_of(const cJSON *source, const char *what, const char *name, const char *tail)
{
	AUTO_FREE char *base = fetch_base(source);
	const char *secret = json_str_or(source, "secret", ""), *project = json_str_or(source, "project", "");
	struct strbuf url = STRBUF_INIT;

	strbuf_addf(&url, "%s/1.0/images/%s", base, what);
	strbuf_adduri(&url, name); /* debian/12 too */
	strbuf_addstr(&url, tail);
	if (*project && strcmp(project, "default") != 0) {
		strbuf_addstr(&url, "?project=");
		strbuf_adduri(&url, project);
	}
	if (*secret) {
		strbuf_addstr(&url, strchr(url.buf, '?') ? "&secret=" : "?secret=");
		strbuf_adduri(&url, secret);
	}
	return strbuf_detach(&url);
}

static cJSON *get(struct http *h, const cJSON *source, const char *what, const char *name, struct error *err)
{
	AUTO_FREE char *url = url_of(source, what, name, "");
	AUTO_JSON cJSON *v = http_get_json(h, url, err);

	if (v == NULL)
		return NULL;
	if (json_obj(v, "metadata") == NULL) {
		error_set(err, ERROR_TOOL, "the server's answer about '%.200s' is not LXD's", name);
		return NULL;
	}
	return cJSON_DetachItemFromObjectCaseSensitive(v, "metadata");
}

/* An alias, where there is one of that name (clients put one into either member); else a fingerprint or its beginning. */
static char *target(struct http *h, const cJSON *source, struct error *err)
{
	const char *name = json_str_or(source, "alias", "");
	AUTO_JSON cJSON *v = NULL;

	if (*name == '\0')
		name = json_str_or(source, "fingerprint", "");
	if (*name == '\0') {
		error_set(err, ERROR_INVALID, "Must specify one of alias or fingerprint for the image source");
		return NULL;
	}
	/* a secret opens one image and no list of aliases */
	if (fetch_is_fingerprint(name) || *json_str_or(source, "secret", ""))
		return mem_strdup(name);
	v = get(h, source, "aliases/", name, err);
	if (v != NULL)
		return mem_strdup(json_str_or(v, "target", ""));
	if (err->code != ERROR_NOT_FOUND)
		return NULL;
	error_clear(err);
	return mem_strdup(name);
}

cJSON *fetch_lxd(struct http *h, const cJSON *source, struct error *err)
{
	AUTO_FREE char *name = target(h, source, err);
	cJSON *image = name != NULL ? get(h, source, "", name, err) : NULL, *v;
	const char *fingerprint = json_str_or(image, "fingerprint", "");

	if (image == NULL) {
		error_wrap(err, "Failed getting remote image info");
		return NULL;
	}
	if (!fetch_is_fingerprint(fingerprint) || strncmp(fingerprint, name, strlen(name)) != 0) {
		error_set(err, ERROR_TOOL, "the server's answer about image '%.64s' is of another: '%.64s'", name, fingerprint);
		cJSON_Delete(image);
		return NULL;
	}
	v = fetch_answer(fingerprint);
	if (strcmp(json_str_or(image, "type", "container"), "container") != 0) {
		error_set(err, ERROR_UNSUPPORTED, "'%.64s' is the image of a virtual machine", name);
		cJSON_Delete(v);
		v = NULL;
	} else {
		AUTO_FREE char *url = url_of(source, "", fingerprint, "/export");

		fetch_add_file(v, url, NULL);
		json_set(v, "image", cJSON_Duplicate(image, true));
	}
	cJSON_Delete(image);
	return v;
}
