/* SPDX-License-Identifier: MIT */
#include "backup/publish.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "backup/compressor.h"
#include "backup/pipeline.h"
#include "backup/tree.h"
#include "base/fs.h"
#include "base/ident.h"
#include "base/json.h"
#include "base/mem.h"
#include "image/store.h"
#include "instance/instance.h"
#include "instance/metadata.h"
#include "instance/snapshot.h"
#include "model/settings.h"

#define DAY_S 86400

#define STAGE "create_image_from_container_pack"

struct publishing {
	struct berthd *b;
	cJSON *args; /* the operation's: name, snapshot, compression, properties, expiry, options */
	const char *name, *snapshot; /* snapshot: "" for the instance itself */
	struct image_upload *upload; /* until the import has it */
	char *own;           /* folder below the upload's: what the image says of itself */
	bool templates;      /* there are some in it */
	int64_t created;     /* what it says of when it was made */
	struct pipeline *pipeline;
	uint64_t expected;
};

static void *publishing_load(void *ctx, cJSON *args, struct error *err)
{
	struct publishing *p = mem_alloc(sizeof(*p));

	p->b = ctx;
	p->args = args;
	p->name = json_str_or(args, "name", "");
	p->snapshot = json_str_or(args, "snapshot", "");
	return p;
}

static void publishing_unload(void *data)
{
	struct publishing *p = data;

	if (p == NULL)
		return;
	pipeline_free(p->pipeline);
	image_upload_abort(p->upload);
	free(p->own);
	free(p);
}

/* ---- what is published */

/* NULL: it is gone, or cannot be read now. *ret_dir: caller frees. */
static const cJSON *find_source(const struct publishing *p, char **ret_dir, struct error *err)
{
	struct instance *inst = registry_find(p->b->registry, p->name, err);
	const cJSON *snapshot;

	if (inst == NULL)
		return NULL;
	if (p->snapshot[0] != '\0') {
		snapshot = snapshot_find(p->b, inst, p->snapshot, err);
		if (snapshot != NULL && ret_dir != NULL)
			*ret_dir = snapshot_dir(p->b, p->name, p->snapshot);
		return snapshot;
	}
	if (inst->adopted)
		error_set(err, ERROR_UNSUPPORTED, "'%s' was not made by berth: only what berth has made can be published", p->name);
	else if (inst->note != NULL)
		error_set(err, ERROR_INVALID, "%s", inst->note);
	else if (inst->state != LXC_STOPPED)
		error_set(err, ERROR_INVALID, "Cannot export a running instance as an image");
	if (err->code != ERROR_NONE)
		return NULL;
	if (ret_dir != NULL)
		*ret_dir = instance_dir(p->b, p->name);
	return inst->desired;
}

static int find_tree(const struct publishing *p, struct tree *ret, char **ret_dir, struct error *err)
{
	ret->b = p->b;
	ret->desired = find_source(p, ret_dir, err);
	ret->dir = *ret_dir;
	return ret->desired != NULL ? 0 : -1;
}

/* ---- stage: what the image says of itself. JSON is YAML. */

/* LXD's ImageMetadata of the instance, with what was asked for: {} is no property, absent and null the image's own. */
static cJSON *describe(const struct publishing *p, const struct instance *inst, struct error *err)
{
	const cJSON *given = json_obj(p->args, "properties");
	int64_t expiry = json_int(p->args, "expiry", 0);
	cJSON *v = metadata_get(p->b, inst, err);

	if (v == NULL)
		return NULL;
	if (json_int(v, "creation_date", 0) <= 0) /* as in LXD it is the image's that the instance was made of */
		json_set_int(v, "creation_date", time(NULL));
	json_set_int(v, "expiry_date", expiry);
	if (given != NULL)
		json_set(v, "properties", cJSON_Duplicate(given, true));
	return v;
}

static int write_own(struct publishing *p, struct error *err)
{
	const struct instance *inst = registry_find(p->b->registry, p->name, err);
	AUTO_FREE char *path = fs_join(p->own, "metadata.yaml");
	AUTO_FREE char *templates = fs_join(p->own, "templates");
	AUTO_JSON cJSON *v = NULL;

	if (inst == NULL)
		return -1;
	if (mkdir(p->own, 0700) < 0)
		return error_sys(err, errno, "cannot make '%s'", p->own);
	if (metadata_copy(p->b, inst, p->own, err) < 0 || (v = describe(p, inst, err)) == NULL)
		return -1;
	p->templates = fs_exists(templates);
	p->created = json_int(v, "creation_date", 0);
	return json_write_file(path, v, JSON_QUICK, err);
}

static enum op_result step_stage(struct op *op, struct error *err)
{
	struct publishing *p = op_data(op);
	const cJSON *desired = find_source(p, NULL, err);

	if (desired == NULL || (p->upload = image_upload_new(p->b->images, err)) == NULL)
		return OP_FAIL;
	p->own = fs_join(image_upload_dir(p->upload), "own");
	return write_own(p, err) < 0 ? OP_FAIL : OP_DONE;
}

static enum op_result step_unstage(struct op *op, struct error *err)
{
	struct publishing *p = op_data(op);

	image_upload_abort(p->upload);
	p->upload = NULL;
	return OP_DONE;
}

/* ---- pack */

static enum op_result measured(struct op *op, const struct proc_result *result, struct error *err)
{
	struct publishing *p = op_data(op);
	unsigned long long entries, bytes, stream;

	if (proc_check("berth-pack", result, err) < 0)
		return OP_FAIL;
	if (sscanf(result->out, "%llu %llu %llu", &entries, &bytes, &stream) != 3) {
		error_set(err, ERROR_TOOL, "'berth-pack scan' said something else");
		return OP_FAIL;
	}
	p->expected = stream;
	return OP_DONE;
}

static enum op_result step_measure(struct op *op, struct error *err)
{
	struct publishing *p = op_data(op);
	AUTO_FREE char *dir = NULL;
	AUTO_ARGV struct argv argv = ARGV_INIT;
	struct tree t;

	if (find_tree(p, &t, &dir, err) < 0)
		return OP_FAIL;
	tree_push_enter(&t, &argv);
	argv_pushf(&argv, "%s/berth-pack", p->b->settings->libexec_dir);
	argv_pushl(&argv, "scan", "--", NULL);
	return op_child(op, &argv, measured, err);
}

static enum op_result step_open(struct op *op, struct error *err)
{
	struct publishing *p = op_data(op);
	AUTO_FREE char *path = fs_join(image_upload_dir(p->upload), "image");
	AUTO_CLOSE int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	AUTO_ARGV struct argv argv = ARGV_INIT;
	const struct pipeline_file file = { .packer = &argv, .fd = fd, .what = "image", .stage = STAGE, .text = "Image pack: " };
	struct pipeline_options o = { .b = p->b, .file = &file, .expected = p->expected };

	if (fd < 0) {
		error_sys(err, errno, "cannot make '%s'", path);
		return OP_FAIL;
	}
	if (compressor_argv(json_str_or(p->args, "compression", "gzip"), path, &argv, err) < 0)
		return OP_FAIL;
	p->pipeline = pipeline_open(op, &o, err);
	return p->pipeline != NULL ? OP_DONE : OP_FAIL;
}

static enum op_result step_close(struct op *op, struct error *err)
{
	struct publishing *p = op_data(op);

	return pipeline_kill(p->pipeline, err);
}

static enum op_result feed_own(struct publishing *p, const char *what, struct error *err)
{
	AUTO_ARGV struct argv argv = ARGV_INIT;

	argv_pushl(&argv, "tar", "--create", "--file=-", "--format=posix", "--pax-option=delete=atime,delete=ctime",
		   "--numeric-owner", "--sort=name", "--owner=0", "--group=0", "--mode=u=rwX,go=rX", "-C", p->own, NULL);
	argv_pushf(&argv, "--mtime=@%lld", (long long)p->created); /* so the same instance is the same image */
	argv_pushl(&argv, "--", what, NULL);
	return pipeline_feed(p->pipeline, &argv, NULL, err);
}

static enum op_result step_metadata(struct op *op, struct error *err)
{
	struct publishing *p = op_data(op);

	return feed_own(p, "metadata.yaml", err);
}

static enum op_result step_templates(struct op *op, struct error *err)
{
	struct publishing *p = op_data(op);

	return p->templates ? feed_own(p, "templates", err) : OP_DONE;
}

static enum op_result step_tree(struct op *op, struct error *err)
{
	struct publishing *p = op_data(op);
	AUTO_FREE char *dir = NULL;
	AUTO_ARGV struct argv argv = ARGV_INIT;
	struct tree t;

	if (find_tree(p, &t, &dir, err) < 0)
		return OP_FAIL;
	tree_push_tar(&t, &argv);
	/* names and targets of hard links, not what symbolic links say */
	argv_pushl(&argv, "--transform=flags=rSh;s,^\\.\\($\\|/\\),rootfs\\1,", "--", ".", NULL);
	return pipeline_feed(p->pipeline, &argv, NULL, err);
}

static enum op_result step_finish(struct op *op, struct error *err)
{
	struct publishing *p = op_data(op);

	return pipeline_finish(p->pipeline, err);
}

static int seal_fn(void *arg, struct error *err)
{
	struct publishing *p = arg;

	return fs_remove_tree(p->own, err) < 0 || image_upload_seal(p->upload, err) < 0 ? -1 : 0;
}

static enum op_result step_seal(struct op *op, struct error *err)
{
	struct publishing *p = op_data(op);

	return op_thread(op, seal_fn, p, err);
}

/* ---- import */

static enum op_result imported(struct op *op, struct op *import, struct error *err)
{
	const char *fingerprint = json_str_or(op_args(import), "fingerprint", "");

	if (err->code == ERROR_CONFLICT && image_get(((struct publishing *)op_data(op))->b->images, fingerprint) != NULL) {
		error_clear(err);
		error_set(err, ERROR_INVALID, "The image already exists: %s", fingerprint);
	}
	if (err->code != ERROR_NONE)
		return OP_FAIL;
	json_set_str(op_args(op), "fingerprint", fingerprint);
	op_metadata_set(op, "fingerprint", cJSON_CreateString(fingerprint));
	op_metadata_set(op, "size", cJSON_CreateString(json_str_or(op_args(import), "size_text", "")));
	return OP_DONE;
}

static enum op_result step_import(struct op *op, struct error *err)
{
	struct publishing *p = op_data(op);
	struct image_upload *upload = p->upload;

	p->upload = NULL;
	return op_follow(op, image_import(upload, json_obj(p->args, "options"), err), imported, err);
}

static const struct op_step steps[] = {
	{ "stage", step_stage, step_unstage, 0, 0 },
	{ "measure", step_measure, NULL, DAY_S, 0 },
	{ "open", step_open, step_close, 60, 0 },
	{ "metadata", step_metadata, NULL, 60, 0 },
	{ "templates", step_templates, NULL, 600, 0 },
	{ "tree", step_tree, NULL, DAY_S, 0 },
	{ "finish", step_finish, NULL, DAY_S, 0 },
	{ "seal", step_seal, NULL, DAY_S, 0 },
	{ "import", step_import, NULL, DAY_S, 0 },
	{ 0 },
};

static const struct op_kind publish_kind = {
	.name = "publish",
	.description = "Downloading image", /* LXD's words */
	.steps = steps,
	.load = publishing_load,
	.unload = publishing_unload,
	.volatile_ = true,
	.may_cancel = true,
	.coordinator = true,
};

/* ---- the request */

static int take_source(const cJSON *source, cJSON *args, struct error *err)
{
	const char *type = json_str_or(source, "type", ""), *name = json_str_or(source, "name", "");
	const char *slash = strchr(name, '/');
	bool snapshot = strcmp(type, "snapshot") == 0;

	if (*name == '\0')
		return error_set(err, ERROR_INVALID, "No source provided");
	if (strcmp(type, "virtual-machine") == 0)
		return error_set(err, ERROR_UNSUPPORTED, "virtual machines are not supported");
	if (snapshot && slash == NULL)
		return error_set(err, ERROR_INVALID, "Not a snapshot");
	if (!snapshot && slash != NULL)
		return error_set(err, ERROR_INVALID, "This is a snapshot");
	json_set(args, "name", cJSON_CreateString(name));
	if (slash != NULL) {
		json_set_strf(args, "name", "%.*s", (int)(slash - name), name);
		json_set_str(args, "snapshot", slash + 1);
	}
	return 0;
}

static int take_expiry(const cJSON *request, cJSON *args, struct error *err)
{
	const char *text = json_str_or(request, "expires_at", "");
	time_t at = 0;

	if (*text == '\0' || strcmp(text, TIME_UNSET) == 0)
		return 0;
	if (time_parse(text, &at) < 0)
		return error_set(err, ERROR_INVALID, "'expires_at' is no time as in RFC 3339: '%.64s'", text);
	json_set_int(args, "expiry", at > 0 ? at : 0);
	return 0;
}

static cJSON *take_options(const cJSON *request)
{
	static const char *const kept[] = { "aliases", "profiles" };
	cJSON *options = cJSON_CreateObject();
	const cJSON *v;

	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
		if ((v = json_arr(request, kept[i])) != NULL)
			json_set(options, kept[i], cJSON_Duplicate(v, true));
	json_set_str(options, "filename", json_str_or(request, "filename", ""));
	json_set_bool(options, "exact", true);
	json_set_bool(options, "public", json_bool(request, "public", false));
	return options;
}

static int take_request(struct berthd *b, const cJSON *request, cJSON *args, struct error *err)
{
	const char *compression = json_str_or(request, "compression_algorithm", "");
	const cJSON *properties = json_obj(request, "properties");
	struct publishing p = { .b = b, .args = args };
	AUTO_ARGV struct argv argv = ARGV_INIT;

	if (take_source(json_obj(request, "source"), args, err) < 0 || take_expiry(request, args, err) < 0 ||
	    image_properties_check(properties, err) < 0)
		return -1;
	json_set_str(args, "compression", *compression != '\0' ? compression : "gzip");
	if (compressor_argv(json_str(args, "compression"), "", &argv, err) < 0)
		return error_wrap(err, "Invalid compression algorithm \"%.64s\"", json_str(args, "compression"));
	json_set(args, "properties", cJSON_Duplicate(properties, true));
	json_set(args, "options", take_options(request));
	p.name = json_str(args, "name");
	p.snapshot = json_str_or(args, "snapshot", "");
	return find_source(&p, NULL, err) != NULL ? 0 : -1;
}

struct op *publish(struct berthd *b, const cJSON *request, struct error *err)
{
	AUTO_FREE char *lock = NULL;
	const char *locks[] = { NULL, NULL };
	struct op_options options = { .locks = locks };
	cJSON *args = cJSON_CreateObject();

	if (take_request(b, request, args, err) < 0) {
		cJSON_Delete(args);
		return NULL;
	}
	lock = mem_printf("instance/%s", json_str(args, "name"));
	locks[0] = lock;
	return op_start(b->ops, &publish_kind, args, &options, err);
}
