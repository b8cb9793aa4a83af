/* SPDX-License-Identifier: MIT */
/*
 * Templates: archives that an administrator put into images_path by hand, NAME.tar.gz, .tar.xz or .tar.zst; the host
 * module names them as `os_name`. A template is imported into the store the first time it is used and again when its
 * file has changed; images_path/templates.json remembers which image a file became ({"FILE": {size, mtime_ns, inode,
 * fingerprint}}).
 */
#ifndef BERTH_IMAGE_TEMPLATE_H
#define BERTH_IMAGE_TEMPLATE_H

#include "base/error.h"
#include "berthd.h"
#include "proc/op.h"

/*
 * The image that a name means: of a template whose file is known and unchanged, else of an alias or fingerprint.
 * Caller frees. NULL with ERROR_NONE: a template that has to be imported first. NULL with err: there is none, or the
 * name is no file name ("os_name 'x': …").
 */
char *template_resolve(struct berthd *b, const char *name, struct error *err);
/* Imports it; on success template_resolve() knows it. The image has the alias NAME, unless that is another's. */
struct op *template_import(struct berthd *b, const char *name, struct error *err);

#endif
