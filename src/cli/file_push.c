/* SPDX-License-Identifier: MIT */
/* berth file push. */
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"
#include "cli/file.h"

struct push {
	struct cli *cli;
	struct file_place place;
	struct file_owner owner; /* as the options say */
	bool recursive, parents;
};

/* ---- folders */

static int push_link(const struct push *p, const char *url, const char *link, const struct file_owner *owner, struct error *err)
{
	char text[PATH_MAX];
	ssize_t n = readlink(link, text, sizeof(text));
	AUTO_CLOSE int fd = n < 0 ? -1 : fs_memory_file(text, (size_t)n);

	if (n < 0)
		return error_sys(err, errno, "cannot read the link '%s'", link);
	if (fd < 0)
		return error_sys(err, errno, "cannot make room for the text of '%s'", link);
	return file_post(p->cli, url, "symlink", owner, fd, err);
}

static int push_entry(const struct push *p, const FTSENT *e, const char *to, struct error *err)
{
	AUTO_FREE char *url = file_url(p->place.instance, to);
	struct file_owner owner = { -1, -1, -1 };
	AUTO_CLOSE int fd = -1;

	if (e->fts_info == FTS_DP)
		return 0;
	if (e->fts_info == FTS_DNR || e->fts_info == FTS_ERR || e->fts_info == FTS_NS)
		return error_sys(err, e->fts_errno, "cannot read '%s'", e->fts_path);
	owner = (struct file_owner){ e->fts_statp->st_uid, e->fts_statp->st_gid, e->fts_statp->st_mode & 0777 };
	if (e->fts_info == FTS_D)
		return file_post(p->cli, url, "directory", &owner, -1, err);
	if (e->fts_info == FTS_SL || e->fts_info == FTS_SLNONE)
		return push_link(p, url, e->fts_path, &owner, err);
	if (e->fts_info != FTS_F)
		return error_set(err, ERROR_UNSUPPORTED, "'%s' is no file, folder or link: it cannot be pushed", e->fts_path);
	fd = open(e->fts_path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	return fd < 0 ? error_sys(err, errno, "cannot open '%s'", e->fts_path) :
			file_post(p->cli, url, "file", &owner, fd, err);
}

static int by_name(const FTSENT **a, const FTSENT **b)
{
	return strcmp((*a)->fts_name, (*b)->fts_name);
}

/* "dir" becomes TARGET/dir, of "dir/" what is in it goes to TARGET. */
static int push_tree(const struct push *p, char *source, struct error *err)
{
	const char *slash = strrchr(source, '/');
	size_t skip = slash ? (size_t)(slash + 1 - source) : 0;
	char *const roots[] = { source, NULL };
	FTSENT *e;
	FTS *tree;
	int rc = 0;

	if (strcmp(source + skip, "..") == 0)
		return error_set(err, ERROR_INVALID, "'%s' ends in no name: '%s/' is what is in it", source, source);
	tree = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, by_name);
	if (!tree)
		return error_sys(err, errno, "cannot read '%s'", source);
	while (rc == 0 && (errno = 0, e = fts_read(tree))) {
		AUTO_FREE char *to = file_join(p->place.path, e->fts_path + skip);

		rc = push_entry(p, e, to, err);
		if (rc < 0)
			error_wrap(err, "'%s'", e->fts_path);
	}
	if (rc == 0 && errno != 0)
		rc = error_sys(err, errno, "cannot read '%s'", source);
	fts_close(tree);
	return rc;
}

/* ---- files */

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static int push_file(const struct push *p, const char *source, bool into, struct error *err)
{
	bool is_stdin = strcmp(source, "-") == 0;
	AUTO_FREE char *to = into ? file_join(p->place.path, is_stdin ? "stdin" : base_name(source)) : mem_strdup(p->place.path);
	AUTO_CLOSE int fd = is_stdin ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3) : open(source, O_RDONLY | O_CLOEXEC);
	AUTO_FREE char *url = file_url(p->place.instance, to);
	struct file_owner owner = p->owner;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return error_sys(err, errno, "cannot open '%s'", source);
	if (S_ISDIR(st.st_mode))
		return error_set(err, ERROR_INVALID, "'%s' is a folder: --recursive pushes it", source);
	owner.uid = owner.uid < 0 ? (long)st.st_uid : owner.uid;
	owner.gid = owner.gid < 0 ? (long)st.st_gid : owner.gid;
	owner.mode = owner.mode < 0 ? (long)(st.st_mode & 0777) : owner.mode;
	if (p->parents) {
		struct file_owner folder = { owner.uid, owner.gid, -1 };

		if (file_make_parents(p->cli, p->place.instance, to, &folder, err) < 0)
			return -1;
	}
	return file_post(p->cli, url, "file", &owner, fd, err) < 0 ? error_wrap(err, "'%s'", source) : 0;
}

static int push_files(const struct push *p, char **sources, int n, struct error *err)
{
	bool into = p->place.folder;
	char type[16] = "";
	int rc = 0;

	if (!into && file_type_of(p->cli, p->place.instance, p->place.path, type, err) < 0)
		return -1;
	into |= strcmp(type, "directory") == 0;
	if (n > 1 && !into)
		return error_set(err, ERROR_INVALID, "Missing target directory: several files go into a folder, and '%s' is none",
				 p->place.path);
	for (int i = 0; rc == 0 && i < n; i++)
		rc = push_file(p, sources[i], into, err);
	return rc;
}

static int push_trees(const struct push *p, char **sources, int n, struct error *err)
{
	struct file_owner mine = { getuid(), getgid(), 0755 };
	AUTO_FREE char *below = file_join(p->place.path, "x");
	int rc = p->parents ? file_make_parents(p->cli, p->place.instance, below, &mine, err) : 0;

	for (int i = 0; rc == 0 && i < n; i++)
		rc = push_tree(p, sources[i], err);
	return rc;
}

static int push_options(struct push *p, int argc, char **argv, struct error *err)
{
	static const struct option options[] = {
		{ "uid", required_argument, NULL, 'u' },	 { "gid", required_argument, NULL, 'g' },
		{ "mode", required_argument, NULL, 'm' },	 { "recursive", no_argument, NULL, 'r' },
		{ "create-dirs", no_argument, NULL, 'p' }, { 0 }
	};
	int opt;

	while ((opt = cli_getopt(p->cli, argc, argv, "pr", options)) != -1) {
		if (opt == '?')
			return CLI_USAGE;
		if (opt == 'r')
			p->recursive = true;
		else if (opt == 'p')
			p->parents = true;
		else if (file_owner_option(opt, optarg, &p->owner, err) < 0)
			return cli_usage(p->cli, "%s", err->msg);
	}
	if (cli_argc(p->cli, argc, 2, -1) != 0)
		return CLI_USAGE;
	if (p->recursive && (p->owner.uid >= 0 || p->owner.gid >= 0 || p->owner.mode >= 0))
		return cli_usage(p->cli, "--uid, --gid and --mode are for single files, not for --recursive");
	return 0;
}

int file_push(struct cli *cli, int argc, char **argv, struct error *err)
{
	struct push p = { .cli = cli, .owner = FILE_OWNER_NONE };
	int rc = push_options(&p, argc, argv, err);

	if (rc != 0)
		return rc;
	if (file_place_parse(argv[argc - 1], &p.place, err) < 0)
		return cli_usage(cli, "%s", err->msg);
	rc = (p.recursive ? push_trees : push_files)(&p, argv + optind, argc - 1 - optind, err);
	file_place_clear(&p.place);
	return rc;
}
