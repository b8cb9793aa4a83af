/* SPDX-License-Identifier: MIT */
/*
 * metadata.yaml of an image (LXD: shared/api/image.go, ImageMetadata), parsed
 * with libyaml from hostile text: no aliases, bounded depth and size.
 */
#ifndef BERTH_IMAGE_METADATA_H
#define BERTH_IMAGE_METADATA_H

#include <cjson/cJSON.h>
#include <stddef.h>

#include "base/error.h"

enum { METADATA_SIZE_MAX = 256 * 1024 };

/*
 * {"architecture":"x86_64","creation_date":N,"expiry_date":N,"properties":{strings},
 * "templates":{"/etc/hosts":{"when":[],"create_only":b,"template":"x","properties":{}}}};
 * members that are missing in the text are missing here.
 */
cJSON *metadata_parse(const char *text, size_t len, struct error *err);
/* Any YAML mapping, of so many values at most; scalars are strings, whatever YAML takes them for. what: for messages. */
cJSON *metadata_yaml(const char *what, const char *text, size_t len, unsigned max_values, struct error *err);
/* os-release(5): {"id":"debian","version_id":"12",…}, keys in lower case; only lines KEY=VALUE count. */
cJSON *os_release_parse(const char *text, size_t len);
/* "amd64" -> "x86_64": the names uname -m and LXD use; an unknown one comes back as it is. */
const char *architecture_name(const char *alias);
/* Of the first 20 bytes of an ELF file; NULL when it is none or unknown. */
const char *architecture_of_elf(const unsigned char *head, size_t len);

#endif
