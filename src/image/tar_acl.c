/* SPDX-License-Identifier: MIT */
/* acl_from_text(3) forms: tag:qualifier:permissions, between commas or newlines; star adds ":id". */
#include <endian.h>
#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <string.h>

#include "image/tar_pax.h"

struct field {
	const char *s;
	size_t len;
};

static int invalid(struct error *err)
{
	return error_set(err, ERROR_INVALID, "an access control list is malformed");
}

static struct field trim(const char *s, size_t len)
{
	const char *hash = memchr(s, '#', len);

	len = hash ? (size_t)(hash - s) : len;
	while (len && (*s == ' ' || *s == '\t')) {
		s++;
		len--;
	}
	while (len && (s[len - 1] == ' ' || s[len - 1] == '\t'))
		len--;
	return (struct field){ s, len };
}

/* Into at most four fields; returns how many, 0 when there are more. */
static size_t split(struct field whole, struct field f[4])
{
	size_t n = 0, len;
	const char *colon;

	for (;;) {
		if (n == 4)
			return 0;
		colon = memchr(whole.s, ':', whole.len);
		len = colon ? (size_t)(colon - whole.s) : whole.len;
		f[n++] = (struct field){ whole.s, len };
		if (!colon)
			return n;
		whole.s += len + 1;
		whole.len -= len + 1;
	}
}

static const char *tag_name(struct field f)
{
	static const char *const names[] = { "user", "group", "mask", "other" };
	size_t i;

	for (i = 0; i < 4; i++) {
		if ((f.len == 1 && f.s[0] == names[i][0]) ||
		    (f.len == strlen(names[i]) && memcmp(f.s, names[i], f.len) == 0))
			return names[i];
	}
	return NULL;
}

static int permissions(struct field f, char out[4])
{
	static const char letters[] = "rwx";
	const char *at;
	size_t i;

	memcpy(out, "---", 4);
	if (f.len == 0 || f.len > 3)
		return -1;
	for (i = 0; i < f.len; i++) {
		at = f.s[i] == '-' || !f.s[i] ? NULL : strchr(letters, f.s[i]);
		if (at)
			out[at - letters] = f.s[i];
		else if (f.s[i] != '-')
			return -1;
	}
	return 0;
}

static int entry(struct field whole, struct strbuf *out, struct error *err)
{
	struct field f[4];
	size_t n = split(whole, f);
	const char *tag = n >= 3 ? tag_name(f[0]) : NULL;
	char perm[4];
	uint64_t id;

	if (!tag || permissions(f[2], perm))
		return invalid(err);
	if (f[1].len == 0) {
		strbuf_addf(out, "%s%s::%s", out->len ? "," : "", tag, perm);
		return 0;
	}
	if (tag[0] == 'm' || tag[0] == 'o')
		return invalid(err);
	if (tar_parse_decimal(f[1].s, f[1].len, INT32_MAX, &id) &&
	    (n < 4 || tar_parse_decimal(f[3].s, f[3].len, INT32_MAX, &id)))
		return 0;
	strbuf_addf(out, "%s%s:%llu:%s", out->len ? "," : "", tag, (unsigned long long)id, perm);
	return 0;
}

int tar_acl_numeric(const char *text, size_t len, struct strbuf *out, struct error *err)
{
	const char *end = text + len, *next;
	struct field f;

	for (; text < end; text = next + 1) {
		next = text;
		while (next < end && *next != ',' && *next != '\n')
			next++;
		f = trim(text, (size_t)(next - text));
		if (f.len && entry(f, out, err))
			return -1;
	}
	return 0;
}

static const char *xattr_tag(unsigned tag)
{
	switch (tag) {
	case ACL_USER_OBJ:
	case ACL_USER:
		return "user";
	case ACL_GROUP_OBJ:
	case ACL_GROUP:
		return "group";
	case ACL_MASK:
		return "mask";
	case ACL_OTHER:
		return "other";
	default:
		return NULL;
	}
}

int tar_acl_from_xattr(const void *value, size_t len, struct strbuf *out, struct error *err)
{
	struct posix_acl_xattr_header header;
	struct posix_acl_xattr_entry e;
	const char *at = value, *tag;
	unsigned perm;
	bool named;

	if (len < sizeof(header) || (len - sizeof(header)) % sizeof(e))
		return invalid(err);
	memcpy(&header, at, sizeof(header));
	if (le32toh(header.a_version) != POSIX_ACL_XATTR_VERSION)
		return invalid(err);
	for (at += sizeof(header); at < (const char *)value + len; at += sizeof(e)) {
		memcpy(&e, at, sizeof(e));
		tag = xattr_tag(le16toh(e.e_tag));
		perm = le16toh(e.e_perm);
		if (!tag || perm > 7)
			return invalid(err);
		named = le16toh(e.e_tag) == ACL_USER || le16toh(e.e_tag) == ACL_GROUP;
		if (named && le32toh(e.e_id) > INT32_MAX)
			continue;
		strbuf_addf(out, "%s%s:", out->len ? "," : "", tag);
		if (named)
			strbuf_addf(out, "%u", le32toh(e.e_id));
		strbuf_addf(out, ":%c%c%c", perm & 4 ? 'r' : '-', perm & 2 ? 'w' : '-', perm & 1 ? 'x' : '-');
	}
	return 0;
}
