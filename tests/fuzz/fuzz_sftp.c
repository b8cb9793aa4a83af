/* SPDX-License-Identifier: MIT */
/* A session with src/helper/sftp*.c, below a folder of its own: packets with their lengths. */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"
#include "helper/sftp.h"
#include "helper/sftp_wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void run(int root, const uint8_t *data, size_t size)
{
	struct sftp *s = sftp_new(root);
	AUTO_STRBUF struct strbuf out = STRBUF_INIT;
	struct sftp_in in = { .p = data, .left = size };
	struct error err = ERROR_INIT;
	size_t len;

	do {
		const void *packet = sftp_get_bytes(&in, &len);

		if (in.bad || sftp_packet(s, packet, len, &out, &err) < 0)
			break;
	} while (in.left > 0);
	sftp_free(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char top[] = "/tmp/fuzz-sftp.XXXXXX";
	AUTO_FREE char *root = mkdtemp(top) != NULL ? fs_join(top, "root") : NULL;
	struct error err = ERROR_INIT;
	int fd;

	if (root == NULL || size > 4096 || fs_mkdirs(root, 0755, &err) < 0)
		return 0;
	fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0) {
		run(fd, data, size);
		close(fd);
	}
	fs_remove_tree(top, &err);
	return 0;
}
