/* SPDX-License-Identifier: MIT */
/* `berth file …`: where in an instance, and what its files share. */
#ifndef BERTH_CLI_FILE_H
#define BERTH_CLI_FILE_H

#include <stdbool.h>
#include <sys/types.h>

#include "cli/cli.h"

/* "c1/etc/hosts", "c1/root/" */
struct file_place {
	char *instance;
	char *path;  /* begins with "/", without "." parts and double slashes, no "/" at its end but of "/" */
	bool folder; /* said so: it ended in "/" or "/." */
};
int file_place_parse(const char *arg, struct file_place *ret, struct error *err);
void file_place_clear(struct file_place *p);
#define AUTO_PLACE __attribute__((cleanup(file_place_clear)))

/* "/a" and "b/./c" to "/a/b/c"; ".." stays for berthd, which keeps to the root. Caller frees. */
char *file_join(const char *folder, const char *below);
char *file_url(const char *instance, const char *path); /* caller frees */

/* What a new file, folder or link gets; -1: what berthd does without. */
struct file_owner {
	long uid, gid;
	long mode;
};
#define FILE_OWNER_NONE { .uid = -1, .gid = -1, .mode = -1 }
/* --uid, --gid: 0 to 4294967294; --mode: octal, 0 to 7777. */
int file_owner_option(int opt, const char *value, struct file_owner *ret, struct error *err);

/* type: "file", "directory" (fd -1), "symlink" (fd gives its text). */
int file_post(struct cli *cli, const char *url, const char *type, const struct file_owner *owner, int fd, struct error *err);
/* The folders above path that are missing; no mode: berthd's. */
int file_make_parents(struct cli *cli, const char *instance, const char *path, const struct file_owner *owner,
		      struct error *err);
/* What is there: 1 and its type, 0 when nothing is. The type of a link that leads to a folder is "symlink". */
int file_type_of(struct cli *cli, const char *instance, const char *path, char type[16], struct error *err);
/* Where a link at path, whose text is target, leads. Caller frees. */
char *file_link_target(const char *path, const char *target);
#define FILE_LINKS_MAX 40 /* that lead to each other, as the kernel has it */

int file_push(struct cli *cli, int argc, char **argv, struct error *err);
int file_pull(struct cli *cli, int argc, char **argv, struct error *err);

#endif
