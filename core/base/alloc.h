/* SPDX-License-Identifier: GPL-3.0-or-later */
/* alloc: the only door to memory in core: checked products, 64-byte alignment, zeroed, and a hook that
 * makes the Nth allocation fail so that tests can walk every out-of-memory path. */
#ifndef DF_BASE_ALLOC_H
#define DF_BASE_ALLOC_H

#include <stdbool.h>
#include <stddef.h>

#define DF_ALIGN 64

/* count × size zeroed bytes on a 64-byte border; NULL when the product overflows or memory is refused.
 * The caller frees with df_free (accepts NULL). count or size 0 gives a valid, empty block. */
void *df_alloc (size_t count, size_t size);
void  df_free  (void *block);

/* For blocks that may be huge: zeroed, on a border of 64 bytes at least, taken from the system page by page as they are
 * first touched, in huge pages where it can give them. The caller frees with df_free_pages and the same size. */
void *df_alloc_pages (size_t bytes);
void  df_free_pages  (void *block, size_t bytes);   /* accepts NULL */

/* Copy of a C string, NULL when memory is refused. */
char *df_strdup (const char *text);

/* *out = a × b, a + b; false on overflow. */
bool  df_size_mul (size_t a, size_t b, size_t *out);
bool  df_size_add (size_t a, size_t b, size_t *out);

/* Tests: the nth allocation from now fails (1 = the next), 0 = never again. Returns how many
 * allocations were made since the last call. Not thread-safe. */
long  df_alloc_fail_at (long nth);

#endif
