/* SPDX-License-Identifier: MIT */
/* What another server says in a migration: messages of the control connection, answers of the handshake, frames. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"
#include "helper/migrate_channel.h"
#include "helper/migrate_dial.h"
#include "helper/migrate_session.h"
#include "helper/migrate_wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void frames(const uint8_t *data, size_t size)
{
	struct channel_piece piece;
	struct channel c;
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) < 0)
		abort();
	if (write(fds[1], data, size) == (ssize_t)size) {
		channel_open(&c, fds[0], (size & 1) != 0);
		while (channel_pull(&c, &piece) > 0)
			(void)channel_push(&c);
		channel_close(&c);
	} else {
		close(fds[0]);
	}
	close(fds[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct error err = ERROR_INIT;
	AUTO_JSON cJSON *header = size < 16384 ? migrate_header_read(data, size, &err) : NULL;
	AUTO_JSON cJSON *control = size < 16384 ? migrate_control_read(data, size, &err) : NULL;
	AUTO_JSON cJSON *answer = NULL;
	AUTO_FREE char *text = mem_strndup((const char *)data, strnlen((const char *)data, size));
	AUTO_STRBUF struct strbuf out = STRBUF_INIT;

	error_clear(&err);
	if (control != NULL && !cJSON_IsObject(control))
		abort();
	if (header != NULL) {
		migrate_header_write(header, &out);
		answer = migrate_answer(header, header, &err);
	}
	(void)migrate_dial_check(text, "dGhlIHNhbXBsZSBub25jZQ==", &err);
	if (size < 16384)
		frames(data, size);
	return 0;
}
