/* SPDX-License-Identifier: MIT */
/*
 * Simplestreams, as image servers for LXD use it: streams/v1/index.json names files of products; each product has
 * aliases ("debian/12,debian/12/default") and versions, the latest of which counts; a version has lxd.tar.xz (metadata) and
 * root.squashfs or root.tar.xz. The fingerprint is the SHA-256 of both files one after the other.
 */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "helper/fetch_resolve.h"

/* What a product says of its machine, in Debian's words. */
static const struct {
	const char *theirs, *ours;
} machines[] = {
	{ "amd64", "x86_64" }, { "i386", "i686" }, { "arm64", "aarch64" }, { "armhf", "armv7l" }, { "armel", "armv6l" },
	{ "ppc64el", "ppc64le" }, { "s390x", "s390x" }, { "riscv64", "riscv64" },
};

static bool runs_here(const char *arch, const cJSON *source)
{
	const cJSON *a;

	for (size_t i = 0; i < sizeof(machines) / sizeof(machines[0]); i++)
		if (strcmp(machines[i].theirs, arch) == 0)
			arch = machines[i].ours;
	cJSON_ArrayForEach(a, json_arr(source, "architectures"))
		if (cJSON_IsString(a) && strcmp(a->valuestring, arch) == 0)
			return true;
	return false;
}

/* "debian/12" or, with the machine, "debian/12/amd64". */
static bool has_alias(const cJSON *product, const char *wanted)
{
	const char *p = json_str_or(product, "aliases", ""), *arch = json_str_or(product, "arch", "");
	size_t len, n = strlen(wanted);

	for (; *p; p += len + (p[len] == ',')) {
		len = strcspn(p, ",");
		if (len == 0 || strncmp(p, wanted, len < n ? len : n) != 0)
			continue;
		if (len == n || (n > len + 1 && wanted[len] == '/' && strcmp(wanted + len + 1, arch) == 0))
			return true;
	}
	return false;
}

static const cJSON *item_of(const cJSON *version, const char *a, const char *b)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, json_obj(version, "items")) {
		const char *type = json_str_or(item, "ftype", "");

		if (strcmp(type, a) == 0 || (b != NULL && strcmp(type, b) == 0))
			return item;
	}
	return NULL;
}

static bool path_ok(const cJSON *item)
{
	const char *path = json_str_or(item, "path", "");

	return *path && *path != '/' && strstr(path, "://") == NULL && strstr(path, "..") == NULL &&
	       fetch_is_fingerprint(json_str_or(item, "sha256", ""));
}

static void add(cJSON *answer, const cJSON *item, const char *base)
{
	AUTO_FREE char *url = mem_printf("%s/%s", base, json_str_or(item, "path", ""));

	fetch_add_file(answer, url, json_str(item, "sha256"));
}

static cJSON *describe(const cJSON *product, const char *serial)
{
	static const char *const same[] = { "os", "release", "variant", "arch" };
	cJSON *image = cJSON_CreateObject(), *p = cJSON_AddObjectToObject(image, "properties");

	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++)
		if (*json_str_or(product, same[i], ""))
			json_set_str(p, i == 3 ? "architecture" : same[i], json_str(product, same[i]));
	json_set_str(p, "serial", serial);
	json_set_strf(p, "description", "%s %s %s (%s)", json_str_or(product, "os", ""),
		      json_str_or(product, "release_title", json_str_or(product, "release", "")),
		      json_str_or(product, "arch", ""), serial);
	return image;
}

/* Of one version: the smaller root file that is there. NULL: it has none, or is not what was asked for. */
static cJSON *version_answer(const cJSON *product, const cJSON *version, const char *fingerprint, const char *base)
{
	static const struct {
		const char *type, *combined;
	} roots[] = { { "squashfs", "combined_squashfs_sha256" }, { "root.tar.xz", "combined_rootxz_sha256" },
		      { "root.tar.xz", "combined_sha256" } };
	const cJSON *meta = item_of(version, "lxd.tar.xz", "incus.tar.xz"), *root;
	cJSON *v;

	for (size_t i = 0; meta != NULL && i < sizeof(roots) / sizeof(roots[0]); i++) {
		const char *sum = json_str_or(meta, roots[i].combined, "");

		root = item_of(version, roots[i].type, NULL);
		if (root == NULL || !fetch_is_fingerprint(sum) || strncmp(sum, fingerprint, strlen(fingerprint)) != 0 ||
		    !path_ok(meta) || !path_ok(root))
			continue;
		v = fetch_answer(sum);
		add(v, meta, base);
		add(v, root, base);
		json_set(v, "image", describe(product, version->string));
		return v;
	}
	return NULL;
}

/* The latest version; with a fingerprint, whichever has it. */
static cJSON *product_answer(const cJSON *product, const char *fingerprint, const char *base)
{
	const cJSON *version, *best = NULL;
	cJSON *best_answer = NULL, *v;

	cJSON_ArrayForEach(version, json_obj(product, "versions")) {
		if (best != NULL && strcmp(version->string, best->string) < 0)
			continue;
		v = version_answer(product, version, fingerprint, base);
		if (v == NULL)
			continue;
		cJSON_Delete(best_answer);
		best_answer = v;
		best = version;
	}
	return best_answer;
}

cJSON *fetch_streams_find(const cJSON *products, const cJSON *source, const char *base)
{
	const char *alias = json_str_or(source, "alias", ""), *fingerprint = json_str_or(source, "fingerprint", "");
	const cJSON *product;
	cJSON *v;

	if (*fingerprint && strspn(fingerprint, "0123456789abcdef") != strlen(fingerprint)) {
		alias = fingerprint;
		fingerprint = "";
	}
	cJSON_ArrayForEach(product, json_obj(products, "products")) {
		if (!runs_here(json_str_or(product, "arch", ""), source) ||
		    (*fingerprint == '\0' && !has_alias(product, alias)))
			continue;
		v = product_answer(product, fingerprint, base);
		if (v != NULL)
			return v;
	}
	return NULL;
}

static cJSON *search(struct http *h, const cJSON *index, const cJSON *source, const char *base, struct error *err)
{
	const cJSON *entry;

	cJSON_ArrayForEach(entry, json_obj(index, "index")) {
		const char *path = json_str_or(entry, "path", "");
		AUTO_FREE char *url = mem_printf("%s/%s", base, path);
		AUTO_JSON cJSON *products = NULL;
		cJSON *v;

		if (strcmp(json_str_or(entry, "datatype", ""), "image-downloads") != 0 || *path == '\0')
			continue;
		products = http_get_json(h, url, err);
		if (products == NULL)
			return NULL;
		v = fetch_streams_find(products, source, base);
		if (v != NULL)
			return v;
	}
	error_set(err, ERROR_NOT_FOUND, "Failed getting remote image info: Image not found");
	return NULL;
}

cJSON *fetch_streams(struct http *h, const cJSON *source, struct error *err)
{
	AUTO_FREE char *base = fetch_base(source);
	AUTO_FREE char *url = mem_printf("%s/streams/v1/index.json", base);
	AUTO_JSON cJSON *index = http_get_json(h, url, err);

	return index != NULL ? search(h, index, source, base, err) : NULL;
}
