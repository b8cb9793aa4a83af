/* SPDX-License-Identifier: MIT */
/*
 * berth file pull. What an instance says of its files is not to be trusted: below the target nothing is followed, names
 * are plain, and no file gets more than permission bits.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"
#include "cli/file.h"

#define DEPTH_MAX 512 /* of folders: each has a descriptor open */

/* Where one file goes. */
struct sink {
	int folder;	  /* fd */
	const char *name; /* in it; NULL: stdout */
	bool follow;	  /* a link of that name is what the user said */
	int fd;		  /* once it is open */
};

static int open_sink(unsigned mode, void *data, struct error *err)
{
	struct sink *s = data;

	if (!s->name)
		return s->fd = STDOUT_FILENO;
	s->fd = openat(s->folder, s->name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | (s->follow ? 0 : O_NOFOLLOW), 0600);
	if (s->fd < 0)
		return error_sys(err, errno, "cannot write '%s'", s->name);
	if (fchmod(s->fd, mode & 0777) < 0 && errno != EPERM)
		return error_sys(err, errno, "cannot set the mode of '%s'", s->name);
	return s->fd;
}

static int close_sink(struct sink *s, int rc, struct error *err)
{
	if (s->name && s->fd >= 0 && close(s->fd) < 0 && rc == 0)
		return error_sys(err, errno, "cannot write '%s'", s->name);
	return rc;
}

/* ---- folders */

struct tree {
	struct cli *cli;
	const char *instance;
	int depth;
};

static int pull_entry(struct tree *t, const char *path, int folder, const char *name, struct error *err);

static int pull_names(struct tree *t, const char *path, int folder, const cJSON *names, struct error *err)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, names) {
		const char *name = cJSON_IsString(item) ? item->valuestring : "";
		AUTO_FREE char *below = mem_printf("%s/%s", strcmp(path, "/") == 0 ? "" : path, name);

		if (!*name || strchr(name, '/') || !strcmp(name, ".") || !strcmp(name, ".."))
			return error_set(err, ERROR_TOOL, "'%s' has an entry that is no name: '%s'", path, name);
		if (pull_entry(t, below, folder, name, err) < 0)
			return -1;
	}
	return 0;
}

static int pull_folder(struct tree *t, const char *path, int folder, const char *name, const struct client_file *file,
		       struct error *err)
{
	AUTO_CLOSE int fd = -1;
	int rc;

	if (t->depth == DEPTH_MAX)
		return error_set(err, ERROR_TOO_LARGE, "'%s': folders lie deeper than %d", path, DEPTH_MAX);
	if (mkdirat(folder, name, 0700) < 0 && errno != EEXIST)
		return error_sys(err, errno, "cannot make the folder '%s'", name);
	fd = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return error_sys(err, errno, "cannot open the folder '%s'", name);
	t->depth++;
	rc = pull_names(t, path, fd, file->names, err);
	t->depth--;
	if (rc == 0 && fchmod(fd, file->mode & 0777) < 0)
		return error_sys(err, errno, "cannot set the mode of '%s'", name);
	return rc;
}

static int pull_link(int folder, const char *name, const char *target, struct error *err)
{
	if (symlinkat(target, folder, name) == 0)
		return 0;
	if (errno == EEXIST && unlinkat(folder, name, 0) == 0 && symlinkat(target, folder, name) == 0)
		return 0;
	return error_sys(err, errno, "cannot make the link '%s'", name);
}

static int pull_entry(struct tree *t, const char *path, int folder, const char *name, struct error *err)
{
	struct sink sink = { .folder = folder, .name = name, .fd = -1 };
	AUTO_FREE char *url = file_url(t->instance, path);
	struct client_file file;
	int rc = close_sink(&sink, client_file_get(t->cli->client, url, open_sink, &sink, &file, err), err);

	if (rc < 0)
		error_wrap(err, "'%s'", path);
	else if (file.names)
		rc = pull_folder(t, path, folder, name, &file, err);
	else if (file.target)
		rc = pull_link(folder, name, file.target, err);
	client_file_clear(&file);
	return rc;
}

/* ---- single files */

/* A link is followed to its file, as cat(1) would. */
static int pull_file(struct cli *cli, const char *instance, const char *path, struct sink *sink, struct error *err)
{
	AUTO_FREE char *at = mem_strdup(path);
	int rc = 1;

	for (int i = 0; rc > 0 && i < FILE_LINKS_MAX; i++) {
		AUTO_FREE char *url = file_url(instance, at);
		struct client_file file;

		rc = client_file_get(cli->client, url, open_sink, sink, &file, err);
		if (file.names) {
			rc = error_set(err, ERROR_INVALID, "Can't pull a directory without --recursive: '%s'", at);
		} else if (file.target) {
			char *next = file_link_target(at, file.target);

			free(at);
			at = next;
			rc = 1;
		}
		client_file_clear(&file);
	}
	if (rc > 0)
		rc = error_set(err, ERROR_INVALID, "'%s': too many links lead to each other", path);
	return close_sink(sink, rc, err);
}

/* ---- the target */

struct pull {
	struct cli *cli;
	bool recursive, parents;
	const char *target;
	bool into; /* it is a folder */
};

/* Whether it is a folder; makes what -p makes. */
static int look_at_target(struct pull *p, int n, struct error *err)
{
	size_t len = strlen(p->target);
	struct stat st;
	bool there = stat(p->target, &st) == 0;
	AUTO_FREE char *folder = NULL;

	p->into = there ? S_ISDIR(st.st_mode) : len > 0 && (p->target[len - 1] == '/' || n > 1);
	if (n > 1 && !p->into)
		return error_set(err, ERROR_INVALID, "several files go into a folder, and '%s' is none", p->target);
	if (there || !p->parents)
		return 0;
	folder = p->into || !strrchr(p->target, '/') ? mem_strdup(p->into ? p->target : ".") :
		 mem_strndup(p->target, (size_t)(strrchr(p->target, '/') - p->target));
	return *folder ? fs_mkdirs(folder, 0755, err) : 0;
}

/* The folder that the new entry lies in, open, and its name there: *ret_name points into arg or target. */
static int open_folder(const struct pull *p, const char *path, const char **ret_name, struct error *err)
{
	const char *slash = strrchr(p->target, '/');
	AUTO_FREE char *folder = NULL;
	int fd;

	if (p->into)
		folder = mem_strdup(p->target);
	else if (slash)
		folder = mem_strndup(p->target, slash == p->target ? 1 : (size_t)(slash - p->target));
	else
		folder = mem_strdup(".");
	*ret_name = p->into ? strrchr(path, '/') + 1 : slash ? slash + 1 : p->target;
	if (!**ret_name)
		return error_set(err, ERROR_INVALID, "'%s' has no name: name the target", path);
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? error_sys(err, errno, "cannot open the folder '%s'", folder) : fd;
}

static int pull_one(const struct pull *p, const char *arg, struct error *err)
{
	AUTO_PLACE struct file_place place = { 0 };
	struct sink sink = { .folder = -1, .follow = true, .fd = -1 };
	struct tree tree = { .cli = p->cli };
	AUTO_CLOSE int folder = -1;

	if (file_place_parse(arg, &place, err) < 0)
		return -1;
	if (strcmp(p->target, "-") != 0) {
		folder = open_folder(p, place.path, &sink.name, err);
		if (folder < 0)
			return -1;
	}
	sink.folder = folder;
	tree.instance = place.instance;
	if (p->recursive && sink.name)
		return pull_entry(&tree, place.path, folder, sink.name, err);
	return pull_file(p->cli, place.instance, place.path, &sink, err);
}

int file_pull(struct cli *cli, int argc, char **argv, struct error *err)
{
	static const struct option options[] = { { "recursive", no_argument, NULL, 'r' },
						 { "create-dirs", no_argument, NULL, 'p' },
						 { 0 } };
	struct pull p = { .cli = cli };
	int opt, rc = 0;

	while ((opt = cli_getopt(cli, argc, argv, "pr", options)) != -1) {
		if (opt == '?')
			return CLI_USAGE;
		p.recursive |= opt == 'r';
		p.parents |= opt == 'p';
	}
	if (cli_argc(cli, argc, 2, -1) != 0)
		return CLI_USAGE;
	for (int i = optind; i < argc - 1; i++) {
		AUTO_PLACE struct file_place place = { 0 };

		if (file_place_parse(argv[i], &place, err) < 0)
			return cli_usage(cli, "%s", err->msg);
	}
	p.target = argv[argc - 1];
	if (strcmp(p.target, "-") != 0)
		rc = look_at_target(&p, argc - 1 - optind, err);
	for (int i = optind; rc == 0 && i < argc - 1; i++)
		rc = pull_one(&p, argv[i], err);
	return rc;
}
