/* SPDX-License-Identifier: MIT */
/* The digests of ident.h: a file of their own, so that programs without them do not load nettle. */
#include <nettle/sha2.h>
#include <stdlib.h>

#include "base/ident.h"
#include "base/mem.h"

struct digest {
	struct sha256_ctx ctx;
};

struct digest *digest_new(void)
{
	struct digest *d = mem_alloc(sizeof(*d));

	sha256_init(&d->ctx);
	return d;
}

void digest_update(struct digest *d, const void *data, size_t len)
{
	sha256_update(&d->ctx, len, data);
}

void digest_finish(struct digest *d, char out[SHA256_TEXT_SIZE])
{
	static const char digits[] = "0123456789abcdef";
	unsigned char sum[SHA256_DIGEST_SIZE];

	sha256_digest(&d->ctx, sizeof(sum), sum);
	for (size_t i = 0; i < sizeof(sum); i++) {
		*out++ = digits[sum[i] >> 4];
		*out++ = digits[sum[i] & 15];
	}
	*out = 0;
	free(d);
}

void digest_drop(struct digest *d)
{
	free(d);
}
