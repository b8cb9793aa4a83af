/* SPDX-License-Identifier: MIT */
#include "instance/metadata.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/ident.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "base/yaml_print.h"
#include "image/store.h"
#include "instance/instance.h"

#define FILE_NAME "metadata.json"
#define METADATA_MAX (1 << 20)
#define TEMPLATES "templates"

/* ---- where it lies */

static char *own_dir(const struct berthd *b, const struct instance *inst)
{
	AUTO_FREE char *dir = instance_dir(b, inst->name);

	return fs_join(dir, METADATA_FOLDER);
}

static const char *base_image(const struct instance *inst)
{
	return json_str_or(json_obj(inst->desired, "config"), "volatile.base_image", "-");
}

static char *image_dir(const struct berthd *b, const char *fingerprint)
{
	AUTO_FREE char *tree = image_rootfs(b->images, fingerprint); /* …/FINGERPRINT/rootfs */
	const char *slash = strrchr(tree, '/');

	return mem_strndup(tree, slash != NULL ? (size_t)(slash - tree) : 0);
}

/* The folder that counts: its own, or the image's. */
static char *current_dir(const struct berthd *b, const struct instance *inst)
{
	char *own = own_dir(b, inst);

	if (fs_exists(own))
		return own;
	free(own);
	return image_dir(b, base_image(inst));
}

/* A file name: what LXD's client sends, and nothing that leads elsewhere. */
static int check_name(const char *name, struct error *err)
{
	size_t len = strlen(name);

	if (len == 0 || len > 200 || name[0] == '.' || strchr(name, '/') != NULL)
		return error_set(err, ERROR_INVALID, "Invalid template filename '%.64s': a file name without '/', that does not begin "
						     "with '.'", name);
	return text_is_line(name) ? 0 : error_set(err, ERROR_INVALID, "Invalid template filename: it holds control characters");
}

/* ---- files; the folder may be a container's own user's, so no link in it is followed */

static int read_at(const char *dir, const char *name, size_t max, struct strbuf *out, struct error *err)
{
	AUTO_CLOSE int at = open(dir, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	AUTO_CLOSE int fd = at < 0 ? -1 : openat(at, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;
	ssize_t n;
	char buf[8192];

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return error_set(err, ERROR_NOT_FOUND, "Template \"%s\" not found", name);
	while ((n = read(fd, buf, sizeof(buf))) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_sys(err, errno, "cannot read '%s/%s'", dir, name);
		if (out->len + (size_t)n > max)
			return error_set(err, ERROR_TOO_LARGE, "'%s/%s' is larger than %zu bytes", dir, name, max);
		strbuf_add(out, buf, (size_t)n);
	}
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Array of names; those that could not have been written by us are left out. */
static cJSON *list_dir(const char *dir)
{
	char *names[METADATA_TEMPLATES_MAX];
	struct error ignored = ERROR_INIT;
	cJSON *list = cJSON_CreateArray();
	DIR *d = opendir(dir);
	struct dirent *e;
	size_t n = 0;

	while (d != NULL && n < METADATA_TEMPLATES_MAX && (e = readdir(d)) != NULL) {
		struct stat st;

		if (check_name(e->d_name, &ignored) == 0 && fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		    S_ISREG(st.st_mode))
			names[n++] = mem_strdup(e->d_name);
	}
	if (d != NULL)
		closedir(d);
	qsort(names, n, sizeof(names[0]), by_name);
	for (size_t i = 0; i < n; i++) {
		cJSON_AddItemToArray(list, cJSON_CreateString(names[i]));
		free(names[i]);
	}
	return list;
}

static int copy_file(const char *from, const char *to, const char *name, struct error *err)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT;
	AUTO_FREE char *path = fs_join(to, name);

	return read_at(from, name, METADATA_TEMPLATE_MAX, &text, err) < 0 ? -1 :
	       fs_write_quick(path, text.buf, text.len, 0644, err);
}

static int copy_templates(const char *from, const char *to, struct error *err)
{
	AUTO_FREE char *src = fs_join(from, TEMPLATES);
	AUTO_FREE char *dst = fs_join(to, TEMPLATES);
	AUTO_JSON cJSON *list = list_dir(src);
	const cJSON *item;

	if (list->child == NULL)
		return 0;
	if (mkdir(dst, 0755) < 0 && errno != EEXIST)
		return error_sys(err, errno, "cannot make '%s'", dst);
	cJSON_ArrayForEach(item, list)
		if (copy_file(src, dst, item->valuestring, err) < 0)
			return -1;
	return 0;
}

/* ---- metadata.json */

static cJSON *of_image(const cJSON *image)
{
	static const struct { const char *to, *from; } times[] = { { "creation_date", "created_at" },
								   { "expiry_date", "expires_at" } };
	cJSON *v = cJSON_CreateObject();
	time_t when;

	json_set_str(v, "architecture", json_str(image, "architecture"));
	for (size_t i = 0; i < 2; i++)
		if (time_parse(json_str_or(image, times[i].from, ""), &when) == 0 && when > 0)
			json_set_int(v, times[i].to, (int64_t)when);
	if (json_obj(image, "properties") != NULL)
		json_set(v, "properties", cJSON_Duplicate(json_obj(image, "properties"), true));
	if (json_obj(json_obj(image, "berth"), "templates") != NULL)
		json_set(v, "templates", cJSON_Duplicate(json_obj(json_obj(image, "berth"), "templates"), true));
	return v;
}

static void complete(const struct instance *inst, cJSON *v)
{
	const cJSON *config = json_obj(inst->desired, "config"), *item;
	time_t created = 0;
	cJSON *properties;

	if (json_str_or(v, "architecture", "")[0] == '\0')
		json_set_str(v, "architecture", json_str_or(inst->desired, "architecture", ""));
	if (!cJSON_HasObjectItem(v, "creation_date")) {
		(void)time_parse(json_str_or(inst->desired, "created_at", ""), &created);
		json_set_int(v, "creation_date", created > 0 ? (int64_t)created : 0);
	}
	if (!cJSON_HasObjectItem(v, "expiry_date"))
		json_set_int(v, "expiry_date", 0);
	if (json_obj(v, "templates") == NULL)
		json_set(v, "templates", cJSON_CreateObject());
	if (json_obj(v, "properties") != NULL)
		return;
	properties = cJSON_CreateObject();
	cJSON_ArrayForEach(item, config)
		if (strncmp(item->string, "image.", 6) == 0 && cJSON_IsString(item))
			json_set_str(properties, item->string + 6, item->valuestring);
	json_set(v, "properties", properties);
}

cJSON *metadata_get(struct berthd *b, const struct instance *inst, struct error *err)
{
	AUTO_FREE char *dir = own_dir(b, inst);
	AUTO_STRBUF struct strbuf text = STRBUF_INIT;
	struct error missing = ERROR_INIT;
	cJSON *v;

	if (read_at(dir, FILE_NAME, METADATA_MAX, &text, &missing) == 0)
		v = json_parse(text.buf, text.len, err);
	else if (missing.code == ERROR_NOT_FOUND)
		v = of_image(image_get(b->images, base_image(inst)));
	else
		v = NULL, *err = missing;
	if (v != NULL)
		complete(inst, v);
	return v;
}

static int put_in(const char *instance_dir, const cJSON *v, const char *templates_from, struct error *err)
{
	AUTO_FREE char *to = fs_join(instance_dir, METADATA_FOLDER);
	AUTO_FREE char *file = fs_join(to, FILE_NAME);

	if (mkdir(to, 0700) < 0 && errno != EEXIST)
		return error_sys(err, errno, "cannot make '%s'", to);
	return copy_templates(templates_from, to, err) < 0 || json_write_file(file, v, JSON_QUICK, err) < 0 ? -1 : 0;
}

int metadata_of_image(struct berthd *b, const char *fingerprint, const char *instance_dir, struct error *err)
{
	AUTO_FREE char *from = image_dir(b, fingerprint);
	AUTO_JSON cJSON *v = of_image(image_get(b->images, fingerprint));

	return put_in(instance_dir, v, fingerprint[0] != '\0' ? from : "/nonexistent", err);
}

int metadata_of_instance(struct berthd *b, const struct instance *from, const char *instance_dir, struct error *err)
{
	AUTO_FREE char *dir = current_dir(b, from);
	AUTO_JSON cJSON *v = metadata_get(b, from, err);

	return v == NULL ? -1 : put_in(instance_dir, v, dir, err);
}

/* The folder is its own from now on. */
static int make_own(struct berthd *b, const struct instance *inst, struct error *err)
{
	AUTO_FREE char *dir = instance_dir(b, inst->name);
	AUTO_FREE char *own = own_dir(b, inst);

	return fs_exists(own) ? 0 : metadata_of_instance(b, inst, dir, err);
}

/* ---- what a client, or an archive, says it is to be */

static int put_number(cJSON *to, const cJSON *from, const char *key, struct error *err)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(from, key);

	if (v == NULL || cJSON_IsNull(v))
		return 0;
	if (!cJSON_IsNumber(v) || v->valuedouble < 0 || v->valuedouble > 253402300799.0)
		return error_set(err, ERROR_INVALID, "'%s' must be a time in seconds", key);
	json_set_int(to, key, (int64_t)v->valuedouble);
	return 0;
}

static int put_strings(cJSON *to, const cJSON *from, const char *key, struct error *err)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(from, key), *item;

	if (v != NULL && !cJSON_IsNull(v) && !cJSON_IsObject(v))
		return error_set(err, ERROR_INVALID, "'%s' must be an object", key);
	cJSON_ArrayForEach(item, v)
		if (!cJSON_IsString(item))
			return error_set(err, ERROR_INVALID, "'%s' holds more than strings: '%.64s'", key, item->string);
	if (cJSON_IsObject(v))
		json_set(to, key, cJSON_Duplicate(v, true));
	return 0;
}

static int put_template(cJSON *templates, const cJSON *from, struct error *err)
{
	cJSON *t = cJSON_CreateObject(), *when = cJSON_CreateArray();
	const cJSON *item;

	json_set(templates, from->string, t);
	json_set(t, "when", when);
	if (from->string[0] != '/')
		return error_set(err, ERROR_INVALID, "the path of a template must begin with '/': '%.200s'", from->string);
	if (!cJSON_IsObject(from))
		return error_set(err, ERROR_INVALID, "the template of '%.200s' must be an object", from->string);
	cJSON_ArrayForEach(item, json_arr(from, "when")) {
		if (!cJSON_IsString(item))
			return error_set(err, ERROR_INVALID, "'when' of '%.200s' must hold words", from->string);
		cJSON_AddItemToArray(when, cJSON_Duplicate(item, true));
	}
	json_set_bool(t, "create_only", json_bool(from, "create_only", false));
	json_set_str(t, "template", json_str_or(from, "template", ""));
	return check_name(json_str_or(from, "template", ""), err) < 0 ? -1 : put_strings(t, from, "properties", err);
}

/* What we know of LXD's ImageMetadata, of the right types. NULL and err. */
static cJSON *cleaned(const cJSON *metadata, struct error *err)
{
	const cJSON *templates = cJSON_GetObjectItemCaseSensitive(metadata, "templates"), *t;
	cJSON *v = cJSON_CreateObject(), *list = cJSON_CreateObject();
	int rc;

	json_set(v, "templates", list);
	json_set(v, "properties", cJSON_CreateObject());
	json_set_str(v, "architecture", json_str_or(metadata, "architecture", ""));
	rc = put_number(v, metadata, "creation_date", err) < 0 || put_number(v, metadata, "expiry_date", err) < 0 ||
	     put_strings(v, metadata, "properties", err) < 0;
	if (rc == 0 && templates != NULL && !cJSON_IsNull(templates) && !cJSON_IsObject(templates))
		rc = error_set(err, ERROR_INVALID, "'templates' must be an object");
	cJSON_ArrayForEach(t, templates)
		if (rc == 0)
			rc = put_template(list, t, err);
	if (rc == 0)
		return v;
	cJSON_Delete(v);
	return NULL;
}

int metadata_put(struct berthd *b, const struct instance *inst, const cJSON *metadata, struct error *err)
{
	AUTO_FREE char *own = own_dir(b, inst);
	AUTO_FREE char *path = fs_join(own, FILE_NAME);
	AUTO_JSON cJSON *v = NULL;

	if (!cJSON_IsObject(metadata))
		return error_set(err, ERROR_INVALID, "the request body must be an object");
	v = cleaned(metadata, err);
	return v == NULL || make_own(b, inst, err) < 0 ? -1 : json_write_file(path, v, JSON_DURABLE, err);
}

int metadata_of_archive(const cJSON *metadata, const cJSON *templates, const char *instance_dir, struct error *err)
{
	AUTO_JSON cJSON *v = cleaned(metadata, err);
	AUTO_FREE char *dir = mem_printf("%s/" METADATA_FOLDER "/" TEMPLATES, instance_dir);
	const cJSON *item;

	if (v == NULL || put_in(instance_dir, v, "/nonexistent", err) < 0)
		return -1;
	if (templates != NULL && templates->child != NULL && mkdir(dir, 0755) < 0 && errno != EEXIST)
		return error_sys(err, errno, "cannot make '%s'", dir);
	cJSON_ArrayForEach(item, templates) {
		AUTO_FREE char *path = fs_join(dir, item->string);

		if (check_name(item->string, err) < 0 || !cJSON_IsString(item) ||
		    fs_write_quick(path, item->valuestring, strlen(item->valuestring), 0644, err) < 0)
			return -1;
	}
	return 0;
}

int metadata_copy(struct berthd *b, const struct instance *inst, const char *dir, struct error *err)
{
	AUTO_FREE char *from = current_dir(b, inst);
	AUTO_FREE char *path = fs_join(dir, "metadata.yaml");
	AUTO_JSON cJSON *v = metadata_get(b, inst, err);
	size_t len = 0;
	AUTO_FREE char *text = v != NULL ? yaml_text(v, &len, err) : NULL;

	return text == NULL || fs_write_quick(path, text, len, 0600, err) < 0 || copy_templates(from, dir, err) < 0 ? -1 : 0;
}

/* ---- templates */

static char *templates_dir(const struct berthd *b, const struct instance *inst)
{
	AUTO_FREE char *dir = current_dir(b, inst);

	return fs_join(dir, TEMPLATES);
}

cJSON *metadata_templates(const struct berthd *b, const struct instance *inst)
{
	AUTO_FREE char *dir = templates_dir(b, inst);

	return list_dir(dir);
}

int metadata_template_read(const struct berthd *b, const struct instance *inst, const char *name, struct strbuf *out,
			   struct error *err)
{
	AUTO_FREE char *dir = templates_dir(b, inst);

	return check_name(name, err) < 0 ? -1 : read_at(dir, name, METADATA_TEMPLATE_MAX, out, err);
}

int metadata_template_write(struct berthd *b, const struct instance *inst, const char *name, const void *text, size_t len,
			    struct error *err)
{
	AUTO_FREE char *own = own_dir(b, inst);
	AUTO_FREE char *dir = fs_join(own, TEMPLATES);
	AUTO_FREE char *path = fs_join(dir, name);
	AUTO_JSON cJSON *there = NULL;

	if (check_name(name, err) < 0 || make_own(b, inst, err) < 0)
		return -1;
	if (mkdir(dir, 0755) < 0 && errno != EEXIST)
		return error_sys(err, errno, "cannot make '%s'", dir);
	there = list_dir(dir);
	if (len > METADATA_TEMPLATE_MAX || (!fs_exists(path) && cJSON_GetArraySize(there) >= METADATA_TEMPLATES_MAX - 1))
		return error_set(err, ERROR_TOO_LARGE, "a template has at most %d bytes, an instance at most %d of them",
				 METADATA_TEMPLATE_MAX, METADATA_TEMPLATES_MAX - 1);
	return fs_write_atomic(path, text, len, 0644, err);
}

int metadata_template_delete(struct berthd *b, const struct instance *inst, const char *name, struct error *err)
{
	AUTO_FREE char *own = own_dir(b, inst);
	AUTO_FREE char *path = mem_printf("%s/" TEMPLATES "/%s", own, name);

	if (check_name(name, err) < 0 || make_own(b, inst, err) < 0)
		return -1;
	if (unlink(path) == 0)
		return 0;
	return errno == ENOENT ? error_set(err, ERROR_NOT_FOUND, "Template \"%s\" not found", name) :
	       error_sys(err, errno, "cannot remove '%s'", path);
}
