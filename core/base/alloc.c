/* SPDX-License-Identifier: GPL-3.0-or-later */
/* alloc: see alloc.h. Blocks carry no header: aligned_alloc and free do the work. */
#define _DEFAULT_SOURCE   /* madvise */
#include "base/alloc.h"

#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define HUGE_PAGE ((size_t) 2 << 20)
#define LARGE     (16 * HUGE_PAGE)

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

static bool
is_refused (void)
{
  long number = atomic_fetch_add (&made, 1) + 1;

  return number == atomic_load (&fail_nth);
}

void *
df_alloc (size_t count, size_t size)
{
  size_t bytes;
  void  *block;

  if (is_refused () || !df_size_mul (count, size, &bytes) || bytes > SIZE_MAX - 2 * DF_ALIGN)
    return NULL;
  bytes = (bytes + DF_ALIGN) & ~(size_t) (DF_ALIGN - 1);   /* never 0 */
  block = aligned_alloc (DF_ALIGN, bytes);
  if (block != NULL)
    memset (block, 0, bytes);
  return block;
}

static size_t
in_pages (size_t bytes)
{
  return (bytes + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
}

/* A mapping of whole huge pages: more is asked for, and what lies before and behind is given back. */
void *
df_alloc_pages (size_t bytes)
{
  char  *map;
  size_t before;

  if (bytes < LARGE)
    return df_alloc (bytes, 1);
  if (is_refused () || bytes > SIZE_MAX - 3 * HUGE_PAGE)
    return NULL;
  bytes = in_pages (bytes);
  map   = mmap (NULL, bytes + HUGE_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (map == MAP_FAILED)
    return NULL;
  before = (HUGE_PAGE - (uintptr_t) map % HUGE_PAGE) % HUGE_PAGE;
  if (before > 0)
    munmap (map, before);
  if (before < HUGE_PAGE)
    munmap (map + before + bytes, HUGE_PAGE - before);
#ifdef MADV_HUGEPAGE
  (void) madvise (map + before, bytes, MADV_HUGEPAGE);   /* a wish: everything works without it, slower */
#endif
  return map + before;
}

void
df_free_pages (void *block, size_t bytes)
{
  if (bytes < LARGE)
    df_free (block);
  else if (block != NULL)
    munmap (block, in_pages (bytes));
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
