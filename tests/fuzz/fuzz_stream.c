/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as a send stream of btrfs (the first byte: 1 there was one before) on a tree in a folder of its own: refused with a
 * reason, or done, and beside the tree nothing is made or goes. Checksums are put right first.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../unit/stream_build.h"
#include "base/fs.h"
#include "base/mem.h"
#include "helper/stream_apply.h"

enum { MAGIC_LEN = 17, HEAD = 10 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
	uint8_t *bytes;
	size_t len, at;
};

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "fuzz_stream: %s\n", what);
	abort();
}

static void put_right(struct input *in)
{
	uint32_t len, crc;

	for (size_t at = MAGIC_LEN; in->len - at >= HEAD && at < in->len; at += HEAD + len) {
		memcpy(&len, in->bytes + at, 4);
		len = le32toh(len);
		if (len > in->len - at - HEAD)
			return;
		memset(in->bytes + at + 6, 0, 4);
		crc = htole32(built_crc(in->bytes + at, HEAD + len));
		memcpy(in->bytes + at + 6, &crc, 4);
	}
}

static long source(void *data, void *buf, size_t len, struct error *err)
{
	struct input *in = data;

	(void)err;
	len = len < in->len - in->at ? len : in->len - in->at;
	memcpy(buf, in->bytes + in->at, len);
	in->at += len;
	return (long)len;
}

static void apply(struct input *in, bool again, const char *dir)
{
	struct stream_target t = { .parent = -1, .max_bytes = 1 << 20, .max_entries = 200, .max_id = 65535,
				   .shift = { 1000000, 0, 65536 } };
	struct stream *s = stream_new(source, in);
	struct error err = ERROR_INIT;
	int rc;

	t.tree = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	must(t.tree >= 0, "no folder");
	t.parent = again ? t.tree : -1;
	/* whichever it goes on from */
	if (again && in->len >= MAGIC_LEN + 80)
		memcpy(t.uuid, in->bytes + MAGIC_LEN + HEAD + 45, STREAM_UUID);
	rc = stream_apply(s, &t, &err);
	must(rc == 0 ? err.code == ERROR_NONE : err.code != ERROR_NONE && err.msg[0] != '\0', "the error does not fit what came of it");
	stream_free(s);
	close(t.tree);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char root[] = "/tmp/fuzz-stream.XXXXXX";
	struct error err = ERROR_INIT;
	struct input in = { .len = size > 0 ? size - 1 : 0 };
	AUTO_CLOSE int cwd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	AUTO_FREE char *dir = NULL;
	AUTO_FREE char *beside = NULL;
	struct stat st;

	if (in.len < MAGIC_LEN)
		return 0;
	must(mkdtemp(root) != NULL, "no folder");
	dir = fs_join(root, "tree");
	beside = fs_join(root, "beside");
	must(mkdir(dir, 0700) == 0 && fs_write_quick(beside, "keep", 4, 0600, &err) == 0, "no folder");
	in.bytes = mem_alloc(in.len);
	memcpy(in.bytes, data + 1, in.len);
	put_right(&in);
	apply(&in, (data[0] & 1) != 0, dir);
	free(in.bytes);
	must(lstat(beside, &st) == 0 && st.st_size == 4 && st.st_nlink == 1 && (st.st_mode & 07777) == 0600 && st.st_uid == geteuid(),
	     "what is beside the tree has changed");
	must(unlink(beside) == 0 && fchdir(cwd) == 0 && fs_remove_tree(dir, &err) == 0 && rmdir(root) == 0,
	     "something was made beside the tree");
	return 0;
}
