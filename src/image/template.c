/* SPDX-License-Identifier: MIT */
#include "image/template.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "image/store_private.h"

enum { LONG_TIME_S = 6 * 3600, NAME_LEN_MAX = 200, CHUNK = 1 << 16 };

static const char *const suffixes[] = { "", ".tar.gz", ".tar.xz", ".tar.zst", NULL };

struct template {
	struct berthd *b;
	struct image_upload *upload; /* until the import has it */
	char *path;
	const char *file; /* the last part of path */
	struct stat st;
};

static bool is_archive(const char *file)
{
	size_t len = strlen(file);

	for (const char *const *s = suffixes + 1; *s != NULL; s++)
		if (len > strlen(*s) && strcmp(file + len - strlen(*s), *s) == 0)
			return true;
	return false;
}

static int check_name(const char *name, struct error *err)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._+-";

	if (name[0] == '\0' || strlen(name) > NAME_LEN_MAX)
		return error_set(err, ERROR_INVALID, "os_name '%.64s' must have from 1 to %d characters", name, NAME_LEN_MAX);
	if (name[0] == '.' || name[strspn(name, allowed)] != '\0')
		return error_set(err, ERROR_INVALID,
				 "os_name '%s' must be letters, digits and . _ + - and not start with '.'", name);
	return 0;
}

/* The file of that name; NULL when there is none. */
static char *find_file(const struct berthd *b, const char *name, struct stat *ret_st)
{
	for (const char *const *s = suffixes; *s != NULL; s++) {
		char *path = mem_printf("%s/%s%s", b->images->dir, name, *s);

		if (is_archive(path) && lstat(path, ret_st) == 0 && S_ISREG(ret_st->st_mode))
			return path;
		free(path);
	}
	return NULL;
}

/* ---- which image a file became */

static char *known_path(const struct berthd *b)
{
	return fs_join(b->images->dir, "templates.json");
}

static cJSON *known_read(const struct berthd *b, struct error *err)
{
	AUTO_FREE char *path = known_path(b);

	return fs_exists(path) ? json_read_file(path, err) : cJSON_CreateObject();
}

static char *stamp_of(const struct stat *st)
{
	return mem_printf("%ju:%jd.%09ld:%jd", (uintmax_t)st->st_ino, (intmax_t)st->st_mtim.tv_sec, st->st_mtim.tv_nsec,
			  (intmax_t)st->st_size);
}

static char *known_fingerprint(const struct berthd *b, const char *file, const struct stat *st, struct error *err)
{
	AUTO_JSON cJSON *known = known_read(b, err);
	AUTO_FREE char *stamp = stamp_of(st);
	const cJSON *entry = json_obj(known, file);
	const char *fingerprint = json_str_or(entry, "fingerprint", "");

	if (strcmp(json_str_or(entry, "stamp", ""), stamp) != 0 || image_get(b->images, fingerprint) == NULL)
		return NULL;
	return mem_strdup(fingerprint);
}

static int remember(const struct template *t, const char *fingerprint, struct error *err)
{
	AUTO_FREE char *path = known_path(t->b);
	AUTO_FREE char *stamp = stamp_of(&t->st);
	AUTO_JSON cJSON *known = known_read(t->b, err);
	cJSON *entry;

	if (known == NULL)
		return -1;
	entry = cJSON_CreateObject();
	json_set_str(entry, "stamp", stamp);
	json_set_str(entry, "fingerprint", fingerprint);
	json_set(known, t->file, entry);
	return json_write_file(path, known, JSON_DURABLE, err);
}

char *template_resolve(struct berthd *b, const char *name, struct error *err)
{
	AUTO_FREE char *path = NULL;
	const char *found;
	struct stat st;

	if (strchr(name, '/') == NULL) { /* an alias may have one: debian/12 */
		if (check_name(name, err) < 0)
			return NULL;
		path = find_file(b, name, &st);
	}
	if (path != NULL)
		return known_fingerprint(b, strrchr(path, '/') + 1, &st, err);
	found = image_resolve(b->images, name, err);
	if (found != NULL)
		return mem_strdup(found);
	if (err->code == ERROR_NOT_FOUND)
		error_set(err, ERROR_NOT_FOUND, "os_name '%s': neither an image nor a template of that name "
			  "(.tar.gz, .tar.xz, .tar.zst) in '%s'", name, b->images->dir);
	return NULL;
}

/* ---- import */

static int read_into(int fd, struct image_upload *u, struct error *err)
{
	AUTO_FREE char *buf = mem_alloc(CHUNK);
	ssize_t n;

	while ((n = read(fd, buf, CHUNK)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_sys(err, errno, "cannot read it");
		if (image_upload_write(u, buf, (size_t)n, err) < 0)
			return -1;
	}
	return 0;
}

static int read_fn(void *arg, struct error *err)
{
	struct template *t = arg;
	AUTO_CLOSE int fd = open(t->path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &t->st) < 0)
		return error_sys(err, errno, "cannot open '%s'", t->path);
	if (read_into(fd, t->upload, err) < 0)
		return error_wrap(err, "template '%s'", t->file);
	return 0;
}

static enum op_result step_read(struct op *op, struct error *err)
{
	struct template *t = op_data(op);

	t->upload = image_upload_new(t->b->images, err);
	if (t->upload == NULL)
		return OP_FAIL;
	if (image_upload_part(t->upload, "unified") < 0) {
		error_set(err, ERROR_SYSTEM, "cannot store the template '%s'", t->file);
		return OP_FAIL;
	}
	return op_thread(op, read_fn, t, err);
}

static enum op_result imported(struct op *op, struct op *import, struct error *err)
{
	struct template *t = op_data(op);
	const char *fingerprint = json_str_or(op_args(import), "fingerprint", "");

	/* the same archive may have come in by another way */
	if (err->code != ERROR_NONE && image_get(t->b->images, fingerprint) == NULL) {
		error_wrap(err, "template '%s'", t->file);
		return OP_FAIL;
	}
	error_clear(err);
	op_metadata_set(op, "fingerprint", cJSON_CreateString(fingerprint));
	return remember(t, fingerprint, err) < 0 ? OP_FAIL : OP_DONE;
}

static enum op_result step_import(struct op *op, struct error *err)
{
	struct template *t = op_data(op);
	AUTO_JSON cJSON *options = cJSON_CreateObject();
	AUTO_FREE char *alias = mem_strndup(t->file, (size_t)(strstr(t->file, ".tar.") - t->file));
	struct image_upload *upload = t->upload;
	cJSON *list, *item;

	t->upload = NULL;
	json_set_str(options, "filename", t->file);
	if (json_obj(image_aliases(t->b->images), alias) == NULL) {
		list = cJSON_AddArrayToObject(options, "aliases");
		item = cJSON_CreateObject();
		json_set_str(item, "name", alias);
		json_set_str(item, "description", "");
		cJSON_AddItemToArray(list, item);
	}
	return op_follow(op, image_import(upload, options, err), imported, err);
}

static void *template_load(void *ctx, cJSON *args, struct error *err)
{
	struct template *t = mem_alloc(sizeof(*t));

	t->b = ctx;
	t->path = find_file(t->b, json_str_or(args, "template", ""), &t->st);
	if (t->path == NULL) {
		error_set(err, ERROR_NOT_FOUND, "no template '%s'", json_str_or(args, "template", ""));
		free(t);
		return NULL;
	}
	t->file = strrchr(t->path, '/') + 1;
	return t;
}

static void template_unload(void *data)
{
	struct template *t = data;

	if (t == NULL)
		return;
	image_upload_abort(t->upload);
	free(t->path);
	free(t);
}

static const struct op_step template_steps[] = {
	{ "read", step_read, NULL, LONG_TIME_S, 0 },
	{ "import", step_import, NULL, LONG_TIME_S, 0 },
	{ 0 },
};

static const struct op_kind template_kind = {
	.name = "template",
	.description = "Importing template",
	.steps = template_steps,
	.load = template_load,
	.unload = template_unload,
	.volatile_ = true,
	.may_cancel = true,
	.coordinator = true,
};

struct op *template_import(struct berthd *b, const char *name, struct error *err)
{
	AUTO_FREE char *lock = mem_printf("template/%s", name);
	const char *locks[] = { lock, NULL };
	struct op_options options = { .locks = locks };
	cJSON *args;

	if (check_name(name, err) < 0)
		return NULL;
	args = cJSON_CreateObject();
	json_set_str(args, "template", name);
	return op_start(b->ops, &template_kind, args, &options, err);
}
