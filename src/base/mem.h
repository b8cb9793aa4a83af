/* SPDX-License-Identifier: MIT */
/*
 * Allocation that does not return NULL: an exhausted heap ends the program
 * with a message (every change on disk is journalled, so that is safe).
 */
#ifndef BERTH_BASE_MEM_H
#define BERTH_BASE_MEM_H

#include <stddef.h>

void *mem_alloc(size_t size);                      /* zeroed */
void *mem_realloc(void *p, size_t n, size_t size); /* n * size, checked */
char *mem_strdup(const char *s);                   /* NULL gives NULL */
char *mem_strndup(const char *s, size_t n);
char *mem_printf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* __attribute__((cleanup)) helpers for locals of synchronous functions. */
void mem_cleanup_free(void *pp); /* free(*(void **)pp) */
void mem_cleanup_close(int *fd); /* close(*fd) when >= 0 */
#define AUTO_FREE __attribute__((cleanup(mem_cleanup_free)))
#define AUTO_CLOSE __attribute__((cleanup(mem_cleanup_close)))

#endif
