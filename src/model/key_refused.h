/* SPDX-License-Identifier: MIT */
/*
 * Keys of LXD's that berth knows and refuses, each with the reason. The value that an unset key stands for is taken:
 * it asks for nothing.
 */
#ifndef BERTH_MODEL_KEY_REFUSED_H
#define BERTH_MODEL_KEY_REFUSED_H

struct key_refused {
	const char *name;     /* exact, or a prefix ending in ".*" */
	const char *harmless; /* the only value that is taken; NULL: none */
	const char *reason;   /* part of a sentence, without a full stop */
};
extern const struct key_refused keys_refused[]; /* ends with name == NULL */
const struct key_refused *key_refused_find(const char *name); /* or NULL */

#endif
