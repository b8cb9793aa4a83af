/* SPDX-License-Identifier: MIT */
/* What sftp.c, sftp_path.c and sftp_handle.c share. */
#ifndef BERTH_HELPER_SFTP_PRIVATE_H
#define BERTH_HELPER_SFTP_PRIVATE_H

#include <dirent.h>

#include "helper/sftp.h"
#include "helper/sftp_wire.h"

struct sftp_handle {
	bool used;
	int fd;   /* of a file, or -1 */
	DIR *dir; /* or NULL */
	bool append;
};

struct sftp {
	int root;
	bool begun; /* SFTP_INIT came */
	struct sftp_handle handle[SFTP_HANDLES_MAX];
	char *buf; /* SFTP_PACKET_MAX, for reading */
};

/* A request being answered: its id, what it says, where the answer goes. */
struct sftp_request {
	struct sftp *s;
	uint32_t id;
	struct sftp_in in;
	struct strbuf *out;
};

typedef void (*sftp_fn)(struct sftp_request *r);

/* sftp.c: answers */
void sftp_answer(struct sftp_request *r, enum sftp_type type); /* begins one; what follows is put to r->out */
void sftp_status(struct sftp_request *r, enum sftp_code code, const char *text);
void sftp_result(struct sftp_request *r, int rc); /* 0, or -1 with errno */
char *sftp_path(struct sftp_request *r);          /* the next text, clean; caller frees */
/* The attributes that are given, of an open file or an O_PATH descriptor. */
int sftp_set(int fd, const struct sftp_attrs *attrs);

/* sftp_path.c: requests that name a path; sftp_handle.c: that open one or name a handle */
void sftp_do_lstat(struct sftp_request *r);
void sftp_do_stat(struct sftp_request *r);
void sftp_do_setstat(struct sftp_request *r);
void sftp_do_remove(struct sftp_request *r);
void sftp_do_mkdir(struct sftp_request *r);
void sftp_do_rmdir(struct sftp_request *r);
void sftp_do_realpath(struct sftp_request *r);
void sftp_do_rename(struct sftp_request *r);
void sftp_do_readlink(struct sftp_request *r);
void sftp_do_symlink(struct sftp_request *r);
void sftp_do_extended(struct sftp_request *r);
void sftp_do_open(struct sftp_request *r);
void sftp_do_close(struct sftp_request *r);
void sftp_do_read(struct sftp_request *r);
void sftp_do_write(struct sftp_request *r);
void sftp_do_fstat(struct sftp_request *r);
void sftp_do_fsetstat(struct sftp_request *r);
void sftp_do_opendir(struct sftp_request *r);
void sftp_do_readdir(struct sftp_request *r);
/* The handle that r names; NULL: the status is sent. */
struct sftp_handle *sftp_handle_of(struct sftp_request *r);
int sftp_handle_fd(const struct sftp_handle *h);
void sftp_handle_drop(struct sftp_handle *h);

#endif
