/* SPDX-License-Identifier: MIT */
#include "helper/sftp_wire.h"

#include <string.h>

#include "base/mem.h"

static bool take(struct sftp_in *in, size_t len, const unsigned char **ret)
{
	if (in->bad || in->left < len) {
		in->bad = true;
		in->left = 0;
		return false;
	}
	*ret = in->p;
	in->p += len;
	in->left -= len;
	return true;
}

uint32_t sftp_get_u32(struct sftp_in *in)
{
	const unsigned char *p;

	if (!take(in, 4, &p))
		return 0;
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | (uint32_t)p[3];
}

uint64_t sftp_get_u64(struct sftp_in *in)
{
	uint64_t high = sftp_get_u32(in);

	return high << 32 | sftp_get_u32(in);
}

const void *sftp_get_bytes(struct sftp_in *in, size_t *ret_len)
{
	const unsigned char *p = (const unsigned char *)"";
	size_t len = sftp_get_u32(in);

	*ret_len = take(in, len, &p) ? len : 0;
	return p;
}

char *sftp_get_text(struct sftp_in *in)
{
	size_t len;
	const void *p = sftp_get_bytes(in, &len);

	if (memchr(p, 0, len) != NULL) {
		in->bad = true;
		len = 0;
	}
	return mem_strndup(p, len);
}

void sftp_get_attrs(struct sftp_in *in, struct sftp_attrs *ret)
{
	*ret = (struct sftp_attrs){ .flags = sftp_get_u32(in) };
	if ((ret->flags & SFTP_A_SIZE) != 0)
		ret->size = sftp_get_u64(in);
	if ((ret->flags & SFTP_A_OWNER) != 0) {
		ret->uid = sftp_get_u32(in);
		ret->gid = sftp_get_u32(in);
	}
	if ((ret->flags & SFTP_A_MODE) != 0)
		ret->mode = sftp_get_u32(in);
	if ((ret->flags & SFTP_A_TIME) != 0) {
		ret->atime = sftp_get_u32(in);
		ret->mtime = sftp_get_u32(in);
	}
	if ((ret->flags & SFTP_A_EXTENDED) != 0) {
		size_t len;

		for (uint32_t n = sftp_get_u32(in); n > 0 && !in->bad; n--) {
			(void)sftp_get_bytes(in, &len);
			(void)sftp_get_bytes(in, &len);
		}
	}
	if (in->bad)
		ret->flags = 0;
}

void sftp_put_u32(struct strbuf *out, uint32_t v)
{
	const unsigned char b[4] = { (unsigned char)(v >> 24), (unsigned char)(v >> 16), (unsigned char)(v >> 8), (unsigned char)v };

	strbuf_add(out, b, sizeof(b));
}

void sftp_put_u64(struct strbuf *out, uint64_t v)
{
	sftp_put_u32(out, (uint32_t)(v >> 32));
	sftp_put_u32(out, (uint32_t)v);
}

void sftp_put_text(struct strbuf *out, const char *s)
{
	size_t len = strlen(s);

	sftp_put_u32(out, (uint32_t)len);
	strbuf_add(out, s, len);
}

void sftp_put_stat(struct strbuf *out, const struct stat *st)
{
	sftp_put_u32(out, SFTP_A_SIZE | SFTP_A_OWNER | SFTP_A_MODE | SFTP_A_TIME);
	sftp_put_u64(out, (uint64_t)st->st_size);
	sftp_put_u32(out, st->st_uid);
	sftp_put_u32(out, st->st_gid);
	sftp_put_u32(out, st->st_mode);
	sftp_put_u32(out, (uint32_t)st->st_atime);
	sftp_put_u32(out, (uint32_t)st->st_mtime);
}
