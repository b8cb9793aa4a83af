/* SPDX-License-Identifier: MIT */
#include "backup/compressor.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/mem.h"

enum { OPTIONS_MAX = 8 };

static const struct {
	const char *name, *tool, *options[6];
} algorithms[] = {
	{ "none", NULL, { NULL } },
	{ "bzip2", "bzip2", { "-c", NULL } },
	{ "gzip", "gzip", { "-c", "-n", NULL } },
	{ "lzma", "lzma", { "-c", NULL } },
	{ "pigz", "pigz", { "-c", "-n", NULL } },
	{ "xz", "xz", { "-c", NULL } },
	{ "zstd", "zstd", { "-c", "-q", NULL } },
	{ "squashfs", "tar2sqfs", { "-q", "-s", "-f", "-c", "xz", NULL } },
	{ "tar2sqfs", "tar2sqfs", { "-q", "-s", "-f", "-c", "xz", NULL } },
};

/* A level, a number of threads: nothing that names files. */
static bool option_is_harmless(const char *o)
{
	static const char *const words[] = { "-e", "--extreme", "--fast", "--best", "--rsyncable", "--ultra", "--long" };
	size_t i, skip;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(o, words[i]) == 0)
			return true;
	skip = strncmp(o, "-T", 2) == 0 ? 2 : strncmp(o, "--long=", 7) == 0 ? 7 : o[0] == '-' ? 1 : 0;
	return skip > 0 && isdigit((unsigned char)o[skip]) && strlen(o + skip) <= 3 &&
	       o[skip + strspn(o + skip, "0123456789")] == '\0';
}

static int push_options(char *rest, bool squashfs, struct argv *argv, struct error *err)
{
	char *save = NULL, *word;
	int n = 0;

	for (word = strtok_r(rest, " ", &save); word != NULL; word = strtok_r(NULL, " ", &save)) {
		if (squashfs || ++n > OPTIONS_MAX || !option_is_harmless(word))
			return error_set(err, ERROR_INVALID, "Compression algorithm option \"%.64s\" isn't allowed", word);
		argv_push(argv, word);
	}
	return 0;
}

int compressor_argv(const char *algorithm, const char *path, struct argv *argv, struct error *err)
{
	AUTO_FREE char *name = mem_strndup(algorithm, strcspn(algorithm, " "));
	AUTO_FREE char *rest = mem_strdup(algorithm + strlen(name));
	size_t i, k, n = sizeof(algorithms) / sizeof(algorithms[0]);
	bool squashfs;

	for (i = 0; i < n && strcmp(algorithms[i].name, name) != 0; i++)
		;
	if (i == n)
		return error_set(err, ERROR_INVALID, "Compression algorithm \"%.64s\" isn't currently supported", name);
	if (algorithms[i].tool == NULL)
		return *rest == '\0' ? 0 : error_set(err, ERROR_INVALID, "Compression algorithm \"none\" has no options");
	if (!fs_in_path(algorithms[i].tool))
		return error_set(err, ERROR_UNSUPPORTED, "compression with %s is not possible: '%s' is not installed", name,
				 algorithms[i].tool);
	argv_push(argv, algorithms[i].tool);
	for (k = 0; algorithms[i].options[k] != NULL; k++)
		argv_push(argv, algorithms[i].options[k]);
	squashfs = strcmp(algorithms[i].tool, "tar2sqfs") == 0;
	if (push_options(rest, squashfs, argv, err) < 0)
		return -1;
	if (squashfs)
		argv_push(argv, path);
	return 0;
}
