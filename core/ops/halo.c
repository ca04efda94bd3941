/* SPDX-License-Identifier: GPL-3.0-or-later */
/* halo: see halo.h. One tile is one row of the copy. */
#include "ops/halo.h"

#include <string.h>

typedef struct fill_job
{
  const df_halo *halo;
  const float   *x;
  float         *out;
} fill_job;

size_t
df_halo_floats (const df_halo *halo)
{
  return (size_t) halo->batch * (size_t) halo->padded_height * (size_t) halo->padded_width *
         (size_t) halo->channels;
}

int
df_halo_index (df_halo_kind kind, int i, int before, int source, bool tile)
{
  int size = kind == DF_HALO_PLAIN ? source : 2 * source;
  int v    = i - before;

  if (tile)
    v = ((v % size) + size) % size;
  if (v < 0 || v >= size)
    return -1;
  if (kind == DF_HALO_DILATE && v % 2 != 0)
    return -1;
  return kind == DF_HALO_PLAIN ? v : v / 2;
}

static void
fill_row (void *ctx, size_t tile, int worker)
{
  const fill_job *job  = ctx;
  const df_halo  *halo = job->halo;
  size_t          c    = (size_t) halo->channels;
  size_t          image = tile / (size_t) halo->padded_height;
  int             row   = (int) (tile % (size_t) halo->padded_height);
  int             y     = df_halo_index (halo->kind, row, halo->before, halo->height, halo->tile_y);
  float          *out   = job->out + tile * (size_t) halo->padded_width * c;
  const float    *x     = job->x + (image * (size_t) halo->height + (size_t) (y < 0 ? 0 : y)) *
                                     (size_t) halo->width * c;

  (void) worker;
  if (y < 0)
    {
      memset (out, 0, (size_t) halo->padded_width * c * sizeof *out);
      return;
    }
  for (int i = 0; i < halo->padded_width; i++, out += c)
    {
      int at = df_halo_index (halo->kind, i, halo->before, halo->width, halo->tile_x);

      if (halo->kind == DF_HALO_PLAIN && at == 0 && i + halo->width <= halo->padded_width)
        {
          memcpy (out, x, (size_t) halo->width * c * sizeof *out);
          i   += halo->width - 1;
          out += ((size_t) halo->width - 1) * c;
        }
      else if (at < 0)
        memset (out, 0, c * sizeof *out);
      else
        memcpy (out, x + (size_t) at * c, c * sizeof *out);
    }
}

void
df_halo_fill (const df_ops *ops, const df_halo *halo, const float *x, float *out)
{
  fill_job job = { halo, x, out };

  df_pool_run (ops->pool, (size_t) halo->batch * (size_t) halo->padded_height, fill_row, &job);
}
