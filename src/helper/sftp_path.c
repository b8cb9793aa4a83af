/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/mem.h"
#include "helper/file_path.h"
#include "helper/sftp_private.h"

static void tell_stat(struct sftp_request *r, bool follow)
{
	AUTO_FREE char *path = sftp_path(r);
	AUTO_CLOSE int fd = file_path_lookup(r->s->root, path, follow);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0) {
		sftp_result(r, -1);
		return;
	}
	sftp_answer(r, SFTP_ATTRS);
	sftp_put_stat(r->out, &st);
}

void sftp_do_lstat(struct sftp_request *r)
{
	tell_stat(r, false);
}

void sftp_do_stat(struct sftp_request *r)
{
	tell_stat(r, true);
}

void sftp_do_setstat(struct sftp_request *r)
{
	AUTO_FREE char *path = sftp_path(r);
	AUTO_CLOSE int fd = -1;
	struct sftp_attrs attrs;
	struct stat st;

	sftp_get_attrs(&r->in, &attrs);
	fd = file_path_lookup(r->s->root, path, true);
	if (fd >= 0 && (attrs.flags & SFTP_A_SIZE) != 0 && (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))) {
		sftp_status(r, SFTP_FAILURE, "not a file");
		return;
	}
	sftp_result(r, fd < 0 || r->in.bad ? -1 : sftp_set(fd, &attrs));
}

static void unlink_it(struct sftp_request *r, int flags)
{
	AUTO_FREE char *path = sftp_path(r);
	AUTO_FREE char *name = NULL;
	AUTO_CLOSE int parent = file_path_parent(r->s->root, path, &name);

	sftp_result(r, parent < 0 || r->in.bad ? -1 : unlinkat(parent, name, flags));
}

void sftp_do_remove(struct sftp_request *r)
{
	unlink_it(r, 0);
}

void sftp_do_rmdir(struct sftp_request *r)
{
	unlink_it(r, AT_REMOVEDIR);
}

void sftp_do_mkdir(struct sftp_request *r)
{
	AUTO_FREE char *path = sftp_path(r);
	AUTO_FREE char *name = NULL;
	AUTO_CLOSE int parent = file_path_parent(r->s->root, path, &name);
	struct sftp_attrs attrs;

	sftp_get_attrs(&r->in, &attrs);
	sftp_result(r, parent < 0 || r->in.bad ?
			       -1 : mkdirat(parent, name, (attrs.flags & SFTP_A_MODE) != 0 ? attrs.mode & 01777 : 0755));
}

/* One name, without attributes. */
static void tell_name(struct sftp_request *r, const char *name)
{
	sftp_answer(r, SFTP_NAME);
	sftp_put_u32(r->out, 1);
	sftp_put_text(r->out, name);
	sftp_put_text(r->out, name);
	sftp_put_u32(r->out, 0);
}

void sftp_do_realpath(struct sftp_request *r)
{
	AUTO_FREE char *path = sftp_path(r);

	tell_name(r, path);
}

void sftp_do_readlink(struct sftp_request *r)
{
	AUTO_FREE char *path = sftp_path(r);
	AUTO_FREE char *name = NULL;
	AUTO_CLOSE int parent = file_path_parent(r->s->root, path, &name);
	AUTO_FREE char *target = parent < 0 ? NULL : file_path_readlink(parent, name);

	if (target == NULL)
		sftp_result(r, -1);
	else
		tell_name(r, target);
}

/* As OpenSSH has it: first where it leads, then the link. */
void sftp_do_symlink(struct sftp_request *r)
{
	AUTO_FREE char *target = sftp_get_text(&r->in);
	AUTO_FREE char *path = sftp_path(r);
	AUTO_FREE char *name = NULL;
	AUTO_CLOSE int parent = file_path_parent(r->s->root, path, &name);

	sftp_result(r, parent < 0 || r->in.bad ? -1 : symlinkat(target, parent, name));
}

/* Two paths: to another name, or a second name. */
static int with_both(struct sftp_request *r, int (*fn)(int old, const char *old_name, int new, const char *new_name))
{
	AUTO_FREE char *from = sftp_path(r);
	AUTO_FREE char *to = sftp_path(r);
	AUTO_FREE char *old_name = NULL;
	AUTO_FREE char *new_name = NULL;
	AUTO_CLOSE int old = file_path_parent(r->s->root, from, &old_name);
	AUTO_CLOSE int new = old < 0 ? -1 : file_path_parent(r->s->root, to, &new_name);

	return new < 0 || r->in.bad ? -1 : fn(old, old_name, new, new_name);
}

static int rename_new(int old, const char *old_name, int new, const char *new_name)
{
	return renameat2(old, old_name, new, new_name, RENAME_NOREPLACE);
}

static int rename_over(int old, const char *old_name, int new, const char *new_name)
{
	return renameat(old, old_name, new, new_name);
}

static int hard_link(int old, const char *old_name, int new, const char *new_name)
{
	return linkat(old, old_name, new, new_name, 0);
}

void sftp_do_rename(struct sftp_request *r)
{
	sftp_result(r, with_both(r, rename_new));
}

static void tell_statvfs(struct sftp_request *r, int fd)
{
	struct statvfs v;

	if (fd < 0 || fstatvfs(fd, &v) < 0) {
		sftp_result(r, -1);
		return;
	}
	sftp_answer(r, SFTP_EXTENDED_REPLY);
	sftp_put_u64(r->out, v.f_bsize);
	sftp_put_u64(r->out, v.f_frsize);
	sftp_put_u64(r->out, v.f_blocks);
	sftp_put_u64(r->out, v.f_bfree);
	sftp_put_u64(r->out, v.f_bavail);
	sftp_put_u64(r->out, v.f_files);
	sftp_put_u64(r->out, v.f_ffree);
	sftp_put_u64(r->out, v.f_favail);
	sftp_put_u64(r->out, 0); /* the host's own number is nobody's business */
	sftp_put_u64(r->out, v.f_flag & (ST_RDONLY | ST_NOSUID));
	sftp_put_u64(r->out, v.f_namemax);
}

static void do_statvfs(struct sftp_request *r)
{
	AUTO_FREE char *path = sftp_path(r);
	AUTO_CLOSE int fd = file_path_lookup(r->s->root, path, true);

	tell_statvfs(r, fd);
}

void sftp_do_extended(struct sftp_request *r)
{
	AUTO_FREE char *name = sftp_get_text(&r->in);
	const struct sftp_handle *h;

	if (strcmp(name, "posix-rename@openssh.com") == 0) {
		sftp_result(r, with_both(r, rename_over));
	} else if (strcmp(name, "hardlink@openssh.com") == 0) {
		sftp_result(r, with_both(r, hard_link));
	} else if (strcmp(name, "statvfs@openssh.com") == 0) {
		do_statvfs(r);
	} else if (strcmp(name, "fstatvfs@openssh.com") == 0) {
		h = sftp_handle_of(r);
		if (h != NULL)
			tell_statvfs(r, sftp_handle_fd(h));
	} else if (strcmp(name, "fsync@openssh.com") == 0) {
		h = sftp_handle_of(r);
		if (h != NULL)
			sftp_result(r, fsync(sftp_handle_fd(h)));
	} else {
		sftp_status(r, SFTP_UNSUPPORTED, "unknown extension");
	}
}
