/* SPDX-License-Identifier: MIT */
/* What berth announces in GET /1.0: the extensions of LXD's API that it has, NULL-terminated. */
#ifndef BERTH_API_EXTENSIONS_H
#define BERTH_API_EXTENSIONS_H

extern const char *const api_extensions[];

#endif
