/* SPDX-License-Identifier: MIT */
#include "instance/names.h"

#include <stdlib.h>

#include "base/ident.h"
#include "base/mem.h"

static const char *const adjectives[] = {
	"able", "bold", "brave", "brisk", "calm", "civil", "clear", "deft", "eager", "fair", "fond", "fresh",
	"glad", "grand", "handy", "happy", "keen", "kind", "lively", "loyal", "lucid", "mellow", "merry", "mighty",
	"modest", "neat", "noble", "patient", "polite", "proud", "quick", "quiet", "ready", "robust", "sharp", "smart",
	"snug", "solid", "stable", "steady", "sturdy", "sunny", "swift", "tidy", "trim", "trusty", "vivid", "warm",
};
static const char *const nouns[] = {
	"auk", "badger", "beaver", "bison", "bream", "carp", "cod", "crane", "curlew", "dace", "dolphin", "eel",
	"egret", "eider", "finch", "gannet", "goose", "grebe", "gull", "heron", "hoopoe", "ibis", "jackdaw", "kestrel",
	"lark", "linnet", "loon", "marlin", "marten", "newt", "orca", "osprey", "otter", "perch", "petrel", "pike",
	"plover", "puffin", "ray", "robin", "seal", "skua", "stork", "swan", "tern", "trout", "vole", "wren",
};

static unsigned random_below(unsigned n)
{
	char hex[9];

	ident_random_hex(hex, 4);
	return (unsigned)strtoul(hex, NULL, 16) % n;
}

char *name_generate(const struct registry *r, const char *prefix)
{
	for (unsigned tries = 0;; tries++) {
		const char *a = adjectives[random_below(sizeof(adjectives) / sizeof(adjectives[0]))];
		const char *n = nouns[random_below(sizeof(nouns) / sizeof(nouns[0]))];
		char *name = tries < 20 ? mem_printf("%s%s-%s", prefix, a, n) :
					  mem_printf("%s%s-%s-%u", prefix, a, n, random_below(100000));

		if (registry_get(r, name) == NULL)
			return name;
		free(name);
	}
}
