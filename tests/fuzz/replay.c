/* SPDX-License-Identifier: MIT */
/*
 * Runs a fuzzer's function over files, and the files of folders, given as
 * arguments: the corpus as a regression test, with any compiler.
 */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define INPUT_MAX (64l << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv) __attribute__((weak));
void __sanitizer_set_death_callback(void (*cb)(void)) __attribute__((weak));

static const char *current = "(nothing)";

static void name_input(void)
{
	fprintf(stderr, "replay: died on '%s'\n", current);
}

static void die(const char *what, const char *path)
{
	fprintf(stderr, "replay: cannot %s '%s': %s\n", what, path, strerror(errno));
	exit(2);
}

/* In a block of just its size, so that reading past it is seen. */
static void run_file(const char *path, long size)
{
	FILE *f = fopen(path, "rb");
	uint8_t *data;

	if (!f)
		die("open", path);
	data = size < INPUT_MAX ? malloc((size_t)size) : NULL;
	if ((!data && size) || fread(data, 1, (size_t)size, f) != (size_t)size)
		die("read", path);
	fclose(f);
	current = path;
	LLVMFuzzerTestOneInput(data, (size_t)size);
	free(data);
}

static unsigned run_path(const char *path);

static unsigned run_folder(const char *path)
{
	struct dirent **list;
	int i, n = scandir(path, &list, NULL, alphasort);
	unsigned count = 0;
	char *name;

	if (n < 0)
		die("read", path);
	for (i = 0; i < n; i++) {
		if (list[i]->d_name[0] != '.' && asprintf(&name, "%s/%s", path, list[i]->d_name) >= 0) {
			count += run_path(name);
			free(name);
		}
		free(list[i]);
	}
	free(list);
	return count;
}

static unsigned run_path(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		die("find", path);
	if (S_ISDIR(st.st_mode))
		return run_folder(path);
	run_file(path, (long)st.st_size);
	return 1;
}

int main(int argc, char **argv)
{
	unsigned count = 0;
	int i;

	if (LLVMFuzzerInitialize)
		LLVMFuzzerInitialize(&argc, &argv);
	if (__sanitizer_set_death_callback)
		__sanitizer_set_death_callback(name_input);
	for (i = 1; i < argc; i++)
		count += run_path(argv[i]);
	printf("%s: %u inputs\n", argv[0], count);
	if (!count)
		fprintf(stderr, "replay: there is nothing to run\n");
	return count ? 0 : 1;
}
