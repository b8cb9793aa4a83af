/* SPDX-License-Identifier: MIT */
#include "api/trust.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/x509.h"

#define SUFFIX ".json"
#define FINGERPRINT_LEN (SHA256_TEXT_SIZE - 1)

struct trust {
	char *dir;
	cJSON *list; /* sorted by fingerprint */
};

static const char *fingerprint_of(const cJSON *entry)
{
	return json_str_or(entry, "fingerprint", "");
}

static char *path_of(const struct trust *t, const char *fingerprint)
{
	return mem_printf("%s/%s" SUFFIX, t->dir, fingerprint);
}

static cJSON *entry_new(const struct x509 *x, const char *name)
{
	cJSON *v = cJSON_CreateObject();

	json_set_str(v, "name", *name ? name : x->common_name);
	json_set_str(v, "type", "client");
	json_set_bool(v, "restricted", false);
	json_set(v, "projects", cJSON_CreateArray());
	json_set_str(v, "certificate", x->pem);
	json_set_str(v, "fingerprint", x->fingerprint);
	return v;
}

/* ---- reading */

static int load(struct trust *t, const char *file, struct error *err)
{
	AUTO_FREE char *path = fs_join(t->dir, file);
	AUTO_JSON cJSON *entry = json_read_file(path, err);
	const char *text = entry ? json_str(entry, "certificate") : NULL;
	struct x509 *x;

	if (!entry)
		return -1;
	if (!text)
		return error_set(err, ERROR_INVALID, "it has no certificate");
	x = x509_read(text, strlen(text), err);
	if (!x)
		return -1;
	if (strncmp(x->fingerprint, file, FINGERPRINT_LEN) != 0) {
		x509_free(x);
		return error_set(err, ERROR_INVALID, "its certificate has another fingerprint");
	}
	json_insert_by(t->list, "fingerprint", entry_new(x, json_str_or(entry, "name", "")));
	x509_free(x);
	return 0;
}

static bool is_entry(const char *file)
{
	return strlen(file) == FINGERPRINT_LEN + strlen(SUFFIX) && strcmp(file + FINGERPRINT_LEN, SUFFIX) == 0 &&
	       strspn(file, "0123456789abcdef") == FINGERPRINT_LEN;
}

struct trust *trust_open(const char *dir, struct error *err)
{
	struct trust *t;
	struct dirent *e;
	DIR *d;

	if (fs_mkdirs(dir, 0700, err) < 0)
		return NULL;
	d = opendir(dir);
	if (!d) {
		error_sys(err, errno, "cannot read '%s'", dir);
		return NULL;
	}
	t = mem_alloc(sizeof(*t));
	t->dir = mem_strdup(dir);
	t->list = cJSON_CreateArray();
	while ((e = readdir(d))) {
		struct error bad = ERROR_INIT;

		if (is_entry(e->d_name) && load(t, e->d_name, &bad) < 0)
			log_warning("'%s/%s' is not trusted: %s", dir, e->d_name, bad.msg);
	}
	closedir(d);
	return t;
}

void trust_free(struct trust *t)
{
	if (!t)
		return;
	cJSON_Delete(t->list);
	free(t->dir);
	free(t);
}

/* ---- looking */

const cJSON *trust_list(const struct trust *t)
{
	return t->list;
}

const cJSON *trust_find(const struct trust *t, const char *fingerprint)
{
	const cJSON *entry;

	if (!t)
		return NULL;
	cJSON_ArrayForEach(entry, t->list)
		if (strcmp(fingerprint_of(entry), fingerprint) == 0)
			return entry;
	return NULL;
}

const cJSON *trust_find_prefix(const struct trust *t, const char *prefix, struct error *err)
{
	const cJSON *entry, *found = NULL;

	cJSON_ArrayForEach(entry, t->list) {
		if (strncmp(fingerprint_of(entry), prefix, strlen(prefix)) != 0)
			continue;
		if (found) {
			error_set(err, ERROR_INVALID, "More than one certificate matches");
			return NULL;
		}
		found = entry;
	}
	if (!found)
		error_set(err, ERROR_NOT_FOUND, "Certificate not found");
	return found;
}

/* ---- changing */

static int store(struct trust *t, cJSON *entry_taken, struct error *err)
{
	AUTO_FREE char *path = path_of(t, fingerprint_of(entry_taken));

	if (json_write_file(path, entry_taken, JSON_DURABLE, err) < 0) {
		cJSON_Delete(entry_taken);
		return -1;
	}
	json_insert_by(t->list, "fingerprint", entry_taken);
	return 0;
}

static void drop(struct trust *t, const char *fingerprint)
{
	cJSON *entry;

	cJSON_ArrayForEach(entry, t->list) {
		if (strcmp(fingerprint_of(entry), fingerprint) != 0)
			continue;
		cJSON_Delete(cJSON_DetachItemViaPointer(t->list, entry));
		return;
	}
}

int trust_add(struct trust *t, const struct x509 *x, const char *name, struct error *err)
{
	if (trust_find(t, x->fingerprint))
		return error_set(err, ERROR_CONFLICT, "Certificate already in trust store");
	return store(t, entry_new(x, name), err);
}

int trust_remove(struct trust *t, const char *fingerprint, struct error *err)
{
	AUTO_FREE char *path = path_of(t, fingerprint);

	if (unlink(path) < 0 && errno != ENOENT)
		return error_sys(err, errno, "cannot remove '%s'", path);
	drop(t, fingerprint);
	return fs_sync_dir(t->dir, err);
}

/* The new one is there before the old one goes: whoever asks meanwhile is trusted by one of them. */
int trust_change(struct trust *t, const char *fingerprint, const struct x509 *x, const char *name, struct error *err)
{
	AUTO_FREE char *old = mem_strdup(fingerprint);
	AUTO_FREE char *new_name = mem_strdup(name);
	bool same = strcmp(old, x->fingerprint) == 0;
	cJSON *entry = entry_new(x, new_name);

	if (!same && trust_find(t, x->fingerprint)) {
		cJSON_Delete(entry);
		return error_set(err, ERROR_CONFLICT, "Certificate already in trust store");
	}
	if (same) {
		AUTO_FREE char *path = path_of(t, old);

		if (json_write_file(path, entry, JSON_DURABLE, err) < 0) {
			cJSON_Delete(entry);
			return -1;
		}
		drop(t, old);
		json_insert_by(t->list, "fingerprint", entry);
		return 0;
	}
	if (store(t, entry, err) < 0)
		return -1;
	return trust_remove(t, old, err);
}
