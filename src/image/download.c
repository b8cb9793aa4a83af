/* SPDX-License-Identifier: MIT */
#include "image/download.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "image/fetch_child.h"
#include "image/store_private.h"
#include "lxc/probe.h"
#include "model/settings.h"

enum { RESOLVE_S = 300, LONG_TIME_S = 6 * 3600 };

struct download {
	struct berthd *b;
	cJSON *args;
	cJSON *answer; /* of berth-fetch resolve */
	struct image_upload *upload;
};

static void *download_load(void *ctx, cJSON *args, struct error *err)
{
	struct download *d = mem_alloc(sizeof(*d));

	d->b = ctx;
	d->args = args;
	return d;
}

static void download_unload(void *data)
{
	struct download *d = data;

	if (!d)
		return;
	image_upload_abort(d->upload);
	cJSON_Delete(d->answer);
	free(d);
}

static const char *fingerprint_of(const struct download *d)
{
	return json_str_or(d->answer, "fingerprint", "");
}

/* "x86_64" runs i686 too. */
static cJSON *architectures(const struct berthd *b)
{
	const char *names[] = { b->probe->architecture, "i686" };

	return cJSON_CreateStringArray(names, strcmp(names[0], "x86_64") == 0 ? 2 : 1);
}

/* ---- resolve */

static int take_answer(struct download *d, const struct proc_result *result, struct error *err)
{
	const char *given = json_str_or(json_obj(d->args, "source"), "fingerprint", "");

	if (fetch_child_check(result, err))
		return -1;
	d->answer = json_parse(result->out, result->out_len, err);
	if (!d->answer || !fingerprint_valid(fingerprint_of(d)))
		return error_set(err, ERROR_TOOL, "'berth-fetch' answered something else");
	if (fingerprint_valid(given) && strcmp(given, fingerprint_of(d)))
		return error_set(err, ERROR_TOOL, "the server offers another image than the one asked for");
	json_set_str(d->args, "fingerprint", fingerprint_of(d));
	json_set_bool(d->args, "existed", image_get(d->b->images, fingerprint_of(d)) != NULL);
	return 0;
}

static enum op_result resolved(struct op *op, const struct proc_result *result, struct error *err)
{
	return take_answer(op_data(op), result, err) ? OP_FAIL : OP_DONE;
}

static bool came_by(const cJSON *image, const cJSON *source)
{
	static const char *const same[] = { "server", "protocol", "alias" };
	const cJSON *from = json_obj(image, "update_source");

	for (size_t i = 0; from && i < sizeof(same) / sizeof(same[0]); i++)
		if (strcmp(json_str_or(from, same[i], ""), json_str_or(source, same[i], "")) != 0)
			return false;
	return from && json_bool(image, "auto_update", false);
}

/* The newest one that came by this alias and is kept up to date: its server is not asked. NULL: there is none. */
static const char *prefer_cached(const struct download *d)
{
	const cJSON *source = json_obj(d->args, "source");
	const char *found = NULL, *fingerprint, *newest = "";
	size_t pos = 0;
	void *image;

	if (!json_bool(d->args, "prefer_cached", false) || !*json_str_or(source, "alias", ""))
		return NULL;
	while (strmap_next(d->b->images->images, &pos, &fingerprint, &image)) {
		const char *uploaded = json_str_or(image, "uploaded_at", "");

		if (!came_by(image, source) || strcmp(uploaded, newest) < 0)
			continue;
		found = fingerprint;
		newest = uploaded;
	}
	return found;
}

static enum op_result step_resolve(struct op *op, struct error *err)
{
	struct download *d = op_data(op);
	const char *cached = prefer_cached(d);
	cJSON *spec = cJSON_Duplicate(json_obj(d->args, "source"), true);
	AUTO_ARGV struct argv argv = ARGV_INIT;

	if (cached) {
		d->answer = cJSON_CreateObject();
		json_set_str(d->answer, "fingerprint", cached);
		json_set_str(d->args, "fingerprint", cached);
		json_set_bool(d->args, "existed", true);
		cJSON_Delete(spec);
		return OP_DONE;
	}
	argv_pushf(&argv, "%s/berth-fetch", d->b->settings->libexec_dir);
	argv_push(&argv, "resolve");
	json_set(spec, "architectures", architectures(d->b));
	return fetch_child(op, &argv, spec, NULL, resolved, err);
}

static bool existed(const struct download *d)
{
	return json_bool(d->args, "existed", false);
}

/* ---- download */

static enum op_result step_stage(struct op *op, struct error *err)
{
	struct download *d = op_data(op);

	if (existed(d))
		return OP_DONE;
	d->upload = image_upload_new(d->b->images, err);
	return d->upload ? OP_DONE : OP_FAIL;
}

static enum op_result step_unstage(struct op *op, struct error *err)
{
	struct download *d = op_data(op);

	image_upload_abort(d->upload);
	d->upload = NULL;
	return OP_DONE;
}

static void show(struct op *op, int percent, const char *text)
{
	struct download *d = op_data(op);
	struct op *other = op_find(d->b->ops, json_str_or(d->args, "shown_by", ""));

	op_progress(op, "download", percent, text);
	if (other && !op_final(other))
		op_progress(other, "download", percent, text);
}

static void progress_line(const char *line, void *data)
{
	unsigned long long done, total;
	char text[80];
	int percent;

	if (fetch_child_progress(line, &done, &total, &percent) < 0)
		return;
	if (total)
		snprintf(text, sizeof(text), "rootfs: %d%%", percent);
	else
		snprintf(text, sizeof(text), "rootfs: %.2fMB", (double)done / 1e6);
	show(data, percent, text);
}

static enum op_result downloaded(struct op *op, const struct proc_result *result, struct error *err)
{
	return fetch_child_check(result, err) ? OP_FAIL : OP_DONE;
}

static enum op_result step_download(struct op *op, struct error *err)
{
	static const char *const how[] = { "certificate", "proxy_https", "proxy_ignore" };
	struct download *d = op_data(op);
	const cJSON *source = json_obj(d->args, "source");
	AUTO_ARGV struct argv argv = ARGV_INIT;
	cJSON *spec;
	size_t i;

	if (existed(d))
		return OP_DONE;
	spec = cJSON_CreateObject();
	json_set(spec, "files", cJSON_Duplicate(json_arr(d->answer, "files"), true));
	for (i = 0; i < sizeof(how) / sizeof(how[0]); i++)
		json_set_str(spec, how[i], json_str(source, how[i]));
	argv_pushf(&argv, "%s/berth-fetch", d->b->settings->libexec_dir);
	argv_push(&argv, "download");
	argv_pushf(&argv, "--into=%s", image_upload_dir(d->upload));
	argv_pushf(&argv, "--max-bytes=%lld", (long long)d->b->settings->image_max_bytes);
	return fetch_child(op, &argv, spec, progress_line, downloaded, err);
}

static int seal_fn(void *arg, struct error *err)
{
	return image_upload_seal(arg, err);
}

static enum op_result step_seal(struct op *op, struct error *err)
{
	struct download *d = op_data(op);

	return existed(d) ? OP_DONE : op_thread(op, seal_fn, d->upload, err);
}

/* ---- import */

/* {"alias","certificate","protocol","server","image_type"}: only who asked by an alias can be told of something newer. */
static cJSON *update_source(const struct download *d)
{
	static const char *const kept[] = { "certificate", "protocol", "server", "image_type" };
	const cJSON *source = json_obj(d->args, "source");
	const char *name = json_str_or(source, "alias", "");
	cJSON *v;
	size_t i;

	name = *name ? name : json_str_or(source, "fingerprint", "");
	if (!*name || strncmp(name, fingerprint_of(d), strlen(name)) == 0)
		return NULL;
	v = cJSON_CreateObject();
	json_set_str(v, "alias", name);
	for (i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
		json_set_str(v, kept[i], json_str_or(source, kept[i], ""));
	return v;
}

/* A name for people, of a stranger. */
static void take_filename(cJSON *options, const char *name)
{
	const char *slash = strrchr(name, '/');

	name = slash ? slash + 1 : name;
	if (text_is_line(name) && strlen(name) <= 255)
		json_set_str(options, "filename", name);
}

static cJSON *import_options(const struct download *d)
{
	const cJSON *image = json_obj(d->answer, "image"), *own = json_obj(d->args, "options"), *p;
	cJSON *options = own ? cJSON_Duplicate(own, true) : cJSON_CreateObject(), *merged = cJSON_CreateObject();

	cJSON_ArrayForEach(p, json_obj(image, "properties"))
		json_set(merged, p->string, cJSON_Duplicate(p, true));
	cJSON_ArrayForEach(p, json_obj(own, "properties"))
		json_set(merged, p->string, cJSON_Duplicate(p, true));
	json_set(options, "properties", merged);
	json_set_str(options, "fingerprint", fingerprint_of(d));
	json_set(options, "update_source", update_source(d));
	take_filename(options, json_str_or(image, "filename", ""));
	return options;
}

/* An image that is there: what was asked for beside it. */
static int adopt(struct download *d, struct error *err)
{
	static const char *const asked[] = { "public", "auto_update", "properties" };
	const cJSON *own = json_obj(d->args, "options"), *a, *v;
	AUTO_JSON cJSON *changes = cJSON_CreateObject();
	size_t i;

	for (i = 0; i < sizeof(asked) / sizeof(asked[0]); i++)
		if ((v = cJSON_GetObjectItemCaseSensitive(own, asked[i])) && (cJSON_IsTrue(v) || (cJSON_IsObject(v) && v->child)))
			json_set(changes, asked[i], cJSON_Duplicate(v, true));
	if (!json_bool(own, "cached", false))
		json_set_bool(changes, "cached", false);
	if (image_put(d->b->images, fingerprint_of(d), changes, err))
		return -1;
	cJSON_ArrayForEach(a, json_arr(own, "aliases")) {
		const char *name = json_str_or(a, "name", "");
		const cJSON *there = json_obj(image_aliases(d->b->images), name);

		if (strcmp(json_str_or(there, "target", ""), fingerprint_of(d)) != 0 &&
		    image_alias_create(d->b->images, name, fingerprint_of(d), json_str_or(a, "description", ""), err))
			return -1;
	}
	return 0;
}

static void tell(struct op *op, int64_t size)
{
	op_metadata_set(op, "fingerprint", cJSON_CreateString(fingerprint_of(op_data(op))));
	op_metadata_set(op, "size", NULL);
	AUTO_FREE char *text = mem_printf("%lld", (long long)size);

	op_metadata_set(op, "size", cJSON_CreateString(text));
}

static enum op_result imported(struct op *op, struct op *import, struct error *err)
{
	if (err->code != ERROR_NONE)
		return OP_FAIL;
	tell(op, json_int(op_args(import), "size", 0));
	return OP_DONE;
}

static enum op_result step_import(struct op *op, struct error *err)
{
	struct download *d = op_data(op);
	struct image_upload *upload = d->upload;
	AUTO_JSON cJSON *options = NULL;

	/* another request may have brought it meanwhile */
	if (!existed(d) && image_get(d->b->images, fingerprint_of(d)))
		json_set_bool(d->args, "existed", true);
	if (existed(d)) {
		tell(op, json_int(image_get(d->b->images, fingerprint_of(d)), "size", 0));
		return adopt(d, err) ? OP_FAIL : OP_DONE;
	}
	options = import_options(d);
	d->upload = NULL;
	return op_follow(op, image_import(upload, options, err), imported, err);
}

static const struct op_step steps[] = {
	{ "resolve", step_resolve, NULL, RESOLVE_S, 0 },
	{ "stage", step_stage, step_unstage, 0, 0 },
	{ "download", step_download, NULL, LONG_TIME_S, 0 },
	{ "seal", step_seal, NULL, LONG_TIME_S, 0 },
	{ "import", step_import, NULL, LONG_TIME_S, 0 },
	{ 0 },
};

static const struct op_kind download_kind = {
	.name = "image-download",
	.description = "Downloading image",
	.steps = steps,
	.load = download_load,
	.unload = download_unload,
	.volatile_ = true, /* the folder it fills is swept by the next start */
	.may_cancel = true,
	.coordinator = true,
};

/* ---- the request */

static int check(const cJSON *source, const cJSON *options, struct error *err)
{
	const char *protocol = json_str_or(source, "protocol", "");
	bool direct = strcmp(protocol, "direct") == 0;
	const char *address = json_str_or(source, direct ? "url" : "server", "");

	if (!direct && strcmp(protocol, "lxd") && strcmp(protocol, "simplestreams"))
		return error_set(err, ERROR_INVALID, "Unsupported protocol: %.64s", protocol);
	if (!*address)
		return error_set(err, ERROR_INVALID, "Missing %s of the image's server", direct ? "URL" : "address");
	if (strncmp(address, "https://", 8))
		return error_set(err, ERROR_INVALID, "'%.200s' is no https:// address", address);
	if (!direct && !*json_str_or(source, "alias", "") && !*json_str_or(source, "fingerprint", ""))
		return error_set(err, ERROR_INVALID, "Must specify one of alias or fingerprint for the image source");
	return image_properties_check(json_obj(options, "properties"), err);
}

struct op *image_download(struct berthd *b, const struct image_download *d, struct error *err)
{
	const char *name = json_str_or(d->source, "alias", "");
	AUTO_FREE char *lock = NULL;
	const char *locks[] = { NULL, NULL };
	struct op_options options = { .locks = locks };
	cJSON *args;

	if (check(d->source, d->options, err))
		return NULL;
	lock = mem_printf("download/%s%s/%s", json_str_or(d->source, "server", ""), json_str_or(d->source, "url", ""),
			  *name ? name : json_str_or(d->source, "fingerprint", ""));
	locks[0] = lock;
	args = cJSON_CreateObject();
	json_set(args, "source", cJSON_Duplicate(d->source, true));
	json_set(args, "options", d->options ? cJSON_Duplicate(d->options, true) : cJSON_CreateObject());
	json_set_str(args, "shown_by", d->shown_by);
	json_set_bool(args, "prefer_cached", d->prefer_cached);
	return op_start(b->ops, &download_kind, args, &options, err);
}
