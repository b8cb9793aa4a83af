/* SPDX-License-Identifier: MIT */
/*
 * The bytes of SFTP version 3 (draft-ietf-secsh-filexfer-02): numbers are big-endian, strings have their length before
 * them. Reading never goes beyond what is there: the first thing that does not fit makes all that follows zeros, and bad.
 */
#ifndef BERTH_HELPER_SFTP_WIRE_H
#define BERTH_HELPER_SFTP_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/strbuf.h"

enum { SFTP_PACKET_MAX = 256 * 1024, SFTP_HANDLES_MAX = 256 };

enum sftp_type {
	SFTP_INIT = 1, SFTP_VERSION, SFTP_OPEN, SFTP_CLOSE, SFTP_READ, SFTP_WRITE, SFTP_LSTAT, SFTP_FSTAT, SFTP_SETSTAT,
	SFTP_FSETSTAT, SFTP_OPENDIR, SFTP_READDIR, SFTP_REMOVE, SFTP_MKDIR, SFTP_RMDIR, SFTP_REALPATH, SFTP_STAT,
	SFTP_RENAME, SFTP_READLINK, SFTP_SYMLINK,
	SFTP_STATUS = 101, SFTP_HANDLE, SFTP_DATA, SFTP_NAME, SFTP_ATTRS,
	SFTP_EXTENDED = 200, SFTP_EXTENDED_REPLY,
};

enum sftp_code { SFTP_OK, SFTP_EOF, SFTP_NO_SUCH_FILE, SFTP_DENIED, SFTP_FAILURE, SFTP_BAD_MESSAGE, SFTP_UNSUPPORTED = 8 };

enum { SFTP_F_READ = 1, SFTP_F_WRITE = 2, SFTP_F_APPEND = 4, SFTP_F_CREAT = 8, SFTP_F_TRUNC = 16, SFTP_F_EXCL = 32 };

enum { SFTP_A_SIZE = 1, SFTP_A_OWNER = 2, SFTP_A_MODE = 4, SFTP_A_TIME = 8 };
#define SFTP_A_EXTENDED 0x80000000u

struct sftp_attrs {
	uint32_t flags; /* which of them are there */
	uint64_t size;
	uint32_t uid, gid, mode, atime, mtime;
};

struct sftp_in {
	const unsigned char *p;
	size_t left;
	bool bad;
};

uint32_t sftp_get_u32(struct sftp_in *in);
uint64_t sftp_get_u64(struct sftp_in *in);
/* Borrowed from the packet. */
const void *sftp_get_bytes(struct sftp_in *in, size_t *ret_len);
/* A copy; one with a zero byte in it is bad. Never NULL, caller frees. */
char *sftp_get_text(struct sftp_in *in);
void sftp_get_attrs(struct sftp_in *in, struct sftp_attrs *ret);

void sftp_put_u32(struct strbuf *out, uint32_t v);
void sftp_put_u64(struct strbuf *out, uint64_t v);
void sftp_put_text(struct strbuf *out, const char *s);
void sftp_put_stat(struct strbuf *out, const struct stat *st);

#endif
