/* SPDX-License-Identifier: MIT */
/* POST /1.0/images with a JSON body: images that are made of instances, or come from other servers. */
#include <string.h>

#include "api/images.h"
#include "api/server_config.h"
#include "backup/publish.h"
#include "base/json.h"
#include "base/units.h"
#include "image/download.h"

static void post_instance(struct request *r)
{
	struct berthd *b = request_berthd(r);
	AUTO_JSON cJSON *all = cJSON_Duplicate(request_body(r), true);
	const char *usual = server_config_get(b->server, "images.compression_algorithm");
	struct error err = ERROR_INIT;

	if (usual && !*json_str_or(all, "compression_algorithm", ""))
		json_set_str(all, "compression_algorithm", usual);
	reply_image(r, publish(b, all, &err), &err);
}

void image_add_proxies(const struct berthd *b, cJSON *source)
{
	json_set_str(source, "proxy_https", server_config_get(b->server, "core.proxy_https"));
	json_set_str(source, "proxy_ignore", server_config_get(b->server, "core.proxy_ignore_hosts"));
}

void image_add_ways(const struct berthd *b, cJSON *source)
{
	const char *update = server_config_get(b->server, "images.auto_update_cached");
	const char *interval = server_config_get(b->server, "images.auto_update_interval");
	struct error ignored = ERROR_INIT;
	int yes = 1;

	if (!source || !*json_str_or(source, "server", ""))
		return;
	image_add_proxies(b, source);
	if (update && units_parse_bool(update, &yes, &ignored))
		yes = 1;
	json_set_bool(source, "auto_update", yes);
	json_set_bool(source, "prefer_cached", !interval || strcmp(interval, "0") != 0);
}

static cJSON *options_of(const cJSON *body)
{
	static const char *const taken[] = { "aliases", "public", "properties", "profiles", "auto_update" };
	cJSON *options = cJSON_CreateObject();
	size_t i;

	for (i = 0; i < sizeof(taken) / sizeof(taken[0]); i++) {
		const cJSON *v = cJSON_GetObjectItemCaseSensitive(body, taken[i]);

		if (v && !cJSON_IsNull(v))
			json_set(options, taken[i], cJSON_Duplicate(v, true));
	}
	return options;
}

static void download(struct request *r, const char *protocol)
{
	struct berthd *b = request_berthd(r);
	AUTO_JSON cJSON *source = cJSON_Duplicate(json_obj(request_body(r), "source"), true);
	AUTO_JSON cJSON *options = options_of(request_body(r));
	const struct image_download d = { .source = source, .options = options };
	const char *mode = json_str_or(source, "mode", "");
	struct error err = ERROR_INIT;

	if (*mode && strcmp(mode, "pull")) {
		reply_errorf(r, ERROR_UNSUPPORTED, "images are fetched in the mode 'pull' only, not '%.64s'", mode);
		return;
	}
	if (protocol)
		json_set_str(source, "protocol", protocol);
	image_add_proxies(b, source);
	reply_image(r, image_download(b, &d, &err), &err);
}

static void post_image(struct request *r)
{
	download(r, NULL);
}

static void post_url(struct request *r)
{
	download(r, "direct");
}

static const struct {
	const char *type;
	void (*post)(struct request *r);
} sources[] = {
	{ "instance", post_instance },
	{ "container", post_instance },
	{ "virtual-machine", post_instance },
	{ "snapshot", post_instance },
	{ "image", post_image },
	{ "url", post_url },
};

void images_post(struct request *r)
{
	const cJSON *source = json_obj(request_body(r), "source");
	const char *type = json_str_or(source, "type", "");
	size_t i;

	if (!request_trusted(r)) {
		reply_errorf(r, ERROR_FORBIDDEN, "not authorized");
		return;
	}
	if (strcmp(json_str_or(source, "mode", ""), "push") == 0) {
		image_push_token_post(r);
		return;
	}
	if (!source) {
		reply_errorf(r, ERROR_INVALID,
			     "Missing image source: send the archive as the body, or a source");
		return;
	}
	for (i = 0; i < sizeof(sources) / sizeof(sources[0]); i++) {
		if (strcmp(type, sources[i].type) == 0) {
			sources[i].post(r);
			return;
		}
	}
	reply_errorf(r, ERROR_INVALID, "Invalid image source type '%.64s'", type);
}
