/* SPDX-License-Identifier: MIT */
/* doc/config-keys.md, written out of the tables. */
#ifndef BERTH_MODEL_KEY_DOC_H
#define BERTH_MODEL_KEY_DOC_H

#include "base/strbuf.h"

void key_doc(struct strbuf *out);

#endif
