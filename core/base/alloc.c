/* SPDX-License-Identifier: GPL-3.0-or-later */
/* alloc: see alloc.h. Blocks carry no header: aligned_alloc and free do the work. Large ones ask for huge pages: the
 * kernels stride through them, and would spend their time on page tables otherwise. */
#define _DEFAULT_SOURCE   /* madvise */
#include "base/alloc.h"

#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define HUGE_PAGE ((size_t) 2 << 20)
#define LARGE     (16 * HUGE_PAGE)      /* from here on rounding up to pages is small */

static atomic_long made;
static atomic_long fail_nth;

bool
df_size_mul (size_t a, size_t b, size_t *out)
{
  return !__builtin_mul_overflow (a, b, out);
}

bool
df_size_add (size_t a, size_t b, size_t *out)
{
  return !__builtin_add_overflow (a, b, out);
}

static void *
take (size_t bytes)
{
  void *block;

  if (bytes < LARGE)
    return aligned_alloc (DF_ALIGN, bytes);
  block = aligned_alloc (HUGE_PAGE, (bytes + HUGE_PAGE - 1) & ~(HUGE_PAGE - 1));
#ifdef MADV_HUGEPAGE
  if (block != NULL)
    (void) madvise (block, bytes, MADV_HUGEPAGE);   /* a wish: without it everything works, slower */
#endif
  return block;
}

void *
df_alloc (size_t count, size_t size)
{
  size_t bytes;
  void  *block;
  long   number = atomic_fetch_add (&made, 1) + 1;

  if (number == atomic_load (&fail_nth))
    return NULL;
  if (!df_size_mul (count, size, &bytes) || bytes > SIZE_MAX - 2 * HUGE_PAGE)
    return NULL;
  bytes = (bytes + DF_ALIGN) & ~(size_t) (DF_ALIGN - 1);   /* never 0 */
  block = take (bytes);
  if (block != NULL)
    memset (block, 0, bytes);
  return block;
}

void
df_free (void *block)
{
  free (block);
}

char *
df_strdup (const char *text)
{
  size_t n    = strlen (text) + 1;
  char  *copy = df_alloc (n, 1);

  if (copy != NULL)
    memcpy (copy, text, n);
  return copy;
}

long
df_alloc_fail_at (long nth)
{
  long count = atomic_exchange (&made, 0);

  atomic_store (&fail_nth, nth);
  return count;
}
