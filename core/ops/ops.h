/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ops: what every operation needs to run, and the page to read before net/. Activations are float32 NHWC.
 * Each op has a forward, a backward (where training needs one) and a `_reference` in double precision with
 * naive loops, which is its specification: tests compare the two. Buffers come from the caller, with DF_SLACK
 * readable floats behind each; ops cannot fail. `add` accumulates into the output instead of writing it.
 * Threads share tiles with fixed borders; sums run in a fixed order (law of bit identity). */
#ifndef DF_OPS_OPS_H
#define DF_OPS_OPS_H

#include "base/threads.h"
#include "kernels/kernels.h"

typedef struct df_ops
{
  const df_kernels *k;
  df_pool          *pool;
  float            *scratch;   /* as many floats as the op's own _scratch function says, plus DF_SLACK */
} df_ops;

#define DF_CHUNK 256           /* pixels of one image in a tile of a point-wise op or reduction */

static inline size_t
df_chunks (size_t pixels)
{
  return (pixels + DF_CHUNK - 1) / DF_CHUNK;
}

static inline size_t
df_min_size (size_t a, size_t b)
{
  return a < b ? a : b;
}

/* Panels of nr columns that hold `columns`. */
static inline size_t
df_panels (const df_kernels *k, int columns)
{
  return ((size_t) columns + (size_t) k->nr - 1) / (size_t) k->nr;
}

#endif
